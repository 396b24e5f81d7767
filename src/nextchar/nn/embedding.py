"""The input layer: symbols are embedded, or one-hot.

Shapes: T time steps, B streams, V vocabulary size, E embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.nn.cell import Embedded, Inputs
from nextchar.nn.dropout import Dropout


class Embedding(nn.Embedding):
    """A table of vectors [V, E], created without values."""

    def reset_parameters(self) -> None:
        """Draw no values: the constructor would use the global generator."""


class Linear(nn.Linear):
    """A linear map, created without values."""

    def reset_parameters(self) -> None:
        """Draw no values: the constructor would use the global generator."""


def input_layer(
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
    """Return embedded symbols, or the ids themselves, which cells read as one-hot.

    Embedding dropout masks rows of the table: a symbol has the same mask at all its positions (Gal
    & Ghahramani 2016). Input dropout masks the vectors, independently at each position. It includes
    vectors [T, B, E] that are ``added`` to embedded symbols.
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
