"""The content of the page of a run: every inspection, and the units of the text to explore.

Shapes: T symbols of the text to explore, H units, K lags.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import InputError
from nextchar.inspection.memory import input_norms
from nextchar.inspection.page import Section, TextToExplore, inspection_page
from nextchar.inspection.recording import record
from nextchar.inspection.sample import Sample
from nextchar.inspection.symbols import symbol_marks
from nextchar.inspection.units import UnitReport
from nextchar.inspection.windows import draw_windows, in_float64
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread
from nextchar.rendering.compact_svg import compact_svg
from nextchar.rendering.figures import saved_picture

if TYPE_CHECKING:
    from nextchar.inspection.inspector import Inspector

MAX_VALUES = 300_000  # of units, one byte each: the text to explore has as many symbols as fit
LONGEST_TEXT, LAGS = 1000, 30  # symbols
_WINDOWS_AT_ONCE = 128
_RASTER_DPI = 100  # of what is drawn in pixels inside a picture

# The inspections in order: the name of the command, the title, and the question.
_INSPECTIONS = (
    ("training", "Training", "How did the training go, and what should be changed?"),
    ("gradients", "Gradients", "How far back does the loss reach?"),
    ("gates", "Gates", "Which gates are open, closed, or never move?"),
    ("units", "Units", "Which units follow a property of the text?"),
    ("memory", "Memory", "On which earlier symbols does a prediction depend?"),
    ("errors", "Errors", "Of which kinds are the errors that are left?"),
    ("embeddings", "Symbols", "Which symbols are alike to the network?"),
    ("temperature", "Temperature", "How does the temperature change the text?"),
)


def build_page(
    inspector: Inspector, sample: Sample, progress: Callable[[float], None] | None = None
) -> str:
    """Return the page of a model on a text; see ``Inspector.page``."""
    calls = _calls(inspector, sample)
    found, sections = {}, []
    for number, (name, title, question) in enumerate(_INSPECTIONS):
        if progress is not None:
            progress(number / (len(_INSPECTIONS) + 1))
        result, section = _inspected(calls[name], name, title, question)
        found[name] = result
        sections.append(section)
    page = inspection_page(
        "the model" if inspector.run is None else inspector.run.name,
        f"Model: {inspector.config.network.summary}. Text: {sample.description}.",
        sections,
        _text(inspector, sample, found["units"]),
    )
    # A page that is shown to others does not name the folders of its author.
    return page if inspector.run is None else page.replace(str(inspector.run), inspector.run.name)


def _calls(inspector: Inspector, sample: Sample) -> dict[str, Callable[[], Any]]:
    return {
        "training": inspector.training,
        "gradients": lambda: inspector.gradients(sample),
        "gates": lambda: inspector.gates(sample),
        "units": lambda: inspector.units(sample),
        "memory": lambda: inspector.memory(sample),
        "errors": lambda: inspector.errors(sample),
        "embeddings": inspector.embeddings,
        "temperature": inspector.temperature,
    }


def _inspected(
    call: Callable[[], Any], name: str, title: str, question: str
) -> tuple[Any, Section]:
    """Return a result and its section, or ``None`` and the reason why there is none."""
    try:
        result = call()
    except InputError as error:
        lines = [error.for_command_line]
        return None, Section(name=name, title=title, question=question, lines=lines)
    return result, Section(
        name=name,
        title=title,
        question=question,
        lines=result.lines(),
        picture=_picture(result),
    )


def _picture(result: Any) -> bytes:  # noqa: ANN401  (any result of an inspection)
    """Return the picture of a result as a small SVG."""
    return compact_svg(saved_picture(result.plot(), "svg", dpi=_RASTER_DPI))


def _text(inspector: Inspector, sample: Sample, units: UnitReport | None) -> TextToExplore:
    """Return the beginning of the text with its units, and what its predictions depend on."""
    network = inspector.network
    values = sum(cell.hidden_size * cell.state_count for cell in network.stack.cells)
    T = max(1, min(LONGEST_TEXT, MAX_VALUES // values, len(sample.ids)))
    ids = sample.ids[:T]
    series: dict[str, NDArray[np.float32]] = {}
    for number, layer in enumerate(record(network, ids, gates=False).layers, 1):
        if layer.c is not None:
            series[f"{number}.c."] = np.tanh(layer.c)
        series[f"{number}."] = layer.h
    decoded = (inspector.vocabulary.decode([each]) for each in ids.tolist())
    marks = symbol_marks(inspector.vocabulary, ids)
    named = (
        []
        if units is None
        else [
            (
                str(ranking.best[0].unit),
                f"{ranking.labels.name}, {ranking.measure_name} "
                f"{ranking.best[0].measure:.2f}, control {ranking.control:.2f}",
            )
            for ranking in units.rankings
            if ranking.is_found
        ]
    )
    return TextToExplore(
        symbols=[
            text if text.isspace() else mark for text, mark in zip(decoded, marks, strict=True)
        ],
        series=series,
        named=named,
        memory=_memory(network, sample.ids[: T + 1]),
    )


def _memory(network: Network, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the influence of the symbol k places before each prediction, float[T, K + 1].

    The predictions of the first K symbols have no window; they are left at zero.
    """
    T, lags = len(ids) - 1, min(LAGS, len(ids) - 2)
    influence = np.zeros((max(1, T), max(0, lags) + 1))
    if lags < 1:
        return influence
    with one_thread():
        windows = draw_windows(network, ids, lags, T, seed=0)
        double = in_float64(network)
        norms = [input_norms(double, each)[0] for each in windows.batches(_WINDOWS_AT_ONCE)]
    influence[lags:] = np.concatenate(norms, axis=1).T
    return influence
