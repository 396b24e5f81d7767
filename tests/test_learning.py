"""The classroom toy: every cell, with either input, learns one line by heart and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nextchar
from tests.conftest import english

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
        input=input,  # type: ignore[arg-type]
        **cell,
    )
    model = nextchar.LanguageModel.load(tmp_path / "run")
    assert model.generate("h", length=12, temperature=0) == LINE


def snippets_from_nothing(run: Path, text: str) -> float:
    """Return the mean bits of the first characters of words, read with nothing before them."""
    model = nextchar.LanguageModel.load(run)
    model.network.begins_after = None
    starts = [place + 1 for place in range(len(text) - 40) if text[place] == " "][:300]
    scores = [
        model.score(text[start : start + 8], alternatives=1, experts="none") for start in starts
    ]
    return sum(score.total_bits for score in scores) / len(scores)


def test_training_teaches_a_network_to_begin_from_nothing(tmp_path: Path) -> None:
    text = english(60_000)
    (tmp_path / "text.txt").write_text(text)
    found = {}
    for probability in (0.0, 0.03):
        nextchar.train(
            tmp_path / "text.txt",
            tmp_path / str(probability),
            hidden_size=64,
            embedding_size=16,
            steps=500,
            batch_size=16,
            sequence_length=32,
            reset_probability=probability,
            precision="float32",
        )
        found[probability] = snippets_from_nothing(tmp_path / str(probability), text[-6000:])
    assert found[0.03] < found[0.0] - 0.3
