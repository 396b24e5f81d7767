"""Rendering of results: in the terminal, as lists and tables, as pages and as pictures."""
