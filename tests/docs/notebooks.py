"""The notebooks of the documentation: the English one, and its translation with the same code.

    python -m tests.docs.notebooks

runs the English one, and stores its outputs in both.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.docs.markdown import ROOT

ENGLISH, KOREAN = (ROOT / "docs" / "tutorials" / f"char-rnn{each}.ipynb" for each in ("", ".ko"))
_SECONDS_OF_CELL = 600
_FORMAT: Any = nbformat  # untyped


def read(path: Path) -> Any:
    """Read a notebook."""
    return _FORMAT.read(path, as_version=4)


def run(notebook: Any, folder: Path) -> None:
    """Run all cells in a folder; the notebook has their outputs afterwards."""
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=_SECONDS_OF_CELL, coalesce_streams=True, resources=where
    ).execute()


def store_outputs() -> None:
    """Run the English notebook, and store its outputs in both."""
    notebook = read(ENGLISH)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        run(notebook, place)
    translated = read(KOREAN)
    for cell, other in zip(notebook.cells, translated.cells, strict=True):
        cell.metadata.pop("execution", None)  # the time at which it ran
        if cell.cell_type == "code":
            other.outputs, other.execution_count = cell.outputs, cell.execution_count
    notebook.metadata.language_info = translated.metadata.language_info
    for path, each in ((ENGLISH, notebook), (KOREAN, translated)):
        text = _FORMAT.writes(each).replace(f"{place}/", "")  # no path of this machine
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    store_outputs()
