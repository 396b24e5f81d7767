"""Training batches and validation from the two parts of a corpus, and the pieces held out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np

from nextchar.config import Config, ExpertsConfig, TrainingConfig
from nextchar.config.arguments import checked
from nextchar.errors import CorpusError
from nextchar.evaluation import nats_parallel
from nextchar.nn.network import Network
from nextchar.nn.precision import arithmetic_of
from nextchar.run_files.model_files import load_vocabulary
from nextchar.run_files.seals import require_sealed
from nextchar.text.corpus import HEADER_FILE, Corpus
from nextchar.text.streams import Streams
from nextchar.text.vocabulary import Ids, Vocabulary
from nextchar.training.objective import ValidationResult

CORPUS_FOLDER = "corpus"  # of a run directory
_IDS_AT_ONCE = 1 << 20
_IDS_COUNTED = 1 << 28  # at most, of the training part
_PIECES = 32
_FEWEST_HELD_OUT, _MOST_HELD_OUT = 2_000, 1 << 16  # symbols

Piece: TypeAlias = tuple[int, int]  # its start and its end


@checked
def open_corpus(run: str | os.PathLike[str]) -> Corpus:
    """Open the corpus of a run.

    Raises
    ------
    CorpusError
        The corpus is missing, damaged or has changed, or does not belong to the vocabulary.
    RunError
        The vocabulary of the run is missing or damaged.
    """
    folder = Path(run)
    corpus = Corpus.open(folder / CORPUS_FOLDER)
    require_sealed(folder, f"{CORPUS_FOLDER}/{HEADER_FILE}", CorpusError)
    symbols = len(load_vocabulary(folder))
    if corpus.highest >= symbols:
        raise CorpusError(
            f"{corpus.folder} does not belong to the vocabulary of its run: it has the id "
            f"{corpus.highest}, and ids are 0 to {symbols - 1}"
        )
    return corpus


def held_out_pieces(corpus: Corpus, config: ExpertsConfig) -> tuple[Piece, ...]:
    """Return the pieces of the training part that the mixture with experts is fitted on, ascending.

    They are spread over the training part, so that the network misses no passage. There are none
    in a short text, where losing them would cost the network more than the fit gains, and none in
    an augmented text, whose copies contain them.
    """
    if config.experts == "none" or corpus.augmented:
        return ()
    N = len(corpus.train)
    held_out = min(int(N * config.mixing_fraction), _MOST_HELD_OUT)
    if held_out < _FEWEST_HELD_OUT:
        return ()
    length, stride = held_out // _PIECES, N // _PIECES
    starts = [number * stride + (stride - length) // 2 for number in range(_PIECES)]
    return tuple((start, start + length) for start in starts)


def training_streams(corpus: Corpus, config: Config, *, rank: int = 0, world: int = 1) -> Streams:
    """Return a rank's batches of the training part without the held-out pieces.

    Errors are those of ``Streams``.
    """
    training = config.training
    return Streams(
        ids=corpus.train,
        batch_size=training.batch_size,
        sequence_length=training.sequence_length,
        boundaries=corpus.boundaries,
        held_out=held_out_pieces(corpus, config.experts),
        reset_probability=training.reset_probability,
        seed=training.seed,
        rank=rank,
        world=world,
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
    arithmetic = arithmetic_of(training.precision)

    def measure(network: Network) -> ValidationResult:
        characters = 0

        def pieces() -> Iterator[Ids]:
            nonlocal characters
            for number, piece in enumerate(ids.pieces()):
                # The first symbol is context only.
                characters += _characters(vocabulary, piece if number else piece[1:])
                yield piece

        nats = nats_parallel(network, pieces(), arithmetic=arithmetic)
        return ValidationResult(nats=nats / max(1, characters))

    return measure


def symbols_per_char(corpus: Corpus, vocabulary: Vocabulary) -> float:
    """Return the mean number of symbols per original character in the training part.

    If the part has more than 2²⁸ symbols, only evenly spaced pieces are counted.
    """
    ids = corpus.train
    if vocabulary.starts_character.all():
        return 1.0
    starts = range(0, len(ids), max(1, len(ids) // _IDS_COUNTED) * _IDS_AT_ONCE)
    symbols, characters = 0, 0
    for start in starts:
        piece = ids[start : start + _IDS_AT_ONCE]
        symbols += len(piece)
        characters += _characters(vocabulary, piece)
    return symbols / max(1, characters)


def _characters(vocabulary: Vocabulary, ids: Ids) -> int:
    return int(np.count_nonzero(vocabulary.starts_character.take(ids)))
