"""An encoder-decoder network with attention, from a source to a target of another length.

    source ──▶ encoder ───────┬──────────────┐
                              ▼ final state  ▼ memory
    ⊢ target ──▶ embedding ──▶ decoder ──▶ attention ──▶ tanh(W [context, h]) ──▶ head ──▶ logits

The decoder's recurrence does not read the contexts (no input feeding). With teacher forcing it
therefore processes the whole target at once, and attention is two products over all steps.

Shapes: S time steps of the longest source, T of the longest target, B items, K hypotheses per item,
V target symbols, D·H size of the encoder outputs, H hidden, L layers. Time first, except in
attention.
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
from nextchar.nn.embedding import Embedding, Linear, input_layer
from nextchar.nn.encoder import Encoded, Encoder
from nextchar.nn.initialization import initialize_cell, initialize_embedding, initialize_head
from nextchar.nn.recurrent import Path
from nextchar.nn.stack import State, build_stack
from nextchar.nn.trainable import Trainable, layer_groups_of


@dataclass(frozen=True)
class Prediction:
    """The output of a decoder with teacher forcing.

    Attributes
    ----------
    logits
        The logits of each next symbol, including the end, [T, B, V + 1].
    weights
        The attention weights, [B, T, S].
    """

    logits: Tensor
    weights: Tensor


class TransducerNetwork(Trainable):
    """A sequence-to-sequence network.

    Parameters
    ----------
    source_size, target_size
        Vocabulary sizes of the source and the target; the latter is V.
    config
        The options of the cells in the encoder and the decoder.
    attention
        The attention mechanism.
    bidirectional
        Whether the encoder is bidirectional.
    generator
        Random generator for the initial weights, on the CPU; ``None`` leaves them uninitialised.

    Attributes
    ----------
    border
        The id V: the end symbol in predictions, and the start symbol in inputs.
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
        size, decoder_symbols = config.hidden_size, target_size + 1
        self.border = target_size
        self.encoder = Encoder(
            source_size, config, bidirectional=bidirectional, generator=generator
        )
        self.encoder_dropout = Dropout(config.dropout, locked=config.locked_dropout)
        is_embedded = config.input == "embedding"
        self.embedding = Embedding(decoder_symbols, config.embedding_size) if is_embedded else None
        self.embedding_dropout = Dropout(config.embedding_dropout, axis=None)
        self.input_dropout = Dropout(config.input_dropout, locked=config.locked_dropout)
        self.stack = build_stack(config, config.embedding_size if is_embedded else decoder_symbols)
        parts = sum(cell.state_count for cell in self.stack.cells)
        self.bridge = Linear(self.encoder.output_size, parts * size)
        self.attention = ATTENTIONS[attention](self.encoder.output_size, size)
        self.combine = Linear(self.encoder.output_size + size, size)
        last = config.dropout if config.output_dropout is None else config.output_dropout
        self.output_dropout = Dropout(last, axis=-3)
        self.head = Linear(size, decoder_symbols)
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
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The layer groups: encoder, bridge, decoder embedding, decoder layers, and output."""
        first: list[list[nn.Module]] = [] if self.embedding is None else [[self.embedding]]
        out: list[nn.Module] = [self.attention, self.combine, self.head]
        bridge: list[nn.Module] = [self.bridge]
        return layer_groups_of(
            [*self.encoder.groups, bridge, *first, *self.stack.layer_groups, out]
        )

    def forward(
        self,
        source: Tensor,
        lengths: Tensor,
        read: Tensor,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> Prediction:
        """Predict each symbol of the targets from the source and the preceding symbols.

        Parameters
        ----------
        source
            Symbols, int64[S, B]; arbitrary ids as padding.
        lengths
            Lengths of the sources, int64[B], 1 to S.
        read
            Inputs of the decoder, int64[T, B]: the start symbol, the target, then padding.
        generator
            Random generator for dropout; its state advances.
        path
            Implementation of the recurrence (``recurrent.unroll``).
        """
        memory, state = self.begin(source, lengths, generator=generator, path=path)
        embedded = self._embed(read, generator)
        outputs, _ = self.stack.unroll(embedded, state, generator=generator, path=path)
        logits, weights = self._output_head(outputs.transpose(0, 1), memory, generator)
        return Prediction(logits.transpose(0, 1), weights)

    def begin(
        self,
        source: Tensor,
        lengths: Tensor,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> tuple[Memory, State]:
        """Encode sources; return the attention memory and the decoder's initial state."""
        encoded = self.encoder.read(source, lengths, generator=generator, path=path)
        dropped = self.encoder_dropout(encoded.outputs, generator)
        memory = self.attention.remember(
            Encoded(dropped, encoded.inside, encoded.lengths, encoded.directions)
        )
        return memory, self._initial_state(encoded.ends)

    def step(self, ids: Tensor, state: State, memory: Memory) -> tuple[Tensor, State, Tensor]:
        """Advance K hypotheses of each item by one symbol.

        Parameters
        ----------
        ids
            The latest symbols, int64[B, K].
        state
            The state of B·K hypotheses, with those of an item contiguous.
        memory
            The attention memory of the B items.

        Returns
        -------
        Tensor, State, Tensor
            Logits [B, K, V + 1], the state, and the attention weights [B, K, S].
        """
        outputs, state = self.stack.forward(self._embed(ids.flatten(), None), state)
        logits, weights = self._output_head(outputs.view(*ids.shape, -1), memory, None)
        return logits, state, weights

    def _initial_state(self, ends: Tensor) -> State:
        dtype = self.head.weight.dtype
        parts = iter(self.bridge(ends).tanh().to(dtype).chunk(self._state_parts, dim=-1))
        return tuple(
            tuple(next(parts).contiguous() for _ in range(cell.state_count))
            for cell in self.stack.cells
        )

    @property
    def _state_parts(self) -> int:
        return sum(cell.state_count for cell in self.stack.cells)

    def _embed(self, ids: Tensor, generator: torch.Generator | None) -> Inputs:
        return input_layer(
            ids,
            self.embedding,
            self.border + 1,
            embedding_dropout=self.embedding_dropout,
            input_dropout=self.input_dropout,
            dtype=self.head.weight.dtype,
            generator=generator,
        )

    def _output_head(
        self, outputs: Tensor, memory: Memory, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Return logits and attention weights for decoder outputs [B, T, H]."""
        contexts, weights = self.attention(outputs, memory)
        joined = torch.cat([contexts, outputs.to(contexts.dtype)], dim=-1)
        combined = self.output_dropout(self.combine(joined).tanh(), generator)
        logits = functional.linear(combined, self.head.weight, self.head.bias)
        return logits.to(self.head.weight.dtype), weights
