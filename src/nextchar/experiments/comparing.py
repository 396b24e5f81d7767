"""Comparing: the same text and the same budget for every variant and seed.

A comparison is a folder::

    comparison.json     what is compared; a second call with the same goes on where it stopped
    runs/NAME-SEED/     the runs
    results/*.json      the figures of each run that is complete
    table.md            the table
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nextchar.config import Config
from nextchar.errors import ConfigError, InputError, RunError
from nextchar.experiments.comparison import Comparison, Figures
from nextchar.experiments.variants import Variant, name_of, variants_of
from nextchar.model import LanguageModel
from nextchar.nn.network import Network
from nextchar.run import history, resume, train
from nextchar.storage import read_json, storage_errors, write_bytes, write_json
from nextchar.text.folds import learn_vocabulary
from nextchar.text.reading import open_text
from nextchar.training.events import Listener

FORMAT_VERSION = 1
SPEC_FILE, TABLE_FILE = "comparison.json", "table.md"
SAMPLE_LENGTH, TIMED_LENGTH = 300, 4000
LARGEST_HIDDEN = 1 << 14


def compare(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    vary: Mapping[str, Sequence[Any]],
    seeds: int = 1,
    parameters: int | None = None,
    listeners: Sequence[Listener] = (),
    announce: Callable[[str], None] = lambda _line: None,
    **options: Any,  # noqa: ANN401
) -> Comparison:
    """Train every variant with every seed, and put the figures side by side.

    Parameters
    ----------
    inputs
        Text, as for ``train``, but not standard input.
    out
        The folder of the comparison. If it holds the same comparison, that goes on: complete
        runs stay as they are, one that was interrupted is resumed, and seeds may be added.
    vary
        The values of each option that differs; every combination is a variant.
    seeds
        How often each variant is trained, with the seeds 0, 1, ….
    parameters
        Give each variant the hidden size that brings it nearest to so many weights.
    listeners
        Told the events of every training.
    announce
        Told a line when a run begins.
    **options
        What all runs share: ``minutes`` or ``steps`` is the budget of each.

    Raises
    ------
    ConfigError, TextError
        The comparison cannot be; nothing was written.
    RunError
        ``out`` is in the way, or holds another comparison.
    """
    if seeds < 1:
        raise ConfigError(f"seeds must be at least 1; got {seeds}")
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if "-" in paths:
        raise ConfigError("a comparison reads its text many times: name files, not -")
    variants = variants_of(vary, options)
    if parameters is not None:
        variants = _of_equal_size(variants, options, paths, parameters)
    folder = Path(out)
    with _begun(folder, paths, variants, options):
        figures = _run_all(folder, paths, variants, vary, options, seeds, listeners, announce)
        comparison = Comparison.of(figures)
        write_bytes(folder / TABLE_FILE, comparison.markdown().encode())
    return comparison


def _run_all(
    folder: Path,
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
    # Seed by seed, so that after the first round there is something of every variant.
    for seed in range(seeds):
        for variant in variants:
            name = name_of({k: v for k, v in variant.items() if k in vary})
            announce(f"{len(figures) + 1}/{total}: {name}, seed {seed}")
            figures.append(_run(folder, paths, name, {**options, **variant}, seed, listeners))
    return figures


@contextlib.contextmanager
def _begun(
    folder: Path,
    paths: Sequence[str | os.PathLike[str]],
    variants: Sequence[Variant],
    options: Mapping[str, Any],
) -> Iterator[None]:
    """Make the folder, or see that it holds this comparison; only seeds may be added.

    Where the text or an option turns out to be of no use before anything is trained, the folder
    is as it was.
    """
    spec = json.loads(
        json.dumps(
            {
                "format_version": FORMAT_VERSION,
                "text": [os.fspath(path) for path in paths],
                "variants": [dict(variant) for variant in variants],
                "options": dict(options),
            }
        )
    )
    if not (folder / SPEC_FILE).exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder} exists already and is no comparison: choose another --out")
        was_there = folder.exists()
        parts = [folder / "runs", folder / "results"]
        with storage_errors(folder):
            for part in parts:
                part.mkdir(parents=True, exist_ok=True)
        write_json(folder / SPEC_FILE, spec)
        try:
            yield
        except InputError:
            if not any(parts[0].iterdir()):
                (folder / SPEC_FILE).unlink()
                for made in parts if was_there else [*parts, folder]:
                    made.rmdir()
            raise
        return
    known = read_json(folder / SPEC_FILE, RunError)
    differing = [name for name in spec if known.get(name) != spec[name]]
    if differing:
        raise RunError(
            f"{folder} holds another comparison, of other {', '.join(differing)}: choose another "
            "--out"
        )
    yield


def _run(
    folder: Path,
    paths: Sequence[str | os.PathLike[str]],
    name: str,
    options: Mapping[str, Any],
    seed: int,
    listeners: Sequence[Listener],
) -> Figures:
    """Train, resume or only look up one run."""
    label = f"{name.replace(' ', '-')}-{seed}"
    run, kept = folder / "runs" / label, folder / "results" / f"{label}.json"
    if kept.exists():
        known = read_json(kept, RunError)
        return Figures(**{**known, "curve": [tuple(point) for point in known["curve"]]})
    if run.exists():
        result = resume(run, listeners=listeners)
    else:
        result = train(paths, run, listeners=listeners, seed=seed, **options)
    model = LanguageModel.load(run)
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
        generated_chars_per_second=_writing_speed(model),
        curve=[
            (row["seconds"], row.get("validation_nats_per_char", row["train_nats_per_char"]))
            for row in history(run)
        ],
        sample=model.generate(length=SAMPLE_LENGTH, seed=seed, temperature=0.8),
    )
    write_json(kept, dataclasses.asdict(figures))
    return figures


def _writing_speed(model: LanguageModel) -> float:
    """Give characters a second of one text, once the code is loaded."""
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
    """Give each variant the hidden size that brings it nearest to a number of weights."""
    if "hidden_size" in options or any("hidden_size" in variant for variant in variants):
        raise ConfigError("parameters choose the hidden size: it cannot be set as well")
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
    """Give the hidden size H ≥ 1 whose network is nearest to a number of weights."""

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
