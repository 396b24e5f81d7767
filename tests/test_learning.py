"""The classroom toy: every cell, with either input, learns one line by heart and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nextchar

LINE = "hello pytorch"
CELLS: list[dict[str, Any]] = [
    {"cell": "rnn"},
    {"cell": "rnn", "activation": "relu"},
    {"cell": "rnn", "activation": "sigmoid"},
    {"cell": "lstm"},
    {"cell": "peephole_lstm"},
    {"cell": "peephole_lstm", "peepholes": "matrix"},
    {"cell": "gru"},
    {"cell": "gru", "reset": "before"},
    {"cell": "min_gru"},
    {"cell": "min_lstm"},
]


@pytest.mark.parametrize("input", ["onehot", "embedding"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(cell.values()))
def test_every_cell_learns_hello_pytorch(tmp_path: Path, cell: dict[str, Any], input: str) -> None:  # noqa: A002
    text = tmp_path / "line.txt"
    text.write_text(LINE)
    nextchar.train(
        text,
        tmp_path / "run",
        hidden_size=48,
        layers=2 if cell["cell"].startswith("min_") else 1,
        batch_size=1,
        sequence_length=12,
        steps=250,
        validation_fraction=0.0,
        precision="float32",
        input=input,
        **cell,
    )
    model = nextchar.LanguageModel.load(tmp_path / "run")
    assert model.generate("h", length=12, temperature=0) == LINE
