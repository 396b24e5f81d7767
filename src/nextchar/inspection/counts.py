"""The training text of a run as counts: an n-gram model, and the number of times each word occurs.

Shapes: N symbols of text, V vocabulary size.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextchar.experts.contexts import words_of
from nextchar.experts.experts import Experts
from nextchar.experts.mixing import MEMBERS, Weights, weight_shapes
from nextchar.experts.tables import MOST_SYMBOLS
from nextchar.run_files.expert_files import experts_of
from nextchar.text.corpus import HEADER_FILE, Corpus
from nextchar.text.vocabulary import Vocabulary

ORDER = 9  # of the n-gram, where the run has no experts
MOST_READ = 1 << 22  # symbols of the training text
_CORPUS = "corpus"
_BYTES_PER_SYMBOL, _FEWEST_BYTES = 40, 16_000_000
_AT_ONCE = 1 << 12  # predictions
_CHAIN_OF_SYMBOLS = 1  # among the members of a mixture

_Ids = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingCounts:
    """What was counted in the training text of a run.

    Attributes
    ----------
    words
        The number of times each word occurs, by ``WordReader.keys``; ``None`` without the text.
    ngram
        The counts after contexts; ``None`` if there are none.
    notes
        What was left out, or read in part, one line each.
    """

    words: Mapping[bytes, int] | None
    ngram: Experts | None
    notes: tuple[str, ...]

    @property
    def order(self) -> int | None:
        """The order of the n-gram, in symbols with the predicted one."""
        return None if self.ngram is None else self.ngram.M + 1

    def ngram_nats(self, ids: _Ids) -> NDArray[np.float64] | None:
        """Return the nats of each symbol but the first under the n-gram, float64[N − 1].

        It is the chain of symbols of the experts alone: interpolated modified Kneser-Ney.
        """
        if self.ngram is None:
            return None
        weights = Weights(*(np.zeros(shape) for shape in weight_shapes(self.ngram.M)))
        only = np.zeros(MEMBERS)
        only[_CHAIN_OF_SYMBOLS] = 1
        weights.symbols[:] = only
        reader = dataclasses.replace(self.ngram, weights=weights).reader()
        ends = np.arange(1, len(ids))
        logits = np.zeros((min(_AT_ONCE, len(ends)), len(self.ngram.vocabulary)), np.float32)
        found = [
            reader.nats(ids, part, logits[: len(part)])
            for part in np.split(ends, range(_AT_ONCE, len(ends), _AT_ONCE))
        ]
        return np.concatenate(found)


class WordReader:
    """The words of a text: its longest parts of word symbols; see ``text.words``.

    An apostrophe belongs to a word only between two of its symbols.

    Parameters
    ----------
    vocabulary
        The vocabulary of the text.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        words = words_of(vocabulary)
        self._inside = words.inside
        self._folded = words.folded.astype(np.uint32)
        shown = [vocabulary.decode([number]) for number in range(len(vocabulary))]
        self._is_apostrophe = np.array([each in ("'", "’") for each in shown])

    def inside(self, ids: _Ids) -> NDArray[np.bool_]:
        """Return whether each symbol of a text belongs to a word, bool[N]."""
        in_word = self._inside[ids]
        letters = in_word & ~self._is_apostrophe[ids]
        joins = np.zeros(len(ids), np.bool_)
        joins[1:-1] = letters[:-2] & letters[2:]
        found: NDArray[np.bool_] = letters | (in_word & joins)
        return found

    def spans(self, ids: _Ids) -> list[tuple[int, int]]:
        """Return the start and the end of each word."""
        borders = np.flatnonzero(np.diff(np.r_[False, self.inside(ids), False].astype(np.int8)))
        return list(zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True))

    def keys(self, ids: _Ids) -> Iterator[bytes]:
        """Yield what words have in common that differ in case alone, for each word."""
        folded = self._folded[ids].tobytes()
        size = self._folded.itemsize
        return (folded[start * size : end * size] for start, end in self.spans(ids))


def training_counts(run: Path | None, vocabulary: Vocabulary) -> TrainingCounts:
    """Count the training text of a run; the n-gram is that of its experts, if it has them.

    Parameters
    ----------
    run
        The run directory; ``None`` for a model without one.
    vocabulary
        Its vocabulary.

    Raises
    ------
    CorpusError, RunError
        A file of the run is damaged.
    """
    notes = []
    ngram = None if run is None else experts_of(run, vocabulary)
    ids = None if run is None else _training_text(run)
    if ids is None:
        return TrainingCounts(words=None, ngram=ngram, notes=())
    if len(ids) > MOST_READ:
        ids = ids[:MOST_READ]
        notes.append(f"of the training text, the first {MOST_READ:,} symbols were counted")
    if ngram is None and len(vocabulary) > MOST_SYMBOLS:
        notes.append(f"no n-gram: the vocabulary has more than {MOST_SYMBOLS:,} symbols")
    elif ngram is None and len(ids) > 1:
        most_bytes = max(_FEWEST_BYTES, _BYTES_PER_SYMBOL * len(ids))
        given = ids.astype(vocabulary.dtype)
        ngram = Experts.count(given, vocabulary, ORDER - 1, most_bytes=most_bytes)
    words = Counter(WordReader(vocabulary).keys(ids))
    return TrainingCounts(words=words, ngram=ngram, notes=tuple(notes))


def _training_text(run: Path) -> _Ids | None:
    """Return the training part without augmented copies, as far as it is counted, and one more."""
    if not (run / _CORPUS / HEADER_FILE).exists():
        return None
    return np.asarray(Corpus.open(run / _CORPUS).original[: MOST_READ + 1], np.int64)
