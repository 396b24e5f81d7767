"""The vocabularies of sources and targets, and the encoding of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from nextchar.config import TransducerRunConfig
from nextchar.errors import RunError, TextError
from nextchar.run_files.seals import sealed_json
from nextchar.storage import write_json
from nextchar.tasks.examples import Examples
from nextchar.tasks.transduction.pairs import Pair
from nextchar.text import vocabulary as vocabularies
from nextchar.text.sequences import Sequences
from nextchar.text.vocabularies.token import KIND, TokenVocabulary
from nextchar.text.vocabulary import Vocabulary

SOURCE, TARGET = "source", "target"
_FILE = "symbols.json"
_LONGEST = 1 << 30  # as the option max_length


@dataclass(frozen=True)
class PairCodec:
    """The encoding of sources and targets.

    Attributes
    ----------
    source, target
        The vocabularies.
    longest_target
        Number of symbols of the longest training target.
    """

    source: Vocabulary
    target: Vocabulary | TokenVocabulary
    longest_target: int

    @classmethod
    def learn(cls, pairs: Sequence[Pair], config: TransducerRunConfig) -> Self:
        """Learn both vocabularies from training pairs. Both have ``<unk>``."""
        count, kind = config.items.min_count, config.transduction.target_vocabulary
        targets = [pair.target for pair in pairs]
        source = vocabularies.learn(
            config.items.vocabulary,
            (pair.source for pair in pairs),
            count,
            unknown=True,
        )
        target: Vocabulary | TokenVocabulary
        if kind == "token":
            target = TokenVocabulary.learn(targets, count, unknown=True)
        else:
            target = vocabularies.learn(kind, targets, count, unknown=True)
        longest = max(len(target.encode(text, unknown="replace")) for text in targets)
        return cls(source, target, longest)

    def examples(self, pairs: Iterable[Pair]) -> Examples:
        """Encode pairs. Unknown symbols are ``<unk>``."""
        kept = list(pairs)
        source = (self.source.encode(pair.source, unknown="replace") for pair in kept)
        target = (self.target.encode(pair.target, unknown="replace") for pair in kept)
        # The start and end of a target have one more id.
        types = (self.source.dtype, np.min_scalar_type(len(self.target)))
        return Examples(
            {SOURCE: Sequences.of(source, types[0]), TARGET: Sequences.of(target, types[1])}, {}
        )

    def limits(self, lengths: ArrayLike) -> Any:  # noqa: ANN401
        """Return the default length limits of outputs for sources of these lengths."""
        return self.longest_target + 2 * np.asarray(lengths, dtype=np.int64)

    def save(self, folder: Path) -> None:
        """Write ``symbols.json``."""
        values = {SOURCE: self.source.to_dict(), TARGET: self.target.to_dict()}
        write_json(folder / _FILE, {**values, "longest_target": self.longest_target})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``symbols.json``; raise ``RunError`` if it is missing or damaged."""
        with sealed_json(folder, _FILE) as values:
            return cls._parse(values, folder / _FILE)

    @classmethod
    def _parse(cls, values: Mapping[str, Any], path: Path) -> Self:
        source, target, longest = (values.get(k) for k in (SOURCE, TARGET, "longest_target"))
        if not (
            values.keys() == {SOURCE, TARGET, "longest_target"}
            and isinstance(source, dict)
            and isinstance(target, dict)
            and type(longest) is int
            and 1 <= longest <= _LONGEST
        ):
            raise RunError(
                f"{path} is damaged: it must have source, target, and longest_target of 1 to "
                f"{_LONGEST}"
            )
        try:
            return cls(vocabularies.from_dict(source), _target(target), longest)
        except TextError as error:
            raise RunError(f"{path} is damaged: {error.in_both_terms}") from error


def _target(values: Mapping[str, object]) -> Vocabulary | TokenVocabulary:
    if values.get("kind") == KIND:
        return TokenVocabulary.from_dict(values)
    return vocabularies.from_dict(values)
