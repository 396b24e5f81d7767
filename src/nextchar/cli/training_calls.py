"""The functions that train and resume runs, by task; no other module here calls them.

A function that trains takes the data, the run directory, listeners, the options of the reader, and
those of the configuration.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nextchar.training.events import Listener

Task = Literal["generate", "classify", "tag", "transduce", "condition", "embeddings"]
_RESUMING = {
    "generate": ("nextchar.runs.training", "resume"),
    "classify": ("nextchar.tasks.classification.training", "resume_classifier"),
    "tag": ("nextchar.tasks.tagging.training", "resume_tagger"),
    "transduce": ("nextchar.tasks.transduction.training", "resume_transducer"),
}


def train(
    task: Task,
    data: Sequence[str],
    out: Path,
    *,
    listeners: Sequence[Listener],
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401  (the result of the task)
    """Train a run and return its result."""
    return _TRAINING[task](data, out, listeners=listeners, **options)


def resume(task: Task, run: Path, *, listeners: Sequence[Listener], **more: Any) -> Any:  # noqa: ANN401
    """Continue a run, or train a finished one further, and return its result."""
    if task == "condition":
        from nextchar.tasks.conditioning.model import ConditionalModel

        return ConditionalModel.resume(run, listeners=listeners, **more)
    module, name = _RESUMING[task]
    return getattr(importlib.import_module(module), name)(run, listeners=listeners, **more)


def _train_language_model(data: Sequence[str], out: Path, **options: Any) -> Any:  # noqa: ANN401
    from nextchar.runs.training import train

    return train(data, out, **options)


def _train_classifier(data: Sequence[str], out: Path, **options: Any) -> Any:  # noqa: ANN401
    from nextchar.tasks.classification.training import train_classifier

    return train_classifier(data, out, **options)


def _train_tagger(
    data: Sequence[str],
    out: Path,
    *,
    columns: str | None,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    from nextchar.cli.tag import column_names
    from nextchar.tasks.tagging.training import train_tagger

    return train_tagger(data, out, columns=column_names(columns), **options)


def _train_transducer(
    data: Sequence[str],
    out: Path,
    *,
    source: str | None,
    target: str | None,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    from nextchar.cli.transduce import column_pair
    from nextchar.tasks.transduction.training import train_transducer

    return train_transducer(data, out, columns=column_pair(source, target), **options)


def _train_conditional(
    data: Sequence[str],
    out: Path,
    *,
    listeners: Sequence[Listener],
    text: str | None,
    label: str | None,
    layout: str,
    features: str | None,
    features_file: Path | None,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    from nextchar.cli.condition import read_conditional_items
    from nextchar.config.condition import ConditionRunConfig
    from nextchar.tasks.conditioning.model import ConditionalModel

    began = time.monotonic()
    reader = {
        "text": text,
        "label": label,
        "layout": layout,
        "features": features,
        "features_file": features_file,
    }
    config = ConditionRunConfig.from_options(options)
    items = read_conditional_items(data, config.items.reading, listeners, **reader)
    return ConditionalModel.train_items(items, out, listeners=listeners, began=began, **options)


def _train_embeddings(data: Sequence[str], out: Path, **options: Any) -> Any:  # noqa: ANN401
    from nextchar.cli.embeddings import EmbeddingResult
    from nextchar.embeddings import train_embeddings
    from nextchar.embeddings.vectors import require_free

    require_free(out)  # before minutes of training
    began = time.monotonic()
    vectors = train_embeddings(data, **options)
    vectors.save(out)
    return EmbeddingResult(vectors=vectors, out=out, seconds=time.monotonic() - began)


_TRAINING: dict[Task, Callable[..., Any]] = {
    "generate": _train_language_model,
    "classify": _train_classifier,
    "tag": _train_tagger,
    "transduce": _train_transducer,
    "condition": _train_conditional,
    "embeddings": _train_embeddings,
}
