"""Which parts of a text moved a decision: each is left out, and the classifier asked again.

Leaving out is the plainest question that has an exact answer (occlusion: Zeiler & Fergus 2014; the
"erasure" of Li, Monroe & Jurafsky 2016): w_i = ln p(label | text) − ln p(label | text without
part i). It is faithful by its definition and holds for any network; what it does not do is add up:
parts that say the same each look unimportant, for the other one remains.

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
from nextchar.text.vocabularies.word import split_words

Unit = Literal["char", "word"]
MOST_PARTS = 2_000
_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a text, and what it does for the label.

    Attributes
    ----------
    start, end
        Its characters.
    nats
        By how much ln p of the label falls without it: above 0 it speaks for the label, below 0
        against it.
    """

    start: int
    end: int
    nats: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A decision, and what moved it.

    Attributes
    ----------
    text
        That was read.
    label
        Whose probability is explained.
    probabilities
        Of all labels, by name, the most probable first.
    parts
        P parts in their order, which joined are the text.
    """

    text: str
    label: str
    probabilities: dict[str, float]
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
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
    """Explain the decision on a text.

    Parameters
    ----------
    label
        Whose probability is explained; the most probable one if not given.
    by
        The unit left out at a time: a grapheme cluster, or a word; spaces are kept.

    Raises
    ------
    ConfigError
        The classifier does not know the label.
    TextError
        More than ``MOST_PARTS`` parts, each of which is a reading of the text.
    """
    if label is not None and not model.labels.knows(label):
        raise ConfigError(
            f"{as_option('label')} must be one of {', '.join(model.labels.names)}; got {label!r}"
        )
    pieces = clusters(text) if by == "char" else _whole_words(text)
    ends = np.cumsum([0, *map(len, pieces)]).tolist()
    asked = [n for n, piece in enumerate(pieces) if by == "char" or not piece.isspace()]
    if len(asked) > MOST_PARTS:
        shorter = f" ({as_option('by', 'word')} has fewer)" if by == "char" else ""
        raise TextError(
            f"the text has {len(asked):,} parts, and is read once for each: at most "
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
    """Split a text into words and the rest, but never inside a grapheme cluster."""
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
    """Give the parts that move the decision most, for or against, the strongest first."""
    return sorted((p for p in parts if p.nats != 0), key=lambda part: -abs(part.nats))[:count]
