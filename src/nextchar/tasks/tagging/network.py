"""The network of a tagger: logits of the labels at each place.

    symbols ──▶ embedding (+ vectors of n-grams) ──▶ layers ──▶ a head at each place ──▶ logits

Shapes: T symbols of the longest item, B items, n places of the longest item (characters, where a
symbol is a character), E embedding, H hidden, D directions, K labels, V symbols. Time first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import NetworkConfig, TaggingConfig
from nextchar.nn.dropout import Dropout, drop_symbols
from nextchar.nn.embedding import Linear
from nextchar.nn.encoder import Encoder
from nextchar.nn.initialization import initialize_head
from nextchar.nn.ngrams import NgramEmbedding
from nextchar.nn.trainable import Trainable, layer_groups_of


class TagNetwork(Trainable):
    """A recurrent network with a label at each place.

    Parameters
    ----------
    symbols
        V, those of the vocabulary; two more stand where an item begins and ends.
    unknown_id
        Of ``<unk>``, or ``None``.
    labels
        K.
    config, tagging
        What the network is.
    generator
        Draws the initial weights, on the CPU; ``None`` leaves them undrawn.
    """

    def __init__(
        self,
        symbols: int,
        unknown_id: int | None,
        labels: int,
        config: NetworkConfig,
        tagging: TaggingConfig,
        *,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            symbols + 2, config, bidirectional=tagging.bidirectional, generator=generator
        )
        self.ngrams = (
            NgramEmbedding(
                longest=tagging.ngrams,
                buckets=tagging.ngram_buckets,
                size=config.embedding_size,
                dropout=tagging.ngram_dropout,
            )
            if tagging.ngrams > 1
            else None
        )
        last = config.dropout if config.output_dropout is None else config.output_dropout
        self.output_dropout = Dropout(last, locked=config.locked_dropout)
        self.head = Linear(self.encoder.output_size, labels)
        self._symbols = symbols
        self._unknown_id = unknown_id
        self._symbol_dropout = tagging.symbol_dropout
        if generator is not None:
            initialize_head(self.head, generator, tied=False)

    @property
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The embeddings, each layer, the head."""
        groups = self.encoder.groups
        if self.ngrams is not None:
            groups = [[*groups[0], self.ngrams], *groups[1:]]
        return layer_groups_of([*groups, [self.head]])

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        places: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Read items.

        Parameters
        ----------
        ids
            Symbols int64[T, B]; behind the end of an item, any.
        lengths
            Of the items, int64[B], 1 to T.
        places
            Where the last symbol of each place stands, int64[n, B]; behind the last place, any
            in 0 to T - 1.
        generator
            Draws the dropout, on the device of the ids; needed in training mode.

        Returns
        -------
        Tensor
            Logits [n, B, K], in the type of the parameters also under autocast.
        """
        if self.training and self._unknown_id is not None:
            ids = drop_symbols(
                ids,
                self._symbol_dropout,
                generator,
                unknown_id=self._unknown_id,
                symbols=self._symbols,
            )
        grams = None if self.ngrams is None else self.ngrams(ids, generator)
        outputs = self.encoder.read(ids, lengths, added=grams, generator=generator).outputs
        at_places = outputs.gather(0, places.unsqueeze(-1).expand(-1, -1, outputs.shape[-1]))
        dropped = self.output_dropout(at_places, generator)
        return functional.linear(
            dropped.to(self.head.weight.dtype), self.head.weight, self.head.bias
        )
