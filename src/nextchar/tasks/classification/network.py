"""The network of a classifier.

    text ──▶ terms ──▶ linear part ────────────────────────────────┐
    ids ──▶ encoder (+ vectors of n-grams) ──▶ pool ──▶ head ──▶ logits
     └──▶ bag of n-grams, a weight for each label ────────────────┘

The linear part is fitted first, and the network adds to its logits (``LinearPart``). The bag is a
linear classifier inside the network, trained with it (wide and deep: Cheng et al. 2016). Both are
optional. The bag's weights are scaled by how well their n-gram discriminates between the labels of
the training texts (``NgramEvidence``), or all equally.

Shapes: T symbols of the longest item, B items, V vocabulary size, C labels, M members. Time first.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import ClassifierConfig, ClassifierRunConfig
from nextchar.nn.dropout import Dropout
from nextchar.nn.embedding import Linear
from nextchar.nn.encoder import Encoder
from nextchar.nn.initialization import initialize_head
from nextchar.nn.ngrams import NgramEmbedding, NgramEvidence, NgramRows, NgramVotes
from nextchar.nn.pooling import Pool
from nextchar.nn.trainable import Trainable, layer_groups_of
from nextchar.tasks.classification.linear import LinearPart
from nextchar.tasks.classification.trust import Trust

# A rare n-gram is learned from in a few steps, each of which moves a weight by the learning rate:
# too little for a linear classifier, whose weights are about 1, unless they count for more.
VOTE = 10.0


class ClassifierNetwork(Trainable):
    """Reads items whole and gives the logits of their labels.

    Parameters
    ----------
    vocabulary_size
        V, the borders counted in.
    labels
        C, at least 2.
    config
        Of the network and the classifier.
    generator
        Draws the initial weights, on the CPU; ``None`` leaves them undrawn.
    """

    def __init__(
        self,
        vocabulary_size: int,
        labels: int,
        config: ClassifierRunConfig,
        *,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        own, network = config.classifier, config.network
        self.encoder = Encoder(
            vocabulary_size, network, bidirectional=own.bidirectional, generator=generator
        )
        self.ngrams = _ngrams(own, own.ngrams, network.embedding_size, least=2)
        longest = 0 if own.ngram_evidence else own.ngram_bag
        self.bag = _ngrams(own, longest, labels, least=1)
        self.votes = NgramVotes(own.ngram_buckets, labels) if _has_evidence(own) else None
        self.pool = Pool(own.pooling, self.encoder.output_size, generator=generator)
        last = network.dropout if network.output_dropout is None else network.output_dropout
        self.output_dropout = Dropout(last)
        self.head = Linear(self.pool.output_size, labels)
        if generator is not None:
            initialize_head(self.head, generator, tied=False)

    @property
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The embedding, each forward layer, and all else.

        The first are what may come from a language model, so that freezing them freezes nothing
        that was never trained.
        """
        encoder = self.encoder
        first: list[list[nn.Module]] = [] if encoder.embedding is None else [[encoder.embedding]]
        bags = [self.ngrams, self.bag, self.votes]
        above = [encoder.backwards, *bags, self.pool, self.head]
        forwards: list[list[nn.Module]] = [[layer] for layer in encoder.forwards]
        return layer_groups_of([*first, *forwards, [part for part in above if part is not None]])

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        *,
        found: NgramRows | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Read items.

        Parameters
        ----------
        ids
            Symbols int64[T, B]; behind the end of an item, any.
        lengths
            Of the items, int64[B], 1 to T.
        found
            Their n-grams, where the bag has evidence.
        generator
            Draws the dropout, on the device of the ids; it moves on.

        Returns
        -------
        Tensor
            Logits float32[B, C], also under autocast.
        """
        grams = None if self.ngrams is None else self.ngrams(ids, generator)
        encoded = self.encoder.read(ids, lengths, added=grams, generator=generator)
        dropped = self.output_dropout(self.pool(encoded), generator)
        logits: Tensor = functional.linear(dropped, self.head.weight, self.head.bias).float()
        if self.votes is not None and found is not None:
            evident: Tensor = self.votes(found)
            return logits + VOTE * evident
        if self.bag is None:
            return logits
        inside = encoded.inside.unsqueeze(-1)
        votes: Tensor = self.bag(ids, generator).masked_fill(~inside, 0).sum(0)
        # The sum of independent votes grows like the root of their number.
        return logits + VOTE * votes / lengths.unsqueeze(-1).sqrt()


class Committee(Trainable):
    """Classifiers that differ in what was drawn for them and learn side by side.

    Their mean probability is better than any one of them, as a rule, and better calibrated (deep
    ensembles: Lakshminarayanan, Pritzel & Blundell 2017). Parameters as of ``ClassifierNetwork``.

    Attributes
    ----------
    members
        M networks, each drawn after the one before.
    evidence
        Of the n-grams that vote, the same for all members; ``None`` where they have none.
    linear, trust
        The linear part, to whose logits each member adds its own, and the factors of both;
        ``None`` if there is none.
    """

    def __init__(
        self,
        vocabulary_size: int,
        labels: int,
        config: ClassifierRunConfig,
        *,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        own = config.classifier
        self.evidence = (
            NgramEvidence(longest=own.ngram_bag, buckets=own.ngram_buckets, labels=labels)
            if _has_evidence(own)
            else None
        )
        rows = own.linear_rows
        self.linear = LinearPart(rows, labels) if rows else None
        self.trust = Trust() if rows else None
        self.members = nn.ModuleList(
            ClassifierNetwork(vocabulary_size, labels, config, generator=generator)
            for _ in range(config.classifier.members)
        )

    @property
    def networks(self) -> tuple[ClassifierNetwork, ...]:
        """The members."""
        return tuple(each for each in self.members if isinstance(each, ClassifierNetwork))

    @property
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The levels of all members, side by side."""
        sides = zip(*(network.layer_groups for network in self.networks), strict=True)
        return tuple(tuple(itertools.chain(*side)) for side in sides)

    @property
    def fitted(self) -> frozenset[str]:
        """The evidence, the linear part, and how much it and the members count."""
        parts = {"evidence", "linear", "trust"}
        names = (name for name, _ in self.named_buffers())
        return frozenset(name for name in names if name.partition(".")[0] in parts)

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        *,
        read: Tensor | None = None,
        given: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Give the logits of each member, float32[M, B, C]; see ``ClassifierNetwork.forward``.

        Parameters
        ----------
        given
            Logits of the linear part, float32[B, C], to which those of the members are added.
        read
            What is read in place of ``ids``, as with ``<unk>`` here and there. Evidence is of the
            ids themselves: one ``<unk>`` would hide all n-grams that it is in.
        """
        found = None if self.evidence is None else self.evidence(ids, lengths)
        symbols = ids if read is None else read
        added = torch.stack(
            [each(symbols, lengths, found=found, generator=generator) for each in self.networks]
        )
        return added if self.trust is None or given is None else self.trust(given, added)


def _ngrams(
    config: ClassifierConfig, longest: int, size: int, *, least: int
) -> NgramEmbedding | None:
    if longest < least:
        return None
    return NgramEmbedding(
        longest=longest, buckets=config.ngram_buckets, size=size, dropout=config.ngram_dropout
    )


def _has_evidence(config: ClassifierConfig) -> bool:
    return config.ngram_evidence and config.ngram_bag > 0
