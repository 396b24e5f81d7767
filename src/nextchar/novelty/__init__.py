"""What a text shares word for word with a corpus, and how much of it is new."""

from nextchar.novelty.report import Novelty, SharedSpan, novelty

__all__ = ["Novelty", "SharedSpan", "novelty"]
