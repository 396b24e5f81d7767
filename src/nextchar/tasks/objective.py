"""Items as objective: batches of similar lengths, each pass in another order.

Legend: N items.
"""

from __future__ import annotations

from typing import Any

import torch

from nextchar.nn.precision import arithmetic_of, computing_in
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.text.batches import ItemBatches
from nextchar.training.loss import Loss
from nextchar.training.objective import Objective
from nextchar.training.seeds import seed_of


class ItemObjective(Objective):
    """What an item model learns from.

    Parameters
    ----------
    model
        On the device where it is to be trained.
    examples
        The training part.
    """

    def __init__(self, model: ItemModel[Any], examples: Examples) -> None:
        training, items = model.config.training, model.config.items
        self.unit = model.unit
        self._model = model
        self._examples = examples
        self._lengths = model.lengths(examples)
        self._generator = torch.Generator(model.device)
        self.batches = ItemBatches(
            lengths=self._lengths,
            batch_size=training.batch_size,
            seed=training.seed,
            pool=items.pool,
        )

    def compute_loss(self, step: int) -> Loss:
        """Read a step's items; see ``ItemBatches``."""
        training = self._model.config.training
        self._generator.manual_seed(seed_of(training.seed, step))
        with computing_in(arithmetic_of(training.precision), self._model.device):
            return self._model.compute_loss(
                self._examples, self.batches.batch(step), self._generator
            )

    def symbols(self, step: int) -> int:
        """Count the symbols of a step's items; padding is none."""
        return int(self._lengths[self.batches.batch(step)].sum())

    def epochs(self, step: int) -> float:
        """Give how often all items have been read."""
        return self.batches.epochs(step)
