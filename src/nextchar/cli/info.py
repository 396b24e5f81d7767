"""``nextchar info``: the configuration, size and history of a run."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from nextchar.cli.options import picture_format
from nextchar.cli.output import JSON_HELP, followed_display, print_json
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows, print_table
from nextchar.config import Config
from nextchar.rendering.training_words import duration

if TYPE_CHECKING:
    from nextchar.run_files.origin import Origin
    from nextchar.tasks.item_task import ItemTask

_ALWAYS = ("vocabulary", "cell", "hidden_size", "layers", "input", "steps", "learning_rate")
_BARS = "▁▂▃▄▅▆▇█"


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("info")(_info)


def _info(
    run: Path | None = typer.Argument(None, help="A run directory."),
    compile_now: bool = typer.Option(
        False,
        "--compile",
        help="Compile and store all loops of training and generation (without RUN).",
    ),
    picture: Path | None = typer.Option(
        None,
        help="Draw the learning curve: a .png, .svg or .pdf file (needs the extra plots).",
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show the configuration, size and learning curve of a run.

    With --compile, compile all loops in advance, for instance while a container image is built.
    """
    from nextchar.errors import ConfigError
    from nextchar.run_files.model_files import task_of

    if compile_now == (run is not None) or (compile_now and picture is not None):
        raise ConfigError("info takes a run directory, or --compile without one")
    if run is None:
        _compile(as_json=as_json)
        return
    drawn_as = picture_format(picture)
    task = task_of(run)
    shown = _of_language_model(run) if task is None else _of_task(run, task)
    if picture is not None:
        _draw(shown, picture, drawn_as)
    if as_json:
        print_json(shown.values)
    else:
        print_rows(shown.rows)
        if shown.history:
            _print_history(shown)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A run prepared for display: as JSON, and as rows with a history.

    Attributes
    ----------
    unit
        Unit of the losses.
    """

    run: Path
    values: dict[str, Any]
    rows: list[tuple[str, str]]
    unit: str = "char"

    @property
    def history(self) -> list[dict[str, Any]]:
        """Rows of ``metrics.jsonl``."""
        rows: list[dict[str, Any]] = self.values["history"]
        return rows

    @property
    def losses(self) -> list[float]:
        """Loss of each row on the validation part, or else in training."""
        names = (f"validation_bits_per_{self.unit}", f"train_bits_per_{self.unit}")
        return [row.get(names[0], row[names[1]]) for row in self.history]

    @property
    def best(self) -> int:
        """Place of the row of the best step."""
        from nextchar.errors import RunError
        from nextchar.training.extension import progress_of

        try:
            progress = progress_of(self.run)
        except RunError:  # The history is shown in spite of damage elsewhere.
            progress = None
        steps = [row["step"] for row in self.history]
        if progress is not None and progress.best_step in steps:
            return steps.index(progress.best_step)
        return min(range(len(steps)), key=self.losses.__getitem__)


def _draw(shown: _Shown, picture: Path, drawn_as: str) -> None:
    from nextchar.errors import ConfigError
    from nextchar.rendering.learning_curve import learning_curve
    from nextchar.storage import write_bytes

    if not shown.history:
        raise ConfigError(f"{shown.run} has no history to draw: its metrics.jsonl is empty")
    drawn = learning_curve(
        shown.history,
        title=str(shown.run),
        unit=shown.unit,
        best_step=shown.history[shown.best]["step"],
        picture_format=drawn_as,
    )
    write_bytes(picture, drawn)


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


def _of_task(run: Path, task: str) -> _Shown:
    from nextchar.nn.parameters import without_memory
    from nextchar.run_files.model_files import load_run_config
    from nextchar.runs.registry import task_named
    from nextchar.training.metrics import read_history

    kind = cast("ItemTask", task_named(task)).item_model
    config = load_run_config(run, kind.config_type, task=task)
    network = without_memory(lambda: kind.untrained(run, config, drawn=False).network)
    values: dict[str, Any] = {
        "run": str(run),
        "task": task,
        **_extended(run),
        "parameters": network.parameter_count,
        "config": config.to_dict(),
        "history": read_history(run, unit=kind.unit),
    }
    usual = kind.config_type.from_options({}).to_dict()
    rows = [
        ("run", values["run"]),
        ("task", task),
        *_extension_rows(values),
        ("parameters", f"{values['parameters']:,}"),
        *((part, text) for part, text in _choices(values["config"], usual) if text),
    ]
    return _Shown(run=run, values=values, rows=rows, unit=kind.unit)


def _of_language_model(run: Path) -> _Shown:
    from nextchar.embeddings.filling import load_embedding_origin
    from nextchar.nn.network import Network
    from nextchar.nn.parameters import without_memory
    from nextchar.run_files.model_files import load_config, load_vocabulary
    from nextchar.run_files.origin import load_origin
    from nextchar.runs.training import history

    config, vocabulary, origin = load_config(run), load_vocabulary(run), load_origin(run)
    network = without_memory(lambda: Network(len(vocabulary), config.network, generator=None))
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
        "experts_bytes": _size_of_experts(run),
        "config": config.to_dict(),
        "history": history(run),
    }
    return _Shown(run=run, values=values, rows=_language_model_rows(values, origin))


def _language_model_rows(values: dict[str, Any], origin: Origin | None) -> list[tuple[str, str]]:
    vocabulary = values["vocabulary"]
    symbols = " ".join(vocabulary["symbols"][:80])
    more = f" … and {vocabulary['size'] - 80} more" if vocabulary["size"] > 80 else ""
    embedding, size = values["embedding_from"], values["experts_bytes"]
    return [
        ("run", values["run"]),
        *([] if origin is None else [("from", origin.description)]),
        *([("embedding", _began(embedding))] if embedding else []),
        *_extension_rows(values),
        ("parameters", f"{values['parameters']:,}"),
        ("vocabulary", f"{vocabulary['kind']}, {vocabulary['size']} symbols: {symbols}{more}"),
        *([("experts", f"{size / 1e6:.1f} MB of counts")] if size else []),
        *((part, text) for part, text in _choices(values["config"], Config().to_dict()) if text),
    ]


def _size_of_experts(run: Path) -> int | None:
    """Return the size of the file of the experts, or ``None`` if there is none."""
    from nextchar.training.checkpoint import EXPERTS_FILE

    path = run / EXPERTS_FILE
    return path.stat().st_size if path.is_file() else None


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
    """Yield the options of each section that differ from the default, and always the sizes."""
    for part, fields in config.items():
        shown = {
            name: value
            for name, value in fields.items()
            if name in _ALWAYS or value != usual[part][name]
        }
        yield part, ", ".join(f"{name} {_shown(value)}" for name, value in shown.items())


def _shown(value: object) -> str:
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _print_history(shown: _Shown) -> None:
    """Print the losses in bits per unit, other figures, and the best step."""
    unit, rows = shown.unit, shown.history
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
    best, losses = shown.best, shown.losses
    write_view(f"\n{_sparkline(losses)}  best {losses[best]:.4f} at step {rows[best]['step']:,}\n")


def _figures(rows: list[dict[str, Any]], unit: str) -> list[str]:
    """Return the names of the figures other than the losses."""
    losses = (f"validation_nats_per_{unit}", f"validation_bits_per_{unit}")
    return [name for name in rows[-1] if name.startswith("validation_") and name not in losses]


def _sparkline(values: list[float]) -> str:
    low, high = min(values), max(values)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in values)
