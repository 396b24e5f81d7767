"""Figures, picture formats and fonts for all plots; they need the optional matplotlib."""

from __future__ import annotations

import importlib
import io
import warnings
from typing import Any

from nextchar.errors import NextcharError

PICTURE_FORMATS = ("png", "svg", "pdf")

# Colours that colour-blind readers can tell apart (Okabe & Ito 2008), without black and yellow.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

# Common fonts with Hangul, which the default font of matplotlib lacks.
_MORE_FONTS = (
    "NanumGothic",
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans KR",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
)


def new_figure(width: float, height: float) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Return an empty figure, sized in inches; ``NextcharError`` if matplotlib is missing."""
    return require_drawing()(figsize=(width, height), layout="constrained")


def saved_picture(figure: Any, picture_format: str) -> bytes:  # noqa: ANN401
    """Return a figure as the bytes of a file in one of ``PICTURE_FORMATS``."""
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # drawn as a box
        figure.savefig(picture, format=picture_format, dpi=150, bbox_inches="tight")
    return picture.getvalue()


def label_fonts() -> list[str]:
    """Return installed fonts for Latin and Hangul, matplotlib's default first."""
    manager = importlib.import_module("matplotlib.font_manager").fontManager
    installed = {font.name for font in manager.ttflist}
    return ["DejaVu Sans", *(font for font in _MORE_FONTS if font in installed)]


def require_drawing() -> Any:  # noqa: ANN401  (matplotlib is optional)
    """Return the figure class of matplotlib; ``NextcharError`` if it is not installed."""
    try:
        return importlib.import_module("matplotlib.figure").Figure
    except ModuleNotFoundError:
        raise NextcharError(
            "pictures need the package matplotlib, which is not installed: "
            "pip install 'nextchar[plots]'"
        ) from None
