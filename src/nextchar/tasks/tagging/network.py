"""The network of a tagger: logits of the labels at each place.

    symbols ──▶ embedding (+ embedded runs of them) ──▶ layers ──▶ a head at each place ──▶ logits

Shapes: T symbols of the longest item, B items, n places of the longest item (characters, where a
symbol is a character), E embedding, H hidden, D directions, K labels, V symbols. Time first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import NetworkConfig, TaggingConfig
from nextchar.nn.cell import Embedded, Inputs
from nextchar.nn.dropout import Dropout, draw_kept
from nextchar.nn.encoder import Encoder
from nextchar.nn.entrance import Embedding, Linear
from nextchar.nn.initialization import initialize_embedding, initialize_head
from nextchar.nn.trainable import Trainable, levels_of

_FACTOR = 0x01000193  # of Fowler, Noll & Vo's hash
_MIXER, _SHIFT = 0x45D9F3B, 15  # an odd number that spreads, and half of the bits
_LARGEST = (1 << 31) - 1


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
        self.longest_run = tagging.ngrams
        self.runs = (
            Embedding(tagging.buckets, config.embedding_size) if self.longest_run > 1 else None
        )
        self._run_dropout = tagging.ngram_dropout
        last = config.dropout if config.output_dropout is None else config.output_dropout
        self.output_dropout = Dropout(last, locked=config.locked_dropout)
        self.head = Linear(self.encoder.output_size, labels)
        self._unknown_id = unknown_id
        self._symbol_dropout = tagging.symbol_dropout
        if generator is not None:
            initialize_head(self.head, generator, tied=False)
            if self.runs is not None:
                # Small, so that the symbols themselves come first.
                initialize_embedding(self.runs.weight, generator, tied=True)

    @property
    def levels(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The embeddings, each layer, the head."""
        groups = self.encoder.groups
        if self.runs is not None:
            groups = [[*groups[0], self.runs], *groups[1:]]
        return levels_of([*groups, [self.head]])

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
        ids = self._with_strangers(ids, generator)
        inputs = self._with_runs(self.encoder.enter(ids, generator), ids, generator)
        outputs = self.encoder.read_inputs(inputs, lengths, generator=generator).outputs
        at_places = outputs.gather(0, places.unsqueeze(-1).expand(-1, -1, outputs.shape[-1]))
        dropped = self.output_dropout(at_places, generator)
        return functional.linear(
            dropped.to(self.head.weight.dtype), self.head.weight, self.head.bias
        )

    def _with_strangers(self, ids: Tensor, generator: torch.Generator | None) -> Tensor:
        """In training, let ``<unk>`` stand for some symbols."""
        if not self.training or self._symbol_dropout == 0 or self._unknown_id is None:
            return ids
        like = torch.empty(ids.shape, device=ids.device)
        kept = draw_kept(like, self._symbol_dropout, _needed(generator))
        return ids.masked_fill(~kept, self._unknown_id)

    def _with_runs(self, inputs: Inputs, ids: Tensor, generator: torch.Generator | None) -> Inputs:
        """Add to each symbol's vector those of the runs of 2, 3, … symbols that end with it.

        As in Bojanowski et al. (2017), but of symbols that follow each other anywhere.
        """
        if self.runs is None:
            return inputs
        vectors = inputs.vectors() if isinstance(inputs, Embedded) else inputs
        rows = torch.stack(run_rows(ids, self.longest_run, self.runs.num_embeddings))
        runs = self.runs(rows)
        if self.training and self._run_dropout > 0:
            kept = draw_kept(runs[..., 0].detach(), self._run_dropout, _needed(generator))
            runs = runs * (kept / (1 - self._run_dropout)).unsqueeze(-1)
        added: Tensor = vectors + runs.sum(0)
        return added


def run_rows(ids: Tensor, longest: int, buckets: int) -> list[Tensor]:
    """Hash the runs of 2 to ``longest`` symbols that end at each position.

    Before the first symbol stands nothing, which is a symbol of its own.

    Parameters
    ----------
    ids
        int64[T, B].

    Returns
    -------
    list[Tensor]
        Rows of a table of so many buckets, int64[T, B], for each length.
    """
    hashed, earlier, rows = ids + 1, ids + 1, []
    for length in range(2, longest + 1):
        earlier = functional.pad(earlier[:-1], (0, 0, 1, 0))
        hashed = (hashed * _FACTOR + earlier) & _LARGEST
        mixed = (hashed * _MIXER + length) & _LARGEST
        rows.append((mixed ^ (mixed >> _SHIFT)) % buckets)
    return rows


def _needed(generator: torch.Generator | None) -> torch.Generator:
    if generator is None:
        raise ValueError("dropout of symbols in training mode needs a generator, got None")
    return generator
