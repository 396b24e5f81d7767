"""Conversion of texts to the normal form of a vocabulary (Unicode Annex 15).

The same word may be composed (NFC, ``é`` is one code point) or decomposed (NFD, ``e`` and a mark;
Hangul letter by letter), depending on the system that wrote the file. A reader sees no difference,
but a model knows only the form of its training text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal

from nextchar.config.text import Normalization
from nextchar.text.graphemes import boundary_at_most, clusters
from nextchar.text.vocabulary import Vocabulary

_Form = Literal["NFC", "NFD"]
_FORMS: tuple[_Form, ...] = ("NFC", "NFD")


class NormalForm:
    """Converts texts to the normal form of a vocabulary, without changing known symbols.

    Parameters
    ----------
    vocabulary
        The vocabulary. For words and bytes, only ``normalization`` is applied.
    normalization
        The normalisation of the training text, applied to every text.
    """

    def __init__(self, vocabulary: Vocabulary, normalization: Normalization) -> None:
        self._vocabulary = vocabulary
        self._composes = normalization == "nfc"
        self._knows: dict[str, bool] = {}
        self._known_forms: dict[str, str] = {}

    def of(self, text: str) -> str:
        """Convert a text to the normal form of the vocabulary.

        A grapheme cluster is converted only as a whole, and only if the vocabulary has every code
        point of the other form.
        """
        if text.isascii():
            return text
        if self._composes:
            text = unicodedata.normalize("NFC", text)
        if self._vocabulary.kind in ("byte", "word") or all(map(self._is_known, set(text))):
            return text
        return "".join(map(self._known_form, clusters(text)))

    def chunks(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yield the converted text in pieces; concatenated, they equal ``of`` the whole text."""
        held = ""
        for piece in pieces:
            text = held + piece
            cut = boundary_at_most(text, len(text) - 1) if text else 0
            if cut:
                yield self.of(text[:cut])
            held = text[cut:]
        if held:
            yield self.of(held)

    def _is_known(self, character: str) -> bool:
        if character not in self._knows:
            is_byte = "\ud800" <= character <= "\udfff"  # unaffected by normal forms
            self._knows[character] = is_byte or self._vocabulary.knows(character)
        return self._knows[character]

    def _known_form(self, cluster: str) -> str:
        if cluster not in self._known_forms:
            others = (unicodedata.normalize(form, cluster) for form in _FORMS)
            forms = (form for form in (cluster, *others) if all(map(self._is_known, form)))
            self._known_forms[cluster] = next(forms, cluster)
        return self._known_forms[cluster]
