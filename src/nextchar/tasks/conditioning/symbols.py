"""Encoding of texts between boundary symbols.

The boundary is a line break if no text of the run contains one, and the control character U+001E
(record separator) otherwise. After a boundary, the network generates a text, and it ends the text
with the next boundary.

Shapes: N items, n symbols of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextchar.config.condition import ConditionRunConfig
from nextchar.errors import RunError, TextError, as_option
from nextchar.run_files.model_files import load_vocabulary, save_vocabulary
from nextchar.run_files.seals import sealed_json
from nextchar.storage import write_json
from nextchar.tasks.conditioning.conditions import Conditions, conditions_from
from nextchar.tasks.conditioning.items import Items
from nextchar.tasks.examples import Examples
from nextchar.text import vocabulary as vocabularies
from nextchar.text.sequences import Sequences
from nextchar.text.vocabulary import Unknown, Vocabulary

LINE_BREAK, SEPARATOR = "\n", "\x1e"
FILE = "conditions.json"
TEXT = "text"


@dataclass(frozen=True)
class TextCodec:
    """The encoding of texts and conditions.

    Attributes
    ----------
    vocabulary
        The vocabulary. It has ``<unk>``, because evaluated texts may contain any symbol.
    boundary
        The symbol before and after each text.
    conditions
        The valid conditions.
    """

    vocabulary: Vocabulary
    boundary: str
    conditions: Conditions

    @classmethod
    def learned(
        cls, texts: Sequence[str], boundary: str, conditions: Conditions, config: ConditionRunConfig
    ) -> Self:
        """Learn the vocabulary of texts; raise ``TextError`` if all symbols are too rare."""
        least = config.items.min_count
        chunks = (*texts, boundary * least)
        vocabulary = vocabularies.learn(config.text.vocabulary, chunks, least, unknown=True)
        if not any(vocabulary.knows(symbol) for symbol in set("".join(texts))):
            raise TextError(
                f"no symbol occurs {least} times in {len(texts)} texts: decrease "
                f"{as_option('min_count')}"
            )
        return cls(vocabulary, boundary, conditions)

    def encoded(self, texts: Sequence[str], places: Sequence[str] | None = None) -> Sequences:
        """Return the n + 2 ids of each text with its boundaries. Unknown symbols are ``<unk>``.

        Parameters
        ----------
        places
            The location of each text, for messages.

        Raises
        ------
        TextError
            A text contains the boundary.
        """
        require_boundary(self.boundary, texts, places)
        edge = self.boundary
        replace: Unknown = "replace" if self.vocabulary.unknown_id is not None else "error"
        return Sequences.of(
            (self.vocabulary.encode(f"{edge}{text}{edge}", unknown=replace) for text in texts),
            self.vocabulary.dtype,
        )

    def characters(self, texts: Sequences) -> NDArray[np.int64]:
        """Return the number of predicted characters of each text, its end included, int64[N]."""
        starts = np.concatenate([[0], np.cumsum(self.vocabulary.starts_character[texts.values])])
        counts: NDArray[np.int64] = starts[texts.offsets[1:]] - starts[texts.offsets[:-1]] - 1
        return counts

    def examples(self, items: Items) -> Examples:
        """Encode items; raise ``TextError`` if a text contains the boundary."""
        texts = self.encoded(items.texts, items.places)
        return Examples({TEXT: texts}, {self.conditions.column: items.column(self.conditions)})

    def save(self, folder: Path) -> None:
        """Write ``vocabulary.json`` and ``conditions.json``."""
        save_vocabulary(folder, self.vocabulary)
        values = {"boundary": self.boundary, "conditions": self.conditions.to_dict()}
        write_json(folder / FILE, values)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the files that ``save`` wrote; raise ``RunError`` if one is missing or damaged."""
        path, vocabulary = folder / FILE, load_vocabulary(folder)
        with sealed_json(folder, FILE) as values:
            boundary, conditions = values.get("boundary"), values.get("conditions")
            if (
                values.keys() != {"boundary", "conditions"}
                or boundary not in (LINE_BREAK, SEPARATOR)
                or not isinstance(conditions, dict)
            ):
                raise RunError(f"{path} is damaged: it must have a boundary and conditions")
            if not vocabulary.knows(boundary):
                raise RunError(f"{path} is damaged: the vocabulary lacks its boundary {boundary!r}")
            try:
                return cls(vocabulary, boundary, conditions_from(conditions))
            except RunError as error:
                raise RunError(f"{path}: {error.in_both_terms}") from error


def boundary_of(items: Items) -> str:
    """Return the boundary for texts; raise ``TextError`` if they contain both candidates."""
    boundary = SEPARATOR if any(LINE_BREAK in text for text in items.texts) else LINE_BREAK
    require_boundary(boundary, items.texts, items.places)
    return boundary


def require_boundary(boundary: str, texts: Sequence[str], places: Sequence[str] | None) -> None:
    """Raise ``TextError`` if a text contains the boundary."""
    holding = next((number for number, text in enumerate(texts) if boundary in text), None)
    if holding is None:
        return
    place = f"text {holding + 1}" if places is None else places[holding]
    if boundary == LINE_BREAK:
        raise TextError(
            f"{place}: the text contains a line break, the boundary between this run's texts"
        )
    raise TextError(
        f"{place}: the text contains U+001E, the boundary between texts that have line breaks"
    )
