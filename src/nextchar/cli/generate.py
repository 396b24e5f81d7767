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

from nextchar.cli.options import add_command, parameter
from nextchar.cli.output import (
    JSON_HELP,
    UNKNOWN_HELP,
    flowing_text,
    followed_display,
    print_json,
)

_ENDING, _CONSTRAINT, _SAMPLING, _SEARCH = "Ending", "Constraint", "Sampling", "Beam search"


_HELP = "Write text with a trained model, as it appears, or search for the most probable one."
RUN: Any = typer.Argument(help="A run directory.")


class Writer(Protocol):
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


def _generate(*, context: typer.Context, run: Path, device: str, **values: Any) -> None:  # noqa: ANN401
    def load() -> Writer:
        from nextchar.model import LanguageModel

        return LanguageModel.load(run, device=device)

    write(context, load, {}, False, **values)


def writing_parameters() -> list[inspect.Parameter]:
    """Give the options of ``write``, and on which device it is done."""
    devices: Any = Literal["cpu", "cuda"]
    taken = inspect.signature(write, eval_str=True).parameters.values()
    return [
        *(each for each in taken if each.kind is each.KEYWORD_ONLY),
        parameter("device", devices, typer.Option("cpu", help="Where to compute.")),
    ]


def write(
    context: typer.Context,
    load: Callable[[], Writer],
    about: Mapping[str, Any],
    lines_apart: bool,
    *,
    prompt: str = typer.Option("", help="What to continue."),
    samples: int = typer.Option(1, help="Texts to write side by side."),
    length: int = typer.Option(
        500, help="Characters to write after the prompt.", rich_help_panel=_ENDING
    ),
    endless: bool = typer.Option(False, help="Write until stopped.", rich_help_panel=_ENDING),
    stop: list[str] | None = typer.Option(
        None,
        help="End before this text, of which \\n is a line break; may be repeated.",
        rich_help_panel=_ENDING,
    ),
    lines: int = typer.Option(
        0, help="End with the so many-th line break; 0 is no bound.", rich_help_panel=_ENDING
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
    about
        What JSON says beside.
    lines_apart
        Whether several texts, or several that were found, are a line each.
    """
    from nextchar.errors import ConfigError
    from nextchar.generation.uniforms import resolve_seed

    # As other filters do, end quietly when the reader of the text goes away.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    writing: dict[str, Any] = {
        "length": length,
        "stop": [_unescaped(text) for text in stop or ()],
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
        _search(model, prompt, best, about if as_json else None, width=beam, **writing, **search)
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
        _stream(model.stream(prompt, **options))
    else:
        texts = _batch(model, prompt, samples, options)
        for index, text in enumerate(texts):
            if lines_apart:
                sys.stdout.write(f"{text}\n")
                continue
            sys.stdout.write(f"--- sample {index + 1}, seed {seed + index} ---\n{text}\n")


def _batch(model: Writer, prompt: str, samples: int, options: Mapping[str, Any]) -> list[str]:
    with followed_display("writing", symbols=options["length"]):
        return model.generate_batch(prompt, samples=samples, **options)


def _stream(pieces: Iterator[str]) -> None:
    """Print a text as it appears.

    A signal is looked at between pieces: an exception that it raises anywhere, while code is being
    compiled for instance, may be lost on the way.
    """
    from nextchar.errors import Interrupted
    from nextchar.training.interruption import StopSignals

    with flowing_text() as text, StopSignals() as stop:
        for piece in pieces:
            text.write(piece)
            if stop.received is not None:
                what = "interrupted" if stop.received == signal.SIGINT else "terminated"
                raise Interrupted(what, stop.received)
        text.write("\n")


def _search(
    model: Writer,
    prompt: str,
    best: int,
    about: Mapping[str, Any] | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Print the best continuations with their log-probabilities; as JSON with what is given."""
    from nextchar.errors import ConfigError

    if best < 1:
        raise ConfigError(f"best must be at least 1; got {best}")
    with followed_display("searching", symbols=options["length"]):
        found = model.search(prompt, **options)[:best]
    if about is not None:
        results = [
            {
                "text": prompt + each.text,
                "log_probability_nats": each.log_probability,
                "log_probability_bits": each.log_probability / math.log(2),
                "score": each.score,
            }
            for each in found
        ]
        print_json({**about, "prompt": prompt, "results": results})
    elif best == 1:
        sys.stdout.write(f"{prompt}{found[0].text}\n")
    else:
        for index, each in enumerate(found):
            line = f"--- {index + 1}, {each.log_probability / math.log(2):.2f} bits ---"
            sys.stdout.write(f"{line}\n{prompt}{each.text}\n")


def _refuse(context: typer.Context, reason: str, panel: str, *others: str) -> None:
    """Refuse the options of a panel, and some others, that were given."""
    from nextchar.errors import ConfigError

    for each in context.command.params:
        name = str(each.name)
        source = context.get_parameter_source(name)
        meant = getattr(each, "rich_help_panel", None) == panel or name in others
        if meant and source is not None and source.name != "DEFAULT":
            raise ConfigError(f"--{name.replace('_', '-')} {reason}")


def _unescaped(text: str) -> str:
    r"""Read ``\n`` and ``\t`` as what they are everywhere else: a shell does not."""
    return text.replace("\\n", "\n").replace("\\t", "\t")
