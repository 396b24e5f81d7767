"""Compiled code for generation: the loop that draws a text symbol by symbol."""
