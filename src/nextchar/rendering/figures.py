"""What all pictures share: a figure, its formats, fonts for its labels. matplotlib is an extra."""

from __future__ import annotations

import importlib
import io
import warnings
from typing import Any

from nextchar.errors import NextcharError

PICTURE_FORMATS = ("png", "svg", "pdf")

# matplotlib's own font has no Hangul; these have, and some machine has one of them.
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
    """Give an empty figure of so many inches; ``NextcharError`` where matplotlib is missing."""
    return require_drawing()(figsize=(width, height), layout="constrained")


def saved_picture(figure: Any, picture_format: str) -> bytes:  # noqa: ANN401
    """Give a figure as the bytes of one of ``PICTURE_FORMATS``."""
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # A box says as much.
        figure.savefig(picture, format=picture_format, dpi=150, bbox_inches="tight")
    return picture.getvalue()


def label_fonts() -> list[str]:
    """List fonts that are installed and together write Latin and Hangul, matplotlib's own first."""
    manager = importlib.import_module("matplotlib.font_manager").fontManager
    installed = {font.name for font in manager.ttflist}
    return ["DejaVu Sans", *(font for font in _MORE_FONTS if font in installed)]


def require_drawing() -> Any:  # noqa: ANN401  (matplotlib is loaded where it is there)
    """Give matplotlib's figure, or raise ``NextcharError`` where it is not installed."""
    try:
        return importlib.import_module("matplotlib.figure").Figure
    except ModuleNotFoundError:
        raise NextcharError(
            "pictures need the package matplotlib, which is not installed: "
            "pip install 'nextchar[plots]'"
        ) from None
