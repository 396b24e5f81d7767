"""The training objective on items: batches of similar lengths, reshuffled each epoch.

Legend: N items, B items of a batch, b items of a process's share.
"""

from __future__ import annotations

from typing import Any

import torch

from nextchar.nn.precision import arithmetic_of, computing_in
from nextchar.nn.rng import SharedGenerator
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.item_model import ItemModel
from nextchar.text.batches import ItemBatches
from nextchar.training.loss import Loss
from nextchar.training.objective import Objective
from nextchar.training.seeds import seed_of


class ItemObjective(Objective):
    """The loss of an item model on a batch of items.

    Several processes may share the batch. The loss of each is weighted by its share of the
    predictions. The sum over the processes is then the loss of the whole batch.

    Parameters
    ----------
    model
        The model, on the training device.
    examples
        The training part.
    rank, world
        Rank of this process, and number of processes.
    """

    def __init__(
        self, model: ItemModel[Any], examples: Examples, *, rank: int = 0, world: int = 1
    ) -> None:
        training, items = model.config.training, model.config.items
        self.unit = model.unit
        self._model = model
        self._examples = examples
        self._rank, self._world = rank, world
        self._lengths = model.lengths(examples)
        self._generator = SharedGenerator(model.device, rows=range(1), whole=1)
        self.batches = ItemBatches(
            lengths=self._lengths,
            batch_size=training.batch_size,
            seed=training.seed,
            pool=items.pool,
        )

    def compute_loss(self, step: int, part: int = 0, parts: int = 1) -> Loss:  # noqa: ARG002
        """Return the loss of a step's items, or of this process's share; see ``ItemBatches``."""
        training, items = self._model.config.training, self.batches.batch(step)
        batch = ItemBatch.share(items, rank=self._rank, world=self._world)
        self._generator.manual_seed(seed_of(training.seed, step))
        self._generator.rows, self._generator.whole = batch.rows, len(items)
        with computing_in(arithmetic_of(training.precision), self._model.device):
            loss = self._model.compute_loss(self._examples, batch, self._generator)
        return loss if self._world == 1 else self._weighted(loss, batch)

    def symbols(self, step: int) -> int:
        """Return the number of symbols of a step's items, without padding."""
        return int(self._lengths[self.batches.batch(step)].sum())

    def epochs(self, step: int) -> float:
        """Return the number of epochs before a step, including the fraction of the current one."""
        return self.batches.epochs(step)

    def _weighted(self, loss: Loss, batch: ItemBatch) -> Loss:
        own, whole = (
            torch.tensor(self._model.loss_counts(self._examples, items), dtype=torch.float64)
            for items in (batch.own, batch.items)
        )
        minimized, reported = (own / whole * (not batch.is_idle)).tolist()
        return Loss(loss.minimized * minimized, loss.nats * reported)
