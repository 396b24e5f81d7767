"""A picture of an attention map; matplotlib is an extra. And the same map as text.

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
    """Draw the weights: the source along the top, the target downwards, dark where it looked.

    What no installed font has is drawn as a box; ``undrawable`` tells.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.

    Raises
    ------
    ConfigError
        There are too many symbols.
    NextcharError
        matplotlib is not installed.
    """
    sources, targets = _names(attention.source), _names(attention.target)
    longest = max(len(sources), len(targets))
    if longest > MOST_SYMBOLS:
        raise ConfigError(
            f"a picture of attention has at most {MOST_SYMBOLS} symbols along a side; got {longest}"
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
    """List the characters of a map that no font has which is installed."""
    fonts = label_fonts()
    manager = importlib.import_module("matplotlib.font_manager")
    known: set[int] = set()
    for name in fonts:
        known |= set(manager.get_font(manager.findfont(name)).get_charmap())
    names = "".join(_names(attention.source) + _names(attention.target))
    return sorted(character for character in set(names) if ord(character) not in known)


def attention_table(attention: AttentionMap) -> str:
    """Draw the weights with blocks: a row for each symbol written, a column for each one read.

    A shade is a fifth of the weight, from nothing to all.
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
