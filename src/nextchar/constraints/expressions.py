r"""Regular expressions as trees: the subset of Python's ``re`` for full matches.

Supported are literals, ``.``, classes ``[a-z가-힣]``, ``[^…]``, ``\d \s \w \D \S \W``, Unicode
categories ``\p{L} \p{Lu} \P{…}``, groups ``(…)`` and ``(?:…)``, ``|``, ``* + ? {m} {m,} {m,n}``,
and the flags ``(?i)`` and ``(?s)`` at the beginning. Lazy and greedy quantifiers are equivalent in
a full match. ``^`` and ``$`` are allowed only at the ends, where they are redundant. Lookaround,
backreferences and word boundaries are not supported.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from nextchar.constraints.characters import CharacterSet
from nextchar.errors import ConfigError

MAX_LENGTH, MAX_REPEATS, MAX_DEPTH = 50_000, 10_000, 100
_SHOWN = 60  # characters of an expression in a message

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_CODES = {"x": 2, "u": 4, "U": 8}
_CATEGORY = re.compile(r"\{(\^?)([A-Z][a-z]?)\}|([A-Z])")
_REPEAT = re.compile(r"\{(\d*)(,?)(\d*)\}")
_FLAGS = re.compile(r"\(\?([a-zA-Z]+)\)")


@dataclass(frozen=True)
class Sequence:
    """A concatenation; without parts, the empty text."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Alternation:
    """A choice between expressions."""

    options: tuple[Expression, ...]


@dataclass(frozen=True)
class Repeat:
    """A repetition, ``least`` to ``most`` times; ``None`` is unlimited."""

    part: Expression
    least: int
    most: int | None


Expression: TypeAlias = CharacterSet | Sequence | Alternation | Repeat


def parse(pattern: str) -> Expression:
    """Parse a regular expression.

    Raises
    ------
    ConfigError
        The expression is invalid or not supported.
    """
    if len(pattern) > MAX_LENGTH:
        raise ConfigError(
            f"the expression is too large: it has {len(pattern):,} characters, and at most "
            f"{MAX_LENGTH:,} are allowed"
        )
    return _Parser(pattern).whole()


def shown(pattern: str) -> str:
    """Return an expression for a message, shortened if it is long."""
    return repr(pattern) if len(pattern) <= _SHOWN else f"{pattern[:_SHOWN]!r}…"


def repeat(part: Expression, least: int, most: int | None) -> Expression:
    """Return a repetition; one of a repetition becomes a single one where that is the same.

    ``(a?){9}`` is ``a{0,9}``, which needs far fewer transitions.
    """
    if not isinstance(part, Repeat):
        return Repeat(part, least, most)
    if part.most == 0:
        return part
    # k repetitions of m to n make km to kn. Their union over k has no gap if the ranges of the two
    # smallest k meet, since later ranges are wider.
    gapless = least == most or (
        (part.most is None and (least > 0 or part.least <= 1))
        or (part.most is not None and (least + 1) * part.least <= least * part.most + 1)
    )
    if not gapless:
        return Repeat(part, least, most)
    endless = most is None or (part.most is None and most > 0)
    return Repeat(
        part.part,
        least * part.least,
        None if endless else (most or 0) * (part.most or 0),
    )


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._place = 0
        self._depth = 0
        self._any_case = False
        self._dot_is_all = False

    def whole(self) -> Expression:
        """Parse the whole pattern."""
        if flags := _FLAGS.match(self._pattern):
            unknown = set(flags[1]) - set("isu")
            if unknown:
                self._refuse(f"the flag {min(unknown)!r} is not among i, s and u")
            self._any_case, self._dot_is_all = "i" in flags[1], "s" in flags[1]
            self._place = flags.end()
        if self._next() == "^":
            self._place += 1
        expression = self._choice()
        if self._place < len(self._pattern):
            self._refuse("unmatched )")
        return expression

    def _choice(self) -> Expression:
        options = [self._sequence()]
        while self._next() == "|":
            self._place += 1
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Alternation(tuple(options))

    def _sequence(self) -> Expression:
        parts = []
        while self._next() not in ("", "|", ")"):
            if self._next() == "$" and self._place == len(self._pattern) - 1:
                self._place += 1
                break
            parts.append(self._repeated(self._atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, part: Expression) -> Expression:
        """Parse the quantifier of a part, if there is one."""
        bounds = self._quantifier()
        if bounds is None:
            return part
        if self._next() == "+":
            self._refuse("possessive quantifiers are not supported")
        if self._next() == "?":
            self._place += 1
        if self._quantifier() is not None:
            self._refuse("two quantifiers in a row")
        return repeat(part, *bounds)

    def _quantifier(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self._next() in simple:
            self._place += 1
            return simple[self._pattern[self._place - 1]]
        found = _REPEAT.match(self._pattern, self._place)
        if found is None or found[0] == "{}":
            return None  # as in Python, any other brace is a literal
        least = int(found[1] or 0)
        most = int(found[3]) if found[3] else (None if found[2] else least)
        if max(least, most or 0) > MAX_REPEATS:
            self._refuse(f"{found[0]} repeats more than {MAX_REPEATS:,} times")
        if most is not None and most < least:
            self._refuse(f"{found[0]} has its minimum above its maximum")
        self._place = found.end()
        return least, most

    def _atom(self) -> Expression:
        character = self._take()
        match character:
            case "(":
                return self._group()
            case "[":
                return self._brackets()
            case ".":
                ends = () if self._dot_is_all else ((10, 10),)
                return CharacterSet(ends, negated=True)
            case "\\":
                return self._escape(in_brackets=False)
            case "*" | "+" | "?":
                self._refuse(f"nothing to repeat before {character}", back=1)
            case "^" | "$":
                self._refuse(f"{character} is allowed only at the ends of the expression", back=1)
            case "{" if (found := _REPEAT.match(self._pattern, self._place - 1)) and (
                found[0] != "{}"
            ):
                self._refuse(f"nothing to repeat before {found[0]}", back=1)
        return self._literal(character)

    def _group(self) -> Expression:
        opening = self._place - 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"groups are nested more than {MAX_DEPTH} deep", back=1)
        if self._next() == "?":
            if not self._pattern.startswith("?:", self._place):
                self._refuse("only groups (…) and (?:…) are supported", back=1)
            self._place += 2
        inside = self._choice()
        if self._next() != ")":
            self._place = opening
            self._refuse("unmatched (")
        self._place += 1
        self._depth -= 1
        return inside

    def _brackets(self) -> CharacterSet:
        opening = self._place - 1
        negated = self._next() == "^"
        self._place += negated
        ranges: list[tuple[int, int]] = []
        kinds: list[str] = []
        first = True
        while first or self._next() != "]":
            if not self._next():
                self._place = opening
                self._refuse("unmatched [")
            item = self._item()
            first = False
            low = item.ranges[0][0] if item.ranges else None
            if self._next() == "-" and self._after_next() not in ("]", ""):
                self._place += 1
                last = self._item()
                high = last.ranges[0][0] if last.ranges else None
                if low is None or high is None or high < low:
                    self._refuse("the ends of a range must be two characters in order", back=1)
                ranges.append((low, high))
            else:
                ranges += item.ranges
                kinds += item.kinds
        self._place += 1
        return CharacterSet(tuple(ranges), tuple(kinds), negated, self._any_case)

    def _item(self) -> CharacterSet:
        """Parse a character or an escape inside a class."""
        character = self._take()
        if character == "\\":
            return self._escape(in_brackets=True)
        return CharacterSet.of(character)  # ``any_case`` applies to the whole class

    def _escape(self, *, in_brackets: bool) -> CharacterSet:
        letter = self._take()
        if letter == "":
            self._refuse("a backslash at the end")
        if letter in "dswDSW":
            return CharacterSet(kinds=(letter if letter.islower() else f"^{letter.lower()}",))
        if letter in "pP":
            return self._category(negated=letter == "P")
        literal = CharacterSet.of if in_brackets else self._literal
        if letter == "b" and in_brackets:
            return literal("\b")
        if letter == "0" and self._next().isdecimal():
            self._refuse("octal escapes are not supported: use \\x and two hex digits", back=1)
        if letter in _ESCAPES:
            return literal(_ESCAPES[letter])
        if letter in _CODES:
            digits = self._pattern[self._place : self._place + _CODES[letter]]
            if not re.fullmatch(f"[0-9a-fA-F]{{{_CODES[letter]}}}", digits) or (
                int(digits, 16) > 0x10FFFF
            ):
                self._refuse(f"\\{letter} needs {_CODES[letter]} hex digits of a character")
            self._place += len(digits)
            return literal(chr(int(digits, 16)))
        if letter.isascii() and letter.isalnum():
            self._refuse(f"the escape \\{letter} is not supported", back=1)
        return literal(letter)

    def _category(self, *, negated: bool) -> CharacterSet:
        found = _CATEGORY.match(self._pattern, self._place)
        name = (found[2] or found[3]) if found else None
        if found is None or name not in _CATEGORIES:
            self._refuse(r"\p needs a Unicode category, as in \p{L} or \p{Lu}")
        self._place = found.end()
        is_negated = negated != bool(found[1])
        return CharacterSet(kinds=(f"^p{name}" if is_negated else f"p{name}",))

    def _literal(self, character: str) -> CharacterSet:
        return CharacterSet.of(character, any_case=self._any_case)

    def _next(self) -> str:
        return self._pattern[self._place : self._place + 1]

    def _after_next(self) -> str:
        return self._pattern[self._place + 1 : self._place + 2]

    def _take(self) -> str:
        character = self._next()
        self._place += 1
        return character

    def _refuse(self, reason: str, *, back: int = 0) -> NoReturn:
        place = min(self._place - back, len(self._pattern)) + 1
        raise ConfigError(
            f"the expression {shown(self._pattern)} is invalid at character {place}: {reason}"
        )


_CATEGORIES = frozenset(
    name
    for code in range(0x3000)
    for category in (unicodedata.category(chr(code)),)
    for name in (category, category[0])
) | {"Co", "Cs"}
