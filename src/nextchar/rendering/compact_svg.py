"""Smaller SVG files from those of matplotlib: the same picture in a third of the bytes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from nextchar.rendering.figures import in_few_colors

_SVG, _LINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?![\de])")
_REFERENCE = re.compile(r"#([\w-]+)")
_NO_ROTATION = re.compile(r"rotate\(-?0 [^)]*\)")
_COORDINATES = ("d", "x", "y", "points", "transform", "width", "height")
_FALLBACK_FONTS = re.compile(r"('DejaVu Sans'), 'Bitstream Vera Sans'.*?, sans-serif")


def compact_svg(picture: bytes) -> bytes:
    """Return an SVG file with coordinates to a tenth of a point, and without what shows nothing.

    Comments, metadata and groups without attributes are left out, equal styles become a class, and
    pictures inside it have at most 64 colours.
    """
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(picture)  # noqa: S314  (a file of our own)
    for each in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(each)
    for each in root.iter(f"{{{_SVG}}}image"):
        each.set(_LINK, _in_few_colors(each.get(_LINK, "")))
    for each in root.iter():
        _round(each)
        if each.tag not in (f"{{{_SVG}}}text", f"{{{_SVG}}}tspan", f"{{{_SVG}}}style"):
            each.text = None
        if each.tag != f"{{{_SVG}}}tspan":
            each.tail = None
    _shorten_names(root)
    _unwrap(root)
    _share_styles(root)
    return ElementTree.tostring(root, encoding="unicode").encode()


def _in_few_colors(link: str) -> str:
    """Return a PNG picture, given as a data URL, with a palette."""
    head, data = link.split(",", 1)
    return f"{head},{base64.b64encode(in_few_colors(base64.b64decode(data))).decode()}"


def _round(element: ElementTree.Element) -> None:
    for name in _COORDINATES:
        value = element.get(name)
        if value is None or "scale" in value:
            continue
        shorter = " ".join(_NO_ROTATION.sub("", _NUMBER.sub(_rounded, value)).split())
        if shorter:
            element.set(name, shorter)
        else:
            del element.attrib[name]


def _rounded(number: re.Match[str]) -> str:
    return f"{round(float(number[0]), 1) or 0:g}"


def _shorten_names(root: ElementTree.Element) -> None:
    """Give short names to what something refers to, and remove the other names."""
    used: dict[str, str] = {}

    def shorter(found: re.Match[str]) -> str:
        return f"#{used.setdefault(found[1], f'n{len(used)}')}"

    for each in root.iter():
        for attribute in (_LINK, "clip-path"):
            link = each.get(attribute, "data:")
            if not link.startswith("data:"):
                each.set(attribute, _REFERENCE.sub(shorter, link))
    for each in root.iter():
        name = each.attrib.pop("id", "")
        if name in used:
            each.set("id", used[name])


def _unwrap(element: ElementTree.Element) -> None:
    """Replace groups without attributes by what is in them."""
    element[:] = list(_unwrapped(element))
    for each in element:
        _unwrap(each)


def _unwrapped(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for each in element:
        if each.tag == f"{{{_SVG}}}g" and not each.attrib:
            yield from _unwrapped(each)
        else:
            yield each


def _share_styles(root: ElementTree.Element) -> None:
    """Write each style once, as a class."""
    classes: dict[str, str] = {}
    for each in root.iter():
        style = each.attrib.pop("style", None)
        if style is not None:
            shorter = _FALLBACK_FONTS.sub(r"\1, sans-serif", style)
            each.set("class", classes.setdefault(shorter, f"s{len(classes)}"))
    sheet = ElementTree.Element(f"{{{_SVG}}}style")
    sheet.text = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    root.insert(0, sheet)
