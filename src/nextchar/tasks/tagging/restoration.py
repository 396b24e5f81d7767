"""What is put back into plain text: spaces, case, diacritics, punctuation.

A text is taken apart into characters and labels, and its label tells for each character what was
taken off it (case, diacritics) and what stood behind it (spaces, punctuation). Where something
can stand behind a character, a place before the first one, ``START``, has a label too. Putting
the labels back gives the text, exactly, for all text.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from nextchar.config import RestorationKind
from nextchar.errors import TextError
from nextchar.tasks.tagging.letters import Letter, can_have, is_mark, put_on, take_off
from nextchar.text.graphemes import ClusterBoundaries, attaches

START = ""  # the character of the place before the first one
_SEPARATOR = "|"  # no punctuation: a label of several kinds has a field for each
_EXPLICIT = "+"
_SHOWN = str.maketrans({" ": "␣"})
_CIRCLE = "\u25cc"  # on which a combining mark is shown

# The reading of the last cluster of a text.
_Last = Literal["none", "behind", "letter", "whole"]


class Change(NamedTuple):
    """What a label says of a character.

    Attributes
    ----------
    case, marks
        What was taken off the character; see ``Letter``.
    explicit
        Combining marks that stood behind it as characters of their own.
    behind
        Spaces and punctuation that stood behind it.
    """

    case: str = ""
    marks: str = ""
    explicit: str = ""
    behind: str = ""


class MarkPlace:
    """One character of a text that was taken apart, and what was taken.

    Attributes
    ----------
    character
        What is left, or ``START``.
    change
        What was taken; it may grow while the text is still being read.
    is_open
        Whether the grapheme cluster continues at the next place: nothing is inserted between
        the two.
    """

    __slots__ = ("change", "character", "is_open")

    def __init__(self, character: str, change: Change) -> None:
        self.character = character
        self.change = change
        self.is_open = False


class Restoration:
    """How text is taken apart and put together.

    Parameters
    ----------
    kinds
        What is taken, at least one.
    """

    def __init__(self, kinds: Sequence[RestorationKind]) -> None:
        self.kinds = tuple(kinds)
        self.has_start = not {"spaces", "punctuation"}.isdisjoint(kinds)
        self._letters = functools.lru_cache(1 << 16)(
            functools.partial(take_off, case="case" in kinds, diacritics="diacritics" in kinds)
        )

    def reading(self) -> LineParser:
        """Begin to take a line apart."""
        return LineParser(self)

    def apart(self, text: str) -> tuple[list[str], list[str]]:
        """Take a text apart into characters, ``START`` among them, and their labels."""
        reading = self.reading()
        reading.add(text)
        return (
            [place.character for place in reading.places],
            [self.label(place.change) for place in reading.places],
        )

    def together(self, characters: Iterable[str], labels: Iterable[str]) -> str:
        """Put labels back; the inverse of ``apart``."""
        changes = map(self.change, labels)
        return "".join(map(self.written, characters, changes))

    @staticmethod
    def inside(character: str, change: Change) -> Change:
        """Return the part of a change that inserts nothing after a character: its case."""
        possible = can_have(Letter(character, change.case))
        return Change(case=change.case) if character and possible else Change()

    @staticmethod
    def written(character: str, change: Change) -> str:
        """Write a character with what a label says of it."""
        whole = put_on(Letter(character, change.case, change.marks)) if character else ""
        return whole + change.explicit + change.behind

    def label(self, change: Change) -> str:
        """Write a change as a label: a field for each of case, diacritics, and what is behind."""
        marks = change.marks + (_EXPLICIT + change.explicit if change.explicit else "")
        fields = {"case": change.case, "diacritics": marks, "behind": change.behind}
        return _SEPARATOR.join(fields[name] for name in self._fields)

    def change(self, label: str) -> Change:
        """Read what ``label`` wrote.

        Raises
        ------
        TextError
            It is no label of these kinds.
        """
        values = label.split(_SEPARATOR)
        if len(values) != len(self._fields):
            raise TextError(f"a label of {'+'.join(self.kinds)} was expected, got {label!r}")
        named = dict(zip(self._fields, values, strict=True))
        marks, _, explicit = named.get("diacritics", "").partition(_EXPLICIT)
        return Change(named.get("case", ""), marks, explicit, named.get("behind", ""))

    def parts(self, label: str) -> list[str]:
        """Give what a label puts back, each as it is shown; nothing where it changes nothing."""
        change = self.change(label)
        marks = [_CIRCLE + marks for marks in (change.marks, change.explicit) if marks]
        behind = change.behind.translate(_SHOWN)
        return [part for part in (change.case, *marks, behind) if part]

    @property
    def takes_marks(self) -> bool:
        """Whether diacritics are taken off."""
        return "diacritics" in self.kinds

    @property
    def nothing(self) -> str:
        """The label that changes nothing."""
        return self.label(Change())

    def allows(self, character: str, label: str) -> bool:
        """Tell whether a label can stand at a character: an upper case only on a letter, …."""
        change = self.change(label)
        if character == START:
            return not (change.case or change.marks or change.explicit)
        possible = can_have(Letter(character, change.case, change.marks))
        return possible and (not change.explicit or character.isalpha())

    def is_behind(self, character: str) -> bool:
        """Tell whether a character is taken as what stands behind another."""
        if character == " ":
            return "spaces" in self.kinds
        return "punctuation" in self.kinds and unicodedata.category(character)[0] == "P"

    def takes(self, character: str) -> bool:
        """Return whether a character can be removed whole: as one after another, or as a mark."""
        return self.is_behind(character) or (self.takes_marks and is_mark(character))

    def letter(self, character: str) -> Letter:
        """Take off a character what is put back later."""
        return self._letters(character)

    @functools.cached_property
    def _fields(self) -> tuple[str, ...]:
        of_letters = tuple(kind for kind in ("case", "diacritics") if kind in self.kinds)
        return of_letters + (("behind",) if self.has_start else ())


class LineParser:
    """A line that is taken apart piece by piece.

    A grapheme cluster is one of three: a single character, from which the restored kinds of marks
    are removed; a letter with marks, which are removed if diacritics are restored; or several
    characters that stay unchanged, except for the case of the first.

    Attributes
    ----------
    places
        The places read so far. The last one may still change, or be replaced by several.
    """

    def __init__(self, restoration: Restoration) -> None:
        self._restoration = restoration
        self._borders = ClusterBoundaries()
        self._last: _Last = "none"
        self.places = [MarkPlace(START, Change())] if restoration.has_start else []

    def add(self, text: str) -> None:
        """Read on."""
        for character in text:
            if self._borders.begins(character):
                self._begin(character)
            else:
                self._go_on(character)

    def _begin(self, character: str) -> None:
        restoration = self._restoration
        last = self.places[-1] if self.places else None
        if last is not None and restoration.is_behind(character):
            last.change = last.change._replace(behind=last.change.behind + character)
            self._last = "behind"
            return
        if last is not None:  # A mark would belong to whatever is put before it.
            last.is_open = attaches(character)
        self._append(*restoration.letter(character))
        self._last = "letter"

    def _go_on(self, character: str) -> None:
        last = self.places[-1]
        if self._last == "letter" and self._restoration.takes_marks and is_mark(character):
            last.change = last.change._replace(explicit=last.change.explicit + character)
            return
        if self._last == "behind":
            taken = last.change.behind[-1]
            last.change = last.change._replace(behind=last.change.behind[:-1])
            self._append(taken)
        elif self._last == "letter":
            self._put_back()
        self._last = "whole"
        self.places[-1].is_open = True
        self._append(character)

    def _put_back(self) -> None:
        """Give the last letter its marks back, each as its own place if it was one."""
        place = self.places.pop()
        whole = self._restoration.written(place.character, place.change)
        takes_case = "case" in self._restoration.kinds
        base, case, _ = take_off(whole[0], case=takes_case, diacritics=False)
        self._append(base, case)
        for mark in whole[1:]:
            self.places[-1].is_open = True
            self._append(mark)

    def _append(self, base: str, case: str = "", marks: str = "") -> None:
        self.places.append(MarkPlace(base, Change(case, marks)))
