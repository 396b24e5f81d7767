"""Constraints: what they accept, and what may be written under them."""
