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
from nextchar.nn.embedding import Embedding, Linear, enter
from nextchar.nn.initialization import initialize_cell, initialize_embedding, initialize_head
from nextchar.nn.recurrent import Path
from nextchar.nn.stack import State, build_stack, clear, detach
from nextchar.nn.trainable import Trainable, levels_of

__all__ = ["Network", "State", "clear", "detach"]


@dataclass(frozen=True)
class NetworkOutput:
    """What a network gives for a window.

    Attributes
    ----------
    logits
        Of each next symbol, [T, B, V].
    state
        After the window.
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
    exactly in training mode (``network.train()``), and then needs a generator.

    Parameters
    ----------
    vocabulary_size
        V, at least 1.
    config
        What the network is.
    generator
        Draws the initial weights, on the CPU; the global generator is neither read nor moved.
        ``None`` leaves them undrawn, for those that will be loaded or only counted.

    Attributes
    ----------
    embedding
        [V, E], or None where symbols enter one-hot.
    stack
        The recurrent layers.
    head
        The output layer [V, H] with its bias [V]. Where tied, its weight is the embedding's.
    begins_after
        The symbol after which a text begins, for a network that has not learned to begin from
        zeros; ``None`` for one that has.
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
    def levels(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The parameters of each level of ``config.level_names``, in the order of ``parameters``.

        What is shared belongs to the first that has it: a tied head has only its bias.
        """
        first: list[list[nn.Module]] = [] if self.embedding is None else [[self.embedding]]
        return levels_of([*first, *self.stack.levels, [self.head]])

    @property
    def symbol_weights(self) -> dict[str, int]:
        """The names of the parameters with a part for each symbol, and the dimension that is V.

        The first is where symbols enter.
        """
        entry = {"embedding.weight": 0} if self.embedding else {"stack.layers.0.weight_ih": 1}
        head = {"head.bias": 0} if self.config.tied else {"head.weight": 0, "head.bias": 0}
        return entry | head

    def initial_state(self, batch_size: int, first: int | None = None) -> State:
        """Return the state before a text, on the device of the weights.

        Zeros, or the state after the symbol ``begins_after``. If the ``first`` symbol
        of the text is that one, the text begins from zeros instead.
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
        """Read a window and predict each next symbol.

        Parameters
        ----------
        ids
            Symbols int64[T, B].
        state
            What the streams left behind, or ``initial_state(B)``.
        generator
            Draws the dropout, on the device of the ids; it moves on.
        path
            How the cells run over time (``recurrent.unroll``).

        Returns
        -------
        Tensor, State
            Logits [T, B, V], in the type of the parameters also under autocast, and the state.

        Raises
        ------
        ValueError
            The ids are not [T, B], or in training mode with dropout no generator was given.
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
    ) -> NetworkOutput:
        """Do as ``forward``, and give what the last layer gave as well."""
        if ids.dim() != 2:
            raise ValueError(f"ids must be [T, B], got the shape {tuple(ids.shape)}")
        inputs = self._enter(ids, generator)
        outputs, state = self.stack.unroll(inputs, state, generator=generator, path=path)
        dropped = self.output_dropout(outputs, generator)
        return NetworkOutput(self._leave(dropped), state, outputs, dropped)

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one symbol int64[B] of each stream: give logits [B, V] and the state.

        For generation: the plain step of the cells, with little around it.
        """
        inputs = self._enter(ids, None)
        outputs, state = self.stack.forward(inputs, state)
        return self._leave(self.output_dropout(outputs, None)), state

    def _enter(self, ids: Tensor, generator: torch.Generator | None) -> Inputs:
        return enter(
            ids,
            self.embedding,
            self.vocabulary_size,
            embedding_dropout=self.embedding_dropout,
            input_dropout=self.input_dropout,
            dtype=self.head.weight.dtype,
            generator=generator,
        )

    def _leave(self, outputs: Tensor) -> Tensor:
        logits = functional.linear(outputs, self.head.weight, self.head.bias)
        return logits.to(self.head.weight.dtype)
