"""Training batches and validation from the two parts of a corpus."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nextchar.config import TrainingConfig
from nextchar.config.arguments import checked
from nextchar.errors import CorpusError
from nextchar.evaluation import nats_parallel
from nextchar.nn.network import Network
from nextchar.nn.precision import arithmetic_of
from nextchar.run_files.seals import require_sealed
from nextchar.text.corpus import HEADER_FILE, Corpus
from nextchar.text.streams import Streams
from nextchar.text.vocabulary import Ids, Vocabulary
from nextchar.training.objective import ValidationResult

CORPUS_FOLDER = "corpus"  # of a run directory
_IDS_AT_ONCE = 1 << 20


@checked
def open_corpus(run: str | os.PathLike[str]) -> Corpus:
    """Open the corpus of a run.

    Raises
    ------
    CorpusError
        The corpus is missing, damaged or has changed.
    """
    folder = Path(run)
    corpus = Corpus.open(folder / CORPUS_FOLDER)
    require_sealed(folder, f"{CORPUS_FOLDER}/{HEADER_FILE}", CorpusError)
    return corpus


def training_streams(
    corpus: Corpus, training: TrainingConfig, *, rank: int = 0, world: int = 1
) -> Streams:
    """Return a rank's batches of the training part; errors are those of ``Streams``."""
    return Streams(
        ids=corpus.train,
        batch_size=training.batch_size,
        sequence_length=training.sequence_length,
        boundaries=corpus.boundaries,
        reset_probability=training.reset_probability,
        seed=training.seed,
        rank=rank,
        world=world,
        check=corpus.check,
    )


def validation(
    corpus: Corpus, vocabulary: Vocabulary, training: TrainingConfig
) -> Callable[[Network], ValidationResult] | None:
    """Return a function that measures a network on the validation part.

    The result is ``None`` if the validation part has fewer than two symbols.
    """
    ids = corpus.validation
    if len(ids) < 2:
        return None
    corpus.check()
    characters = max(1, int(vocabulary.starts_character[ids[1:]].sum()))
    arithmetic = arithmetic_of(training.precision)

    def pieces() -> Iterator[Ids]:
        for start in range(0, len(ids), _IDS_AT_ONCE):
            corpus.check()
            yield ids[start : start + _IDS_AT_ONCE]

    def measure(network: Network) -> ValidationResult:
        return ValidationResult(
            nats=nats_parallel(network, pieces(), arithmetic=arithmetic) / characters
        )

    return measure


def symbols_per_char(corpus: Corpus, vocabulary: Vocabulary) -> float:
    """Return the mean number of symbols per original character in the training part."""
    ids = corpus.train
    characters = 0
    for start in range(0, len(ids), _IDS_AT_ONCE):
        corpus.check()
        piece = ids[start : start + _IDS_AT_ONCE]
        characters += int(vocabulary.starts_character[piece].sum())
    return len(ids) / max(1, characters)
