"""Constraints on what is written: an expression that it matches, words that it does not have.

pattern ──▶ expression ──▶ graph of symbols ──▶ automaton, which generation reads
"""

from nextchar.constraints.building import constrain

__all__ = ["constrain"]
