"""A stack of cells, which works as one cell: its step is a step of each layer.

Shapes: T time steps, B streams, I input size of the first layer, H hidden, L layers. Time first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nextchar.config import NetworkConfig
from nextchar.nn.cell import Cell, CellState, Embedded, GatedCell, Inputs, positions
from nextchar.nn.cells import build_cell
from nextchar.nn.dropout import Dropout, draw_zones
from nextchar.nn.normalization import BatchNorm
from nextchar.nn.recurrent import Path, unroll

State = tuple[CellState, ...]
RunCell = Callable[[Cell, Inputs, CellState, CellState | None], tuple[Tensor, CellState]]


class StackedCells(nn.Module):
    """Layers of cells: each reads the output of the layer below.

    Parameters
    ----------
    cells
        L cells, from the input to the output.
    residual
        Add a layer's input to its output if the sizes agree.
    one_hot
        Whether inputs are one-hot symbols, which are never added.
    batch_norm
        Normalise each unit of every layer's output over all its positions: the "sequence-wise"
        batch normalisation of Laurent et al. 2016 (Ioffe & Szegedy 2015).
    dropout
        Probability of dropout between layers.
    locked_dropout
        Whether its masks are the same for all time steps.
    weight_dropout
        Probability of dropout on the recurrent weights, drawn once per call: DropConnect (Wan et
        al. 2013) as in the AWD-LSTM (Merity, Keskar & Socher 2018).
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        residual: bool = False,
        one_hot: bool = False,
        batch_norm: bool = False,
        dropout: float = 0.0,
        locked_dropout: bool = False,
        weight_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(cells)
        self.residual = residual
        self.one_hot = one_hot
        self.norms = nn.ModuleList(BatchNorm(cell.hidden_size) for cell in cells if batch_norm)
        self.dropout = Dropout(dropout, locked=locked_dropout)
        self.weight_dropout = Dropout(weight_dropout, axis=None)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The layers, from the input to the output."""
        return tuple(layer for layer in self.layers if isinstance(layer, Cell))

    @property
    def layer_groups(self) -> list[list[nn.Module]]:
        """The layers, each with its normalisation."""
        norms = [[norm] for norm in self.norms] or [[] for _ in self.cells]
        return [[cell, *norm] for cell, norm in zip(self.cells, norms, strict=True)]

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state: a tuple of zeros for each layer."""
        return tuple(cell.initial_state(batch_size) for cell in self.cells)

    def forward(
        self, inputs: Inputs, state: State, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, State]:
        """Take one step.

        Parameters
        ----------
        inputs
            Vectors [B, I], embedded symbols, or one-hot ids int64[B].
        state
            The states of the L cells.
        generator
            Draws the dropout.

        Returns
        -------
        Tensor, State
            The output [B, H] of the last layer, before its dropout, and the state.

        Raises
        ------
        ValueError
            There is dropout in training mode without a generator.
        """
        return self.run_layers(lambda cell, *arguments: cell(*arguments), inputs, state, generator)

    def unroll(
        self,
        inputs: Inputs,
        state: State,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> tuple[Tensor, State]:
        """Run the stack over a sequence, layer by layer: as ``forward``, over T steps."""

        def run(
            cell: Cell, inputs: Inputs, state: CellState, kept: CellState | None
        ) -> tuple[Tensor, CellState]:
            return unroll(cell, inputs, state, kept=kept, path=path)

        return self.run_layers(run, inputs, state, generator)

    def run_layers(
        self, run: RunCell, inputs: Inputs, state: State, generator: torch.Generator | None = None
    ) -> tuple[Tensor, State]:
        """Run every layer with a function: its arguments are those of ``recurrent.unroll``.

        Parameters
        ----------
        run
            Called for each layer, from the input to the output.
        inputs, state, generator
            As for ``forward``, or for a sequence if ``run`` reads one.
        """
        after = []
        below: Inputs = inputs
        for layer, (cell, before) in enumerate(zip(self.cells, state, strict=True)):
            dropped = self._weight_dropped(cell, generator)
            outputs, new = run(dropped, below, before, self._zones(cell, before, below, generator))
            after.append(new)
            if self.norms:
                outputs = self.norms[layer](outputs)
            if self.residual and not (layer == 0 and self.one_hot):
                outputs = _added(outputs, below)
            below = outputs if layer == len(self.cells) - 1 else self.dropout(outputs, generator)
        return outputs, tuple(after)

    def _zones(
        self, cell: Cell, state: CellState, inputs: Inputs, generator: torch.Generator | None
    ) -> CellState | None:
        """Draw the shares that zoneout keeps in this call; see ``Cell.step``."""
        if not (self.training and cell.is_zoned):
            return None
        steps = positions(inputs)[:-1]
        parts = [part.expand(*steps, *part.shape) for part in state]
        return tuple(
            draw_zones(part, p, generator) if p > 0 else torch.zeros(()).expand_as(part)
            for part, p in zip(parts, cell.zoneout, strict=True)
        )

    def _weight_dropped(self, cell: Cell, generator: torch.Generator | None) -> Cell:
        """Return the cell with some of its recurrent weights dropped for this call."""
        if not self.weight_dropout.is_active or not isinstance(cell, GatedCell):
            return cell
        return cell.with_recurrent_weights(self.weight_dropout(cell.weight_hh, generator))


def _added(outputs: Tensor, below: Inputs) -> Tensor:
    """Add a layer's inputs to its outputs if they are vectors of the same size."""
    vectors = below.vectors() if isinstance(below, Embedded) else below
    return outputs + vectors if vectors.shape == outputs.shape else outputs


def build_stack(config: NetworkConfig, input_size: int) -> StackedCells:
    """Build the configured layers for inputs of size I; their parameters have no values yet."""
    sizes = [input_size] + [config.hidden_size] * (config.layers - 1)
    cells = [build_cell(config, size) for size in sizes]
    return StackedCells(
        cells,
        residual=config.residual,
        one_hot=config.input == "onehot",
        batch_norm=config.batch_norm,
        dropout=config.dropout,
        locked_dropout=config.locked_dropout,
        weight_dropout=config.weight_dropout,
    )


def detach(state: State) -> State:
    """Detach a state from its graph: gradients stop here."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)


def clear(state: State, reset_mask: Tensor) -> State:
    """Zero the state of the streams whose text begins, by a mask bool[B]."""
    return tuple(
        tuple(tensor.masked_fill(reset_mask.unsqueeze(-1), 0) for tensor in cell_state)
        for cell_state in state
    )
