"""Visible forms of control, invisible and reordering characters; messages of one line."""

from __future__ import annotations

import re
import unicodedata

_LINE_BREAK = "↵"
LONGEST_MESSAGE = 1000

_TAB, _HIDDEN_SIGN, _DELETE_SIGN = "→", "\ufffd", "␡"
_CONTROL_PICTURES, _DELETE = 0x2400, 0x7F
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Format characters without which emoji and some scripts fall apart: joiners of letters and emoji,
# and the tags of flags.
JOINERS = frozenset("\u200c\u200d") | frozenset(map(chr, range(0xE0020, 0xE0080)))
# They have no visible form, although their categories say otherwise.
_BLANK = frozenset("\u034f\u3164\uffa0")
_FLAG = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)")
_JOINER = re.compile("[\u200c\u200d]")
_JOINED = ("Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Me", "So", "Sk")
_ELLIPSIS = " … "


def printable(character: str) -> str:
    """Return a printable character as it is, or else a visible replacement.

    Control characters become their pictures (``"␛"``), other invisible characters and lone
    surrogates ``"�"``, a line break ``"↵"``, and a tab ``"→"``. The result is always one character.
    """
    if character.isprintable() and character not in _BLANK:
        return character
    if character == "\n":
        return _LINE_BREAK
    if character == "\t":
        return _TAB
    code = ord(character)
    if code < ord(" "):
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return _DELETE_SIGN
    is_hidden = unicodedata.category(character) in _HIDDEN or character in _BLANK
    if (is_hidden and character not in JOINERS) or _is_no_character(code):
        return _HIDDEN_SIGN
    return character


def printable_text(text: str) -> str:
    """Return a text as one line of printable characters, of the same length.

    Tags are left only in flags, and joiners only where they can join something.
    """
    if text.isascii():
        return text if text.isprintable() else "".join(map(printable, text))
    return "".join(
        part if number % 2 else _outside_flags(part)
        for number, part in enumerate(_FLAG.split(text))
    )


def printable_lines(text: str) -> str:
    """Return a text of printable characters, line breaks and tabs, as a terminal may show it."""
    if text.isascii() and text.isprintable():
        return text
    lines = text.split("\n")
    return "\n".join("\t".join(map(printable_text, line.split("\t"))) for line in lines)


def one_line(message: str) -> str:
    """Return a message as one line of printable characters, cut in the middle if it is long."""
    message = message.strip()
    if len(message) > LONGEST_MESSAGE:
        half = (LONGEST_MESSAGE - len(_ELLIPSIS)) // 2
        message = f"{message[:half]}{_ELLIPSIS}{message[-half:]}"
    return printable_text(message)


def _outside_flags(text: str) -> str:
    text = _JOINER.sub(_joiner, text)
    shown = "".join(map(printable, text))
    return "".join(_HIDDEN_SIGN if "\U000e0020" <= c <= "\U000e007f" else c for c in shown)


def _joiner(found: re.Match[str]) -> str:
    """Return a joiner if it can join the letter or emoji before it."""
    before = found.string[max(0, found.start() - 1) : found.start()]
    joins = before > "\x7f" and before != _HIDDEN_SIGN
    return found[0] if joins and unicodedata.category(before) in _JOINED else _HIDDEN_SIGN


def _is_no_character(code: int) -> bool:
    """Return whether a code is one of Unicode's noncharacters."""
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
