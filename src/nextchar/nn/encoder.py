"""An encoder of items with different lengths, unidirectional or bidirectional.

    ids ──▶ embedding, or one-hot ──▶ layers ──▶ an output at every position

A bidirectional layer has two recurrences, one of which reads the item in reverse. Their outputs are
concatenated at each position (Schuster & Paliwal 1997). Padding after the end of an item has no
effect, because both recurrences process it after all symbols of the item.

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
from nextchar.nn.embedding import Embedding, input_layer
from nextchar.nn.initialization import initialize_cell, initialize_embedding
from nextchar.nn.recurrent import Path
from nextchar.nn.stack import StackedCells


@dataclass(frozen=True)
class Encoded:
    """A batch of encoded items.

    Attributes
    ----------
    outputs
        The outputs of the last layer, [T, B, D·H]; undefined after the end of an item.
    inside
        The mask of valid positions, bool[T, B]; false after the end of an item.
    lengths
        The lengths of the items, int64[B].
    directions
        D.
    """

    outputs: Tensor
    inside: Tensor
    lengths: Tensor
    directions: int

    @property
    def ends(self) -> Tensor:
        """The final outputs of both directions, [B, D·H].

        These are the forward output at the last symbol of each item, and the backward output at its
        first symbol.
        """
        size = self.outputs.shape[-1] // self.directions
        last = (self.lengths - 1).view(1, -1, 1).expand(1, -1, size)
        forward = self.outputs[..., :size].gather(0, last)[0]
        return torch.cat([forward, self.outputs[0, :, size:]], dim=-1)


class Encoder(nn.Module):
    """An embedding and recurrent layers for whole items.

    Parameters
    ----------
    vocabulary_size
        V, at least 1.
    config
        The options of the cells and of regularisation. Batch normalisation and a tied output layer
        do not apply.
    bidirectional
        Whether all layers are bidirectional.
    generator
        Random generator for the initial weights, on the CPU; ``None`` leaves them uninitialised.

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
        self.forwards = nn.ModuleList(_build_layer(config, size) for size in sizes)
        self.backwards = nn.ModuleList(
            _build_layer(config, size) for size in sizes if bidirectional
        )
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
        """The modules of the embedding, if any, and of each layer, from input to output."""
        first: list[list[nn.Module]] = [] if self.embedding is None else [[self.embedding]]
        return first + [list[nn.Module](directions) for directions in self._layers]

    @property
    def forward_cells(self) -> tuple[Cell, ...]:
        """The cells of the forward direction, from input to output."""
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
        """Encode a batch of items.

        Parameters
        ----------
        ids
            Symbols, int64[T, B]; arbitrary ids as padding.
        lengths
            Lengths of the items, int64[B], 1 to T.
        added
            Vectors added to the embedded symbols, [T, B, E], if any.
        generator
            Random generator for dropout, on the device of the ids; its state advances.
        path
            Implementation of the recurrence (``recurrent.unroll``).
        """
        steps = torch.arange(len(ids), device=ids.device).unsqueeze(1)
        inside = steps < lengths
        # Indices that reverse each item and keep its padding.
        reversal = torch.where(inside, lengths - 1 - steps, steps)
        inputs: Inputs = input_layer(
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
                    self._run(stack, below, reversal if backward else None, generator, path)
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
        reversal: Tensor | None,
        generator: torch.Generator | None,
        path: Path,
    ) -> Tensor:
        """Run one direction of a layer, and return the outputs in the order of the symbols."""
        if reversal is not None:
            inputs = _reverse_inputs(inputs, reversal)
        state = stack.initial_state(_batch_size(inputs))
        outputs, _ = stack.unroll(inputs, state, generator=generator, path=path)
        return outputs if reversal is None else _gather_steps(outputs, reversal)


def _build_layer(config: NetworkConfig, input_size: int) -> StackedCells:
    return StackedCells(
        [build_cell(config, input_size)],
        one_hot=config.input == "onehot",
        weight_dropout=config.weight_dropout,
    )


def _batch_size(inputs: Inputs) -> int:
    return (inputs.ids if isinstance(inputs, Embedded) else inputs).shape[1]


def _reverse_inputs(inputs: Inputs, reversal: Tensor) -> Inputs:
    """Return the inputs with the time steps of each item reversed."""
    if isinstance(inputs, Embedded):
        return Embedded(inputs.ids.gather(0, reversal), inputs.table)
    if not inputs.is_floating_point():
        return inputs.gather(0, reversal)
    return _gather_steps(inputs, reversal)


def _gather_steps(vectors: Tensor, reversal: Tensor) -> Tensor:
    return vectors.gather(0, reversal.unsqueeze(-1).expand_as(vectors))
