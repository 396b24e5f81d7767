"""Inspection of language models: what happens inside them on a text, as arrays, words and pictures.

``Inspector`` has one method per question; ``LanguageModel.inspect`` is one.
"""

from __future__ import annotations

from nextchar.inspection.inspector import Inspector

__all__ = ["Inspector"]
