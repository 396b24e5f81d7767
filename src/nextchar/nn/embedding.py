"""How symbols enter a network: embedded, or one-hot.

Shapes: T time steps, B streams, V vocabulary size, E embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.nn.cell import Embedded, Inputs
from nextchar.nn.dropout import Dropout


class Embedding(nn.Embedding):
    """A table of vectors [V, E] that begins without values."""

    def reset_parameters(self) -> None:
        """Leave the values undrawn: the constructor would draw from the global generator."""


class Linear(nn.Linear):
    """A linear map that begins without values."""

    def reset_parameters(self) -> None:
        """Leave the values undrawn: the constructor would draw from the global generator."""


def enter(
    ids: Tensor,
    embedding: Embedding | None,
    vocabulary_size: int,
    *,
    embedding_dropout: Dropout,
    input_dropout: Dropout,
    dtype: torch.dtype,
    generator: torch.Generator | None,
    added: Tensor | None = None,
) -> Inputs:
    """Give embedded symbols, or the ids themselves, which cells take as one-hot.

    Embedding dropout is on the table, so that a symbol has one mask wherever it stands in a
    window (Gal & Ghahramani 2016); input dropout is on the vectors, at each place anew. Vectors
    [T, B, E] that are added to embedded symbols are dropped with them.
    """
    inputs: Inputs = ids
    if embedding is not None:
        inputs = Embedded(ids, embedding_dropout(embedding.weight, generator))
        if added is not None:
            inputs = inputs.vectors() + added
    if not input_dropout.is_active:
        return inputs
    if isinstance(inputs, Embedded):
        vectors = inputs.vectors()
    elif inputs.is_floating_point():
        vectors = inputs
    else:
        vectors = functional.one_hot(ids, vocabulary_size).to(dtype)
    dropped: Tensor = input_dropout(vectors, generator)
    return dropped
