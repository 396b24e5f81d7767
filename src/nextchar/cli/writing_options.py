"""The options of commands that generate text."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import typer

from nextchar.cli.loading import CHECKPOINT
from nextchar.cli.options import parameter
from nextchar.cli.output import JSON_HELP, UNKNOWN_HELP
from nextchar.cli.prompts import ESCAPES_HELP, PROMPT, PROMPT_FILE

SAMPLING, SEARCH = "Sampling", "Beam search"
_ENDING, _CONSTRAINT = "Ending", "Constraint"
_UNKNOWN, _DEVICE = Literal["error", "skip", "replace"], Literal["cpu", "cuda"]
_ENGINE, _WEIGHTS = Literal["auto", "compiled", "plain", "captured"], Literal["float32", "int8"]


def writing_parameters() -> Sequence[inspect.Parameter]:
    """Return the parameters of ``write``, and those that load a model."""
    return [
        parameter("prompt", str, PROMPT),
        parameter("prompt_file", Path | None, PROMPT_FILE),
        _option("samples", int, 1, "Number of texts to generate."),
        *_ending(),
        *_constraint(),
        *_sampling(),
        *_search(),
        _option("unknown", _UNKNOWN, "error", UNKNOWN_HELP),
        _option(
            "engine", _ENGINE, "auto",
            "Engine that generates: auto uses compiled code for long texts, captured is for a GPU.",
        ),
        _option(
            "weights", _WEIGHTS, "float32",
            "Format of the weights in the compiled engine; int8 is faster and less exact.",
        ),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
        parameter("checkpoint", str, CHECKPOINT),
        _option("device", _DEVICE, "cpu", "Device to compute on."),
    ]  # fmt: skip


def _ending() -> list[inspect.Parameter]:
    return [
        _option(
            "length", int, 500,
            "Characters to generate after the prompt; with --lines, 1000 per line if not set.",
            _ENDING,
        ),
        _option("endless", bool, False, "Generate until interrupted.", _ENDING),
        _option(
            "stop", list[str] | None, None,
            f"End before this text: {ESCAPES_HELP}. Can be repeated.", _ENDING,
        ),
        _option(
            "lines", int, 0,
            "End after this many lines, counting a line begun by the prompt; 0 means no limit.",
            _ENDING,
        ),
    ]  # fmt: skip


def _constraint() -> list[inspect.Parameter]:
    return [
        _option(
            "match", str | None, None,
            "A regular expression that all of the text after the prompt matches.", _CONSTRAINT,
        ),
        _option(
            "forbid", list[str] | None, None,
            "A word that must not occur. Can be repeated.", _CONSTRAINT,
        ),
    ]  # fmt: skip


def _sampling() -> list[inspect.Parameter]:
    return [
        _option(
            "temperature", float, 1.0,
            "1 is the distribution of the model; 0 always takes the most probable symbol.",
            SAMPLING,
        ),
        _option(
            "top_k", int, 0, "Sample from the k most probable symbols; 0 means all.", SAMPLING
        ),
        _option(
            "top_p", float, 1.0,
            "Sample from the most probable symbols up to this total probability.", SAMPLING,
        ),
        _option(
            "min_p", float, 0.0,
            "Sample from symbols with at least this fraction of the highest probability.",
            SAMPLING,
        ),
        _option(
            "repetition_penalty", float, 1.0,
            "Above 1, recent symbols become less probable.", SAMPLING,
        ),
        _option(
            "repetition_window", int, 64,
            "Number of recent symbols that the penalty applies to.", SAMPLING,
        ),
        _option("seed", int | None, None, "The same seed generates the same text.", SAMPLING),
    ]  # fmt: skip


def _search() -> list[inspect.Parameter]:
    return [
        _option(
            "beam",
            int | None,
            None,
            "Search for the most probable text with a beam of this width.",
            SEARCH,
        ),
        _option("best", int, 1, "Number of texts to show.", SEARCH),
        _option("length_penalty", float, 0.0, "Above 0, longer texts are preferred.", SEARCH),
        _option("groups", int, 1, "Groups of the beam that avoid each other's texts.", SEARCH),
        _option("diversity", float, 0.5, "Penalty for overlap between groups, in nats.", SEARCH),
    ]


def _option(
    name: str,
    kind: Any,  # noqa: ANN401  (an annotation)
    default: Any,  # noqa: ANN401
    text: str,
    panel: str | None = None,
) -> inspect.Parameter:
    return parameter(name, kind, typer.Option(default, help=text, rich_help_panel=panel))
