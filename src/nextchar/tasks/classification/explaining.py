"""Attribution by occlusion: the effect of each part of a text on the prediction.

Each part is removed in turn and the text classified again (occlusion: Zeiler & Fergus 2014;
"erasure": Li, Monroe & Jurafsky 2016): w_i = ln p(label | text) − ln p(label | text without
part i). The method is exact by definition and applies to any network. The contributions do not add
up: of two redundant parts, each alone seems unimportant, because the other remains.

Legend: P parts of a text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nextchar.config.arguments import checked
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.following import each_a_part
from nextchar.tasks.classification.model import Classifier
from nextchar.text.graphemes import clusters, inner_places
from nextchar.text.notes import listed
from nextchar.text.vocabularies.word import split_words

Unit = Literal["char", "word"]
MOST_PARTS = 2_000
_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a text and its contribution to the label.

    Attributes
    ----------
    start, end
        The range of its characters, ``end`` excluded.
    nats
        Decrease of the label's ln p when the part is removed. Above 0 the part supports the label,
        below 0 it opposes it.
    """

    start: int
    end: int
    nats: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A prediction and the contributions of the parts of its text.

    Attributes
    ----------
    text
        The classified text.
    label
        The explained label.
    probabilities
        Probabilities of all labels, by name, the most probable first.
    parts
        P parts in order; together they are the whole text.
    """

    text: str
    label: str
    probabilities: dict[str, float]
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON-compatible values."""
        return {
            "text": self.text,
            "label": self.label,
            "probability": self.probabilities[self.label],
            "nats": math.log(max(self.probabilities[self.label], 1e-300)),
            "probabilities": self.probabilities,
            "parts": [
                {"text": self.text[part.start : part.end], **vars(part)} for part in self.parts
            ],
        }


@checked
def explain(
    model: Classifier, text: str, *, label: str | None = None, by: Unit = "char"
) -> Explanation:
    """Explain the prediction for a text.

    Parameters
    ----------
    label
        The label to explain; by default the most probable one.
    by
        The unit to remove: a grapheme cluster, or a word. Spaces between words are not removed.

    Raises
    ------
    ConfigError
        The classifier does not know the label.
    TextError
        The text has more than ``MOST_PARTS`` parts. Each costs one more pass over the text.
    """
    if label is not None and not model.labels.knows(label):
        raise ConfigError(
            f"{as_option('label')} must be one of {listed(model.labels.names)}; got {label!r}"
        )
    pieces = clusters(text) if by == "char" else _whole_words(text)
    ends = np.cumsum([0, *map(len, pieces)]).tolist()
    asked = [n for n, piece in enumerate(pieces) if by == "char" or not piece.isspace()]
    if len(asked) > MOST_PARTS:
        shorter = f" ({as_option('by', 'word')} has fewer)" if by == "char" else ""
        raise TextError(
            f"the text has {len(asked):,} parts and is classified once for each: at most "
            f"{MOST_PARTS:,} can be explained{shorter}"
        )
    whole = model.log_probabilities([text])[0]
    names = model.labels.names
    place = int(whole.argmax()) if label is None else names.index(label)
    nats = dict.fromkeys(range(len(pieces)), 0.0)
    for start in each_a_part(range(0, len(asked), _AT_ONCE)):
        some = asked[start : start + _AT_ONCE]
        without = [text[: ends[n]] + text[ends[n + 1] :] for n in some]
        logs = model.log_probabilities(without)[:, place]
        nats.update(zip(some, (float(whole[place]) - logs).tolist(), strict=True))
    order = np.argsort(-whole, kind="stable")
    return Explanation(
        text=text,
        label=names[place],
        probabilities={names[n]: math.exp(whole[n]) for n in order},
        parts=tuple(Part(start=ends[n], end=ends[n + 1], nats=nats[n]) for n in range(len(pieces))),
    )


def _whole_words(text: str) -> list[str]:
    """Split a text into words and the pieces between them, never inside a grapheme cluster."""
    inner = set(inner_places(text))
    pieces: list[str] = []
    at = 0
    for piece in split_words(text):
        if at in inner:
            pieces[-1] += piece
        else:
            pieces.append(piece)
        at += len(piece)
    return pieces


def strongest(parts: Sequence[Part], count: int) -> list[Part]:
    """Return the parts with the largest contributions, for or against, the largest first."""
    return sorted((p for p in parts if p.nats != 0), key=lambda part: -abs(part.nats))[:count]
