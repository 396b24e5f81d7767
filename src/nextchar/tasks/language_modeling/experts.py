"""The experts of a language model: counted and fitted when its training ends.

The weights of the mixture are fitted on pieces of the training part that are kept from the network
and, until then, from the counts: on a text that they have seen, both look better than they are.

Shapes: N symbols of text, n predictions, V vocabulary size.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from nextchar.compilation.cache import compilation_seconds
from nextchar.config import ExpertsConfig
from nextchar.evaluation.exact import read_in_order
from nextchar.experts.experts import Experts
from nextchar.experts.fitting import Slice
from nextchar.experts.tables import MOST_SYMBOLS
from nextchar.language_model.model import LanguageModel
from nextchar.run_files.expert_files import has_experts_of_model, save_experts
from nextchar.tasks.language_modeling.data import Piece, held_out_pieces
from nextchar.text.corpus import Corpus
from nextchar.text.stored_ids import StoredIds
from nextchar.text.vocabulary import Ids, Vocabulary
from nextchar.training.events import Listener, Noticed, Preparing, tell

__all__ = ["add_experts", "has_experts_of_model"]

_MOST_LOGITS = 1 << 26
_BEFORE_PIECE = 256  # symbols that bring the network's state close to that of the whole text
_COUNTED_AGAIN = 1 << 25  # symbols; of a longer text, the held-out pieces stay uncounted
_MOST_COUNTED, _SPAN = 100_000_000, 1 << 20  # symbols; of a longer text, evenly spaced spans
_SHORT_CONTEXT, _LONG_CONTEXT = 8, 10
_WARM_UP, _SAMPLED = 1 << 12, 1 << 16  # symbols counted to estimate the time
_BYTES_PER_SYMBOL, _FEWEST_BYTES, _MOST_BYTES = 40, 16_000_000, 300_000_000


def add_experts(folder: Path, corpus: Corpus, listeners: Sequence[Listener]) -> None:
    """Count the training part of a run, fit the mixture for its best weights, and save both.

    Raises
    ------
    CorpusError
        The corpus has changed.
    StorageError
        The file cannot be written.
    """
    model = LanguageModel.load(folder)
    if len(model.vocabulary) > MOST_SYMBOLS:
        message = f"no experts: the vocabulary has more than {MOST_SYMBOLS:,} symbols"
        tell(listeners, Noticed(message=message))
        return
    text = corpus.original
    pieces = held_out_pieces(corpus, model.config.experts)
    spans = _spans(len(text))

    def count(places: Sequence[Piece], stage: str) -> Experts:
        def progress(fraction: float) -> None:
            tell(listeners, Preparing(stage=stage, fraction=fraction))

        ids = np.concatenate([text[start:end] for start, end in places])
        return _count(ids, model.vocabulary, model.config.experts, progress)

    experts = count(_without(spans, pieces), "counting the text")
    how = "the same weights everywhere"
    if pieces:
        experts = experts.fitted(_slices(model, text, pieces))
        if len(text) <= _COUNTED_AGAIN:
            whole = count(spans, "counting the whole text")
            experts = dataclasses.replace(experts, tables=whole.tables)
        how = f"weights fitted on {_length(pieces):,} held-out symbols"
    save_experts(folder, experts)
    size = experts.tables.nbytes / 1e6
    counted = f"{_length(spans):,}" + (f" of {len(text):,}" if len(spans) > 1 else "")
    message = f"experts: counts of {counted} symbols in {size:.1f} MB, mixed with {how}"
    tell(listeners, Noticed(message=message))


def expected_seconds(corpus: Corpus, model: LanguageModel) -> float:
    """Estimate the time of ``add_experts`` from the start of the text and one held-out piece."""
    text, vocabulary, options = corpus.original, model.vocabulary, model.config.experts
    N, pieces = len(text), held_out_pieces(corpus, options)
    if not N or len(vocabulary) > MOST_SYMBOLS:
        return 0.0
    counting = fitting = 0.0
    for length in (_WARM_UP, _SAMPLED):
        timer = _Timer()
        sample = text[: min(N, length)]
        experts = _count(sample, vocabulary, options, lambda _fraction: None)
        counting = timer.lap() / len(sample)
        if pieces:
            experts.fitted(_slices(model, text, pieces[:1]))
            fitting = timer.lap() * len(pieces)
    counted = min(N, _MOST_COUNTED) * (2 if pieces and N <= _COUNTED_AGAIN else 1)
    return counting * counted + fitting


class _Timer:
    """Measures time without compilation."""

    def __init__(self) -> None:
        self._began = self._now()

    def lap(self) -> float:
        """Return the seconds since the start or the last lap."""
        began, self._began = self._began, self._now()
        return self._began - began

    def _now(self) -> float:
        return time.monotonic() - compilation_seconds()


def _spans(N: int) -> list[Piece]:
    """Return the spans of a text that are counted: all of it, or evenly spaced ones."""
    if N <= _MOST_COUNTED:
        return [(0, N)]
    count = _MOST_COUNTED // _SPAN
    starts = [number * (N - _SPAN) // (count - 1) for number in range(count)]
    return [(start, start + _SPAN) for start in starts]


def _without(spans: Sequence[Piece], pieces: Sequence[Piece]) -> list[Piece]:
    """Return the spans without the pieces; both ascend."""
    left = []
    for start, end in spans:
        for begin, stop in pieces:
            if start < stop and begin < end:
                left.append((start, max(start, begin)))
                start = min(stop, end)
        left.append((start, end))
    return [(start, end) for start, end in left if start < end]


def _length(places: Sequence[Piece]) -> int:
    return sum(end - start for start, end in places)


def _count(
    text: Ids, vocabulary: Vocabulary, options: ExpertsConfig, progress: Callable[[float], None]
) -> Experts:
    M = options.expert_context
    if M is None:
        M = _SHORT_CONTEXT if vocabulary.kind == "char" else _LONG_CONTEXT
    usual = min(_MOST_BYTES, max(_FEWEST_BYTES, _BYTES_PER_SYMBOL * len(text)))
    given = options.expert_megabytes
    most_bytes = usual if given is None else int(1e6 * given)
    return Experts.count(text, vocabulary, M, most_bytes=most_bytes, progress=progress)


def _slices(model: LanguageModel, text: StoredIds, pieces: Sequence[Piece]) -> list[Slice]:
    """Return the pieces, or the beginnings that fit into memory, with the network's predictions."""
    most = _MOST_LOGITS // (len(model.vocabulary) * len(pieces))
    slices = []
    for start, end in ((start, min(end, start + most)) for start, end in pieces):
        ids = text[max(0, start - _BEFORE_PIECE) : end]
        logits = torch.cat([each for each, _ in read_in_order(model.network, [ids])])
        slices.append(Slice(ids, logits[start - end :].float().numpy()))
    return slices
