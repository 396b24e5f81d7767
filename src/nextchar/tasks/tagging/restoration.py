"""Restoration of spaces, case, diacritics and punctuation in plain text.

A text is split into characters and labels. The label of a character describes the marks removed
from it (case, diacritics) and the characters removed after it (spaces, punctuation). If spaces or
punctuation are restored, an additional position ``START`` before the first character has a label
too. Joining characters and labels restores any text exactly.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from nextchar.config import RestorationKind
from nextchar.errors import TextError
from nextchar.tasks.tagging.letters import Letter, compose, decompose, is_composable, is_mark
from nextchar.text.graphemes import ClusterBoundaries, attaches

START = ""  # the character of the position before the first one
_SEPARATOR = "|"  # between the fields of a label; not a punctuation character in Unicode
_EXPLICIT = "+"
_SHOWN = str.maketrans({" ": "␣"})
_CIRCLE = "\u25cc"  # base character to display a combining mark

# The kind of the last grapheme cluster.
_Last = Literal["none", "following", "letter", "whole"]


class Change(NamedTuple):
    """A decoded label: the changes that restore a character.

    Attributes
    ----------
    case, marks
        The case and the marks removed from the character; see ``Letter``.
    explicit
        Combining marks removed after it that were separate characters.
    following
        Spaces and punctuation removed after it.
    """

    case: str = ""
    marks: str = ""
    explicit: str = ""
    following: str = ""


class MarkPlace:
    """A position of a split text: a character and the marks removed from it.

    Attributes
    ----------
    character
        The remaining character, or ``START``.
    change
        The removed marks. Parsing more text may add to them.
    is_open
        Whether the grapheme cluster continues at the next position. Nothing may be inserted between
        the two.
    """

    __slots__ = ("change", "character", "is_open")

    def __init__(self, character: str, change: Change) -> None:
        self.character = character
        self.change = change
        self.is_open = False


class Restoration:
    """The removal and restoration of marks in text.

    Parameters
    ----------
    kinds
        The kinds of marks, at least one.
    """

    def __init__(self, kinds: Sequence[RestorationKind]) -> None:
        self.kinds = tuple(kinds)
        self.has_start = not {"spaces", "punctuation"}.isdisjoint(kinds)
        self._letters = functools.lru_cache(1 << 16)(
            functools.partial(decompose, case="case" in kinds, diacritics="diacritics" in kinds)
        )

    def parser(self) -> LineParser:
        """Return a parser for a new line."""
        return LineParser(self)

    def split(self, text: str) -> tuple[list[str], list[str]]:
        """Split a text into characters (``START`` first, if used) and their labels."""
        parser = self.parser()
        parser.add(text)
        return (
            [place.character for place in parser.places],
            [self.label(place.change) for place in parser.places],
        )

    def join(self, characters: Iterable[str], labels: Iterable[str]) -> str:
        """Rebuild a text from its characters and labels; the inverse of ``split``."""
        changes = map(self.change, labels)
        return "".join(map(self.restored, characters, changes))

    @staticmethod
    def inside(character: str, change: Change) -> Change:
        """Return the part of a change that is allowed inside a grapheme cluster: the case."""
        possible = is_composable(Letter(character, change.case))
        return Change(case=change.case) if character and possible else Change()

    @staticmethod
    def restored(character: str, change: Change) -> str:
        """Return a character with a change applied."""
        whole = compose(Letter(character, change.case, change.marks)) if character else ""
        return whole + change.explicit + change.following

    def label(self, change: Change) -> str:
        """Return a change as a label, with fields for case, diacritics and following characters."""
        marks = change.marks + (_EXPLICIT + change.explicit if change.explicit else "")
        fields = {"case": change.case, "diacritics": marks, "following": change.following}
        return _SEPARATOR.join(fields[name] for name in self._fields)

    def change(self, label: str) -> Change:
        """Return the change of a label; the inverse of ``label``.

        Raises
        ------
        TextError
            The label is not valid for these kinds.
        """
        values = label.split(_SEPARATOR)
        if len(values) != len(self._fields):
            raise TextError(f"expected a label of {'+'.join(self.kinds)}, got {label!r}")
        named = dict(zip(self._fields, values, strict=True))
        marks, _, explicit = named.get("diacritics", "").partition(_EXPLICIT)
        return Change(named.get("case", ""), marks, explicit, named.get("following", ""))

    def parts(self, label: str) -> list[str]:
        """Return the marks that a label restores, each in printable form."""
        change = self.change(label)
        marks = [_CIRCLE + marks for marks in (change.marks, change.explicit) if marks]
        following = change.following.translate(_SHOWN)
        return [part for part in (change.case, *marks, following) if part]

    @property
    def removes_marks(self) -> bool:
        """Whether diacritics are removed."""
        return "diacritics" in self.kinds

    @property
    def unchanged(self) -> str:
        """The label that changes nothing."""
        return self.label(Change())

    def allows(self, character: str, label: str) -> bool:
        """Return whether a label is possible at a character, such as upper case only on letters."""
        change = self.change(label)
        if character == START:
            return not (change.case or change.marks or change.explicit)
        possible = is_composable(Letter(character, change.case, change.marks))
        return possible and (not change.explicit or character.isalpha())

    def is_insertable(self, character: str) -> bool:
        """Return whether a character is a space or punctuation that is removed."""
        if character == " ":
            return "spaces" in self.kinds
        return "punctuation" in self.kinds and unicodedata.category(character)[0] == "P"

    def removes(self, character: str) -> bool:
        """Return whether a character is removed entirely: a space, punctuation or a mark."""
        return self.is_insertable(character) or (self.removes_marks and is_mark(character))

    def letter(self, character: str) -> Letter:
        """Return the decomposition of a character into base and removed marks."""
        return self._letters(character)

    @functools.cached_property
    def _fields(self) -> tuple[str, ...]:
        of_letters = tuple(kind for kind in ("case", "diacritics") if kind in self.kinds)
        return of_letters + (("following",) if self.has_start else ())


class LineParser:
    """An incremental parser that splits a line into characters and changes.

    There are three kinds of grapheme clusters: a single character, decomposed into base and removed
    marks; a letter with combining marks, which are removed if diacritics are restored; and any
    other sequence of characters, which is kept except for the case of the first.

    Attributes
    ----------
    places
        The positions so far. The last one may still change, or be replaced by several.
    """

    def __init__(self, restoration: Restoration) -> None:
        self._restoration = restoration
        self._boundaries = ClusterBoundaries()
        self._last: _Last = "none"
        self.places = [MarkPlace(START, Change())] if restoration.has_start else []

    def add(self, text: str) -> None:
        """Parse the next piece of the line."""
        for character in text:
            if self._boundaries.begins(character):
                self._begin_cluster(character)
            else:
                self._continue_cluster(character)

    def _begin_cluster(self, character: str) -> None:
        restoration = self._restoration
        last = self.places[-1] if self.places else None
        if last is not None and restoration.is_insertable(character):
            last.change = last.change._replace(following=last.change.following + character)
            self._last = "following"
            return
        if last is not None:  # A combining mark would attach to an inserted character.
            last.is_open = attaches(character)
        self._append(*restoration.letter(character))
        self._last = "letter"

    def _continue_cluster(self, character: str) -> None:
        last = self.places[-1]
        if self._last == "letter" and self._restoration.removes_marks and is_mark(character):
            last.change = last.change._replace(explicit=last.change.explicit + character)
            return
        if self._last == "following":
            taken = last.change.following[-1]
            last.change = last.change._replace(following=last.change.following[:-1])
            self._append(taken)
        elif self._last == "letter":
            self._restore_letter()
        self._last = "whole"
        self.places[-1].is_open = True
        self._append(character)

    def _restore_letter(self) -> None:
        """Restore the marks of the last letter, each separate mark as its own position."""
        place = self.places.pop()
        whole = self._restoration.restored(place.character, place.change)
        takes_case = "case" in self._restoration.kinds
        base, case, _ = decompose(whole[0], case=takes_case, diacritics=False)
        self._append(base, case)
        for mark in whole[1:]:
            self.places[-1].is_open = True
            self._append(mark)

    def _append(self, base: str, case: str = "", marks: str = "") -> None:
        self.places.append(MarkPlace(base, Change(case, marks)))
