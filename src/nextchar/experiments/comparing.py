"""Comparison of variants: every variant and seed gets the same text and the same budget."""

from __future__ import annotations

import dataclasses
import os
import re
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from nextchar.config import Config
from nextchar.config.arguments import checked
from nextchar.config.options import LanguageModelOptions
from nextchar.errors import ConfigError
from nextchar.experiments.comparison import Comparison, Figures
from nextchar.experiments.folder import ExperimentFolder, Inputs, files_of
from nextchar.experiments.texts import described_text
from nextchar.experiments.variants import Variant, name_of, variants_of
from nextchar.language_model.model import LanguageModel
from nextchar.nn.network import Network
from nextchar.runs.training import history
from nextchar.text.folds import learn_vocabulary
from nextchar.text.reading import open_text
from nextchar.training.events import Listener

FORMAT_VERSION = 1
SAMPLE_LENGTH, TIMED_LENGTH = 300, 4000
LARGEST_HIDDEN = 1 << 14


@checked
def compare(
    inputs: Inputs,
    out: str | os.PathLike[str],
    *,
    vary: Mapping[str, Sequence[Any]],
    seeds: int = 1,
    parameters: int | None = None,
    listeners: Sequence[Listener] = (),
    announce: Callable[[str], None] = lambda _line: None,
    **options: Unpack[LanguageModelOptions],
) -> Comparison:
    """Train every variant with every seed, and return a comparison of the results.

    Parameters
    ----------
    inputs
        Text, as for ``train``, but not standard input.
    out
        The folder of the comparison. If it holds the same comparison, that resumes: complete
        runs are kept, an interrupted run is resumed, and seeds may be added.
    vary
        The values of each varied option; every combination is a variant.
    seeds
        Number of runs per variant, with the seeds 0, 1, ….
    parameters
        Target number of parameters; the hidden size of each variant is chosen to match it as
        closely as possible.
    listeners
        Receive the events of every training.
    announce
        Called with a line when a run starts.
    **options
        Options of all runs; ``minutes`` or ``steps`` is the budget of each run.

    Raises
    ------
    ConfigError, TextError
        An option or the text is invalid; nothing was written.
    RunError
        ``out`` holds other files or another comparison.
    """
    if seeds < 1:
        raise ConfigError(f"seeds must be at least 1; got {seeds}")
    paths = files_of(inputs, "comparison")
    variants = variants_of(vary, options)
    if parameters is not None:
        variants = _of_equal_size(variants, options, paths, parameters)
    folder = ExperimentFolder(Path(out), "comparison")
    asked = {
        "format_version": FORMAT_VERSION,
        "text": described_text(paths),
        "variants": [dict(variant) for variant in variants],
        "options": dict(options),
    }
    with folder.begun(asked, paths):
        figures = _run_all(folder, paths, variants, vary, options, seeds, listeners, announce)
        comparison = Comparison.of(figures)
        folder.write_table(comparison.markdown())
    return comparison


def _run_all(
    folder: ExperimentFolder,
    paths: Sequence[str | os.PathLike[str]],
    variants: Sequence[Variant],
    vary: Collection[str],
    options: Mapping[str, Any],
    seeds: int,
    listeners: Sequence[Listener],
    announce: Callable[[str], None],
) -> list[Figures]:
    figures: list[Figures] = []
    total = len(variants) * seeds
    # Seed by seed: after the first round, every variant has a result.
    for seed in range(seeds):
        for variant in variants:
            name = name_of({k: v for k, v in variant.items() if k in vary})
            announce(f"{len(figures) + 1}/{total}: {name}, seed {seed}{_left(figures, total)}")
            figures.append(_run(folder, paths, name, {**options, **variant}, seed, listeners))
    return figures


def _left(figures: Sequence[Figures], total: int) -> str:
    """Return the estimated time left, from the mean duration of the complete runs."""
    if not figures:
        return ""
    seconds = statistics.mean(run.seconds for run in figures) * (total - len(figures))
    return f", about {max(1, round(seconds / 60))} min left"


def _run(
    folder: ExperimentFolder,
    paths: Sequence[str | os.PathLike[str]],
    name: str,
    options: Mapping[str, Any],
    seed: int,
    listeners: Sequence[Listener],
) -> Figures:
    """Return the metrics of one run; train or resume it if it is not complete."""
    label = re.sub(r"[^\w.=+-]", "-", f"{name}-{seed}")
    known = folder.figures(label, Figures)
    if known is not None:
        return folder.of_run(label, known, {"variant": name, "seed": seed})
    result = folder.trained(label, paths, listeners, seed=seed, **options)
    model = LanguageModel.load(result.run)
    figures = Figures(
        variant=name,
        seed=seed,
        parameters=result.parameters,
        hidden_size=model.config.network.hidden_size,
        steps=result.steps,
        seconds=result.seconds,
        nats_per_char=result.nats_per_char,
        train_nats_per_char=result.train_nats_per_char,
        chars_per_second=result.chars_per_second,
        generated_chars_per_second=_generation_speed(model),
        curve=[
            (row["seconds"], row.get("validation_nats_per_char", row["train_nats_per_char"]))
            for row in history(result.run)
        ],
        sample=model.generate(length=SAMPLE_LENGTH, seed=seed, temperature=0.8),
    )
    folder.keep(label, dataclasses.asdict(figures))
    return figures


def _generation_speed(model: LanguageModel) -> float:
    """Return the characters generated per second, for one text, after compilation."""
    pieces = model.stream(length=2 * TIMED_LENGTH, seed=0, engine="compiled")
    written = 0
    while written < TIMED_LENGTH // 2:
        written += len(next(pieces))
    began, before = time.perf_counter(), written
    written += sum(map(len, pieces))
    return (written - before) / (time.perf_counter() - began)


def _of_equal_size(
    variants: Sequence[Variant],
    options: Mapping[str, Any],
    paths: Sequence[str | os.PathLike[str]],
    parameters: int,
) -> list[Variant]:
    """Set the hidden size of each variant to match a number of parameters."""
    if "hidden_size" in options or any("hidden_size" in variant for variant in variants):
        raise ConfigError("parameters determines the hidden size: hidden_size cannot be set too")
    sized: list[Variant] = []
    sizes: dict[str, int] = {}
    for variant in variants:
        config = Config.from_options({**options, **variant})
        text = str(config.text)
        if text not in sizes:
            with open_text(paths, config.text) as source:
                sizes[text] = len(learn_vocabulary(source, config.text))
        sized.append({**variant, "hidden_size": _nearest(config, sizes[text], parameters)})
    return sized


def _nearest(config: Config, V: int, parameters: int) -> int:
    """Return the hidden size H ≥ 1 of the network closest to a number of parameters."""

    def count(size: int) -> int:
        sizes = {"hidden_size": size}
        if config.network.tied:
            sizes["embedding_size"] = size
        network = config.with_options(**sizes).network
        return Network(V, network, generator=None).parameter_count

    low, high = 1, 2
    while count(high) < parameters and high < LARGEST_HIDDEN:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= parameters else (low, middle)
    return min((low, high), key=lambda size: abs(count(size) - parameters))
