"""``nextchar generate``: text from a run, drawn or searched for."""

from __future__ import annotations

import inspect
import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import typer

from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.options import add_command, parameter
from nextchar.cli.output import (
    JSON_HELP,
    UNKNOWN_HELP,
    flowing_text,
    followed_display,
    print_json,
    write_note,
)
from nextchar.cli.prompts import ESCAPES_HELP, PROMPT, PROMPT_FILE, read_prompt, unescaped
from nextchar.config import TextConfig
from nextchar.text.notes import counted

_ENDING, _CONSTRAINT, _SAMPLING, _SEARCH = "Ending", "Constraint", "Sampling", "Beam search"


_CHARACTERS_A_LINE = 1000  # at most, where --lines bounds a text and --length does not
_HELP = """Generate text, or search for the most probable text.

Generated text appears as it is drawn; --beam searches instead.
"""
RUN: Any = typer.Argument(help="A run directory.")


class GenerativeModel(Protocol):
    """What writes text; the options are those of ``LanguageModel``."""

    def stream(self, prompt: str = "", **options: Any) -> Iterator[str]:  # noqa: ANN401
        """Write a text piece by piece."""

    def generate_batch(self, prompt: str = "", *, samples: int, **options: Any) -> list[str]:  # noqa: ANN401
        """Write several texts."""

    def search(self, prompt: str = "", **options: Any) -> Sequence[Any]:  # noqa: ANN401
        """Find the most probable texts."""


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("run", Path, RUN),
    ]
    add_command(app, "generate", _generate, _HELP, own + writing_parameters())


def _generate(
    *,
    context: typer.Context,
    run: Path,
    device: str,
    checkpoint: str,
    **values: Any,  # noqa: ANN401
) -> None:
    def load() -> GenerativeModel:
        return load_model(run, device=device, checkpoint=checkpoint)

    def reading() -> TextConfig:
        from nextchar.run_files.model_files import load_config

        return load_config(run).text

    write(context, load, reading, {}, False, **values)


def writing_parameters() -> list[inspect.Parameter]:
    """Give the options of ``write``, and on which device it is done."""
    devices: Any = Literal["cpu", "cuda"]
    taken = inspect.signature(write, eval_str=True).parameters.values()
    return [
        *(each for each in taken if each.kind is each.KEYWORD_ONLY),
        parameter("checkpoint", str, CHECKPOINT),
        parameter("device", devices, typer.Option("cpu", help="Where to compute.")),
    ]


def write(
    context: typer.Context,
    load: Callable[[], GenerativeModel],
    reading: Callable[[], TextConfig],
    about: Mapping[str, Any],
    lines_apart: bool,
    *,
    prompt: str = PROMPT,
    prompt_file: Path | None = PROMPT_FILE,
    samples: int = typer.Option(1, help="Texts to write side by side."),
    length: int = typer.Option(
        500,
        help="Characters to write after the prompt; with --lines, 1000 a line if not set.",
        rich_help_panel=_ENDING,
    ),
    endless: bool = typer.Option(False, help="Write until stopped.", rich_help_panel=_ENDING),
    stop: list[str] | None = typer.Option(
        None,
        help=f"End before this text: {ESCAPES_HELP}; may be repeated.",
        rich_help_panel=_ENDING,
    ),
    lines: int = typer.Option(
        0,
        help="Write this many lines; the prompt may have begun the first; 0 is no bound.",
        rich_help_panel=_ENDING,
    ),
    match: str | None = typer.Option(
        None,
        help="A regular expression that all of the text after the prompt matches.",
        rich_help_panel=_CONSTRAINT,
    ),
    forbid: list[str] | None = typer.Option(
        None, help="A word that does not stand in it; may be repeated.", rich_help_panel=_CONSTRAINT
    ),
    temperature: float = typer.Option(
        1.0, help="1 is the model's own distribution, 0 is argmax.", rich_help_panel=_SAMPLING
    ),
    top_k: int = typer.Option(
        0, help="Draw from the k most probable symbols; 0 is all.", rich_help_panel=_SAMPLING
    ),
    top_p: float = typer.Option(
        1.0, help="Draw from the most probable symbols up to this mass.", rich_help_panel=_SAMPLING
    ),
    min_p: float = typer.Option(
        0.0,
        help="Draw from symbols at least this times as probable as the first.",
        rich_help_panel=_SAMPLING,
    ),
    repetition_penalty: float = typer.Option(
        1.0, help="Above 1, recent symbols become less probable.", rich_help_panel=_SAMPLING
    ),
    repetition_window: int = typer.Option(
        64, help="How many recent symbols the penalty sees.", rich_help_panel=_SAMPLING
    ),
    seed: int | None = typer.Option(
        None, help="The same seed gives the same text.", rich_help_panel=_SAMPLING
    ),
    beam: int | None = typer.Option(
        None,
        help="Search for the most probable text instead, following so many side by side.",
        rich_help_panel=_SEARCH,
    ),
    best: int = typer.Option(1, help="Show so many of what was found.", rich_help_panel=_SEARCH),
    length_penalty: float = typer.Option(
        0.0, help="Above 0, longer texts are not the worse for it.", rich_help_panel=_SEARCH
    ),
    groups: int = typer.Option(
        1, help="Groups that avoid each other's choices.", rich_help_panel=_SEARCH
    ),
    diversity: float = typer.Option(
        0.5, help="Nats by which they avoid them.", rich_help_panel=_SEARCH
    ),
    unknown: Literal["error", "skip", "replace"] = typer.Option("error", help=UNKNOWN_HELP),
    engine: Literal["auto", "compiled", "plain", "captured"] = typer.Option(
        "auto",
        help="What writes; auto is compiled code once a text is long. captured is for a GPU.",
    ),
    weights: Literal["float32", "int8"] = typer.Option(
        "float32", help="What the compiled engine keeps weights in; int8 is faster, less exact."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Write text as the options of the command line say.

    Parameters
    ----------
    context
        Of the command: it knows what was given.
    load
        Gives what writes, once the options are known to go together.
    reading
        Returns how texts are read for the model.
    about
        What JSON says beside.
    lines_apart
        Whether several texts, or several that were found, are a line each.
    """
    from nextchar.errors import ConfigError
    from nextchar.generation.uniforms import resolve_seed

    prompt = read_prompt(prompt, prompt_file, reading)
    if lines > 0 and not _is_given(context, "length"):
        length = max(length, _CHARACTERS_A_LINE * lines)
    writing: dict[str, Any] = {
        "length": length,
        "stop": [unescaped(text) for text in stop or ()],
        "lines": lines,
        "match": match,
        "forbid": forbid or (),
        "unknown": unknown,
    }
    if beam is None:
        _refuse(context, "is for a search: it needs --beam", _SEARCH)
    else:
        drawing = ("samples", "engine", "weights", "endless")
        _refuse(context, "draws something, and --beam does not", _SAMPLING, *drawing)
        model = load()
        search = {"length_penalty": length_penalty, "groups": groups, "diversity": diversity}
        told = about if as_json else None
        found = _search(model, prompt, best, told, width=beam, **writing, **search)
        _tell_lines([each.text for each in found], lines, length)
        return
    if endless and (samples > 1 or as_json):
        raise ConfigError("--endless writes one text as it appears: no --samples and no --json")
    model = load()
    seed = resolve_seed(seed)
    options = {
        **writing,
        "length": None if endless else length,
        "seed": seed,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "repetition_window": repetition_window,
        "engine": engine,
        "weights": weights,
    }
    if as_json:
        texts = _batch(model, prompt, samples, options)
        print_json({**about, "prompt": prompt, "seed": seed, "texts": texts})
    elif samples == 1:
        texts = [_stream(model.stream(prompt, **options), lines)]
    else:
        texts = _batch(model, prompt, samples, options)
        for index, text in enumerate(texts):
            if not lines_apart:
                sys.stdout.write(f"--- sample {index + 1}, seed {seed + index} ---\n")
            sys.stdout.write(f"{text}{_line_end(text, lines)}")
    if lines > 0:
        # Its own prompt may be shorter than the one given: normalised, or with symbols skipped.
        begun = len("".join(model.stream(prompt, length=0, unknown=unknown)))
        _tell_lines([text[begun:] for text in texts], lines, length)


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

    A signal is looked at between pieces: an exception that it raises anywhere, while code is being
    compiled for instance, may be lost on the way.
    """
    from nextchar.errors import Interrupted
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
    about: Mapping[str, Any] | None,
    **options: Any,  # noqa: ANN401
) -> Sequence[Any]:
    """Print the best continuations with their log-probabilities; as JSON with what is given."""
    from nextchar.errors import ConfigError

    if best < 1:
        raise ConfigError(f"best must be at least 1; got {best}")
    with followed_display("searching", symbols=options["length"]):
        found = model.search(prompt, **options)[:best]
    texts = [prompt + each.text for each in found]
    ends = [_line_end(text, options["lines"]) for text in texts]
    if about is not None:
        results = [
            {
                "text": text,
                "log_probability_nats": each.log_probability,
                "log_probability_bits": each.log_probability / math.log(2),
                "score": each.score,
            }
            for text, each in zip(texts, found, strict=True)
        ]
        print_json({**about, "prompt": prompt, "results": results})
    elif best == 1:
        sys.stdout.write(f"{texts[0]}{ends[0]}")
    else:
        for index, each in enumerate(found):
            line = f"--- {index + 1}, {each.log_probability / math.log(2):.2f} bits ---"
            sys.stdout.write(f"{line}\n{texts[index]}{ends[index]}")
    return found


def _refuse(context: typer.Context, reason: str, panel: str, *others: str) -> None:
    """Refuse the options of a panel, and some others, that were given."""
    from nextchar.errors import ConfigError

    for each in context.command.params:
        name = str(each.name)
        meant = getattr(each, "rich_help_panel", None) == panel or name in others
        if meant and _is_given(context, name):
            raise ConfigError(f"--{name.replace('_', '-')} {reason}")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"
