"""The tutorial from scratch, in both languages: every number that it prints is the one computed."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import re
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from tests.docs.markdown import ROOT, Block, Page, prose_of, read_page

PAGES = tuple(
    read_page(ROOT / "docs" / "tutorials" / f"from-scratch{language}.md")
    for language in ("", ".ko")
)
ENGLISH, KOREAN = PAGES
NUMBER = re.compile(r"\d+\.\d+")
CALCULATION = re.compile(
    r"((?:ln|tanh|[−\d.()·+/ ])*(?:ln|tanh|[·+/])[−\d.()·+/ ]+) = (−?[\d.]*\d)"
)
OPERATIONS = {"−": "-", "·": "*", "ln": "log"}


def snippets(page: Page) -> Iterator[tuple[Block, Block]]:
    """Yield each snippet and the block of its output, which follows it directly."""
    for block, after in itertools.pairwise(page.blocks):
        if block.language == "python":
            assert after.line == block.line + len(block.lines) + 3, f"no output: {block.line}"
            yield block, after


def prose(page: Page) -> str:
    return " ".join(prose_of(ROOT / page.name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_prints_the_output_below_it(page: Page) -> None:
    names: dict[str, object] = {}
    with np.printoptions():  # which the first snippet changes
        for snippet, output in snippets(page):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec("\n".join(snippet.lines), names)
            assert printed.getvalue().splitlines() == list(output.lines), snippet.line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_calculation_by_hand_is_right(page: Page) -> None:
    found = CALCULATION.findall(prose(page))
    assert len(found) == 9
    for expression, result in found:
        python = re.sub(r"(tanh|ln) ([\d.]+)", r"\1(\2)", expression)
        for sign, operation in OPERATIONS.items():
            python = python.replace(sign, operation)
        value = eval(python, {"log": math.log, "tanh": math.tanh})
        digits = len(result.partition(".")[2])
        # the numbers of the expression are rounded themselves
        assert value == pytest.approx(float(result.replace("−", "-")), abs=1.2 * 10**-digits)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_number_of_the_prose_is_in_an_output_or_calculated(page: Page) -> None:
    known = {number for block in page.blocks for number in NUMBER.findall("\n".join(block.lines))}
    known |= {result.lstrip("−") for _, result in CALCULATION.findall(prose(page))}
    assert set(NUMBER.findall(prose(page))) <= known


def test_both_languages_have_the_same_blocks_and_headings() -> None:
    assert [block.lines for block in ENGLISH.blocks] == [block.lines for block in KOREAN.blocks]
    levels = [
        [line.partition(" ")[0] for line in prose_of(ROOT / page.name) if line.startswith("#")]
        for page in PAGES
    ]
    assert levels[0] == levels[1]


def losses(lines: list[str]) -> list[float]:
    return [float(number) for line in lines for number in re.findall(r"loss (\S+)", line)]


@pytest.mark.slow
def test_the_script_prints_the_figures_of_the_page() -> None:
    command = [sys.executable, str(ROOT / "examples" / "from_scratch.py")]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    hello, rnn, _, page = (part.splitlines() for part in ended.stdout.strip().split("\n\n"))

    expected_hello, expected_page = (list(block.lines) for block in ENGLISH.blocks[1:3])
    assert (hello[0], page[0]) == (expected_hello[0], expected_page[0])
    np.testing.assert_allclose(losses(hello), losses(expected_hello), rtol=0, atol=1e-3)
    # rounding makes later losses of the page differ between machines
    np.testing.assert_allclose(losses(page), losses(expected_page), rtol=0, atol=0.3)
    assert hello[-1] == expected_hello[-1]
    assert page[7] == expected_page[7]
    assert losses(page)[-1] < 0.1 < losses(rnn)[-1]
