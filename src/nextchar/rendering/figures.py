"""Figures, picture formats and fonts for all plots; they need the optional matplotlib."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nextchar.errors import NextcharError

LOGGER = logging.getLogger("nextchar")
PICTURE_FORMATS = ("png", "svg", "pdf")

# Colours that colour-blind readers can tell apart (Okabe & Ito 2008), without black and yellow.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_MARGIN = 0.05  # in decades
_FEW_COLORS = 64

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


def saved_picture(figure: Any, picture_format: str, *, dpi: int = 150) -> bytes:  # noqa: ANN401
    """Return a figure as the bytes of a file in one of ``PICTURE_FORMATS``; PNG has a resolution.

    The text of an SVG is text, and equal figures have equal files.
    """
    picture, lacks_glyphs = io.BytesIO(), False
    settings = {"svg.fonttype": "none", "svg.hashsalt": "nextchar"}
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(picture_format)
    plots = importlib.import_module("matplotlib")
    with plots.rc_context(settings), warnings.catch_warnings(), _regular_for_bold():
        warnings.filterwarnings("error", message="Glyph .* missing from")
        try:
            _save(figure, picture, picture_format, dpi, metadata)
        except UserWarning:
            lacks_glyphs = True
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            picture = io.BytesIO()
            _save(figure, picture, picture_format, dpi, metadata)
    if lacks_glyphs and picture_format != "svg":
        LOGGER.warning(
            "no font that matplotlib finds has all letters of the picture, so it has boxes: "
            "for Korean, install NanumGothic or Noto Sans CJK KR"
        )
    return picture.getvalue()


@contextlib.contextmanager
def _regular_for_bold() -> Iterator[None]:
    """Let matplotlib draw bold letters in a font without them, and say nothing of it."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _save(
    figure: Any,  # noqa: ANN401
    picture: io.BytesIO,
    picture_format: str,
    dpi: int,
    metadata: Mapping[str, None] | None,
) -> None:
    figure.savefig(picture, format=picture_format, dpi=dpi, bbox_inches="tight", metadata=metadata)


def in_few_colors(png: bytes) -> bytes:
    """Return a PNG picture with a palette of 64 colours, in a third of the bytes."""
    images = importlib.import_module("PIL.Image")  # matplotlib depends on it
    drawn, found = images.open(io.BytesIO(png)), io.BytesIO()
    drawn.quantize(_FEW_COLORS, images.Quantize.FASTOCTREE).save(found, "PNG", optimize=True)
    return found.getvalue()


def label_fonts() -> list[str]:
    """Return installed fonts for Latin and Hangul, matplotlib's default first."""
    fonts = importlib.import_module("matplotlib.font_manager")
    found = _installed(fonts.fontManager)
    if not found:
        # matplotlib keeps a list of the fonts that were installed when it first ran.
        for path in fonts.findSystemFonts():
            name = Path(path).stem.replace("-", "").lower()
            if any(name.startswith(each.replace(" ", "").lower()) for each in _MORE_FONTS):
                fonts.fontManager.addfont(path)
        found = _installed(fonts.fontManager)
    return ["DejaVu Sans", *found]


def _installed(manager: Any) -> list[str]:  # noqa: ANN401
    """Return the fonts with Hangul that a font manager of matplotlib knows."""
    names = {font.name for font in manager.ttflist}
    return [font for font in _MORE_FONTS if font in names]


def show_decades(axis: Any, values: Sequence[float]) -> None:  # noqa: ANN401
    """Make an axis logarithmic, from a power of ten to another, with plain numbers as labels.

    Parameters
    ----------
    axis
        ``axes.xaxis`` or ``axes.yaxis``.
    values
        What it must show; those that are not positive are below it.
    """
    logarithms = [math.log10(value) for value in values if value > 0] or [0.0]
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")
    low = math.floor(min(logarithms) - _MARGIN)
    axis.axes.set(**{f"{axis.axis_name}lim": (10**low, 10 ** math.ceil(max(logarithms) + _MARGIN))})


def require_drawing() -> Any:  # noqa: ANN401  (matplotlib is optional)
    """Return the figure class of matplotlib; ``NextcharError`` if it is not installed."""
    try:
        return importlib.import_module("matplotlib.figure").Figure
    except ModuleNotFoundError:
        raise NextcharError(
            "pictures need the package matplotlib, which is not installed: "
            "pip install 'nextchar[plots]'"
        ) from None
