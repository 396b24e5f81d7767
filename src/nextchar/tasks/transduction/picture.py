"""Attention maps as figures (with the optional matplotlib) and as text.

Legend: T symbols of the target, S of the source.
"""

from __future__ import annotations

import importlib

from nextchar.errors import ConfigError
from nextchar.rendering.characters import symbol_name, width
from nextchar.rendering.figures import label_fonts, new_figure, saved_picture
from nextchar.tasks.transduction.results import AttentionMap

MOST_SYMBOLS = 200  # along an axis: labels of a larger picture could not be read
_SHADES = " ░▒▓█"


def attention_picture(attention: AttentionMap, picture_format: str) -> bytes:
    """Draw the weights as a heat map: source symbols in columns, target symbols in rows.

    Darker cells have larger weights. Characters without an installed font are drawn as boxes;
    ``undrawable`` lists them.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.

    Raises
    ------
    ConfigError
        The source or the target has too many symbols.
    NextcharError
        matplotlib is not installed.
    """
    sources, targets = _names(attention.source), _names(attention.target)
    longest = max(len(sources), len(targets))
    if longest > MOST_SYMBOLS:
        raise ConfigError(
            f"a figure of attention has at most {MOST_SYMBOLS} symbols per axis; got {longest}"
        )
    figure = new_figure(1.6 + 0.3 * len(sources), 0.8 + 0.3 * len(targets))
    axes = figure.subplots()
    image = axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    fonts = label_fonts()
    for axis, labels in ((axes.xaxis, sources), (axes.yaxis, targets)):
        axis.set_ticks(range(len(labels)), labels, fontfamily=fonts, fontsize=10)
        axis.set_tick_params(length=0)
    axes.xaxis.tick_top()
    axes.set_xticks([place - 0.5 for place in range(len(sources) + 1)], minor=True)
    axes.set_yticks([place - 0.5 for place in range(len(targets) + 1)], minor=True)
    axes.grid(which="minor", color="0.9", lw=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set_ylabel("written")
    axes.set_xlabel("read")
    axes.xaxis.set_label_position("top")
    figure.colorbar(image, ax=axes, label="weight", shrink=0.8, fraction=0.03)
    return saved_picture(figure, picture_format)


def undrawable(attention: AttentionMap) -> list[str]:
    """Return the characters of a map that no installed font contains."""
    fonts = label_fonts()
    manager = importlib.import_module("matplotlib.font_manager")
    known: set[int] = set()
    for name in fonts:
        known |= set(manager.get_font(manager.findfont(name)).get_charmap())
    names = "".join(_names(attention.source) + _names(attention.target))
    return sorted(character for character in set(names) if ord(character) not in known)


def attention_table(attention: AttentionMap) -> str:
    """Return the weights as text: a row for each target symbol, a column for each source symbol.

    Five shades of blocks represent equal ranges of weights from 0 to 1.
    """
    sources, targets = _names(attention.source), _names(attention.target)
    margin = max(map(width, targets), default=0)
    room = max(2, *map(width, sources))
    head = "".join(_padded(name, room) for name in sources)
    lines = [f"{' ' * margin} {head}".rstrip()]
    for name, row in zip(targets, attention.weights.tolist(), strict=True):
        shades = "".join(room * _SHADES[min(int(5 * weight), 4)] for weight in row)
        lines.append(f"{_padded(name, margin)} {shades}".rstrip())
    return "\n".join(lines)


def _names(symbols: tuple[str, ...]) -> list[str]:
    return [symbol_name(symbol) for symbol in symbols]


def _padded(name: str, room: int) -> str:
    return name + " " * (room - width(name))
