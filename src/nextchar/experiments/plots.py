"""Pictures of experiments. The only file here that draws; matplotlib is an extra."""

from __future__ import annotations

import importlib
import io
import math
from typing import Any

from nextchar.errors import NextcharError
from nextchar.experiments.comparison import Comparison

PICTURE_FORMATS = ("png", "svg", "pdf")


def learning_curves(comparison: Comparison, picture_format: str) -> bytes:
    """Draw validation bits per character over seconds of training, a colour for each variant.

    Parameters
    ----------
    picture_format
        One of ``PICTURE_FORMATS``.

    Returns
    -------
    bytes
        The picture: each run a thin line, the mean of the last values beside the name.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    figure_class = require_drawing()
    figure: Any = figure_class(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    lowest, highest = math.inf, -math.inf
    for place, group in enumerate(comparison.groups):
        for run in group.runs:
            seconds, nats = zip(*run.curve, strict=True)
            bits = [each / math.log(2) for each in nats]
            first = run is group.runs[0]
            label = f"{group.variant}: {group.mean_bits:.3f}" if first else None
            style = ("-", "--", ":", "-.")[place // 10 % 4]
            axes.plot(seconds, bits, color=f"C{place % 10}", ls=style, lw=1.3, label=label)
            lowest, highest = min(lowest, *bits), max(highest, bits[min(1, len(bits) - 1)])
    axes.set_ylim(lowest - 0.05, highest + 0.05)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("bits per character, validation")
    axes.grid(alpha=0.3)
    axes.legend(title="best, mean of the seeds", fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format=picture_format, dpi=150)
    return picture.getvalue()


def require_drawing() -> Any:  # noqa: ANN401  (matplotlib is loaded where it is there)
    """Give matplotlib's figure, or raise ``NextcharError`` where it is not installed."""
    try:
        return importlib.import_module("matplotlib.figure").Figure
    except ModuleNotFoundError:
        raise NextcharError(
            "pictures need the package matplotlib, which is not installed: "
            "pip install 'nextchar[plots]'"
        ) from None
