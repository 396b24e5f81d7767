"""Texts with a beginning and an end, as symbols.

A text is written between two boundaries: a line break where no text of the run has one, and the
control character U+001E (record separator) otherwise. So a network that has read a boundary begins
a text, and ends it by writing the next.

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
from nextchar.storage import read_json, write_json
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
    """What turns texts and conditions to numbers and back.

    Attributes
    ----------
    vocabulary
        With ``<unk>``: texts that are measured may hold anything.
    boundary
        Where texts begin and end: one symbol.
    conditions
        That a text may have.
    """

    vocabulary: Vocabulary
    boundary: str
    conditions: Conditions

    @classmethod
    def learned(
        cls, texts: Sequence[str], boundary: str, conditions: Conditions, config: ConditionRunConfig
    ) -> Self:
        """Take the symbols that occur in texts; ``TextError`` if all of them are too rare."""
        least = config.items.min_count
        chunks = (*texts, boundary * least)
        vocabulary = vocabularies.learn(config.text.vocabulary, chunks, least, unknown=True)
        if not any(vocabulary.knows(symbol) for symbol in set("".join(texts))):
            raise TextError(
                f"no symbol occurs {least} times in {len(texts)} texts: give a smaller "
                f"{as_option('min_count')}"
            )
        return cls(vocabulary, boundary, conditions)

    def encoded(self, texts: Sequence[str], places: Sequence[str] | None = None) -> Sequences:
        """Give each text with its boundaries, n + 2 ids; ``<unk>`` for what is not known.

        Parameters
        ----------
        places
            Where each text stands, for messages.

        Raises
        ------
        TextError
            A text holds the boundary.
        """
        require_boundary(self.boundary, texts, places)
        edge = self.boundary
        replace: Unknown = "replace" if self.vocabulary.unknown_id is not None else "error"
        return Sequences.of(
            (self.vocabulary.encode(f"{edge}{text}{edge}", unknown=replace) for text in texts),
            self.vocabulary.dtype,
        )

    def characters(self, texts: Sequences) -> NDArray[np.int64]:
        """Count the original characters that are predicted, with the end as one, int64[N]."""
        starts = np.concatenate([[0], np.cumsum(self.vocabulary.starts_character[texts.values])])
        counts: NDArray[np.int64] = starts[texts.offsets[1:]] - starts[texts.offsets[:-1]] - 1
        return counts

    def examples(self, items: Items) -> Examples:
        """Encode items; ``TextError`` if a text holds the boundary."""
        texts = self.encoded(items.texts, items.places)
        return Examples({TEXT: texts}, {self.conditions.column: items.column(self.conditions)})

    def save(self, folder: Path) -> None:
        """Write ``vocabulary.json`` and ``conditions.json``."""
        save_vocabulary(folder, self.vocabulary)
        values = {"boundary": self.boundary, "conditions": self.conditions.to_dict()}
        write_json(folder / FILE, values)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote; ``RunError`` if it is missing or damaged."""
        path = folder / FILE
        values = read_json(path, RunError)
        boundary, conditions = values.get("boundary"), values.get("conditions")
        if boundary not in (LINE_BREAK, SEPARATOR) or not isinstance(conditions, dict):
            raise RunError(f"{path} is damaged: it must have a boundary and conditions")
        try:
            return cls(load_vocabulary(folder), boundary, conditions_from(conditions))
        except RunError as error:
            raise RunError(f"{path}: {error.in_both_terms}") from error


def boundary_of(items: Items) -> str:
    """Choose where texts begin and end; ``TextError`` if a text holds both that are possible."""
    boundary = SEPARATOR if any(LINE_BREAK in text for text in items.texts) else LINE_BREAK
    require_boundary(boundary, items.texts, items.places)
    return boundary


def require_boundary(boundary: str, texts: Sequence[str], places: Sequence[str] | None) -> None:
    """Raise ``TextError`` if a text holds the boundary."""
    holding = next((number for number, text in enumerate(texts) if boundary in text), None)
    if holding is None:
        return
    place = f"text {holding + 1}" if places is None else places[holding]
    if boundary == LINE_BREAK:
        raise TextError(f"{place}: the text holds a line break, and this run's texts end with one")
    raise TextError(
        f"{place}: the text holds U+001E, which marks the ends of texts that have line breaks"
    )
