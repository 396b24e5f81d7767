"""An encoder and a decoder with attention: from a source to a target of another length.

    source ──▶ encoder ───────┬──────────────┐
                              ▼ its ends     ▼ memory
    ⊢ target ──▶ embedding ──▶ decoder ──▶ attention ──▶ tanh(W [context, h]) ──▶ head ──▶ logits

The decoder's recurrence does not see the contexts (no input feeding), so that with teacher forcing
it runs over the whole target at once, and attention is two products over all steps.

Shapes: S time steps of the longest source, T of the longest target, B items, K texts that are
followed for each, V target symbols, D·H size of the encoder's outputs, H hidden, L layers. Time
first, but in attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import AttentionName, NetworkConfig
from nextchar.nn.attention import ATTENTIONS, Memory
from nextchar.nn.cell import Inputs
from nextchar.nn.dropout import Dropout
from nextchar.nn.embedding import Embedding, Linear, enter
from nextchar.nn.encoder import Encoded, Encoder
from nextchar.nn.initialization import initialize_cell, initialize_embedding, initialize_head
from nextchar.nn.recurrent import Path
from nextchar.nn.stack import State, build_stack
from nextchar.nn.trainable import Trainable, levels_of


@dataclass(frozen=True)
class Prediction:
    """What a decoder gives with teacher forcing.

    Attributes
    ----------
    logits
        Of each next symbol, or of the end, [T, B, V + 1].
    weights
        Where it looked, [B, T, S].
    """

    logits: Tensor
    weights: Tensor


class TransducerNetwork(Trainable):
    """A network that reads a source and writes a target.

    Parameters
    ----------
    source_size, target_size
        Symbols of the source, and V.
    config
        The cells of both the encoder and the decoder.
    attention
        How places are scored.
    bidirectional
        Whether the encoder reads in both directions.
    generator
        Draws the initial weights, on the CPU; ``None`` leaves them undrawn.

    Attributes
    ----------
    border
        The id V: the end where it is predicted, the beginning where it is read.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        config: NetworkConfig,
        *,
        attention: AttentionName,
        bidirectional: bool,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        size, with_border = config.hidden_size, target_size + 1
        self.border = target_size
        self.encoder = Encoder(
            source_size, config, bidirectional=bidirectional, generator=generator
        )
        self.encoder_dropout = Dropout(config.dropout, locked=config.locked_dropout)
        is_embedded = config.input == "embedding"
        self.embedding = Embedding(with_border, config.embedding_size) if is_embedded else None
        self.embedding_dropout = Dropout(config.embedding_dropout, axis=None)
        self.input_dropout = Dropout(config.input_dropout, locked=config.locked_dropout)
        self.stack = build_stack(config, config.embedding_size if is_embedded else with_border)
        parts = sum(cell.state_count for cell in self.stack.cells)
        self.bridge = Linear(self.encoder.output_size, parts * size)
        self.attention = ATTENTIONS[attention](self.encoder.output_size, size)
        self.combine = Linear(self.encoder.output_size + size, size)
        last = config.dropout if config.output_dropout is None else config.output_dropout
        self.output_dropout = Dropout(last, axis=-3)
        self.head = Linear(size, with_border)
        if generator is not None:
            self._initialize(config, generator)

    def _initialize(self, config: NetworkConfig, generator: torch.Generator) -> None:
        if self.embedding is not None:
            initialize_embedding(self.embedding.weight, generator, tied=False)
        for layer, cell in enumerate(self.stack.cells):
            one_hot = layer == 0 and self.embedding is None
            initialize_cell(cell, config, generator, one_hot=one_hot)
        for linear in (self.bridge, self.combine, self.head):
            initialize_head(linear, generator, tied=False)
        self.attention.initialize(generator)

    @property
    def levels(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The encoder's, the bridge, the decoder's embedding and layers, and what leads out."""
        first: list[list[nn.Module]] = [] if self.embedding is None else [[self.embedding]]
        out: list[nn.Module] = [self.attention, self.combine, self.head]
        bridge: list[nn.Module] = [self.bridge]
        return levels_of([*self.encoder.groups, bridge, *first, *self.stack.levels, out])

    def forward(
        self,
        source: Tensor,
        lengths: Tensor,
        read: Tensor,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> Prediction:
        """Predict each symbol of the targets from the source and the symbols before it.

        Parameters
        ----------
        source
            Symbols int64[S, B]; behind the end of an item, any.
        lengths
            Of the sources, int64[B], 1 to S.
        read
            What the decoder reads, int64[T, B]: the border, then the target without what is
            behind its end.
        generator
            Draws the dropout; it moves on.
        path
            How the cells run over time (``recurrent.unroll``).
        """
        memory, state = self.begin(source, lengths, generator=generator, path=path)
        entered = self._enter(read, generator)
        outputs, _ = self.stack.unroll(entered, state, generator=generator, path=path)
        logits, weights = self._leave(outputs.transpose(0, 1), memory, generator)
        return Prediction(logits.transpose(0, 1), weights)

    def begin(
        self,
        source: Tensor,
        lengths: Tensor,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> tuple[Memory, State]:
        """Read sources: give what the decoder looks at, and its state before the first step."""
        encoded = self.encoder.read(source, lengths, generator=generator, path=path)
        dropped = self.encoder_dropout(encoded.outputs, generator)
        memory = self.attention.remember(
            Encoded(dropped, encoded.inside, encoded.lengths, encoded.directions)
        )
        return memory, self._first_state(encoded.ends)

    def step(self, ids: Tensor, state: State, memory: Memory) -> tuple[Tensor, State, Tensor]:
        """Go on by one symbol in K texts of each item.

        Parameters
        ----------
        ids
            The newest symbols, int64[B, K].
        state
            Of B·K texts, those of an item side by side.
        memory
            Of the B items.

        Returns
        -------
        Tensor, State, Tensor
            Logits [B, K, V + 1], the state, and where it looked, [B, K, S].
        """
        outputs, state = self.stack.forward(self._enter(ids.flatten(), None), state)
        logits, weights = self._leave(outputs.view(*ids.shape, -1), memory, None)
        return logits, state, weights

    def _first_state(self, ends: Tensor) -> State:
        dtype = self.head.weight.dtype
        parts = iter(self.bridge(ends).tanh().to(dtype).chunk(self._state_parts, dim=-1))
        return tuple(
            tuple(next(parts).contiguous() for _ in range(cell.state_count))
            for cell in self.stack.cells
        )

    @property
    def _state_parts(self) -> int:
        return sum(cell.state_count for cell in self.stack.cells)

    def _enter(self, ids: Tensor, generator: torch.Generator | None) -> Inputs:
        return enter(
            ids,
            self.embedding,
            self.border + 1,
            embedding_dropout=self.embedding_dropout,
            input_dropout=self.input_dropout,
            dtype=self.head.weight.dtype,
            generator=generator,
        )

    def _leave(
        self, outputs: Tensor, memory: Memory, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Give logits and attention weights for outputs [B, T, H] of the decoder."""
        contexts, weights = self.attention(outputs, memory)
        joined = torch.cat([contexts, outputs.to(contexts.dtype)], dim=-1)
        combined = self.output_dropout(self.combine(joined).tanh(), generator)
        logits = functional.linear(combined, self.head.weight, self.head.bias)
        return logits.to(self.head.weight.dtype), weights
