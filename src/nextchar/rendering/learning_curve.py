"""The learning curve of a run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nextchar.rendering.figures import label_fonts, new_figure, saved_picture


def learning_curve(
    rows: Sequence[Mapping[str, float]],
    *,
    title: str,
    unit: str,
    best_step: int | None,
    picture_format: str,
) -> bytes:
    """Draw training and validation loss over steps, and mark the best step.

    Parameters
    ----------
    rows
        Rows of ``metrics.jsonl``; at least one.
    title
        Title of the picture.
    unit
        Unit of the losses, such as ``"char"``.
    best_step
        Step of the best weights; ``None`` marks none.
    picture_format
        One of ``figures.PICTURE_FORMATS``.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    figure = new_figure(8, 5)
    axes = figure.subplots()
    curves = {part: _points(rows, f"{part}_bits_per_{unit}") for part in ("train", "validation")}
    names = {"train": "training", "validation": "validation"}
    for part, points in curves.items():
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", lw=1.3, label=names[part])
    measured = dict(curves["validation"] or curves["train"])
    if best_step in measured:
        _mark(axes, best_step, measured[best_step])
    axes.set_title(title, fontfamily=label_fonts())
    axes.set_xlabel("step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel(f"loss in bits/{unit}")
    axes.grid(alpha=0.3)
    axes.legend()
    return saved_picture(figure, picture_format)


def _points(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[int, float]]:
    return [(int(row["step"]), row[name]) for row in rows if name in row]


def _mark(axes: Any, step: int, loss: float) -> None:  # noqa: ANN401  (matplotlib's own type)
    axes.axvline(step, color="0.6", lw=1, ls="--", zorder=0)
    label = f"best: step {step:,}, {loss:.4f}"
    axes.plot([step], [loss], marker="o", ms=8, mfc="none", color="C3", ls="none", label=label)
