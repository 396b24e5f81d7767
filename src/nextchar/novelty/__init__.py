"""Novelty of a text: the spans that it shares with a corpus, and the share of new n-grams."""

from nextchar.novelty.report import Novelty, SharedSpan, novelty

__all__ = ["Novelty", "SharedSpan", "novelty"]
