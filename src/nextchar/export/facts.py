"""What a run tells of its training, for the last part of its page: no path, and no text of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextchar.errors import CorpusError
from nextchar.runs.training import history
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.training.extension import progress_of
from nextchar.visible import printable_text


def run_facts(run: Path) -> dict[str, Any]:
    """Return names and size of the training text, and figures of the training.

    A run that was copied without its corpus tells nothing of its text.
    """
    facts: dict[str, Any] = {}
    try:
        corpus = open_corpus(run)
    except CorpusError:
        pass
    else:
        facts |= {
            "trainedOn": printable_text(", ".join(corpus.names)),
            "characters": corpus.characters,
        }
    rows = history(run)
    if rows:
        progress = progress_of(run)
        best_step = None if progress is None else progress.best_step
        best = next((row for row in rows if row["step"] == best_step), rows[-1])
        facts |= {"steps": rows[-1]["step"], "minutes": rows[-1]["seconds"] / 60}
        facts |= {"bits": best.get("validation_bits_per_char")}
    return facts
