"""Compact SVG files show what the files of matplotlib show."""

from __future__ import annotations

import base64
import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from nextchar.rendering.compact_svg import compact_svg
from nextchar.rendering.figures import new_figure, saved_picture

pytest.importorskip("matplotlib")

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
SHOWN = [f"{SVG}{name}" for name in ("path", "use", "text", "image")]
TEXT = "a < b & \"c\" 'd' #1, 50 %: 1.23456"


def drawn() -> bytes:
    figure = new_figure(5, 4)
    left, right = figure.subplots(1, 2)
    left.plot(np.linspace(0, 3.3, 30), np.sin(np.arange(30)), marker="o", label=TEXT)
    left.fill_between([0, 1], [0, 1], alpha=0.5)
    left.set_yscale("symlog")
    left.legend()
    right.imshow(np.random.default_rng(0).random((40, 40)), interpolation="nearest")
    right.text(3, 3, "turned", rotation=90)
    return saved_picture(figure, "svg", dpi=100)


def shown(svg: bytes) -> list[ElementTree.Element]:
    return [each for each in ElementTree.fromstring(svg).iter() if each.tag in SHOWN]


def numbers(value: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", value)]


def style_of(element: ElementTree.Element, sheet: dict[str, str]) -> str:
    style = element.get("style") or sheet.get(element.get("class", ""), "")
    return re.sub(r"('DejaVu Sans'),.*sans-serif", r"\1", style)


def test_everything_is_shown_at_its_place_in_its_style() -> None:
    svg = drawn()
    small = compact_svg(svg)
    sheet = dict(re.findall(r"\.(s\d+)\{([^}]*)\}", small.decode()))
    before, after = shown(svg), shown(small)
    assert [each.tag for each in before] == [each.tag for each in after]
    assert TEXT in [each.text for each in after]
    for old, new in zip(before, after, strict=True):
        assert new.text == (old.text if old.tag == f"{SVG}text" else None)
        assert style_of(old, {}) == style_of(new, sheet)
        for name in ("x", "y", "d"):
            was, now = numbers(old.get(name, "")), numbers(new.get(name, ""))
            assert was == pytest.approx(now, abs=0.051)
    turned = next(each for each in after if each.text == "turned")
    assert turned.get("transform", "").endswith("rotate(-90)")


def test_it_has_less_than_half_of_the_bytes() -> None:
    svg = drawn()
    assert len(compact_svg(svg)) < 0.5 * len(svg)
    assert compact_svg(svg) == compact_svg(drawn())


def test_every_reference_leads_to_the_same_definition() -> None:
    svg = drawn()

    def targets(data: bytes) -> list[str]:
        root = ElementTree.fromstring(data)
        named = {each.get("id"): each for each in root.iter() if each.get("id")}
        links: list[Any] = [
            named[link.removeprefix("#")]
            for each in root.iter(f"{SVG}use")
            for link in [each.get(LINK, "")]
        ]
        clips = [
            named[each.get("clip-path", "")[5:-1]][0]
            for each in root.iter()
            if each.get("clip-path") is not None
        ]
        return [f"{each.tag} {len(each.get('d', '')) > 0}" for each in links + clips]

    assert targets(svg) == targets(compact_svg(svg))


def test_pictures_inside_have_a_palette_of_nearly_the_same_colours() -> None:
    images = pytest.importorskip("PIL.Image")
    svg = drawn()

    def pixels(data: bytes) -> tuple[str, Any]:
        (link,) = (each.get(LINK, "") for each in shown(data) if each.tag == f"{SVG}image")
        picture = images.open(io.BytesIO(base64.b64decode(link.split(",")[1])))
        return picture.mode, np.asarray(picture.convert("RGBA"), np.float64)

    before, after = pixels(svg), pixels(compact_svg(svg))
    assert (before[0], after[0]) == ("RGBA", "P")
    assert before[1].shape == after[1].shape
    assert np.abs(before[1] - after[1]).mean() < 12
