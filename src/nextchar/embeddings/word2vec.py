r"""The text format of word2vec, which gensim and fastText also read.

The first line contains the number of symbols and the vector size. Each further line contains the
name and the numbers of a symbol, separated by spaces. A name therefore cannot contain white space,
and some readers interpret ``</s>`` as the end of a line. Symbols are escaped as in Python: a
backslash is ``\\``, a space ``\x20``, a line feed ``\n``. The same applies to all other white space
and to unprintable characters; ``</s>`` is ``\x3c/s>``. ``unescape_symbol`` restores the symbol.

Shapes: n symbols, E embedding size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_END_OF_LINE = "</s>"


def word2vec_text(keys: Sequence[str], vectors: NDArray[np.float32]) -> bytes:
    """Return symbols and their vectors [n, E] as text that preserves every bit of the numbers."""
    lines = [f"{len(keys)} {vectors.shape[1]}"]
    lines += [
        f"{escape_symbol(key)} {' '.join(map(str, vector))}"
        for key, vector in zip(keys, vectors, strict=True)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def escape_symbol(symbol: str) -> str:
    """Return a symbol without white space and different from ``</s>``."""
    if symbol == _END_OF_LINE:
        return rf"\x3c{symbol[1:]}"
    return "".join(map(_escaped, symbol))


def unescape_symbol(name: str) -> str:
    """Return the symbol escaped by ``escape_symbol``."""
    pieces = name.split(r"\\")  # every remaining backslash begins an escape
    return "\\".join(_unescaped(piece) for piece in pieces)


def _escaped(character: str) -> str:
    if character == "\\":
        return r"\\"
    if character == " ":  # the only printable white space
        return r"\x20"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _unescaped(text: str) -> str:
    first, *escapes = text.split("\\")
    return first + "".join(_read_escape(each) for each in escapes)


def _read_escape(text: str) -> str:
    """Decode the text after a backslash: an escape, then literal characters."""
    length = {"x": 3, "u": 5, "U": 9}.get(text[:1], 1)
    return f"\\{text[:length]}".encode().decode("unicode_escape") + text[length:]
