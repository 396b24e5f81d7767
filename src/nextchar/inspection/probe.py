"""A probe: whether the state after a text knows its label.

The states of the last layer over each text, their mean or the final one, are the features of a
logistic regression with an L1 penalty. It learns from four fifths of the texts, and its accuracy is
that on the others. The control learns shuffled labels in the same way: whatever it reaches, the
probe can do without the state knowing anything.

Shapes: N texts, H units, C labels, T symbols, B texts of a batch.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.errors import TextError
from nextchar.following import report_part
from nextchar.nn.network import Network
from nextchar.nn.sparse_regression import SparseSolution, regress_sparsely, strongest_penalty
from nextchar.nn.units import Unit

StateKind = Literal["mean", "final"]
MOST_TEXTS = 10_000
SHUFFLES = 3
_LEAST = 20  # texts
_NORMAL = 1.96  # standard deviations on either side of the mean that hold 95 %
_HELD_OUT = 0.2
_PENALTIES = tuple(0.5**step for step in range(1, 10))  # shares of the strongest one
_INTERVALS = 16
_TEXTS_AT_ONCE, _SYMBOLS_AT_ONCE = 64, 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Probe:
    """The accuracy of a probe, beside its controls; all on the texts held out.

    Attributes
    ----------
    labels
        The C labels.
    texts, held_out
        Number of texts read, and of those that measured the accuracy.
    state
        ``"mean"`` over the symbols of a text, or ``"final"``.
    accuracy, train_accuracy
        Of the probe, on the texts held out and on those it learned from.
    majority
        Of the label that is most frequent in training.
    controls
        Of probes that learned shuffled labels, float64[SHUFFLES].
    weights
        For each standardized unit and each label, float32[H, C].
    penalty
        The penalty, chosen on a part of the training texts.
    unit, unit_accuracy
        The unit of the last layer that by itself knows the label best in training, and its
        accuracy: each of 16 intervals of its values has its most frequent label.
    values
        The values of that unit for the texts held out, float32.
    targets
        Their labels, int64.
    """

    labels: tuple[str, ...]
    texts: int
    held_out: int
    state: StateKind
    accuracy: float
    train_accuracy: float
    majority: float
    controls: NDArray[np.float64]
    weights: NDArray[np.float32]
    penalty: float
    unit: Unit
    unit_accuracy: float
    values: NDArray[np.float32]
    targets: NDArray[np.int64]

    @property
    def nonzero(self) -> int:
        """Number of units with a weight that is not zero."""
        return int((self.weights != 0).any(1).sum())

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the accuracy with 95 % confidence (Wilson 1927)."""
        return wilson_interval(self.accuracy, self.held_out)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures; the weights are those of units that have any."""
        used = np.flatnonzero((self.weights != 0).any(1)).tolist()
        layer = self.unit.layer
        return {
            "labels": list(self.labels),
            "texts": self.texts,
            "held_out_texts": self.held_out,
            "state": self.state,
            "accuracy": self.accuracy,
            "accuracy_interval_95": list(self.interval),
            "train_accuracy": self.train_accuracy,
            "majority_accuracy": self.majority,
            "control_accuracy_mean": float(self.controls.mean()),
            "control_accuracy_max": float(self.controls.max()),
            "units": len(self.weights),
            "units_with_weight": self.nonzero,
            "nonzero_weights": int((self.weights != 0).sum()),
            "penalty": self.penalty,
            "best_unit": str(self.unit),
            "best_unit_accuracy": self.unit_accuracy,
            "weights": {str(Unit(layer, each)): self.weights[each].tolist() for each in used},
        }

    def lines(self) -> list[str]:
        """Return the figures in words."""
        low, high = self.interval
        rows = [
            ("texts", f"{self.texts:,}, {self.held_out:,} of them held out"),
            ("labels", f"{len(self.labels):,}: {', '.join(self.labels[:10])}"),
            ("state", f"{self.state} of the last layer, {len(self.weights):,} units"),
            (
                "probe",
                f"{self.accuracy:.1%} ({low:.1%} to {high:.1%}), {self.nonzero:,} units used",
            ),
            ("best unit", f"{self.unit_accuracy:.1%}, unit {self.unit}"),
            ("shuffled labels", f"{self.controls.mean():.1%}, at most {self.controls.max():.1%}"),
            ("largest label", f"{self.majority:.1%}"),
        ]
        width = max(len(name) for name, _ in rows)
        return [*(f"{name:<{width}}  {value}" for name, value in rows), "", self._verdict]

    @property
    def _verdict(self) -> str:
        chance = max(self.majority, float(self.controls.max()))
        if self.interval[0] > chance:
            return "the state knows the label better than chance."
        return "no better than chance: the state does not know the label in a linear way."

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the accuracies, and the values of the best unit for each label.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.probe_plots import plot_probe

        return plot_probe(self)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was observed in ``count`` trials (Wilson 1927).

    It lies within 0 to 1, and is not empty where all trials agree.
    """
    square = _NORMAL**2 / count
    centre = (share + square / 2) / (1 + square)
    half = _NORMAL / (1 + square) * math.sqrt((share * (1 - share) + square / 4) / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def probe_states(
    network: Network,
    texts: Sequence[NDArray[np.int64]],
    labels: Sequence[str],
    *,
    state: StateKind,
    seed: int,
) -> Probe:
    """Train a probe and its controls.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    texts
        The symbols of each text, int64[T], T ≥ 1. At most 10,000 texts are drawn.
    labels
        Their labels.
    state
        The features.
    seed
        Draws the texts, those held out, and the shuffled labels.

    Raises
    ------
    TextError
        There are too few texts or labels.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(texts))[:MOST_TEXTS].tolist()
    names = tuple(sorted(Counter(labels[place] for place in order)))
    if len(order) < _LEAST or len(names) < 2:
        raise TextError(
            f"a probe needs at least {_LEAST} texts and 2 labels; got {len(order)} texts and "
            f"{len(names)} labels"
        )
    targets = torch.tensor([names.index(labels[place]) for place in order])
    features = read_states(network, [texts[place] for place in order], state)
    count = max(1, round(_HELD_OUT * len(order)))
    features = _standardized(features, count)
    solution, penalty = _fit(features[count:], targets[count:], len(names))
    controls = []
    for number in range(SHUFFLES):
        shuffled = targets[torch.from_numpy(draw.permutation(len(targets)))]
        other, _ = _fit(features[count:], shuffled[count:], len(names))
        controls.append(_accuracy(other.predict(features[:count]), shuffled[:count]))
        report_part(0.8 + 0.2 * (number + 1) / SHUFFLES)
    unit, unit_accuracy = _best_unit(features.numpy(), targets.numpy(), count, len(names))
    usual = int(targets[count:].bincount().argmax())
    return Probe(
        labels=names,
        texts=len(order),
        held_out=count,
        state=state,
        accuracy=_accuracy(solution.predict(features[:count]), targets[:count]),
        train_accuracy=_accuracy(solution.predict(features[count:]), targets[count:]),
        majority=float((targets[:count] == usual).double().mean()),
        controls=np.array(controls),
        weights=solution.weights.numpy(),
        penalty=penalty,
        unit=Unit(len(network.stack.cells) - 1, unit),
        unit_accuracy=unit_accuracy,
        values=features[:count, unit].numpy(),
        targets=targets[:count].numpy(),
    )


def read_states(network: Network, texts: Sequence[NDArray[np.int64]], state: StateKind) -> Tensor:
    """Return the mean or the final output of the last layer for each text, float32[N, H]."""
    network.eval()
    found = torch.empty(len(texts), network.config.hidden_size)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for start in range(0, len(order), _TEXTS_AT_ONCE):
        batch = order[start : start + _TEXTS_AT_ONCE]
        found[batch] = _batch_states(network, [texts[place] for place in batch], state)
        report_part(0.8 * (start + len(batch)) / len(order))
    return found


def _batch_states(network: Network, texts: Sequence[NDArray[np.int64]], state: StateKind) -> Tensor:
    """Read texts beside each other, padded at their ends; the padding is not counted."""
    device = network.head.weight.device
    lengths = torch.tensor([len(text) for text in texts])
    ids = torch.zeros(int(lengths.max()), len(texts), dtype=torch.int64)
    for column, text in enumerate(texts):
        ids[: len(text), column] = torch.from_numpy(text)
    carried = network.initial_state(len(texts))
    found = torch.zeros(len(texts), network.config.hidden_size)
    with torch.inference_mode():
        for start in range(0, len(ids), _SYMBOLS_AT_ONCE):
            reading = network.read(ids[start : start + _SYMBOLS_AT_ONCE].to(device), carried)
            carried = reading.state
            places = torch.arange(start, start + len(reading.outputs)).unsqueeze(1)
            counted = places < lengths if state == "mean" else places == lengths - 1
            outputs = reading.outputs.float().cpu()
            found += (outputs * counted.unsqueeze(-1)).sum(0)
    return found / lengths.unsqueeze(1) if state == "mean" else found


def _standardized(features: Tensor, held_out: int) -> Tensor:
    """Scale features to mean 0 and deviation 1 in training; constant ones become 0."""
    known = features[held_out:]
    deviation = known.std(0, correction=0)
    return (features - known.mean(0)) / torch.where(deviation > 1e-8, deviation, torch.inf)


def _fit(features: Tensor, targets: Tensor, labels: int) -> tuple[SparseSolution, float]:
    """Choose the penalty on a fifth of the texts; learn from all of them with it.

    It is the strongest one within a standard error of the best: the fewest units that do as well.
    """
    count = max(1, round(_HELD_OUT * len(features)))
    strongest = strongest_penalty(features[count:], targets[count:], labels)
    start = SparseSolution(torch.zeros(features.shape[1], labels), torch.zeros(labels))
    solution, found = start, []
    for share in _PENALTIES:
        penalty = max(share * strongest, 1e-9)
        solution = regress_sparsely(features[count:], targets[count:], solution, penalty)
        found.append((_accuracy(solution.predict(features[:count]), targets[:count]), penalty))
    best = max(accuracy for accuracy, _ in found)
    least = best - math.sqrt(best * (1 - best) / count)
    chosen = next(penalty for accuracy, penalty in found if accuracy >= least)
    return regress_sparsely(features, targets, start, chosen), chosen


def _accuracy(predicted: Tensor, targets: Tensor) -> float:
    return float((predicted == targets).double().mean())


def _best_unit(
    features: NDArray[np.float32], targets: NDArray[np.int64], held_out: int, labels: int
) -> tuple[int, float]:
    """Return the unit that is best in training, and its accuracy on the texts held out."""
    shares = np.linspace(0, 1, _INTERVALS + 1)[1:-1]
    best, unit, accuracy = -1.0, 0, 0.0
    for number, column in enumerate(features.T):
        intervals = np.searchsorted(np.quantile(column[held_out:], shares), column)
        counts = np.zeros((_INTERVALS, labels), np.int64)
        np.add.at(counts, (intervals[held_out:], targets[held_out:]), 1)
        right = counts.max(1).sum() / counts.sum()
        if right > best:
            best, unit = right, number
            predicted = counts.argmax(1)[intervals[:held_out]]
            accuracy = float((predicted == targets[:held_out]).mean())
    return unit, accuracy
