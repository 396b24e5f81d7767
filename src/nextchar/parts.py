"""The two parts of a corpus as training takes them: batches, and a measure of the network."""

from __future__ import annotations

from collections.abc import Callable

from nextchar.config import TrainingConfig
from nextchar.evaluation import nats_parallel
from nextchar.nn.network import Network
from nextchar.text.corpus import Corpus
from nextchar.text.streams import Streams
from nextchar.text.vocabulary import Vocabulary

# Validation during training: so many streams, each with so much context that is not counted.
# The result is all but that of one stream with carried state (benchmarks/validation.py).
VALIDATION_STREAMS = 32
VALIDATION_WARM_UP = 256

_IDS_AT_ONCE = 1 << 20


def training_streams(corpus: Corpus, training: TrainingConfig) -> Streams:
    """Give the batches of the training part; errors are those of ``Streams``."""
    return Streams(
        ids=corpus.train,
        batch_size=training.batch_size,
        sequence_length=training.sequence_length,
        check=corpus.check,
    )


def validation(corpus: Corpus, vocabulary: Vocabulary) -> Callable[[Network], float] | None:
    """Give what measures a network on the validation part, or ``None`` if that is too short."""
    ids = corpus.validation
    if len(ids) < 2:
        return None
    corpus.check()
    characters = max(1, int(vocabulary.starts_character[ids[1:]].sum()))

    def validate(network: Network) -> float:
        nats = nats_parallel(
            network,
            ids,
            streams=VALIDATION_STREAMS,
            warm_up=VALIDATION_WARM_UP,
            check=corpus.check,
        )
        return nats / characters

    return validate


def symbols_per_char(corpus: Corpus, vocabulary: Vocabulary) -> float:
    """Give the symbols per original character of the training part."""
    ids = corpus.train
    characters = 0
    for start in range(0, len(ids), _IDS_AT_ONCE):
        corpus.check()
        piece = ids[start : start + _IDS_AT_ONCE]
        characters += int(vocabulary.starts_character[piece].sum())
    return len(ids) / max(1, characters)
