"""The kinds of errors that a network makes on a text (Karpathy, Johnson & Li 2015).

An error is a symbol to which the network gives a probability below ``THRESHOLD``. As in the paper,
kinds are removed one after another, so each error has the first kind that applies to it:

1. n-gram: a model of counts of the training text gives the symbol at least ``THRESHOLD``. It is the
   chain of symbols of the run's experts, or an n-gram of order 9 of the training text.
2. long memory: the word of the symbol is also, as a whole and in the same case, among the
   ``MEMORY`` symbols before this one, and its first symbol has been read: with it in mind, the rest
   of the word could be completed.
3. rare word: the word of the symbol occurs fewer than ``RARE`` times in the training text, in any
   case. Its first symbol counts too.
4. word model: any other symbol of a word. Another word was expected.
5. punctuation: a symbol that is neither of a word nor white space, or white space right after one.
6. rest: white space that ends a word or follows other white space, and ``<unk>``.

Words are those of experts, letters and digits with the apostrophes between them. The order is that
of the paper, whose kinds differ in four ways: its n-gram errors are those that any order up to 9
avoids; its word model covers only the symbols after a space, a line break or a quote; its
punctuation is without the white space after it; and in place of the rest, it raises the probability
of the right symbol by a fixed amount.

Shapes: T symbols of a text, V vocabulary size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional

from nextchar.evaluation.exact import read_in_order
from nextchar.inspection.counts import TrainingCounts, WordReader
from nextchar.inspection.error_report import (
    KINDS,
    MEMORY,
    RARE,
    THRESHOLD,
    ErrorReport,
    Kind,
    NgramFigures,
    Share,
)
from nextchar.inspection.pairs import by_distance, closing_marks
from nextchar.inspection.sample import Sample
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread
from nextchar.text.vocabulary import Vocabulary

_LEAST = 10  # symbols

_Ids = NDArray[np.int64]
_Floats = NDArray[np.float64]


def report_errors(
    network: Network,
    vocabulary: Vocabulary,
    sample: Sample,
    counts: TrainingCounts,
    *,
    name: str,
    unit: str,
) -> ErrorReport:
    """Classify the errors of a network; see ``Inspector.errors``."""
    sample.require(_LEAST, "a classification of errors")
    ids = sample.ids
    nats = np.r_[0.0, _nats(network, vocabulary, ids)]
    beside = counts.ngram_nats(ids)
    ngram = None if beside is None else np.r_[0.0, beside]
    found = kinds_of(ids, nats, ngram, vocabulary, counts.words)
    kinds: dict[Kind, Share] = {
        kind: Share(errors=int(chosen.sum()), nats=float(nats[chosen].sum()))
        for number, kind in enumerate(KINDS)
        if kind != "n-gram" or ngram is not None
        for chosen in [found == number]
    }
    notes = () if counts.words is not None else ("the run has no training text to count",)
    return ErrorReport(
        name=name,
        network=f"{network.config.cell} {network.config.hidden_size}",
        unit=unit,
        sample=sample,
        nats=float(nats.sum()),
        kinds=kinds,
        ngram=None
        if ngram is None or counts.order is None
        else NgramFigures(
            order=counts.order, errors=int(_is_error(ngram).sum()), nats=float(ngram.sum())
        ),
        rare_in="the text itself" if counts.words is None else "the training text",
        distances=by_distance(closing_marks(ids, vocabulary), nats, ngram),
        notes=(*notes, *counts.notes),
    )


def kinds_of(
    ids: _Ids,
    nats: _Floats,
    ngram: _Floats | None,
    vocabulary: Vocabulary,
    counted: Mapping[bytes, int] | None,
) -> NDArray[np.int64]:
    """Return the kind of the error at each symbol, as a place in ``KINDS``, int64[T].

    It is −1 where there is no error, and at the first symbol, which is not predicted.

    Parameters
    ----------
    ids
        The text, int64[T].
    nats
        The losses of the network, float64[T].
    ngram
        Those of the n-gram; without it, that kind is left out.
    vocabulary
        The vocabulary.
    counted
        The number of times each word occurs in the training text, by ``WordReader.keys``; without
        it, words of the text itself are counted.
    """
    reader = WordReader(vocabulary)
    inside = reader.inside(ids)
    known, rare = _words(ids, reader, counted)
    white = np.array([vocabulary.decode([number]).isspace() for number in range(len(vocabulary))])
    blank = white[ids]
    mark = ~inside & ~blank
    if vocabulary.unknown_id is not None:
        mark &= ids != vocabulary.unknown_id
    after_mark = blank & np.r_[False, mark[:-1]]
    applies: dict[Kind, NDArray[np.bool_]] = {
        "n-gram": np.zeros(len(ids), np.bool_) if ngram is None else ~_is_error(ngram),
        "long memory": known,
        "rare word": rare,
        "word model": inside,
        "punctuation": mark | after_mark,
        "rest": np.ones(len(ids), np.bool_),
    }
    first = np.argmax([applies[kind] for kind in KINDS], axis=0)
    is_error = _is_error(nats)
    is_error[0] = False
    return np.where(is_error, first, -1)


def _is_error(nats: _Floats) -> NDArray[np.bool_]:
    """Return whether each probability is below the threshold."""
    found: NDArray[np.bool_] = np.exp(-nats) < THRESHOLD
    return found


def _words(
    ids: _Ids, reader: WordReader, counted: Mapping[bytes, int] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether each symbol is in a word in memory, after its first one; and a rare word."""
    known, rare = (np.zeros(len(ids), np.bool_) for _ in range(2))
    keys = list(reader.keys(ids))
    occurrences = Counter(keys) if counted is None else counted
    last: dict[bytes, int] = {}  # where each word began last
    for (start, end), key in zip(reader.spans(ids), keys, strict=True):
        rare[start:end] = occurrences.get(key, 0) < RARE
        word = ids[start:end].tobytes()
        if word in last:
            known[start + 1 : min(end, last[word] + MEMORY + 1)] = True
        last[word] = start
    return known, rare


def _nats(network: Network, vocabulary: Vocabulary, ids: _Ids) -> _Floats:
    """Return the loss of each symbol but the first, float64[T − 1]."""
    with one_thread():
        found = [
            functional.cross_entropy(logits.float(), part[1:], reduction="none").double().cpu()
            for logits, part in read_in_order(network, [ids.astype(vocabulary.dtype)])
        ]
    return np.concatenate([each.numpy() for each in found])
