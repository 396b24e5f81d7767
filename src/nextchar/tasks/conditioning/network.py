"""A recurrent network with a condition as an additional input.

    condition ──▶ c ─────────────┐
    ids ──▶ embedding ──▶ [e_t; c] ──▶ stack of cells ──▶ head ──▶ logits

The first layer reads the condition embedding c at every step (Mikolov & Zweig 2012). Its
contribution W_c c is the same at all steps: a bias that depends on the condition. For one fixed
condition, the network is therefore exactly a plain ``Network`` with c appended to every row of its
embedding, for all cells, normalisations and residual connections. ``given`` returns that network.

Shapes: T time steps, B items, V vocabulary size, E embedding, C condition embedding, D elements of
a condition vector, H hidden. Time first.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn
from torch.nn import functional, init

from nextchar.config import NetworkConfig
from nextchar.nn.cell import Embedded
from nextchar.nn.dropout import Dropout
from nextchar.nn.embedding import Embedding, Linear, input_layer
from nextchar.nn.initialization import initialize_cell, initialize_embedding, initialize_head
from nextchar.nn.network import Network, NetworkOutput
from nextchar.nn.parameters import load_parameters, named_tensors
from nextchar.nn.recurrent import Path
from nextchar.nn.stack import build_stack
from nextchar.nn.trainable import Trainable, layer_groups_of


class ConditionalNetwork(Trainable):
    """A recurrent network conditioned on a vector.

    Parameters
    ----------
    vocabulary_size
        V, at least 1.
    condition_elements
        D.
    config
        The configuration of the network. Symbols are always embedded.
    condition_size
        C.
    generator
        CPU generator of the initial weights; ``None`` leaves them uninitialised.
    active
        Number of non-zero elements of a condition, each with a standard deviation of about 1. The
        initial c then has a standard deviation of 1, as an embedding does.
    """

    def __init__(
        self,
        vocabulary_size: int,
        condition_elements: int,
        config: NetworkConfig,
        *,
        condition_size: int,
        generator: torch.Generator | None,
        active: int = 1,
    ) -> None:
        super().__init__()
        E = config.embedding_size
        self.vocabulary_size = vocabulary_size
        # The input size of the recurrent layers, and of the plain network for one condition.
        self.config = dataclasses.replace(config, embedding_size=E + condition_size)
        self.embedding = Embedding(vocabulary_size, E)
        self.condition = Linear(condition_elements, condition_size, bias=False)
        self.embedding_dropout = Dropout(config.embedding_dropout, axis=None)
        self.input_dropout = Dropout(config.input_dropout, locked=config.locked_dropout)
        self.stack = build_stack(self.config, E + condition_size)
        last = config.dropout if config.output_dropout is None else config.output_dropout
        self.output_dropout = Dropout(last, locked=config.locked_dropout)
        self.head = Linear(config.hidden_size, vocabulary_size)
        if generator is not None:
            initialize_embedding(self.embedding.weight, generator, tied=False)
            init.normal_(self.condition.weight, std=1 / math.sqrt(active), generator=generator)
            for cell in self.stack.cells:
                initialize_cell(cell, self.config, generator)
            initialize_head(self.head, generator, tied=False)

    @property
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The layer groups: the embeddings, each layer, the head."""
        return layer_groups_of(
            [[self.embedding, self.condition], *self.stack.layer_groups, [self.head]]
        )

    def read(
        self,
        ids: Tensor,
        conditions: Tensor,
        *,
        generator: torch.Generator | None = None,
        path: Path = "auto",
    ) -> NetworkOutput:
        """Return the predictions of the next symbol at each step of whole items.

        Parameters
        ----------
        ids
            Symbols int64[T, B].
        conditions
            Conditions of the items, [B, D].
        generator
            Generator of the dropout masks, on the device of the ids. Its state advances.
        path
            The implementation of the recurrence (``recurrent.unroll``).

        Returns
        -------
        NetworkOutput
            Logits [T, B, V], in the type of the parameters, even under autocast.
        """
        symbols = input_layer(
            ids,
            self.embedding,
            self.vocabulary_size,
            embedding_dropout=self.embedding_dropout,
            input_dropout=self.input_dropout,
            dtype=self.head.weight.dtype,
            generator=generator,
        )
        vectors = symbols.vectors() if isinstance(symbols, Embedded) else symbols
        embedded = self.condition(conditions).to(vectors.dtype)
        inputs = torch.cat([vectors, embedded.expand(len(ids), *embedded.shape)], dim=-1)
        state = self.stack.initial_state(ids.shape[1])
        outputs, state = self.stack.unroll(inputs, state, generator=generator, path=path)
        dropped = self.output_dropout(outputs, generator)
        logits = functional.linear(dropped, self.head.weight, self.head.bias)
        return NetworkOutput(logits.to(self.head.weight.dtype), state, outputs, dropped)

    def given(self, condition: Tensor) -> Network:
        """Return the plain network for a condition [D], on the same device, in evaluation mode."""
        network = Network(self.vocabulary_size, self.config, generator=None)
        with torch.no_grad():
            embedded = self.condition(condition).expand(self.vocabulary_size, -1)
            embedding = torch.cat([self.embedding.weight, embedded], dim=-1)
        own = {
            name: tensor
            for name, tensor in named_tensors(self).items()
            if name.startswith(("stack.", "head."))
        }
        load_parameters(network, {"embedding.weight": embedding, **own})
        return network.to(embedding.device).eval()
