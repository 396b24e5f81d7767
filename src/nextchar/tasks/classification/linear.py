"""The linear part of a classifier: logistic regression on TF-IDF features of a text.

It is fitted first, on all items, and the network adds to its logits. During training the logits are
out-of-fold: each item's regression was fitted on other items only (stacking: Wolpert 1992). The
network therefore sees the linear part as it behaves on unseen texts. The weight of words relative
to character n-grams, the regularisation strength and the scale of the logits minimise the
out-of-fold loss.

Legend: N texts, R rows of terms, C labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nextchar.nn.regression import Solution, SparseRows, regress
from nextchar.text.terms import Terms, portions, terms_of

# Limits of memory and time: number of weights, logits of all items, logits of the items that the
# regression is fitted to, characters of the training texts, weights per term of a text.
MOST_WEIGHTS, MOST_LOGITS, MOST_FITTED, MOST_CHARACTERS = 1 << 22, 1 << 26, 1 << 23, 1 << 22
_WEIGHTS_PER_OCCURRENCE = 16
_ROWS_PER_TERM = 4
_FOLDS, _TRIAL_FOLDS = 5, 2
_WORD_WEIGHTS = (1.0, 0.5, 0.0, 2.0)
_STRENGTHS = (10.0, 30.0, 100.0, 3.0)
# Fits of all word weights and strengths on the trial folds, then of the best on all folds, then on
# all items.
_ALL_FITS = _TRIAL_FOLDS * (len(_WORD_WEIGHTS) + len(_STRENGTHS) - 1) + _FOLDS + 1
_SCALES = np.geomspace(0.25, 2, 31)


class LinearPart(nn.Module):
    """A logistic regression on the terms of a text.

    TF-IDF is (1 + ln count) · idf. The vector of words and the vector of n-grams each have norm 1.

    Parameters
    ----------
    rows
        R.
    labels
        C.

    Attributes
    ----------
    idf
        1 + ln((1 + N) / (1 + texts with the term)), 0 for terms of a single text: float32[R].
    weights, bias
        float32[R, C] and float32[C].
    """

    idf: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, rows: int, labels: int) -> None:
        super().__init__()
        self.register_buffer("idf", torch.zeros(rows))
        self.register_buffer("weights", torch.zeros(rows, labels))
        self.register_buffer("bias", torch.zeros(labels))

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the logits of texts, [N, C], computed on the CPU in batches."""
        solution, idf = Solution(self.weights.cpu(), self.bias.cpu()), self.idf.cpu().numpy()
        parts = [
            solution.logits(tf_idf(terms_of(some, len(idf)), idf)).numpy()
            for some in portions(texts)
        ]
        return np.concatenate([np.empty((0, len(self.bias)), np.float32), *parts])

    def learn(
        self,
        texts: Sequence[str],
        labels: NDArray[np.int64],
        *,
        seed: int,
        importance: NDArray[np.float32] | None = None,
        progress: Callable[[float], None] = lambda _part: None,
    ) -> NDArray[np.float32]:
        """Fit the regression to texts and their labels, in place.

        Parameters
        ----------
        texts
            N texts, at least one with each label.
        labels
            The index of each text's label, int64[N].
        seed
            Seed of the folds, and of the sample of texts if there are too many.
        importance
            Weight of each text; by default 1.
        progress
            Called with the completed fraction of the fits, 0 to 1.

        Returns
        -------
        NDArray
            The out-of-fold logits of each text, float32[N, C].
        """
        draw = np.random.default_rng(seed)
        chosen = _sample(texts, draw)
        some = [texts[place] for place in chosen]
        terms = terms_of(some, len(self.idf))
        self.idf.copy_(torch.from_numpy(_idf(terms, len(self.idf))))
        shares = np.ones(len(texts), np.float32) if importance is None else importance
        search = _Search(
            tf_idf(terms, self.idf.numpy()),
            torch.from_numpy(labels[chosen]),
            torch.from_numpy(shares[chosen]),
            _folds(labels[chosen], draw),
            rows=len(self.idf),
            labels=len(self.bias),
            progress=progress,
        )
        best = search.best()
        found = search.fitted(np.arange(len(some)), best.word_weight, best.strength, 0)
        self.weights.copy_(best.scale * _weighted(found.weights, best.word_weight))
        self.bias.copy_(best.scale * found.bias)
        logits = np.empty((len(texts), len(self.bias)), np.float32)
        logits[chosen] = best.scale * best.logits.numpy()
        others = np.setdiff1d(np.arange(len(texts)), chosen)
        logits[others] = self.logits([texts[place] for place in others])
        return logits


@dataclass(frozen=True, kw_only=True, eq=False)
class _Trial:
    """The out-of-fold result of one word weight and one regularisation strength."""

    word_weight: float
    strength: float
    logits: Tensor
    nats: float
    scale: float


class _Search:
    """Search for the word weight and the strength with the lowest out-of-fold loss."""

    def __init__(
        self,
        features: SparseRows,
        targets: Tensor,
        importance: Tensor,
        folds: NDArray[np.int64],
        *,
        rows: int,
        labels: int,
        progress: Callable[[float], None],
    ) -> None:
        self._progress, self._fits = progress, 0
        self._features = features
        self._targets = targets
        self._importance = importance
        self._folds = folds
        self._size = rows, labels
        self._near: dict[int, Solution] = {}

    def best(self) -> _Trial:
        """Return the best result: word weights first, then strengths, on the trial folds.

        The best combination is refitted on all folds.
        """
        best = self.trial(_WORD_WEIGHTS[0], _STRENGTHS[0], _TRIAL_FOLDS)
        for weight in _WORD_WEIGHTS[1:]:
            best = min(best, self.trial(weight, best.strength, _TRIAL_FOLDS), key=_nats)
        for strength in _STRENGTHS[1:]:
            best = min(best, self.trial(best.word_weight, strength, _TRIAL_FOLDS), key=_nats)
        return self.trial(best.word_weight, best.strength, _FOLDS)

    def trial(self, word_weight: float, strength: float, folds: int) -> _Trial:
        """Return the out-of-fold result over the first ``folds`` folds."""
        logits = torch.zeros(len(self._targets), self._size[1])
        for fold in range(folds):
            held = np.flatnonzero(self._folds == fold)
            found = self.fitted(np.flatnonzero(self._folds != fold), word_weight, strength, fold)
            logits[held] = found.logits(self._part(held, word_weight))
        measured = np.flatnonzero(self._folds < folds)
        nats, scale = self._scaled(logits[measured], measured)
        return _Trial(
            word_weight=word_weight, strength=strength, logits=logits, nats=nats, scale=scale
        )

    def fitted(
        self, places: NDArray[np.int64], word_weight: float, strength: float, fold: int
    ) -> Solution:
        """Fit the regression to some items, starting from the fold's previous solution."""
        rows, labels = self._size
        zeros = Solution(torch.zeros(rows, labels), torch.zeros(labels))
        self._near[fold] = regress(
            self._part(places, word_weight),
            self._targets[places],
            self._near.get(fold, zeros),
            strength=strength,
            importance=self._importance[places],
        )
        self._fits += 1
        self._progress(self._fits / _ALL_FITS)
        return self._near[fold]

    def _part(self, places: NDArray[np.int64], word_weight: float) -> SparseRows:
        features = self._features.subset(torch.from_numpy(places))
        is_word = features.columns < self._size[0] // 2
        return SparseRows(
            features.columns,
            torch.where(is_word, features.values * word_weight, features.values),
            features.offsets,
        )

    def _scaled(self, logits: Tensor, places: NDArray[np.int64]) -> tuple[float, float]:
        """Return the lowest loss of the items over all scales of their logits, and that scale."""
        targets, importance = self._targets[places], self._importance[places]
        losses = [
            float(functional.cross_entropy(logits * scale, targets, reduction="none") @ importance)
            for scale in _SCALES.tolist()
        ]
        place = int(np.argmin(losses))
        return losses[place], float(_SCALES[place])


def _nats(trial: _Trial) -> float:
    return trial.nats


def rows_for(texts: Sequence[str], labels: int, *, seed: int) -> int:
    """Return the number of rows R for the training texts, a power of two.

    It is large enough to make hash collisions of terms rare, if the number of weights stays within
    the limits. If there are too many texts, the sample is the one that ``LinearPart.learn`` draws
    with the same seed. The result is 0, for no linear part, if a label for each text is too much
    work: there are too many labels.
    """
    chosen = [texts[place] for place in _sample(texts, np.random.default_rng(seed))]
    if len(texts) * labels > MOST_LOGITS or len(chosen) * labels > MOST_FITTED:
        return 0
    most = _power_of_two(MOST_WEIGHTS // labels)
    terms = terms_of(chosen, most).rows
    most = min(most, _power_of_two(_WEIGHTS_PER_OCCURRENCE * len(terms) // labels))
    common = int((np.bincount(terms) > 1).sum())
    return min(most, 1 << max(1, math.ceil(math.log2(_ROWS_PER_TERM * max(1, common)))))


def _power_of_two(most: int) -> int:
    """Return the largest power of two up to a number, at least 2."""
    return 1 << max(1, most.bit_length() - 1)


def tf_idf(terms: Terms, idf: NDArray[np.float32]) -> SparseRows:
    """Return the TF-IDF vectors of texts, with their words and n-grams normalised separately."""
    values = (1 + np.log(terms.counts)) * idf[terms.rows]
    half = len(idf) // 2
    blocks = 2 * terms.texts + (terms.rows >= half)
    lengths = np.sqrt(np.bincount(blocks, weights=values**2, minlength=2 * len(terms)))
    values = (values / np.maximum(lengths[blocks], 1e-9)).astype(np.float32)
    return SparseRows(
        torch.from_numpy(terms.rows), torch.from_numpy(values), torch.from_numpy(terms.offsets[:-1])
    )


def _idf(terms: Terms, rows: int) -> NDArray[np.float32]:
    having = np.bincount(terms.rows, minlength=rows)
    idf = np.where(having > 1, 1 + np.log((1 + len(terms)) / (1 + having)), 0)
    return idf.astype(np.float32)


def _weighted(weights: Tensor, word_weight: float) -> Tensor:
    weighted = weights.clone()
    weighted[: len(weights) // 2] *= word_weight
    return weighted


def _sample(texts: Sequence[str], draw: np.random.Generator) -> NDArray[np.int64]:
    """Return the indices of a sample with at most ``MOST_CHARACTERS`` in total, ascending."""
    order = draw.permutation(len(texts))
    ends = np.cumsum([len(texts[place]) for place in order])
    return np.sort(order[: max(1, int((ends <= MOST_CHARACTERS).sum()))])


def _folds(labels: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each item, stratified by label."""
    order = draw.permutation(len(labels))
    by_label = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[by_label] = np.arange(len(labels)) % _FOLDS
    return folds
