"""The label set of a tagger, and the constraints on positions and transitions.

Legend: K labels, n positions.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nextchar.config import TaggingConfig, Transitions
from nextchar.errors import ConfigError, RunError, TextError, as_option
from nextchar.tasks.tagging.items import Item
from nextchar.tasks.tagging.restoration import MarkPlace, Restoration
from nextchar.tasks.tagging.viterbi import Grammar, free
from nextchar.text.label_checks import require_characters
from nextchar.text.notes import SHOWN, listed

_MOST = 5000  # limits the rows of the output layer and the square matrix of transitions
_MOST_CONSTRAINED = 1000  # limits the work of a step of Viterbi decoding, also a square
_BIO = ("B-", "I-")


class TagSet:
    """A fixed set of labels, numbered 0 to K - 1.

    Parameters
    ----------
    names
        The labels, sorted.
    seen
        Label transitions seen in training.
    config
        The configuration of the tagger.
    """

    def __init__(self, names: Sequence[str], seen: Grammar, config: TaggingConfig) -> None:
        self.names = tuple(names)
        self.seen = seen
        self.restoration = Restoration(config.kinds) if config.kinds else None
        self._outside = config.outside
        self._allowed = functools.lru_cache(1 << 16)(self._compute_allowed)

    @classmethod
    def of(cls, items: Iterable[Item], config: TaggingConfig) -> Self:
        """Return the labels of items.

        Raises
        ------
        ConfigError
            There are fewer than two labels, or too many.
        TextError
            A label has a lone surrogate.
        """
        items = list(items)
        names = sorted({label for item in items for label in item.labels})
        if len(names) > _MOST:
            raise ConfigError(
                f"there must be at most {_MOST:,} distinct labels, got {len(names):,} such as "
                f"{names[0][:SHOWN]!r} and {names[-1][:SHOWN]!r}"
            )
        if len(names) < 2:
            only = f"{config.restore}: there is nothing to restore" if config.restore else names[0]
            raise ConfigError(f"there must be at least two labels, got one: {only}")
        require_characters(names)
        seen = Grammar(*(~allowed for allowed in vars(free(len(names))).values()))
        made = cls(names, seen, config)
        number = {name: place for place, name in enumerate(names)}
        for item in items:
            numbers = np.array([number[label] for label in item.labels])
            seen.first[numbers[0]] = seen.last[numbers[-1]] = True
            seen.follows[numbers[:-1], numbers[1:]] = True
        return made

    def __len__(self) -> int:
        return len(self.names)

    def parts(self, label: str) -> list[str]:
        """Return the parts of a label in printable form; empty if the label changes nothing."""
        if self.restoration is not None:
            return self.restoration.parts(label)
        return [] if label == self._outside else [label]

    def possible(self, places: Sequence[MarkPlace]) -> NDArray[np.bool_]:
        """Return the labels at each position that leave grapheme clusters intact, bool[n, K]."""
        is_open = np.fromiter((place.is_open for place in places), np.bool_, len(places))
        return ~is_open[:, None] | self._inserts_nothing

    @functools.cached_property
    def _inserts_nothing(self) -> NDArray[np.bool_]:
        if self.restoration is None:
            return np.ones(len(self), dtype=np.bool_)
        changes = map(self.restoration.change, self.names)
        return np.array([not (c.marks or c.explicit or c.following) for c in changes])

    def allowed(self, characters: Iterable[str]) -> NDArray[np.bool_]:
        """Return the labels that each character allows, bool[n, K]."""
        rows = [self._allowed(character) for character in characters]
        return np.array(rows, dtype=np.bool_).reshape(len(rows), len(self))

    def _compute_allowed(self, character: str) -> NDArray[np.bool_]:
        if self.restoration is None:
            return np.ones(len(self), dtype=np.bool_)
        allowed = np.array([self.restoration.allows(character, name) for name in self.names])
        return allowed if allowed.any() else ~allowed

    def agreeing(self, label: str) -> NDArray[np.bool_]:
        """Return the labels that restore at least the marks of a given label, bool[K]."""
        if self.restoration is None:
            return np.array([name == label for name in self.names])
        kept = self.restoration.change(label)
        changes = map(self.restoration.change, self.names)
        return np.array(
            [all(not k or k == c for k, c in zip(kept, change, strict=True)) for change in changes]
        )

    def grammar(self, transitions: Transitions) -> Grammar:
        """Return the grammar of a transition rule.

        Raises
        ------
        ConfigError
            The rule is BIO, and the labels are not BIO labels; or there are too many labels for a
            rule.
        """
        if transitions == "free":
            return free(len(self))
        if len(self) > _MOST_CONSTRAINED:
            raise ConfigError(
                f"{as_option('transitions', transitions)} allows at most {_MOST_CONSTRAINED:,} "
                f"labels, got {len(self):,}: {as_option('transitions', 'free')} has no such limit"
            )
        return self.seen if transitions == "seen" else self._bio()

    def _bio(self) -> Grammar:
        """Return the BIO grammar: I-x only after B-x or I-x.

        The scheme is that of Ramshaw & Marcus (1995), as in CoNLL 2002.
        """
        others = [n for n in self.names if n != self._outside and not n.startswith(_BIO)]
        if self.restoration is not None or others:
            raise ConfigError(
                f"transitions 'bio' needs labels {self._outside}, B-… and I-…, got "
                f"{listed(others or self.names)}"
            )
        inside = np.array([name.startswith("I-") for name in self.names])
        kind = np.array([name[2:] if name.startswith(_BIO) else "" for name in self.names])
        same = (kind[:, None] == kind[None, :]) & (kind != "")[:, None]
        return Grammar(~inside, ~inside[None, :] | same, np.ones(len(self), bool))

    def to_dict(self) -> dict[str, object]:
        """Return the labels and seen transitions as JSON-compatible values, for ``from_dict``."""
        seen = self.seen
        return {
            "labels": list(self.names),
            "first": np.flatnonzero(seen.first).tolist(),
            "follows": [np.flatnonzero(row).tolist() for row in seen.follows],
            "last": np.flatnonzero(seen.last).tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], config: TaggingConfig) -> Self:
        """Return the label set of a ``to_dict`` result; raise ``RunError`` if it is damaged."""
        if values.keys() != {"labels", "first", "follows", "last"}:
            raise _damaged(f"there must be labels, first, follows and last; got {list(values)}")
        names = values["labels"]
        if (
            not isinstance(names, list)
            or not 2 <= len(names) <= _MOST
            or not all(isinstance(name, str) for name in names)
            or names != sorted(set(names))
        ):
            raise _damaged(f"there must be 2 to {_MOST} distinct names, sorted")
        rows = values["follows"]
        if not isinstance(rows, list) or len(rows) != len(names):
            raise _damaged(f"there must be {len(names)} rows of transitions")
        first, last, *follows = (
            _row(places, len(names)) for places in (values["first"], values["last"], *rows)
        )
        made = cls(names, Grammar(first, np.array(follows), last), config)
        try:
            for name in names:
                made.parts(name)
        except TextError as error:
            raise _damaged(error.in_both_terms) from error
        return made


def _row(places: object, count: int) -> NDArray[np.bool_]:
    """Return the indices of labels as bool[K]."""
    if not isinstance(places, list) or not all(
        type(place) is int and 0 <= place < count for place in places
    ):
        raise _damaged(f"transitions must be numbers of labels, 0 to {count - 1}")
    row = np.zeros(count, dtype=np.bool_)
    row[np.array(places, dtype=np.int64)] = True
    return row


def _damaged(problem: str) -> RunError:
    return RunError(f"the labels of the run are damaged: {problem:.200}")
