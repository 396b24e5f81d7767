"""The smallest task: whether the first symbol of an item comes again at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from nextchar.config import ItemRunConfig
from nextchar.nn.encoder import Encoder
from nextchar.nn.trainable import Trainable, layer_groups_of
from nextchar.runs.task import Start
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.item_task import ItemTask, PreparedItems
from nextchar.tasks.schema import Numbers, Schema, Texts
from nextchar.text.sequences import Sequences
from nextchar.training.loss import Loss
from nextchar.training.objective import ValidationResult, on_device

SYMBOLS = 3


class ToyNetwork(Trainable):
    def __init__(self, config: ItemRunConfig) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(config.training.seed)
        self.encoder = Encoder(SYMBOLS, config.network, bidirectional=True, generator=generator)
        self.head = nn.Linear(self.encoder.output_size, 2)
        nn.init.normal_(self.head.weight, std=0.1, generator=generator)
        nn.init.zeros_(self.head.bias)

    @property
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        return layer_groups_of([*self.encoder.groups, [self.head]])

    def forward(
        self, ids: torch.Tensor, lengths: torch.Tensor, generator: torch.Generator | None
    ) -> torch.Tensor:
        ends = self.encoder.read(ids, lengths, generator=generator).ends
        return functional.linear(ends.to(self.head.weight.dtype), self.head.weight, self.head.bias)


@dataclass(frozen=True, kw_only=True)
class ToyRunConfig(ItemRunConfig):
    pass


class ToyModel(ItemModel[ToyRunConfig]):
    task = "toy"
    config_type = ToyRunConfig
    unit = "item"
    summary = f"{SYMBOLS} symbols"

    def __init__(self, config: ToyRunConfig) -> None:
        self.config = config
        self.network = ToyNetwork(config)

    @classmethod
    def untrained(cls, folder: Path, config: Any, *, drawn: bool = True) -> Self:
        return cls(config)

    def save_symbols(self, folder: Path) -> None:
        pass

    @property
    def schema(self) -> Schema:
        return Schema({"text": Texts(SYMBOLS)}, {"label": Numbers(np.int64, 0, 2)})

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        return examples.texts["text"].lengths

    def compute_loss(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator
    ) -> Loss:
        loss, _ = self._loss(examples, batch, generator)
        return Loss(loss, loss.detach())

    def _measured(self, examples: Examples) -> ValidationResult:
        loss, right = self._loss(examples, ItemBatch.share(np.arange(len(examples))), None)
        return ValidationResult(nats=float(loss), figures={"accuracy": right}, decides=1 - right)

    def _loss(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator | None
    ) -> tuple[torch.Tensor, float]:
        texts, labels = examples.texts["text"], examples.arrays["label"][batch.own]
        ids, lengths, targets = (
            on_device(torch.from_numpy(values), self.device)
            for values in (batch.padded(texts, 0), texts.lengths[batch.own], labels)
        )
        logits = self.network(ids, lengths, generator)
        right = (logits.argmax(-1) == targets).double().mean()
        return functional.cross_entropy(logits, targets), float(right)


def toy_examples(count: int, seed: int) -> Examples:
    draw = np.random.default_rng(seed)
    items = [draw.integers(0, SYMBOLS, draw.integers(1, 9)) for _ in range(count)]
    labels = np.array([int(item[0] == item[-1]) for item in items], dtype=np.int64)
    return Examples({"text": Sequences.of(items)}, {"label": labels})


class ToyTask(ItemTask):
    """Its data are the two parts, encoded."""

    key = "toy"
    command = "nextchar toy train"
    unit = "item"
    model_type = item_model = ToyModel

    def reader(
        self, data: tuple[Examples, Examples], start: Start, **options: Any
    ) -> Callable[[], PreparedItems[Any]]:
        config = ToyRunConfig.from_options(options)
        return lambda: PreparedItems(ToyModel(config), *data)


TOY = ToyTask()
