r"""The text format of word2vec, which gensim and fastText read too.

A header with the number of symbols and of numbers in a vector, then a line for each symbol: its
name, and the numbers, with a space between each two. A name can therefore hold no white space, and
``</s>`` means the end of a line to some readers. So symbols are escaped as in Python: a backslash
is ``\\``, a space ``\x20``, a line feed ``\n``, and so on for all white space and all that cannot
be printed; ``</s>`` is ``\x3c/s>``. ``unescape_symbol`` gives the symbol back.

Legend: n symbols, E numbers in a vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_END_OF_LINE = "</s>"


def word2vec_text(keys: Sequence[str], vectors: NDArray[np.float32]) -> bytes:
    """Write symbols and their vectors [n, E]; the numbers come back bit for bit."""
    lines = [f"{len(keys)} {vectors.shape[1]}"]
    lines += [
        f"{escape_symbol(key)} {' '.join(map(str, vector))}"
        for key, vector in zip(keys, vectors, strict=True)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def escape_symbol(symbol: str) -> str:
    """Write a symbol without white space, and unlike the sign of a line's end."""
    if symbol == _END_OF_LINE:
        return rf"\x3c{symbol[1:]}"
    return "".join(map(_escaped, symbol))


def unescape_symbol(name: str) -> str:
    """Give back the symbol that ``escape_symbol`` wrote."""
    pieces = name.split(r"\\")  # What is left of the backslashes begins an escape.
    return "\\".join(_unescaped(piece) for piece in pieces)


def _escaped(character: str) -> str:
    if character == "\\":
        return r"\\"
    if character == " ":  # The only one that is printed and yet white.
        return r"\x20"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _unescaped(text: str) -> str:
    first, *escapes = text.split("\\")
    return first + "".join(_read_escape(each) for each in escapes)


def _read_escape(text: str) -> str:
    """Read what follows a backslash: the escape, and characters as they are."""
    length = {"x": 3, "u": 5, "U": 9}.get(text[:1], 1)
    return f"\\{text[:length]}".encode().decode("unicode_escape") + text[length:]
