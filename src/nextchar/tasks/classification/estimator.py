"""``CharClassifier``: the classifier as a scikit-learn estimator.

No other module imports scikit-learn. The parameters are the options of ``nextchar classify train``,
with the same names and defaults.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from nextchar.config import ClassifierRunConfig
from nextchar.config.options import ClassifierOptions
from nextchar.errors import Interrupted, NextcharError
from nextchar.nn.device import pick_device
from nextchar.nn.parameters import load_parameters, named_tensors
from nextchar.runs import train
from nextchar.tasks.classification.labels import LabelSet
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.labelled.items import checked_lengths
from nextchar.text import vocabulary as vocabularies
from nextchar.text.labelled import LabelledText
from nextchar.training.events import Event, Noticed, Validated

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
    )
except ModuleNotFoundError:
    raise NextcharError(
        "CharClassifier needs the package scikit-learn, which is not installed: "
        "pip install 'nextchar[learn]'"
    ) from None

# Options for reading and writing files, which an estimator does not do.
_FILE_OPTIONS = frozenset({"encoding", "errors", "sample_length", "checkpoint_seconds"})
_MODEL = "_model"
# Conventional parameters of scikit-learn estimators, in addition to the options.
_CONVENTIONS: dict[str, Any] = {"random_state": None, "verbose": 0}


class EstimatorOptions(ClassifierOptions, total=False):
    """Parameters of ``CharClassifier``."""

    random_state: int | np.random.RandomState | None
    verbose: int


class CharClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A recurrent network that reads a text symbol by symbol and predicts its label.

    ``X`` is a sequence of N texts (``str``), ``y`` a sequence of N labels. Training uses a
    stratified validation split (``validation_fraction``) to select the best weights. It is
    reproducible: equal parameters, texts and labels yield equal weights on one machine with the
    same number of threads; another ``seed`` yields others. Duplicates with equal labels count once,
    unless ``keep_duplicates`` or sample weights are set.

    Parameters
    ----------
    **options
        The options of ``ClassifierRunConfig``, except those for files.
    random_state
        An integer replaces ``seed``, a ``RandomState`` draws a seed, and ``None`` keeps ``seed``.
    verbose
        If above 0, write notes and validation results to standard error.

    Attributes
    ----------
    classes_
        The distinct labels, sorted: [C].
    n_iter_
        Number of training steps done.
    notes_
        Notes of the training, such as omitted items: one line each.
    weights_, vocabulary_, label_counts_
        The trained model as arrays and JSON-compatible values, which any pickle can contain.
    """

    def __init__(self, **options: Unpack[EstimatorOptions]) -> None:
        names = list(inspect.signature(type(self)).parameters)
        unknown = [name for name in options if name not in names]
        if unknown:
            raise TypeError(f"CharClassifier has no parameter {unknown[0]!r}: see get_params()")
        for name in names:
            setattr(self, name, options.get(name, _default(name)))

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401  (scikit-learn's own type)
        """Return tags that declare the input as strings, not rows of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags

    def fit(self, X: Sequence[str], y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on texts and their labels.

        Parameters
        ----------
        X, y
            N texts and their labels.
        sample_weight
            Weight of each text, [N], 0 or more: 2 is equivalent to two copies, 0 to none.
            Duplicates with equal labels are merged, and their weights added. Weights with a mean
            below 1 are scaled to a mean of 1.

        Raises
        ------
        ValueError
            X is not a sequence of texts, the labels do not match it, there are fewer than two
            classes, or all texts of a class are empty.
        InputError
            An option or a text is invalid; see ``prepare``.
        KeyboardInterrupt
            SIGINT or SIGTERM was received.
        """
        texts = _checked_texts(X)
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        check_classification_targets(y)
        targets = column_or_1d(y, warn=True)
        check_consistent_length(texts, targets)
        weights = _checked_weights(sample_weight, texts)
        if weights is not None:
            kept = np.flatnonzero(weights)
            texts, targets, weights = [texts[n] for n in kept], targets[kept], weights[kept]
        self.classes_, numbers = np.unique(targets, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "a classifier needs at least two classes; y has one class: "
                f"{self.classes_.tolist()}"
            )
        _require_text_of_each(self.classes_, numbers, texts)
        options = self._options()
        # Labels are sorted as text: leading zeros keep the order of the classes.
        digits = len(str(len(self.classes_)))
        items = [
            LabelledText(f"X[{place}]", text, f"{number:0{digits}}")
            for place, (text, number) in enumerate(zip(texts, numbers.tolist(), strict=True))
        ]
        if weights is not None:
            items = _merged(items, weights)
        self.notes_: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            try:
                result = train("classify", items, out, listeners=[self._listen], **options)
            except Interrupted as error:  # The temporary run cannot be resumed.
                raise KeyboardInterrupt("the training was interrupted") from error
            trained = Classifier.load(out)
        self.n_iter_ = result.steps
        self.vocabulary_ = trained.vocabulary.to_dict()
        self.label_counts_ = list(trained.labels.counts)
        self.config_ = trained.config.to_dict()
        tensors = named_tensors(trained.network)
        self.weights_ = {name: tensor.numpy() for name, tensor in tensors.items()}
        self._model = self._loaded()
        return self

    def predict_proba(self, X: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of each class for each text, [N, C]. Texts may be empty."""
        check_is_fitted(self)
        items = [
            LabelledText(f"X[{place}]", text, "") for place, text in enumerate(_checked_texts(X))
        ]
        read = checked_lengths(items, self._model.config, [_warn])
        return self._model.probabilities([item.text for item in read])

    def predict_log_proba(self, X: Sequence[str]) -> NDArray[np.float64]:
        """Return the logarithms of ``predict_proba``, [N, C]."""
        return np.log(self.predict_proba(X))

    def predict(self, X: Sequence[str]) -> NDArray[Any]:
        """Return the most probable class of each text, [N]."""
        check_is_fitted(self)
        places = self.predict_proba(X).argmax(axis=1)
        classes: NDArray[Any] = self.classes_[places]
        return classes

    def _options(self) -> dict[str, Any]:
        given = {n: getattr(self, n) for n in self.get_params(deep=False) if n not in _CONVENTIONS}
        changed = {n: v for n, v in given.items() if v != ClassifierRunConfig.default(n)}
        if isinstance(self.random_state, int | np.integer):
            changed["seed"] = int(self.random_state)
        elif self.random_state is not None:
            changed["seed"] = int(check_random_state(self.random_state).randint(2**31 - 1))
        return changed

    def _listen(self, event: Event) -> None:
        if isinstance(event, Noticed):
            self.notes_.append(event.message)
        if self.verbose > 0:
            _write(event)

    def _loaded(self) -> Classifier:
        """Rebuild the classifier from the fitted attributes."""
        names = tuple(f"{place:09}" for place in range(len(self.classes_)))
        config = ClassifierRunConfig.from_dict(self.config_)
        labels = LabelSet(names, tuple(self.label_counts_))
        model = Classifier(config, vocabularies.from_dict(self.vocabulary_), labels)
        load_parameters(model.network, {n: torch.from_numpy(w) for n, w in self.weights_.items()})
        model.network.to(pick_device(config.training.device)).eval()
        return model

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != _MODEL}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "weights_" in state:
            self._model = self._loaded()


def _default(name: str) -> Any:  # noqa: ANN401
    return _CONVENTIONS[name] if name in _CONVENTIONS else ClassifierRunConfig.default(name)


def _checked_weights(
    sample_weight: ArrayLike | None, texts: Sequence[str]
) -> NDArray[np.float64] | None:
    """Return the weight of each text; raise ``ValueError`` if one is invalid."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (len(texts),):
        raise ValueError(
            f"sample_weight must have a weight for each text, shape ({len(texts)},); "
            f"got the shape {weights.shape}"
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(f"sample weights must be finite and at least 0; got {weights.min()}")
    if not weights.any():
        raise ValueError("all sample weights are zero: at least one must be above 0")
    return weights


def _merged(items: Sequence[LabelledText], weights: NDArray[np.float64]) -> list[LabelledText]:
    """Merge duplicates and add their weights. The result does not depend on the order of items.

    Weights with a mean below 1 are scaled to a mean of 1: they are shares, not repetitions.
    """
    sums: dict[tuple[str, str], float] = {}
    for item, weight in zip(items, weights.tolist(), strict=True):
        pair = item.text, item.label
        sums[pair] = sums.get(pair, 0.0) + weight
    scale = max(1.0, len(sums) / sum(sums.values()))
    return [
        LabelledText(f"X with the text {text[:20]!r}", text, label, weight=scale * weight)
        for (text, label), weight in sorted(sums.items())
    ]


def _write(event: Event) -> None:
    if isinstance(event, Noticed):
        sys.stderr.write(f"{event.message}\n")
    elif isinstance(event, Validated) and event.validation_nats is not None:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in event.figures.items())
        sys.stderr.write(
            f"step {event.step:,} of {event.steps:,}: "
            f"{event.validation_nats:.4f} nats/{event.unit}, {figures}\n"
        )


def _warn(event: Event) -> None:
    if isinstance(event, Noticed):
        warnings.warn(event.message, UserWarning, stacklevel=3)


def _checked_texts(X: object) -> list[str]:
    """Return the texts as a list; raise ``ValueError`` if X is not a sequence of texts."""
    if isinstance(X, str) or not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
        raise ValueError(f"X must be a sequence of texts, got {type(X).__name__}")
    shape = getattr(X, "shape", (len(X),))
    if len(shape) != 1:
        raise ValueError(f"X must be one-dimensional, with a text per item; got the shape {shape}")
    texts = list(X)
    if not texts:
        raise ValueError("X has no text: found 0 samples, and at least 1 is needed")
    wrong = next((place for place, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None:
        raise ValueError(f"X[{wrong}] must be a text (str), got {type(texts[wrong]).__name__}")
    return [str(text) for text in texts]


def _require_text_of_each(
    classes: NDArray[Any], numbers: NDArray[np.intp], texts: Sequence[str]
) -> None:
    lengths = np.bincount(numbers, [len(text) for text in texts], len(classes))
    empty = classes[lengths == 0].tolist()
    if empty:
        raise ValueError(f"each class needs a non-empty text; all texts of {empty[0]!r} are empty")


def _signature() -> inspect.Signature:
    """Return the explicit signature that scikit-learn inspects for parameter names."""
    self_parameter = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=ClassifierRunConfig.default(name)
        )
        for name in ClassifierRunConfig.option_names()
        if name not in _FILE_OPTIONS
    ]
    conventions = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in _CONVENTIONS.items()
    ]
    return inspect.Signature([self_parameter, *options, *conventions])


CharClassifier.__init__.__signature__ = _signature()  # type: ignore[attr-defined]
