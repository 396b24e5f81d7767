"""The whole network: symbols in, logits out.

    ids ──▶ embedding, or one-hot ──▶ stack of cells ──▶ head ──▶ logits

Shapes: T time steps, B streams, V vocabulary size, E embedding, H hidden, L layers. Time first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import NetworkConfig
from nextchar.nn.cell import Inputs
from nextchar.nn.dropout import Dropout
from nextchar.nn.embedding import Embedding, Linear, input_layer
from nextchar.nn.initialization import initialize_cell, initialize_embedding, initialize_head
from nextchar.nn.recurrent import Path
from nextchar.nn.stack import RunCell, State, build_stack, clear, detach
from nextchar.nn.trainable import Trainable, layer_groups_of

__all__ = ["Network", "State", "clear", "detach"]


@dataclass(frozen=True)
class NetworkOutput:
    """The results of a network for a sequence.

    Attributes
    ----------
    logits
        Of each next symbol, [T, B, V].
    state
        The final state.
    outputs, dropped
        Of the last layer [T, B, H], without its dropout and with it.
    """

    logits: Tensor
    state: State
    outputs: Tensor
    dropped: Tensor


class Network(Trainable):
    """A character-level recurrent network.

    State is passed in and returned; nothing about a stream is kept here. Dropout is active
    only in training mode (``network.train()``), and then needs a generator.

    Parameters
    ----------
    vocabulary_size
        V, at least 1.
    config
        The architecture.
    generator
        Draws the initial weights, on the CPU; the global generator is neither read nor changed.
        ``None`` draws none, for weights that will be loaded or only counted.

    Attributes
    ----------
    embedding
        [V, E], or None for one-hot symbols.
    stack
        The recurrent layers.
    head
        The output layer [V, H] with its bias [V]. If tied, its weight is the embedding's.
    begins_after
        The symbol that precedes a text, for a network that has not learned to start from zeros;
        ``None`` for one that has.
    """

    def __init__(
        self, vocabulary_size: int, config: NetworkConfig, *, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.config = config
        self.embedding = (
            Embedding(vocabulary_size, config.embedding_size)
            if config.input == "embedding"
            else None
        )
        self.embedding_dropout = Dropout(config.embedding_dropout, axis=None)
        input_size = vocabulary_size if self.embedding is None else config.embedding_size
        self.input_dropout = Dropout(config.input_dropout, locked=config.locked_dropout)
        self.stack = build_stack(config, input_size)
        last = config.dropout if config.output_dropout is None else config.output_dropout
        self.output_dropout = Dropout(last, locked=config.locked_dropout)
        self.head = Linear(config.hidden_size, vocabulary_size)
        self.begins_after: int | None = None
        if self.embedding is not None and config.tied:
            self.head.weight = self.embedding.weight
        if generator is not None:
            self._initialize(generator)

    def _initialize(self, generator: torch.Generator) -> None:
        if self.embedding is not None:
            initialize_embedding(self.embedding.weight, generator, tied=self.config.tied)
        for layer, cell in enumerate(self.stack.cells):
            one_hot = layer == 0 and self.embedding is None
            initialize_cell(cell, self.config, generator, one_hot=one_hot)
        initialize_head(self.head, generator, tied=self.config.tied)

    @property
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The parameters of each group of ``config.level_names``, in the order of ``parameters``.

        Shared parameters belong to the first group: a tied head has only its bias.
        """
        first: list[list[nn.Module]] = [] if self.embedding is None else [[self.embedding]]
        return layer_groups_of([*first, *self.stack.layer_groups, [self.head]])

    @property
    def symbol_weights(self) -> dict[str, int]:
        """The names of the parameters with a part for each symbol, and the dimension that is V.

        The first is that of the input layer.
        """
        entry = {"embedding.weight": 0} if self.embedding else {"stack.layers.0.weight_ih": 1}
        head = {"head.bias": 0} if self.config.tied else {"head.weight": 0, "head.bias": 0}
        return entry | head

    def initial_state(self, batch_size: int, first: int | None = None) -> State:
        """Return the state before a text, on the device of the weights.

        Zeros, or the state after the symbol ``begins_after``. If that is the ``first`` symbol of
        the text, the state is zeros instead.
        """
        zeros = self.stack.initial_state(batch_size)
        if self.begins_after is None or self.begins_after == first:
            return zeros
        ids = torch.full((batch_size,), self.begins_after, device=self.head.weight.device)
        with torch.no_grad():
            return self.step(ids, zeros)[1]

    def forward(
        self,
        ids: Tensor,
        state: State,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> tuple[Tensor, State]:
        """Read a sequence and predict each next symbol.

        Parameters
        ----------
        ids
            Symbols int64[T, B].
        state
            The state of the streams after the last call, or ``initial_state(B)``.
        generator
            Draws the dropout, on the device of the ids.
        path
            The path of the cells over time (``recurrent.unroll``).

        Returns
        -------
        Tensor, State
            Logits [T, B, V], in the type of the parameters also under autocast, and the state.

        Raises
        ------
        ValueError
            The ids are not [T, B], or there is dropout in training mode without a generator.
        """
        reading = self.read(ids, state, generator=generator, path=path)
        return reading.logits, reading.state

    def read(
        self,
        ids: Tensor,
        state: State,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
        run: RunCell | None = None,
    ) -> NetworkOutput:
        """Run as ``forward``, and also return the outputs of the last layer.

        ``run`` reads the sequence in each layer instead of ``recurrent.unroll``, for instance to
        keep the gates of every step.
        """
        if ids.dim() != 2:
            raise ValueError(f"ids must be [T, B], got the shape {tuple(ids.shape)}")
        inputs = self._embed(ids, generator)
        if run is None:
            outputs, state = self.stack.unroll(inputs, state, generator=generator, path=path)
        else:
            outputs, state = self.stack.run_layers(run, inputs, state, generator)
        dropped = self.output_dropout(outputs, generator)
        return NetworkOutput(self._output_head(dropped), state, outputs, dropped)

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one symbol int64[B] of each stream: return logits [B, V] and the state.

        For generation: the plain step of the cells, with little overhead.
        """
        inputs = self._embed(ids, None)
        outputs, state = self.stack.forward(inputs, state)
        return self._output_head(self.output_dropout(outputs, None)), state

    def _embed(self, ids: Tensor, generator: torch.Generator | None) -> Inputs:
        return input_layer(
            ids,
            self.embedding,
            self.vocabulary_size,
            embedding_dropout=self.embedding_dropout,
            input_dropout=self.input_dropout,
            dtype=self.head.weight.dtype,
            generator=generator,
        )

    def _output_head(self, outputs: Tensor) -> Tensor:
        logits = functional.linear(outputs, self.head.weight, self.head.bias)
        return logits.to(self.head.weight.dtype)
