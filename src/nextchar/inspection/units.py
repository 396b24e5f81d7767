"""Units that follow a label of the text, the text as one of them sees it, and passages like it.

The memory c of an LSTM and the output h of every layer are ranked. A unit is shown by h or tanh(c).

Shapes: T symbols, N characters, U units.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import TextError, in_terms
from nextchar.inspection.phrases import Phrase, brightest_passage, similar_phrases, units_on
from nextchar.inspection.predicates import (
    Labels,
    all_labels,
    characters_of,
    label_values,
    labels_of,
)
from nextchar.inspection.ranking import rank_units
from nextchar.inspection.recording import Recording, Values, record
from nextchar.inspection.sample import Sample
from nextchar.nn.network import Network
from nextchar.nn.units import PARTS, Part, Unit, unit_of
from nextchar.text.vocabulary import Vocabulary

COUNT = 10
EXCERPT = 600  # characters
_PHRASES = 5
_LEAST = 20  # symbols


@dataclass(frozen=True, kw_only=True)
class RankedUnit:
    """A unit, and how well it follows a label.

    Attributes
    ----------
    unit
        The unit.
    measure
        AUC without direction, 0.5 to 1, or |ρ|, 0 to 1.
    is_higher
        Whether its value is higher where the label is.
    """

    unit: Unit
    measure: float
    is_higher: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelRanking:
    """The units that follow a label best.

    Attributes
    ----------
    labels
        The label.
    best
        The units, best first.
    controls
        The best measure of any unit for each of the shifted labels.
    """

    labels: Labels
    best: tuple[RankedUnit, ...]
    controls: NDArray[np.float64]

    @property
    def measure_name(self) -> str:
        """``"AUC"`` or ``"|rho|"``."""
        return "|rho|" if self.labels.is_graded else "AUC"

    @property
    def control(self) -> float:
        """The best measure of any unit for any of the shifted labels."""
        return float(self.controls.max())

    @property
    def is_found(self) -> bool:
        """Whether the best unit follows the label better than any unit a shifted one."""
        return self.best[0].measure > self.control

    def to_dict(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            **label_values(self.labels),
            "measure": "spearman_abs" if self.labels.is_graded else "auc",
            "control_max": self.control,
            "control_median": float(np.median(self.controls)),
            "shifts": len(self.controls),
            "units": [
                {"unit": str(each.unit), "value": each.measure, "is_higher": each.is_higher}
                for each in self.best
            ],
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitReport:
    """Units over a text.

    Attributes
    ----------
    sample
        The text, T symbols.
    text
        Its N characters.
    rankings
        The units that follow each label.
    unit
        The unit shown: the chosen one, or the best of the rankings.
    values
        h or tanh(c) of that unit after each character, float32[N].
    excerpt
        The part of the text to show: start and end in characters.
    passage
        The longest passage in which the unit is on: start and end in characters.
    together
        The units that are on throughout that passage, and so is the unit shown.
    phrases
        The passages elsewhere in which most of these units are on, in characters; none if the
        passage has fewer than ``SHORTEST_PASSAGE`` symbols.
    """

    sample: Sample
    text: str
    rankings: tuple[LabelRanking, ...]
    unit: Unit
    values: Values
    excerpt: tuple[int, int]
    passage: tuple[int, int]
    together: tuple[Unit, ...]
    phrases: tuple[Phrase, ...]

    @property
    def value_name(self) -> str:
        """``"h"`` or ``"tanh(c)"``."""
        return "h" if self.unit.part == "h" else "tanh(c)"

    def to_dict(self) -> dict[str, Any]:
        """Return the figures; values of the unit are those of the excerpt, one per character."""
        start, end = self.excerpt
        first, past = self.passage
        return {
            **self.sample.to_dict(),
            "predicates": [each.to_dict() for each in self.rankings],
            "unit": str(self.unit),
            "shows": self.value_name,
            "excerpt": {
                "start_character": start,
                "text": self.text[start:end],
                "values": self.values[start:end].tolist(),
            },
            "passage": {"start_character": first, "text": self.text[first:past]},
            "units_on_together": [str(each) for each in self.together],
            "phrases": [
                {
                    "start_character": each.start,
                    "text": self.text[each.start : each.end],
                    "share_of_units_on": each.share,
                }
                for each in self.phrases
            ],
        }

    def lines(self) -> list[str]:
        """Return the tables in words, without the coloured text."""
        from nextchar.inspection.unit_words import report_lines

        return report_lines(self)

    def colored(self, *, width: int, colors: bool) -> Iterator[str]:
        """Yield the excerpt in lines for a terminal, coloured by the unit; or marked below."""
        from nextchar.inspection.unit_words import colored_lines

        return colored_lines(self, width=width, colors=colors)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the best units beside their control, and the excerpt coloured by the unit.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.unit_plots import plot_units

        return plot_units(self)


def report_units(
    network: Network,
    vocabulary: Vocabulary,
    sample: Sample,
    *,
    label: str | None,
    unit: str | None,
    count: int,
    excerpt: int,
    seed: int,
) -> UnitReport:
    """Rank the units of a network; see ``Inspector.units``."""
    sample.require(_LEAST, "a ranking of units")
    chosen = None if unit is None else unit_of(unit, network.stack.cells)
    ids = sample.ids
    known = [labels_of(label, ids, vocabulary)] if label else all_labels(ids, vocabulary)
    if not known:
        how = in_terms("pass label", "name an expression with --for")
        raise TextError(f"{sample.name} has no label to follow: {how}")
    series = _Series(record(network, ids, gates=False))
    rankings = tuple(series.rankings(known, count, seed))
    shown = chosen or max(rankings, key=_margin).best[0].unit
    return _report(series, vocabulary, sample, rankings, shown, excerpt)


def _margin(ranking: LabelRanking) -> float:
    """Return how far the best unit is above the control, as a share of the way to 1."""
    return (ranking.best[0].measure - ranking.control) / (1 - ranking.control + 1e-9)


def _report(
    series: _Series,
    vocabulary: Vocabulary,
    sample: Sample,
    rankings: Sequence[LabelRanking],
    shown: Unit,
    excerpt: int,
) -> UnitReport:
    text = vocabulary.decode(sample.ids)
    characters = characters_of(sample.ids, vocabulary, len(text))
    values = np.zeros(len(text), np.float32)
    values[characters] = series.shown(shown)  # the last symbol of a character is written last
    start, end = brightest_passage(series.of(shown))
    on = [each for each in series.on(start, end) if each != shown]
    together = (shown, *on)
    phrases = similar_phrases(
        np.stack([series.of(each) for each in together], axis=1), start, end, _PHRASES
    )

    def span(first: int, past: int) -> tuple[int, int]:
        return int(characters[first]), int(characters[past - 1]) + 1

    return UnitReport(
        sample=sample,
        text=text,
        rankings=tuple(rankings),
        unit=shown,
        values=values,
        excerpt=_excerpt(text, characters, rankings, excerpt),
        passage=span(start, end),
        together=together,
        phrases=tuple(
            Phrase(start=first, end=past, share=each.share)
            for each in phrases
            for first, past in [span(each.start, each.end)]
        ),
    )


def _excerpt(
    text: str, characters: NDArray[np.int64], rankings: Sequence[LabelRanking], size: int
) -> tuple[int, int]:
    """Return the lines with the most changes of the only label, or the first ones."""
    start = 0
    if len(rankings) == 1 and not rankings[0].labels.is_graded:
        changes = np.zeros(len(text) + 1)
        changed = np.flatnonzero(np.diff(rankings[0].labels.values)) + 1
        np.add.at(changes, characters[changed], 1)
        sums = np.cumsum(changes)
        inside = sums[min(size, len(text)) :] - sums[: len(sums) - min(size, len(text))]
        start = text.rfind("\n", 0, int(inside.argmax()) + 1) + 1
        if inside.argmax() - start > size // 2:  # a line longer than the excerpt
            start = int(inside.argmax())
    return start, min(start + size, len(text))


class _Series:
    """The values of all units at every symbol."""

    def __init__(self, recording: Recording) -> None:
        self._blocks: dict[tuple[int, Part], Values] = {}
        for layer, each in enumerate(recording.layers):
            for part, values in zip(PARTS, (each.h, each.c), strict=True):
                if values is not None:
                    self._blocks[layer, part] = values

    @functools.cached_property
    def units(self) -> list[Unit]:
        """All units, in the order of ``rankings``."""
        return [
            Unit(layer, index, part)
            for (layer, part), values in self._blocks.items()
            for index in range(values.shape[1])
        ]

    def of(self, unit: Unit) -> Values:
        """Return the values of a unit, [T]."""
        return self._blocks[unit.layer, unit.part][:, unit.index]

    def shown(self, unit: Unit) -> Values:
        """Return h or tanh(c) of a unit, [T]."""
        values = self.of(unit)
        return values if unit.part == "h" else np.tanh(values)

    def on(self, start: int, end: int) -> list[Unit]:
        """Return the units that are on throughout a passage."""
        return [
            Unit(layer, int(index), part)
            for (layer, part), values in self._blocks.items()
            for index in units_on(values, start, end)
        ]

    def rankings(self, labels: Sequence[Labels], count: int, seed: int) -> Iterator[LabelRanking]:
        """Rank the units for each label; the best ``count`` are kept."""
        measured = rank_units(self._blocks.values(), labels, seed=seed)
        for each, found in zip(labels, measured, strict=True):
            order = np.argsort(-found.measures, kind="stable")[:count]
            best = tuple(
                RankedUnit(
                    unit=self.units[place],
                    measure=float(found.measures[place]),
                    is_higher=bool(found.signs[place] > 0),
                )
                for place in order.tolist()
            )
            yield LabelRanking(labels=each, best=best, controls=found.controls)
