"""Generate text and print it: as it appears, as several samples, or as the result of a search."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack

import typer

from nextchar.cli.options import is_given
from nextchar.cli.output import flowing_text, followed_display, print_json, write_note
from nextchar.cli.prompts import read_prompt, unescaped
from nextchar.cli.writing_options import SAMPLING, SEARCH
from nextchar.config import TextConfig
from nextchar.errors import ConfigError, Interrupted
from nextchar.text.notes import counted

if TYPE_CHECKING:
    from nextchar.language_model.options import SearchOptions, StreamOptions
    from nextchar.language_model.searching import Continuation

_CHARACTERS_A_LINE = 1000  # at most, if --lines limits a text and --length does not
_MOST_SAMPLES = 1_000_000  # all are in memory before they are printed
_SHARED = ("length", "lines", "match", "unknown", "experts")
_OF_SAMPLING = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "repetition_window",
    "engine",
    "weights",
)
_OF_SEARCH = ("length_penalty", "groups", "diversity")


class GenerativeModel(Protocol):
    """A model that generates text; the options are those of ``LanguageModel``."""

    def stream(self, prompt: str = "", **options: Unpack[StreamOptions]) -> Iterator[str]:
        """Generate a text piece by piece."""

    def generate_batch(
        self, prompt: str = "", *, samples: int, **options: Unpack[StreamOptions]
    ) -> list[str]:
        """Generate several texts."""

    def search(self, prompt: str = "", **options: Unpack[SearchOptions]) -> list[Continuation]:
        """Find the most probable texts."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A model to generate with, and the output around its texts.

    Attributes
    ----------
    load
        Returns the model; called once the options are known to be consistent.
    reading
        Returns how texts are read for the model.
    about
        Further entries of the JSON object.
    lines_apart
        Whether several samples are printed as lines, without headings.
    """

    load: Callable[[], GenerativeModel]
    reading: Callable[[], TextConfig]
    about: Mapping[str, Any] = field(default_factory=dict)
    lines_apart: bool = False


def write(
    context: typer.Context,
    writer: Writer,
    *,
    prompt: str,
    prompt_file: Path | None,
    **values: Any,  # noqa: ANN401
) -> None:
    """Generate text and print it; the values are those of ``writing_parameters``."""
    prompt = read_prompt(prompt, prompt_file, writer.reading)
    if values["lines"] > 0 and not is_given(context, "length"):
        values["length"] = max(values["length"], _CHARACTERS_A_LINE * values["lines"])
    shared = {name: values[name] for name in _SHARED if name in values}
    shared["stop"] = [unescaped(text) for text in values["stop"] or ()]
    shared["forbid"] = values["forbid"] or ()
    if values["beam"] is None:
        _refuse(context, "is for a search: it needs --beam", SEARCH)
        _write_samples(writer, prompt, shared, values)
    else:
        drawing = ("samples", "engine", "weights", "endless")
        _refuse(context, "is for sampling, and --beam does not sample", SAMPLING, *drawing)
        _write_found(writer, prompt, shared, values)


def _write_found(
    writer: Writer, prompt: str, shared: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Search, and print the best texts."""
    options = {**shared, **{name: values[name] for name in _OF_SEARCH}, "width": values["beam"]}
    found = _search(writer.load(), prompt, values["best"], **options)
    results = _found(prompt, found)
    if values["as_json"]:
        print_json({**writer.about, "prompt": prompt, "results": results})
    else:
        _print_found(results, values["lines"])
    _tell_lines([each.text for each in found], values["lines"], values["length"])


def _write_samples(
    writer: Writer, prompt: str, shared: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Sample texts, and print them."""
    from nextchar.generation.uniforms import resolve_seed

    samples, as_json, lines = values["samples"], values["as_json"], values["lines"]
    if values["endless"] and (samples > 1 or as_json):
        raise ConfigError("--endless writes one text as it appears: no --samples and no --json")
    if samples > _MOST_SAMPLES:
        raise ConfigError(f"--samples must be at most {_MOST_SAMPLES:,}; got {samples}")
    model = writer.load()
    seed = resolve_seed(values["seed"])
    length = None if values["endless"] else values["length"]
    sampling = {name: values[name] for name in _OF_SAMPLING}
    options = {**shared, **sampling, "length": length, "seed": seed}
    if values.get("fix"):
        options["fix"] = values["fix"]
    if samples == 1 and not as_json:
        texts = [_stream(model.stream(prompt, **options), lines)]
    else:
        texts = _batch(model, prompt, samples, options)
        if as_json:
            print_json({**writer.about, "prompt": prompt, "seed": seed, "texts": texts})
        else:
            _print_samples(texts, seed, lines, headings=not writer.lines_apart)
    if lines > 0:
        # The prompt as the model reads it may be shorter: normalised, or with symbols skipped.
        begun = len("".join(model.stream(prompt, length=0, unknown=values["unknown"])))
        _tell_lines([text[begun:] for text in texts], lines, values["length"])


def _print_samples(texts: Sequence[str], seed: int, lines: int, *, headings: bool) -> None:
    for index, text in enumerate(texts):
        if headings:
            sys.stdout.write(f"--- sample {index + 1}, seed {seed + index} ---\n")
        sys.stdout.write(f"{text}{_line_end(text, lines)}")


def _batch(
    model: GenerativeModel, prompt: str, samples: int, options: Mapping[str, Any]
) -> list[str]:
    with followed_display("writing", symbols=options["length"]):
        return model.generate_batch(prompt, samples=samples, **options)


def _line_end(text: str, lines: int) -> str:
    """Return the end of a text's output; with --lines, its last line may have ended already."""
    return "" if lines and text.endswith("\n") else "\n"


def _tell_lines(written: Sequence[str], lines: int, length: int) -> None:
    """Note how many texts reached the maximal length before all their lines were written."""
    short = sum(len(text) >= length and text.count("\n") < lines for text in written)
    if short:
        texts = f"of {len(written):,} texts {'was' if short == 1 else 'were'}"
        what = "the text was" if len(written) == 1 else f"{short:,} {texts}"
        characters = counted(length, "character", "characters")
        write_note(f"{what} cut after {characters} (--length)")


def _stream(pieces: Iterator[str], lines: int) -> str:
    """Print a text as it appears, and return it.

    Signals are handled between pieces: an exception that a signal raises in the middle of other
    code, such as compilation, may be lost.
    """
    from nextchar.training.interruption import StopSignals

    written = ""
    with flowing_text() as text, StopSignals() as stop:
        for piece in pieces:
            written += piece if lines else ""
            text.write(piece)
            if stop.received is not None:
                what = "interrupted" if stop.received == signal.SIGINT else "terminated"
                raise Interrupted(what, stop.received)
        text.write(_line_end(written, lines))
    return written


def _search(
    model: GenerativeModel,
    prompt: str,
    best: int,
    **options: Any,  # noqa: ANN401
) -> Sequence[Any]:
    """Return the best continuations."""
    if best < 1:
        raise ConfigError(f"best must be at least 1; got {best}")
    with followed_display("searching", symbols=options["length"]):
        return model.search(prompt, **options)[:best]


def _found(prompt: str, found: Sequence[Any]) -> list[dict[str, Any]]:
    """Return continuations with their log-probabilities as JSON-compatible values."""
    return [
        {
            "text": prompt + each.text,
            "log_probability_nats": each.log_probability,
            "log_probability_bits": each.log_probability / math.log(2),
            "score": each.score,
        }
        for each in found
    ]


def _print_found(results: Sequence[Mapping[str, Any]], lines: int) -> None:
    for number, each in enumerate(results, 1):
        if len(results) > 1:
            sys.stdout.write(f"--- {number}, {each['log_probability_bits']:.2f} bits ---\n")
        sys.stdout.write(f"{each['text']}{_line_end(each['text'], lines)}")


def _refuse(context: typer.Context, reason: str, panel: str, *others: str) -> None:
    """Refuse the options of a panel, and some others, if they were given."""
    for each in context.command.params:
        name = str(each.name)
        meant = getattr(each, "rich_help_panel", None) == panel or name in others
        if meant and is_given(context, name):
            raise ConfigError(f"--{name.replace('_', '-')} {reason}")
