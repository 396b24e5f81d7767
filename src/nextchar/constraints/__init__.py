"""Constraints on generated text: a regular expression to match, and forbidden words.

pattern ──▶ expression tree ──▶ NFA over symbols ──▶ DFA for generation
"""

from nextchar.constraints.building import constrain

__all__ = ["constrain"]
