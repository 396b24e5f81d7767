"""The network of a classifier.

    text ──▶ terms ──▶ linear part ────────────────────────────────┐
    ids ──▶ encoder (+ vectors of n-grams) ──▶ pool ──▶ head ──▶ logits
     └──▶ bag of n-grams, a weight for each label ────────────────┘

The linear part is fitted first, and the network adds to its logits (``LinearPart``). The bag of
n-grams is a linear classifier inside the network, trained jointly with it (wide and deep: Cheng et
al. 2016). Both are optional. The bag's weights are optionally scaled by the n-gram's discrimination
between the labels of the training texts (``NgramEvidence``).

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
from nextchar.tasks.classification.calibration import LogitScales
from nextchar.tasks.classification.linear import LinearPart

# Multiplier of the bag's logits. A rare n-gram is updated in few steps, each by about the learning
# rate. That is too little to reach weights of about 1, as a linear classifier has.
VOTE = 10.0


class ClassifierNetwork(Trainable):
    """A recurrent network that maps an item to the logits of its labels.

    Parameters
    ----------
    vocabulary_size
        V, both markers included.
    labels
        C, at least 2.
    config
        The configuration of the run.
    generator
        CPU generator of the initial weights; ``None`` leaves them uninitialised.
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
        """The layer groups: the embedding, each forward layer, and the rest.

        Only the embedding and the forward layers can be pretrained. Freezing the first groups
        therefore never freezes untrained weights.
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
        """Return the logits of items.

        Parameters
        ----------
        ids
            Symbols int64[T, B]. Padding after the end of an item may have any value.
        lengths
            Lengths of the items, int64[B], 1 to T.
        found
            The items' n-grams, if the bag uses ``NgramEvidence``.
        generator
            Generator of the dropout masks, on the device of the ids. Its state advances.

        Returns
        -------
        Tensor
            Logits float32[B, C], even under autocast.
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
        votes: Tensor = self.bag.totals(ids, encoded.inside, generator)
        # The sum of independent votes grows with the square root of their number.
        return logits + VOTE * votes / lengths.unsqueeze(-1).sqrt()


class Ensemble(Trainable):
    """An ensemble of classifier networks with different initial weights, trained in parallel.

    The mean probability is usually more accurate and better calibrated than that of any member
    (deep ensembles: Lakshminarayanan, Pritzel & Blundell 2017). The parameters are those of
    ``ClassifierNetwork``.

    Attributes
    ----------
    members
        M networks, initialised one after the other from the same generator.
    evidence
        Discrimination of the bag's n-grams, shared by all members; ``None`` if not used.
    linear, trust
        The linear part, with logits that are added to those of each member, and the scales of both;
        ``None`` without a linear part.
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
        self.trust = LogitScales() if rows else None
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
        """The layer groups. Each contains the corresponding parameters of all members."""
        sides = zip(*(network.layer_groups for network in self.networks), strict=True)
        return tuple(tuple(itertools.chain(*side)) for side in sides)

    @property
    def fitted(self) -> frozenset[str]:
        """Names of the buffers that are fitted rather than trained."""
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
        """Return the logits of each member, float32[M, B, C]; see ``ClassifierNetwork.forward``.

        Parameters
        ----------
        given
            Logits of the linear part, float32[B, C], added to the logits of each member.
        read
            Input of the networks in place of ``ids``, such as ids with some replaced by ``<unk>``.
            The n-grams are those of ``ids``, because one ``<unk>`` would hide all n-grams around
            it.
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
