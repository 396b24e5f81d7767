"""The calls that train and resume runs; no other module of the command line makes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nextchar.training.events import Listener

_LONGEST_START = 5.0  # seconds of a new process before its command
Trained = Literal["language_model", "classify", "tag", "transduce", "condition", "embeddings"]


def train(
    task: Trained,
    data: Sequence[str],
    out: Path,
    *,
    listeners: Sequence[Listener],
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401  (the result of the task)
    """Train a run and return its result."""
    began = _beginning()
    from nextchar import runs

    if task == "embeddings":
        return _train_embeddings(data, out, listeners=listeners, **options)
    if task == "condition":
        from nextchar.cli.condition import reader_options

        options |= reader_options(options)
        del options["features"]
    if task == "tag":
        from nextchar.cli.tag import column_names

        options["columns"] = column_names(options["columns"])
    if task == "transduce":
        from nextchar.cli.transduce import column_pair

        options["columns"] = column_pair(options.pop("source"), options.pop("target"))
    return runs.train(task, data, out, listeners=listeners, began=began, **options)


def resume(task: Trained, run: Path, *, listeners: Sequence[Listener], **more: Any) -> Any:  # noqa: ANN401
    """Continue a run, or train a finished one further, and return its result."""
    began = _beginning()
    from nextchar import runs

    return runs.resume(run, task=task, listeners=listeners, began=began, **more)


def _beginning() -> float:
    """Return the start of this command, for its time budget.

    A new process has only computed so far. One that has computed for longer served other calls.
    """
    computed = time.process_time()
    return time.monotonic() - (computed if computed < _LONGEST_START else 0.0)


def _train_embeddings(data: Sequence[str], out: Path, **options: Any) -> Any:  # noqa: ANN401
    from nextchar.cli.embeddings import EmbeddingResult
    from nextchar.embeddings import train_embeddings
    from nextchar.embeddings.vectors import require_free

    require_free(out)  # before minutes of training
    began = time.monotonic()
    vectors = train_embeddings(data, **options)
    vectors.save(out)
    return EmbeddingResult(vectors=vectors, out=out, seconds=time.monotonic() - began)
