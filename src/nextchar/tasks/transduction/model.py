"""A trained transducer: texts in, texts out.

Shapes: S time steps of the longest source, T of the longest target with its end, B items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.config import TransductionChoices
from nextchar.errors import ConfigError, RunError, TextError
from nextchar.generation.search import Beam
from nextchar.nn.network import Reading
from nextchar.nn.transducer import TransducerNetwork
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.transduction.decoding import Written, write
from nextchar.tasks.transduction.errors import count_errors
from nextchar.tasks.transduction.symbols import SOURCE, TARGET, Symbols
from nextchar.text.batches import by_length
from nextchar.text.sequences import Sequences
from nextchar.text.streams import NO_TARGET
from nextchar.training.lessons import Measured, on_device
from nextchar.training.objective import Objective, objective_of

_MEASURED_TOGETHER = 32_768  # symbols


class Transducer(ItemModel[TransductionChoices]):
    """Writes a text for a text: what ``nextchar transduce train`` makes.

    Attributes
    ----------
    symbols
        The vocabularies of sources and targets.
    """

    task = "transduce"
    choices_type = TransductionChoices
    unit = "symbol"

    network: TransducerNetwork

    def __init__(self, choices: TransductionChoices, symbols: Symbols) -> None:
        self.choices = choices
        self.symbols = symbols
        own = choices.transduction
        self.network = TransducerNetwork(
            len(symbols.source),
            len(symbols.target),
            choices.network,
            attention=own.attention,
            bidirectional=own.bidirectional,
            generator=torch.Generator().manual_seed(choices.training.seed),
        )

    @classmethod
    def untrained(cls, folder: Path, choices: Any) -> Self:  # noqa: ANN401
        """Make the model of a run as it was before its training."""
        return cls(choices, Symbols.load(folder))

    def save_symbols(self, folder: Path) -> None:
        """Write the vocabularies."""
        self.symbols.save(folder)

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Give the symbols of source and target, int64[N]."""
        return examples.texts[SOURCE].lengths + examples.texts[TARGET].lengths

    def judge(
        self, examples: Examples, indices: NDArray[np.int64], generator: torch.Generator
    ) -> Objective:
        """Read sources and targets in training mode, and judge what is predicted."""
        logits, targets = self._predicted(examples, indices, generator)
        return objective_of(Reading(logits, (), logits, logits), targets, self.choices.training)

    def measure(self, examples: Examples) -> Measured:
        """Measure the loss on all items, and the errors of what is written for some of them.

        Those are the same at each call, and written greedily; the error rate of their symbols
        decides.
        """
        nats = self._nats(examples)
        count = min(len(examples), self.choices.transduction.decoded_items)
        some = np.random.default_rng(self.choices.training.seed).permutation(len(examples))[:count]
        part = examples.subset(np.sort(some))
        found = self.write_ids(part.texts[SOURCE], Beam(width=1))
        errors = count_errors([each[0].symbols for each in found], part.texts[TARGET])
        return Measured(nats=nats, figures=errors.rates(), decides=errors.symbol_error_rate)

    def _nats(self, examples: Examples) -> float:
        total, count = 0.0, 0
        with torch.no_grad():
            for indices in by_length(self.lengths(examples), _MEASURED_TOGETHER):
                logits, targets = self._predicted(examples, indices, None)
                each = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET, reduction="sum"
                )
                total += float(each)
                count += int((targets != NO_TARGET).sum())
        return total / count

    def _predicted(
        self, examples: Examples, indices: NDArray[np.int64], generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Give logits [T, B, V + 1] and what should have been predicted, int64[T, B]."""
        sources, targets = examples.texts[SOURCE], examples.texts[TARGET]
        border = self.network.border
        source = sources.padded(indices, 0)
        target = targets.padded(indices, border)
        count = len(indices)
        edge = np.full((1, count), border)
        read = np.concatenate([edge, target])
        wanted = np.concatenate([target, edge])
        behind = np.arange(len(wanted))[:, None] > targets.lengths[indices]
        wanted[behind] = NO_TARGET
        tensors = (source, sources.lengths[indices], read, wanted)
        ids, lengths, reading, judged = (
            on_device(torch.from_numpy(values), self.device) for values in tensors
        )
        spelling = self.network(ids, lengths, reading, generator=generator)
        return spelling.logits, judged

    def write_ids(
        self, sources: Sequences, beam: Beam, *, max_length: int | None = None
    ) -> list[list[Written]]:
        """Write targets for encoded sources: for each, what was found, the best first."""
        limits = self.symbols.limits(sources.lengths)
        if max_length is not None:
            limits = np.full(len(sources), max_length)
        unknown = self.symbols.target.unknown_id
        excluded = () if unknown is None else (unknown,)
        found: list[list[Written]] = [[] for _ in range(len(sources))]
        for items, each in write(self.network, sources, limits, beam, excluded=excluded):
            for item, texts in zip(items.tolist(), each, strict=True):
                found[item] = texts
        return found
