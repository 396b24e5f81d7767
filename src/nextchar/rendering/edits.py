"""Comparison of an altered text with its original, with the edits marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nextchar.rendering.characters import width
from nextchar.text.augmentation import Line, Piece
from nextchar.text.graphemes import clusters
from nextchar.visible import printable_text

OPENING, CLOSING = "⟦", "⟧"
_RED, _GREEN, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[39m"
_CONTEXT = 30


def edit_lines(line: Line, *, columns: int, colors: bool) -> Iterator[str]:
    """Yield the original and the altered line.

    Parameters
    ----------
    columns
        Width of the terminal; a longer line is shortened to the surroundings of its edits.
    colors
        Whether to colour the text between the marks.

    Yields
    ------
    str
        The original line with its number, then the altered line with the names of the edits,
        without line breaks. An unchanged line is shown once.
    """
    head = f"{line.number:>6} "
    edits = [piece.edit.replace("_", " ") for piece in line.pieces if piece.edit is not None]
    shown = _shortened(line.pieces) if len(head) + width(line.before) > columns else line.pieces
    if not edits:
        yield f"{head}  {printable_text(line.before)}"
        return
    before = "".join(_marked(piece, piece.before, _RED if colors else "") for piece in shown)
    after = "".join(_marked(piece, piece.after, _GREEN if colors else "") for piece in shown)
    yield f"{head}- {before}"
    yield f"{'':{len(head)}}+ {after}   ({', '.join(edits)})"


def _marked(piece: Piece, text: str, color: str) -> str:
    shown = printable_text(text)
    if piece.edit is None:
        return shown
    return f"{OPENING}{color}{shown}{_PLAIN if color else ''}{CLOSING}"


def _shortened(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces, with an ellipsis for unchanged text far from an edit."""
    shown: list[Piece] = []
    for place, piece in enumerate(pieces):
        text = piece.before
        tail = "".join(clusters(text)[-_CONTEXT:]) if place + 1 < len(pieces) else ""
        start = "".join(clusters(text)[:_CONTEXT]) if place > 0 else ""
        if piece.edit is None and len(text) > len(start) + len(tail) + 1:
            text = f"{start}…{tail}"
            piece = Piece(text, text)
        shown.append(piece)
    return shown
