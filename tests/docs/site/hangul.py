"""Search in Korean: a word of Hangul is found by any two syllables or more of it.

Particles follow a Korean noun without a space (``게이트는``, ``게이트의``), and Sphinx looks for
parts of a word only from three letters on. So the index has each pair of neighbouring syllables,
and a query asks for all pairs of its words. One syllable finds the words that begin with it.
"""

from __future__ import annotations

import re

import sphinx.search
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.util.typing import ExtensionMetadata

_HANGUL = "가-힣"
_WORD = re.compile(rf"[{_HANGUL}]+|(?:(?![{_HANGUL}])\w)+")


class SearchKorean(SearchEnglish):
    """Terms of an index and of queries; words in other letters are as in English."""

    lang = "ko"
    js_splitter_code = rf"""
function splitQuery(query) {{
  const words = query.match(/[{_HANGUL}]+|(?:(?![{_HANGUL}])[\p{{Letter}}\p{{Number}}_])+/gu) ?? [];
  return words.flatMap((word) => /^[{_HANGUL}]{{2,}}$/.test(word)
    ? Array.from({{ length: word.length - 1 }}, (_, place) => word.slice(place, place + 2))
    : [word]);
}}
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 - Sphinx's name for it
        """Return the terms of a text for the index."""
        return [term for word in _WORD.findall(input) for term in _terms(word)]


def _terms(word: str) -> list[str]:
    if not re.match(f"[{_HANGUL}]", word):
        return [word]
    return [word[0], *(word[place : place + 2] for place in range(len(word) - 1))]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Give Sphinx the language of search, and the page of results what it lacks in Korean."""
    sphinx.search.languages["ko"] = SearchKorean
    if app.config.language == "ko":
        app.add_js_file("korean.js", priority=900)  # after Sphinx's own translations
    return {"parallel_read_safe": True, "parallel_write_safe": True}
