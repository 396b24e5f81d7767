"""``nextchar info``: what a run is."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.output import JSON_HELP, duration, followed_display, print_json
from nextchar.cli.tables import print_rows, print_table
from nextchar.config import Config

if TYPE_CHECKING:
    from nextchar.run_files.origin import Origin

_ALWAYS = ("vocabulary", "cell", "hidden_size", "layers", "input", "steps", "learning_rate")
_BARS = "▁▂▃▄▅▆▇█"


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("info")(_info)


def _info(
    run: Path | None = typer.Argument(None, help="A run directory."),
    compile_now: bool = typer.Option(
        False, "--compile", help="Compile and store all loops of training and generation; no RUN."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show the configuration, size and learning curve of a run.

    With --compile, compile all loops in advance, for instance while a container image is built.
    """
    from nextchar.errors import ConfigError
    from nextchar.run_files.model_files import task_of

    if compile_now == (run is not None):
        raise ConfigError("info takes a run directory, or --compile without one")
    if run is None:
        _compile(as_json=as_json)
        return
    task = task_of(run)
    if task is not None:
        _of_task(run, task, as_json=as_json)
    else:
        _of_language_model(run, as_json=as_json)


def _compile(*, as_json: bool) -> None:
    from nextchar.language_model.warmup import compile_loops

    with followed_display("compiling"):
        made = compile_loops()
    folders = [str(folder) for folder in made.folders]
    if as_json:
        print_json({**dataclasses.asdict(made), "folders": folders})
        return
    print_rows(
        [
            ("compiled", f"{made.compiling_seconds:.0f} s, of {made.seconds:.0f} s in all"),
            *(("stored in", folder) for folder in folders),
        ]
    )


def _of_task(run: Path, task: str, *, as_json: bool) -> None:
    from nextchar.run_files.model_files import load_run_config
    from nextchar.tasks.kinds import kind_of_task
    from nextchar.training.checkpoint import METRICS_FILE
    from nextchar.training.metrics import read_rows

    kind = kind_of_task(task)
    config = load_run_config(run, kind.config_type, task=task)
    values: dict[str, Any] = {
        "run": str(run),
        "task": task,
        **_extended(run),
        "parameters": kind.untrained(run, config).network.parameter_count,
        "config": config.to_dict(),
        "history": read_rows(run / METRICS_FILE, unit=kind.unit),
    }
    if as_json:
        print_json(values)
        return
    usual = kind.config_type.from_options({}).to_dict()
    print_rows(
        [
            ("run", values["run"]),
            ("task", task),
            *_extension_rows(values),
            ("parameters", f"{values['parameters']:,}"),
            *((part, text) for part, text in _choices(values["config"], usual) if text),
        ]
    )
    if values["history"]:
        _print_history(values["history"], kind.unit)


def _of_language_model(run: Path, *, as_json: bool) -> None:
    from nextchar.embeddings.filling import load_embedding_origin
    from nextchar.nn.network import Network
    from nextchar.run_files.model_files import load_config, load_vocabulary
    from nextchar.run_files.origin import load_origin
    from nextchar.runs.training import history

    config, vocabulary, origin = load_config(run), load_vocabulary(run), load_origin(run)
    network = Network(len(vocabulary), config.network, generator=None)
    values = {
        "run": str(run),
        "from": None if origin is None else dataclasses.asdict(origin),
        "embedding_from": load_embedding_origin(run),
        **_extended(run),
        "parameters": network.parameter_count,
        "vocabulary": {
            "kind": vocabulary.kind,
            "size": len(vocabulary),
            "symbols": list(vocabulary.symbols),
        },
        "config": config.to_dict(),
        "history": history(run),
    }
    if as_json:
        print_json(values)
    else:
        _print(values, origin)


def _print(values: dict[str, Any], origin: Origin | None) -> None:
    vocabulary = values["vocabulary"]
    symbols = " ".join(vocabulary["symbols"][:80])
    more = f" … and {vocabulary['size'] - 80} more" if vocabulary["size"] > 80 else ""
    print_rows(
        [
            ("run", values["run"]),
            *([] if origin is None else [("from", origin.description)]),
            *(
                [("embedding", _began(values["embedding_from"]))]
                if values["embedding_from"]
                else []
            ),
            *_extension_rows(values),
            ("parameters", f"{values['parameters']:,}"),
            ("vocabulary", f"{vocabulary['kind']}, {vocabulary['size']} symbols: {symbols}{more}"),
        ]
        + [(part, text) for part, text in _choices(values["config"], Config().to_dict()) if text]
    )
    rows = values["history"]
    if rows:
        _print_history(rows)


def _extended(run: Path) -> dict[str, Any]:
    """Return the settings of the latest further training, if any."""
    from nextchar.training.extension import load_extension

    extension = load_extension(run)
    return {} if extension is None else {"extension": dataclasses.asdict(extension)}


def _extension_rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    if "extension" not in values:
        return []
    extension = values["extension"]
    steps = f"steps {extension['first_step']:,} to {extension['steps']:,}"
    return [("further", f"{steps}, learning rate {extension['learning_rate']:.3g}")]


def _began(embedding: dict[str, Any]) -> str:
    return f"{embedding.get('symbols_filled')} vectors of {embedding.get('vectors')}"


def _choices(
    config: dict[str, dict[str, Any]], usual: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Give for each part what is not as usual, and always the sizes."""
    for part, fields in config.items():
        shown = {
            name: value
            for name, value in fields.items()
            if name in _ALWAYS or value != usual[part][name]
        }
        yield part, ", ".join(f"{name} {_shown(value)}" for name, value in shown.items())


def _shown(value: object) -> str:
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _print_history(rows: list[dict[str, Any]], unit: str = "char") -> None:
    """Print the losses in bits per unit, other figures, and the best step."""
    names = [f"validation_bits_per_{unit}", *_figures(rows, unit)]
    headings = ["val bits", *(name.removeprefix("validation_") for name in names[1:])]
    table = [
        (
            str(row["step"]),
            f"{row['epochs']:.2f}",
            f"{row[f'train_bits_per_{unit}']:.4f}",
            *(f"{row[name]:.4f}" if name in row else "–" for name in names),
            f"{row['learning_rate']:.2g}",
            duration(row["seconds"]),
        )
        for row in rows
    ]
    sys.stdout.write("\n")
    print_table(("step", "epochs", "train bits", *headings, "rate", "time"), table, left=())
    losses = [row.get(names[0], row[f"train_bits_per_{unit}"]) for row in rows]
    best = min(range(len(rows)), key=losses.__getitem__)
    sys.stdout.write(
        f"\n{_sparkline(losses)}  {losses[best]:.4f} best, at step {rows[best]['step']:,}\n"
    )


def _figures(rows: list[dict[str, Any]], unit: str) -> list[str]:
    """Name what was measured beside the losses."""
    losses = (f"validation_nats_per_{unit}", f"validation_bits_per_{unit}")
    return [name for name in rows[-1] if name.startswith("validation_") and name not in losses]


def _sparkline(values: list[float]) -> str:
    low, high = min(values), max(values)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in values)
