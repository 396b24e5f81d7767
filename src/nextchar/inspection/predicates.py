"""Labels of the positions of a text, which units may follow: quotes, brackets, a place in a line.

A label describes the text up to and including a character, as the state after it can know it. An
opening quote is inside, a closing one is not.

Shapes: N characters, T symbols.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, TextError
from nextchar.text import hangul
from nextchar.text.vocabulary import JamoVocabulary, Vocabulary

Values = NDArray[np.float64]

_TAB = 4  # columns
_PARAGRAPH = re.compile(r"(?:[^\n]+\n?)+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_WORD = re.compile(r"\w+(?:['’]\w+)*")
# A straight mark opens only where something begins, so a text may start inside a quote. An
# apostrophe is a quote only outside of words, and only if another one ends it.
_QUOTED = re.compile(
    "|".join(
        (
            r"(?<![^\s(\[{<=:,'‘—–-])\"(?=\S)[^\"]*\"(?!\w)",
            r"“[^”]*”",
            r"«[^»]*»",
            r"「[^」]*」",
            r"『[^』]*』",
            r"‘(?:[^’]|’\w)*’",
            r"(?<!\w)'(?=\S)[^']*(?:'\w[^']*)*(?<=\S)'(?!\w)",
        )
    )
)
_BRACKETS = {"(": ")", "[": "]", "{": "}", "（": "）", "【": "】", "〈": "〉", "《": "》"}
_CLOSING = frozenset(_BRACKETS.values())


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """A label for each symbol.

    Attributes
    ----------
    name
        The name of a predicate, or a regular expression.
    values
        float64[T]: 1 where it is true, 0 where it is not, or the graded value; NaN for symbols that
        it does not apply to.
    is_graded
        Whether the values are graded: a unit follows them by its rank correlation.
    """

    name: str
    values: Values
    is_graded: bool

    @property
    def applies(self) -> NDArray[np.bool_]:
        """Whether it applies to each symbol, bool[T]."""
        return ~np.isnan(self.values)


def labels_of(name: str, ids: NDArray[np.int64], vocabulary: Vocabulary) -> Labels:
    """Label the symbols of a text.

    Parameters
    ----------
    name
        One of ``PREDICATES``, or a regular expression: the characters of its matches are true. It
        is applied to each line with its line break.
    ids
        The text, int64[T].
    vocabulary
        Its vocabulary.

    Raises
    ------
    ConfigError
        The expression is invalid, or the vocabulary has no jamo.
    TextError
        The label is the same everywhere, so nothing can follow it.
    """
    if name == JAMO_POSITION:
        return _checked(Labels(name=name, values=_jamo(ids, vocabulary), is_graded=True))
    text = vocabulary.decode(ids)
    predicate = _PREDICATES.get(name)
    if predicate is None:
        values, is_graded = _matches(name, text), False
    else:
        values, is_graded = predicate.label(text), predicate.is_graded
    of_symbols = values[characters_of(ids, vocabulary, len(text))]
    return _checked(Labels(name=name, values=of_symbols, is_graded=is_graded))


def characters_of(ids: NDArray[np.int64], vocabulary: Vocabulary, length: int) -> NDArray[np.int64]:
    """Return the index of the character of each symbol, int64[T], in a decoded text of N."""
    counted = np.cumsum(vocabulary.starts_character[ids]) - 1
    found: NDArray[np.int64] = np.clip(counted, 0, length - 1)
    return found


def _checked(labels: Labels) -> Labels:
    known = labels.values[labels.applies]
    if len(known) > 0 and known.min() < known.max():
        return labels
    predicate = _PREDICATES.get(labels.name)
    if predicate is not None or labels.name == JAMO_POSITION:
        raise TextError(f"{labels.name}: the text has no two positions where it differs")
    where = "everywhere" if known.any() else "nowhere"
    raise TextError(f"the expression {labels.name!r:.80} matches {where} in the text")


def _matches(pattern: str, text: str) -> Values:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            expression = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        named = ", ".join(PREDICATES)
        raise ConfigError(
            f"{pattern!r:.80} is no label ({named}) and no regular expression: {error}"
        ) from None
    values = np.zeros(len(text))
    for line in _LINE.finditer(text):
        for match in expression.finditer(line[0]):
            values[line.start() + match.start() : line.start() + match.end()] = 1
    return values


def quoted_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the indices of the two marks of each quote."""
    for paragraph in _PARAGRAPH.finditer(text):
        for quoted in _QUOTED.finditer(paragraph[0]):
            start = paragraph.start()
            yield start + quoted.start(), start + quoted.end() - 1


def bracket_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the indices of the two brackets of each pair, in the order of the closing ones."""
    opened: list[tuple[int, str]] = []
    for place, character in enumerate(text):
        if character in _BRACKETS:
            opened.append((place, _BRACKETS[character]))
        elif character in _CLOSING:
            while opened:
                start, closing = opened.pop()
                if closing == character:
                    yield start, place
                    break


def _quotes(text: str) -> Values:
    return _inside(text, quoted_spans(text))


def _brackets(text: str) -> Values:
    return _inside(text, bracket_spans(text))


def _inside(text: str, spans: Iterator[tuple[int, int]]) -> Values:
    """Label the characters from an opening mark to that before the closing one."""
    values = np.zeros(len(text))
    for start, end in spans:
        values[start:end] = 1
    return values


def _line_position(text: str) -> Values:
    values = np.zeros(len(text))
    for line in _LINE.finditer(text):
        values[line.start() : line.end()] = np.arange(1, len(line[0]) + 1)
        if line[0].endswith("\n"):
            values[line.end() - 1] = 0
    return values


def _indentation(text: str) -> Values:
    """Count the columns of white space before the text of each line, from its first letter on."""
    values = np.full(len(text), np.nan)
    for line in _LINE.finditer(text):
        written = line[0].lstrip(" \t")
        white = line[0][: len(line[0]) - len(written)]
        values[line.start() + len(white) : line.end()] = len(white.expandtabs(_TAB))
        if line[0].endswith("\n"):
            values[line.end() - 1] = np.nan
    return values


def _capitals(text: str) -> Values:
    return np.fromiter((character.isupper() for character in text), np.float64, len(text))


def _word_position(text: str) -> Values:
    values = np.full(len(text), np.nan)
    for word in _WORD.finditer(text):
        values[word.start() : word.end()] = np.arange(1, len(word[0]) + 1)
    return values


def _jamo(ids: NDArray[np.int64], vocabulary: Vocabulary) -> Values:
    """Label the letters of syllables by 1 for an initial, 2 for a medial and 3 for a final."""
    if not isinstance(vocabulary, JamoVocabulary):
        raise ConfigError(
            f"{JAMO_POSITION} needs a jamo vocabulary; the run's is {vocabulary.kind}"
        )
    codes = vocabulary.codes_of(ids)
    borders = [hangul.INITIAL, hangul.MEDIAL, hangul.FINAL, hangul.CODE_LIMIT]
    found = np.searchsorted(borders, codes, side="right").astype(np.float64)
    return np.where((found >= 1) & (found <= 3), found, np.nan)


@dataclass(frozen=True)
class _Predicate:
    label: Callable[[str], Values]
    is_graded: bool = False


_PREDICATES: Mapping[str, _Predicate] = {
    "quotes": _Predicate(_quotes),
    "brackets": _Predicate(_brackets),
    "indentation": _Predicate(_indentation, is_graded=True),
    "line-position": _Predicate(_line_position, is_graded=True),
    "capitals": _Predicate(_capitals),
    "word-position": _Predicate(_word_position, is_graded=True),
}
JAMO_POSITION = "jamo-position"
PREDICATES = (*_PREDICATES, JAMO_POSITION)


def all_labels(ids: NDArray[np.int64], vocabulary: Vocabulary) -> list[Labels]:
    """Return the labels of every predicate that the text has and the vocabulary knows."""
    found = []
    for name in PREDICATES:
        if name == JAMO_POSITION and not isinstance(vocabulary, JamoVocabulary):
            continue
        try:
            found.append(labels_of(name, ids, vocabulary))
        except TextError:
            continue
    return found


def label_values(labels: Labels) -> dict[str, Any]:
    """Return the figures of labels by name, for JSON."""
    known = labels.values[labels.applies]
    values: dict[str, Any] = {"predicate": labels.name, "positions": len(known)}
    return values if labels.is_graded else values | {"true_positions": int(known.sum())}
