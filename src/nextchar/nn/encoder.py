"""Reading whole items of different lengths, in one direction or in both.

    ids ──▶ embedding, or one-hot ──▶ layers ──▶ an output at every position

In both directions, each layer is two recurrences, of which one reads the item from its end, and
their outputs stand side by side at each position (Schuster & Paliwal 1997). Positions behind the
end of an item change nothing: a recurrence comes to them after all others, or reads only what
stands before them.

Shapes: T time steps of the longest item, B items, V vocabulary size, E embedding, H hidden,
D directions (1 or 2), L layers. Time first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nextchar.config import NetworkConfig
from nextchar.nn.cell import Cell, Embedded, Inputs
from nextchar.nn.cells import build_cell
from nextchar.nn.dropout import Dropout
from nextchar.nn.embedding import Embedding, enter
from nextchar.nn.initialization import initialize_cell, initialize_embedding
from nextchar.nn.recurrent import Path
from nextchar.nn.stack import StackedCells


@dataclass(frozen=True)
class Encoded:
    """What an encoder gives for items.

    Attributes
    ----------
    outputs
        Of the last layer at every position, [T, B, D·H]; behind the end of an item they mean
        nothing.
    inside
        Where an item has a symbol, bool[T, B].
    lengths
        Of the items, int64[B].
    directions
        D.
    """

    outputs: Tensor
    inside: Tensor
    lengths: Tensor
    directions: int

    @property
    def ends(self) -> Tensor:
        """What each direction gave when it had read all, [B, D·H].

        The forward one at an item's last symbol, the backward one at its first.
        """
        size = self.outputs.shape[-1] // self.directions
        last = (self.lengths - 1).view(1, -1, 1).expand(1, -1, size)
        forward = self.outputs[..., :size].gather(0, last)[0]
        return torch.cat([forward, self.outputs[0, :, size:]], dim=-1)


class Encoder(nn.Module):
    """Embedding and recurrent layers that read whole items.

    Parameters
    ----------
    vocabulary_size
        V, at least 1.
    config
        Its cells and their regularisers; batch normalisation and a tied output are for running
        text.
    bidirectional
        Whether every layer reads in both directions.
    generator
        Draws the initial weights, on the CPU; ``None`` leaves them undrawn.

    Attributes
    ----------
    output_size
        D·H.
    """

    def __init__(
        self,
        vocabulary_size: int,
        config: NetworkConfig,
        *,
        bidirectional: bool,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.config = config
        self.output_size = (2 if bidirectional else 1) * config.hidden_size
        self.embedding = (
            Embedding(vocabulary_size, config.embedding_size)
            if config.input == "embedding"
            else None
        )
        self.embedding_dropout = Dropout(config.embedding_dropout, axis=None)
        self.input_dropout = Dropout(config.input_dropout, locked=config.locked_dropout)
        first = vocabulary_size if self.embedding is None else config.embedding_size
        sizes = [first] + [self.output_size] * (config.layers - 1)
        self.forwards = nn.ModuleList(_one_layer(config, size) for size in sizes)
        self.backwards = nn.ModuleList(_one_layer(config, size) for size in sizes if bidirectional)
        self.between = Dropout(config.dropout, locked=config.locked_dropout)
        if generator is not None:
            self._initialize(generator)

    def _initialize(self, generator: torch.Generator) -> None:
        if self.embedding is not None:
            initialize_embedding(self.embedding.weight, generator, tied=False)
        for number, directions in enumerate(self._layers):
            one_hot = number == 0 and self.embedding is None
            for stack in directions:
                initialize_cell(stack.cells[0], self.config, generator, one_hot=one_hot)

    @property
    def groups(self) -> list[list[nn.Module]]:
        """What it is made of, from the input to the output: the embedding, then each layer."""
        first: list[list[nn.Module]] = [] if self.embedding is None else [[self.embedding]]
        return first + [list[nn.Module](directions) for directions in self._layers]

    @property
    def forward_cells(self) -> tuple[Cell, ...]:
        """The cells that read from the beginning, from the input to the output."""
        return tuple(layer[0].cells[0] for layer in self._layers)

    def read(
        self,
        ids: Tensor,
        lengths: Tensor,
        *,
        added: Tensor | None = None,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> Encoded:
        """Read items.

        Parameters
        ----------
        ids
            Symbols int64[T, B]; behind the end of an item, any.
        lengths
            Of the items, int64[B], 1 to T.
        added
            Vectors [T, B, E] that are added to the embedded symbols, if any.
        generator
            Draws the dropout, on the device of the ids; it moves on.
        path
            How the cells run over time (``recurrent.unroll``).
        """
        steps = torch.arange(len(ids), device=ids.device).unsqueeze(1)
        inside = steps < lengths
        # Where each position's symbol stands when an item is read from its end.
        turned = torch.where(inside, lengths - 1 - steps, steps)
        inputs: Inputs = enter(
            ids,
            self.embedding,
            self.vocabulary_size,
            embedding_dropout=self.embedding_dropout,
            input_dropout=self.input_dropout,
            dtype=self._dtype,
            generator=generator,
            added=added,
        )
        for number, directions in enumerate(self._layers):
            below = inputs
            outputs = torch.cat(
                [
                    self._run(stack, below, turned if backward else None, generator, path)
                    for backward, stack in enumerate(directions)
                ],
                dim=-1,
            )
            if self.config.residual and isinstance(below, Tensor) and below.shape == outputs.shape:
                outputs = outputs + below
            last = number == len(self.forwards) - 1
            inputs = outputs if last else self.between(outputs, generator)
        return Encoded(outputs, inside, lengths, len(self._layers[0]))

    @property
    def _layers(self) -> list[list[StackedCells]]:
        each = zip(*filter(len, (self.forwards, self.backwards)), strict=True)
        return [[stack for stack in layer if isinstance(stack, StackedCells)] for layer in each]

    @property
    def _dtype(self) -> torch.dtype:
        return self._layers[0][0].cells[0].bias.dtype

    @staticmethod
    def _run(
        stack: StackedCells,
        inputs: Inputs,
        turned: Tensor | None,
        generator: torch.Generator | None,
        path: Path,
    ) -> Tensor:
        """Run one direction of a layer, and give its outputs in the order of the symbols."""
        if turned is not None:
            inputs = _taken(inputs, turned)
        state = stack.initial_state(_streams(inputs))
        outputs, _ = stack.unroll(inputs, state, generator=generator, path=path)
        return outputs if turned is None else _moved(outputs, turned)


def _one_layer(config: NetworkConfig, input_size: int) -> StackedCells:
    return StackedCells(
        [build_cell(config, input_size)],
        one_hot=config.input == "onehot",
        weight_dropout=config.weight_dropout,
    )


def _streams(inputs: Inputs) -> int:
    return (inputs.ids if isinstance(inputs, Embedded) else inputs).shape[1]


def _taken(inputs: Inputs, turned: Tensor) -> Inputs:
    """Take the inputs in another order of time for each item."""
    if isinstance(inputs, Embedded):
        return Embedded(inputs.ids.gather(0, turned), inputs.table)
    if not inputs.is_floating_point():
        return inputs.gather(0, turned)
    return _moved(inputs, turned)


def _moved(vectors: Tensor, turned: Tensor) -> Tensor:
    return vectors.gather(0, turned.unsqueeze(-1).expand_as(vectors))
