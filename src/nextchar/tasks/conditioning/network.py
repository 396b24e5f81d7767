"""A network that is told something besides its symbols.

    condition ──▶ c ─────────────┐
    ids ──▶ embedding ──▶ [e_t; c] ──▶ stack of cells ──▶ head ──▶ logits

The first layer sees c at every step (Mikolov & Zweig 2012). What its weights make of it, W_c c, is
the same at all steps: a bias that the condition chooses. So a network for one condition is the
plain ``Network`` whose embedding has c beside the vector of every symbol, exactly and whatever the
cells, their normalisation and residual connections are; ``given`` makes it.

Shapes: T time steps, B items, V vocabulary size, E embedding, C condition, D elements of what a
condition is given as, H hidden. Time first.
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
    """A recurrent network that is told a condition.

    Parameters
    ----------
    vocabulary_size
        V, at least 1.
    condition_elements
        D.
    config
        What the network is; symbols are embedded.
    condition_size
        C.
    generator
        Draws the initial weights, on the CPU; ``None`` leaves them undrawn.
    active
        How many elements of a condition are not 0, of about deviation 1: c then begins with
        deviation 1, as an embedding does.
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
        # What the recurrent layers see, and so what the network of one condition is.
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
        """The parameters of each level: what enters, each layer, the head."""
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
        """Read items from their beginning, and predict each next symbol.

        Parameters
        ----------
        ids
            TextCodec int64[T, B].
        conditions
            Of the items, [B, D].
        generator
            Draws the dropout, on the device of the ids; it moves on.
        path
            How the cells run over time (``recurrent.unroll``).

        Returns
        -------
        Reading
            Logits [T, B, V], in the type of the parameters also under autocast.
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
        told = self.condition(conditions).to(vectors.dtype)
        inputs = torch.cat([vectors, told.expand(len(ids), *told.shape)], dim=-1)
        state = self.stack.initial_state(ids.shape[1])
        outputs, state = self.stack.unroll(inputs, state, generator=generator, path=path)
        dropped = self.output_dropout(outputs, generator)
        logits = functional.linear(dropped, self.head.weight, self.head.bias)
        return NetworkOutput(logits.to(self.head.weight.dtype), state, outputs, dropped)

    def given(self, condition: Tensor) -> Network:
        """Make the plain network of one condition [D], on the same device, in evaluation mode."""
        network = Network(self.vocabulary_size, self.config, generator=None)
        with torch.no_grad():
            told = self.condition(condition).expand(self.vocabulary_size, -1)
            embedding = torch.cat([self.embedding.weight, told], dim=-1)
        own = {
            name: tensor
            for name, tensor in named_tensors(self).items()
            if name.startswith(("stack.", "head."))
        }
        load_parameters(network, {"embedding.weight": embedding, **own})
        return network.to(embedding.device).eval()
