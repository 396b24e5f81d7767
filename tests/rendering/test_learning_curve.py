"""The learning curve of a run as a picture."""

from __future__ import annotations

import pytest

from nextchar.rendering.learning_curve import learning_curve

pytest.importorskip("matplotlib")
ROWS = [
    {"step": 10, "train_bits_per_char": 4.0, "validation_bits_per_char": 4.2},
    {"step": 20, "train_bits_per_char": 3.0, "validation_bits_per_char": 3.4},
    {"step": 30, "train_bits_per_char": 2.5, "validation_bits_per_char": 3.6},
]


def drawn(rows: list[dict[str, float]], best_step: int | None) -> str:
    picture = learning_curve(
        rows, title="runs/one", unit="char", best_step=best_step, picture_format="svg"
    )
    return picture.decode()


def test_a_picture_names_its_axes_its_curves_and_the_best_step() -> None:
    svg = drawn(ROWS, 20)
    for text in ("runs/one", "step", "loss in bits/char", "training", "validation"):
        assert f">{text}</text>" in svg
    assert ">best: step 20, 3.4000</text>" in svg


def test_a_run_with_nothing_held_out_has_one_curve() -> None:
    rows = [
        {"step": row["step"], "train_bits_per_char": row["train_bits_per_char"]} for row in ROWS
    ]
    svg = drawn(rows, 30)
    assert ">validation</text>" not in svg
    assert ">best: step 30, 2.5000</text>" in svg


def test_a_single_row_is_drawn_too() -> None:
    assert "best" not in drawn(ROWS[:1], None)
