"""``nextchar transduce``: map texts to texts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.options import parameter, picture_format, require_folder
from nextchar.cli.output import (
    COLUMN_HELP,
    JSON_HELP,
    UNKNOWN_HELP,
    followed_display,
    print_json,
    write_note,
)
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows
from nextchar.cli.train_command import TrainCommand
from nextchar.config import TransducerRunConfig
from nextchar.errors import ConfigError
from nextchar.tasks.result_rows import item_rows

if TYPE_CHECKING:
    from nextchar.tasks.transduction.model import Transducer
    from nextchar.tasks.transduction.pairs import Columns
    from nextchar.tasks.transduction.results import TransductionEvaluation

app = Commands("transduce", "Map texts to texts: pronunciation, transliteration, dates, …")

_TRAIN_HELP = """Train a transducer on pairs of texts: a source and its target.

In .csv, .tsv and .jsonl files, --source and --target name the columns. In any other file, each line
consists of a source, a tab (or a space if there is no tab) and a target. A file named *.dict or
cmudict* is read as CMUdict: words and phonemes, with only the first pronunciation of each word.
"""

_Format = Literal["auto", "csv", "tsv", "jsonl", "pairs", "cmudict"]
_Unknown = Literal["error", "skip", "replace"]
_RUN = typer.Argument(help="The run directory of a transducer.")
_BEAM = typer.Option(
    5, "--beam", help="Width of the beam search; 1 always takes the most probable symbol."
)
_MAX_LENGTH = typer.Option(
    None,
    "--max-length",
    help="Maximum number of symbols in an output; by default it depends on the source.",
)
_PENALTY = typer.Option(0.0, "--length-penalty", help="Above 0, longer texts are preferred.")
_UNKNOWN = typer.Option("error", "--unknown", help=UNKNOWN_HELP)
_JSON = typer.Option(False, "--json", help=JSON_HELP)
_FORMAT = typer.Option("auto", "--format", help="Format of the files; auto decides by their names.")
_SOURCE = typer.Option(None, "--source", help=f"Column of the sources [source]: {COLUMN_HELP}.")
_TARGET = typer.Option(None, "--target", help=f"Column of the targets [target]: {COLUMN_HELP}.")


def column_pair(source: str | None, target: str | None) -> Columns | None:
    """Return the columns of source and target; ``None`` if neither is named."""
    from nextchar.tasks.transduction.pairs import Columns

    if source is None and target is None:
        return None
    return Columns(source=source or "source", target=target or "target")


TrainCommand(
    task="transduce",
    help=_TRAIN_HELP,
    config=TransducerRunConfig,
    data="Files, or -.",
    own=[
        parameter("source", str | None, _SOURCE),
        parameter("target", str | None, _TARGET),
        parameter("file_format", _Format, _FORMAT),
    ],
    rows=item_rows,
    next_command="transduce apply OUT TEXT",
).add_to(app)


@app.command("apply")
def _apply(
    run: Path = _RUN,
    text: list[str] = typer.Argument(None, help="Texts to transduce."),
    file: str | None = typer.Option(None, "--input", help="A file with one text per line, or -."),
    beam: int = _BEAM,
    count: int = typer.Option(
        1, "--count", help="Number of outputs for each text, with their log-probabilities."
    ),
    max_length: int | None = _MAX_LENGTH,
    length_penalty: float = _PENALTY,
    unknown: _Unknown = _UNKNOWN,
    as_json: bool = _JSON,
) -> None:
    """Print the most probable target of each text, one per line.

    With --count above 1, each line is a text, a target, and its log-probability in nats.
    """
    if bool(text) == (file is not None):
        problem = "one of both" if text else "neither"
        raise ConfigError(f"apply takes texts or --input; got {problem}")
    from nextchar.tasks.transduction.model import Transducer

    model = Transducer.load(run)
    texts = list(text) if file is None else _lines(file, model)
    named = "text" if file is None else f"{file}, line"
    with followed_display("writing"):
        found = model.apply(
            texts,
            beam=beam,
            count=count,
            max_length=max_length,
            length_penalty=length_penalty,
            unknown=unknown,
        )
    if unknown != "error":
        places = [f"{named} {number}" for number in range(1, len(texts) + 1)]
        _tell_unknown(model, texts, places, unknown)
    if as_json:
        items = [
            {"source": source, "outputs": [each.to_dict() for each in outputs]}
            for source, outputs in zip(texts, found, strict=True)
        ]
        print_json({"items": items})
        return
    for source, outputs in zip(texts, found, strict=True):
        for each in outputs:
            line = each.text if count == 1 else f"{source}\t{each.text}\t{each.log_probability:.4f}"
            sys.stdout.write(f"{line}\n")
    _tell_limit(sum(outputs[0].reached_limit for outputs in found), len(found))


def _lines(file: str, model: Transducer) -> list[str]:
    from nextchar.text.lines import read_lines

    return list(read_lines(file, model.config.items.reading))


def _tell_unknown(
    model: Transducer, texts: Sequence[str], places: Sequence[str], unknown: _Unknown
) -> None:
    from nextchar.text.unknown import UnknownSymbols

    met = UnknownSymbols(model.symbols.source)
    for text, place in zip(texts, places, strict=True):
        met.read(model.form.of(text), place)
    if met.count:
        write_note(met.note(unknown=unknown))


def _tell_limit(reached: int, items: int) -> None:
    if reached:
        write_note(
            f"{reached:,} of {items:,} outputs were cut at the maximum length (--max-length)"
        )


@app.command("evaluate")
def _evaluate(
    run: Path = _RUN,
    data: list[str] = typer.Argument(
        None, help="Files of pairs; the held-out pairs of the run if none is named."
    ),
    source: str | None = _SOURCE,
    target: str | None = _TARGET,
    file_format: _Format = _FORMAT,
    beam: int = _BEAM,
    max_length: int | None = _MAX_LENGTH,
    length_penalty: float = _PENALTY,
    sample: int | None = typer.Option(
        None, "--sample", help="Measure a random sample of this number of pairs."
    ),
    seed: int = typer.Option(0, "--seed", help="Seed of --sample."),
    wrong: int = typer.Option(0, "--wrong", help="Number of wrong outputs to show."),
    as_json: bool = _JSON,
) -> None:
    """Measure the error rates of symbols and of whole sequences.

    The symbol error rate is the sum of edit distances divided by the total length of the targets.
    The sequence error rate (word error rate for words) is the share of outputs with an error.
    """
    from nextchar.tasks.transduction.model import Transducer
    from nextchar.tasks.transduction.pairs import read_pairs
    from nextchar.tasks.transduction.task import held_out, sampled

    model = Transducer.load(run)
    columns = column_pair(source, target)
    if data:
        reading = model.config.items.reading
        pairs = read_pairs(data, reading, columns=columns, file_format=file_format, note=write_note)
        examples = model.examples(pairs)
        places = [f"pair {number}" for number in range(1, len(pairs) + 1)]
        _tell_unknown(model, [pair.source for pair in pairs], places, "replace")
    elif columns is not None or file_format != "auto":
        raise ConfigError("--source, --target and --format are for files; none was given")
    else:
        examples = held_out(run, model)
    if sample is not None:
        examples = sampled(examples, sample, seed)
    with followed_display("evaluating"):
        found = model.evaluate_examples(
            examples, beam=beam, max_length=max_length, length_penalty=length_penalty
        )
    shown = [each._asdict() for each in found.mismatches[: max(0, wrong)]]
    if as_json:
        print_json({**found.to_dict(), **({"wrong": shown} if wrong else {})})
        return
    _print_evaluation(found)
    if shown:
        sys.stdout.write("\nsource\ttarget\twritten\n")
    for each in found.mismatches[: max(0, wrong)]:
        sys.stdout.write(f"{each.source}\t{each.target}\t{each.written}\n")
    _tell_limit(found.reached_limit, found.items)


def _print_evaluation(found: TransductionEvaluation) -> None:
    speed = found.to_dict()["items_per_second"]
    print_rows(
        [
            ("items", f"{found.items:,}"),
            ("symbol error rate", f"{100 * found.symbol_error_rate:.2f} %"),
            ("sequence error rate", f"{100 * found.sequence_error_rate:.2f} %"),
            ("loss", f"{found.nats_per_symbol:.4f} nats/symbol"),
            ("speed", f"{speed:,.0f} items/s, beam {found.beam}"),
        ]
    )


@app.command("attention")
def _attention(
    run: Path = _RUN,
    text: str = typer.Argument(help="The text to transduce."),
    picture: Path | None = typer.Option(
        None,
        "--picture",
        help="Draw the weights: a .png, .svg or .pdf file (needs the extra plots).",
    ),
    beam: int = _BEAM,
    max_length: int | None = _MAX_LENGTH,
    unknown: _Unknown = _UNKNOWN,
    as_json: bool = _JSON,
) -> None:
    """Show the attention weights: a row per output symbol, a column per source symbol."""
    wanted = picture_format(picture)
    from nextchar.storage import write_bytes
    from nextchar.tasks.transduction.model import Transducer
    from nextchar.tasks.transduction.picture import (
        attention_picture,
        attention_table,
        undrawable,
    )

    model = Transducer.load(run)
    found = model.attention(text, beam=beam, max_length=max_length, unknown=unknown)
    if picture is not None:
        write_bytes(picture, attention_picture(found, wanted))
        missing = undrawable(found)
        if missing:
            write_note(
                f"no font for {' '.join(missing[:10])} is installed: they are drawn as boxes"
            )
    if as_json:
        print_json(found.to_dict())
    else:
        write_view(f"{attention_table(found)}\n\n")
        sys.stdout.write(f"{found.output.text}\n")
    _tell_limit(int(found.output.reached_limit), 1)


@app.command("dates")
def _dates(
    count: int = typer.Option(10_000, "--count", help="Number of pairs, at most 100,000."),
    seed: int = typer.Option(0, "--seed", help="Seed of the pairs."),
    part: Literal["all", "train", "test"] = typer.Option(
        "all", "--part", help="Subset of the dates: test is a fixed tenth, excluded from train."
    ),
    out: Path | None = typer.Option(
        None, "--out", help="The .tsv file to create; standard output if not set."
    ),
    as_json: bool = _JSON,
) -> None:
    """Make the built-in corpus: dates in many English and Korean forms, with ISO 8601."""
    if out is not None and out.suffix.lower() != ".tsv":
        raise ConfigError(f"--out is a file that ends in .tsv; got {out}")
    require_folder(out, "--out")
    if out is not None and out.exists():
        raise ConfigError(f"{out} exists already and is not overwritten")
    from nextchar.storage import write_bytes
    from nextchar.tasks.transduction.dates import make_dates

    pairs = list(make_dates(count, seed=seed, part=part))
    rows = [("source", "target"), *pairs]
    text = "".join(f"{source}\t{target}\n" for source, target in rows)
    if out is not None:
        write_bytes(out, text.encode())
    if as_json:
        written = [{"source": source, "target": target} for source, target in pairs]
        print_json({"items": written} if out is None else {"out": str(out), "count": len(pairs)})
    elif out is None:
        sys.stdout.write(text)


add_to = app.add_to
