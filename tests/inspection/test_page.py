"""The page of a run: complete, alone, inert, and with the numbers of the recording."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest

import nextchar
from nextchar.inspection.inspector import Inspector
from nextchar.inspection.page import TextToExplore, inspection_page
from nextchar.inspection.page_content import build_page
from tests.conftest import TINY_OPTIONS, Run

TEXT = 'He said "go </script><script>alert(1)</script>" and went.\nThe end of the "line".\n' * 8
CELLS = ["rnn", "lstm"]


def trained(folder: Path, **options: Any) -> nextchar.LanguageModel:
    data = folder / "text.txt"
    data.write_text(TEXT)
    nextchar.train(data, folder / "run", **{**TINY_OPTIONS, "experts": "none", **options})
    return nextchar.LanguageModel.load(folder / "run")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.parametrize("cell", CELLS)
def test_a_page_has_every_inspection_and_asks_for_nothing(cell: str, tmp_path: Path) -> None:
    page = trained(tmp_path, cell=cell, layers=2).inspect.page(TEXT)
    for name in ("training", "gradients", "gates", "units", "memory", "temperature"):
        assert f'<h2 id="{name}">' in page
        assert f"nextchar inspect {name} RUN" in page
    assert "default-src 'none'" in page
    pictures = re.findall(r"src='data:image/svg\+xml,([^']*)'", page)
    assert len(pictures) == (7 if cell == "rnn" else 8)
    for each in pictures:
        root = ElementTree.fromstring(unquote(html.unescape(each)))
        assert root.tag.endswith("}svg")
        assert "#" not in html.unescape(each)
        links = [link for part in root.iter() for key, link in part.items() if "href" in key]
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    alone = re.sub(r"src='data:image/svg\+xml,[^']*'", "", page)
    assert not re.search(r"""(src|href)=["'](?!#)""", alone)
    assert len(page) - len(json.dumps(data_of(page))) < 300_000
    assert ("1.c.24 is its memory c" in page) == (cell == "lstm")
    assert "1.24 is the output h of unit 24 in layer 1" in page
    assert str(tmp_path) not in page
    assert ("has no gates to inspect" in page) == (cell == "rnn")


def test_text_that_looks_like_a_script_is_text(tmp_path: Path) -> None:
    page = trained(tmp_path).inspect.page(TEXT)
    assert page.count("<script") == 2
    assert page.count("</script>") == 2


def test_the_values_of_the_page_are_those_of_the_recording(tmp_path: Path) -> None:
    model = trained(tmp_path, cell="lstm", layers=2)
    series = data_of(model.inspect.page(TEXT))["series"]
    assert [each["name"] for each in series] == ["1.c.", "1.", "2.c.", "2."]
    recording = model.inspect.record(TEXT)
    for each, layer, part in zip(series, [0, 0, 1, 1], ["c", "h", "c", "h"], strict=True):
        values = getattr(recording.layers[layer], part)
        expected = np.tanh(values) if part == "c" else values
        found = np.frombuffer(base64.b64decode(each["values"]), np.int8).astype(float)
        found = found.reshape(-1, each["units"]) * each["scale"] / 127
        assert np.abs(found - expected[: len(found)]).max() <= 0.51 * each["scale"] / 127


def test_the_memory_of_the_page_is_relative_and_empty_before_the_first_window(
    tmp_path: Path,
) -> None:
    memory = data_of(trained(tmp_path).inspect.page(TEXT))["memory"]
    reach = memory["reach"]
    values = np.frombuffer(base64.b64decode(memory["values"]), np.int8).reshape(-1, reach)
    assert reach == 31
    assert (values[: reach - 1] == 0).all()
    assert (values[reach - 1 : -1].max(axis=1) == 127).all()
    assert (values >= 0).all()


def test_a_title_is_escaped_and_an_empty_page_is_a_page() -> None:
    text = TextToExplore(
        symbols=["a", "\n"],
        series={"1.": np.zeros((2, 3), np.float32)},
        named=[],
        memory=np.zeros((2, 1)),
    )
    page = inspection_page("<b>", "a & b", [], text)
    assert "<h1><bdi>&lt;b&gt;</bdi></h1>" in page
    assert "a &amp; b" in page


def test_progress_rises(tmp_path: Path) -> None:
    shares: list[float] = []
    model = trained(tmp_path)
    inspector: Inspector = model.inspect
    build_page(inspector, inspector.sample(TEXT), shares.append)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1


def test_the_command_writes_the_page(nextchar: Run, tmp_path: Path) -> None:
    trained(tmp_path)
    out = tmp_path / "page.html"
    values = nextchar("inspect", "page", tmp_path / "run", "--html", out, "--json").values()
    assert values["bytes"] == out.stat().st_size
    assert values["symbols_read"] > 0


def test_a_page_with_another_ending_is_refused(nextchar: Run, tmp_path: Path) -> None:
    line = nextchar("inspect", "page", tmp_path, "--html", tmp_path / "page.txt").problem()
    assert "--html is a file that ends in .html" in line


def in_a_browser(page: str, folder: Path, keys: str = "") -> str:
    """Return the document after its script, and a script of keys, have run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs Chromium")
    # The policy of the page allows its own script only, so the keys are part of it.
    pressed = "".join(
        f'document.getElementById("text").dispatchEvent(new KeyboardEvent("keydown",'
        f'{{key:"{key}",bubbles:true}}));'
        for key in keys.split()
    )
    path = folder / "page.html"
    if keys:
        page = re.sub(r"<meta http-equiv[^>]*>", "", page)
        page = page.replace("</body>", f"<script>{pressed}</script></body>")
    path.write_text(page)
    outcome = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return outcome.stdout


def test_the_script_runs_under_the_policy_of_the_page(tmp_path: Path) -> None:
    model = trained(tmp_path, cell="lstm")
    shown = in_a_browser(model.inspect.page(TEXT), tmp_path)
    assert re.search(r'<p id="said"[^>]*>Symbol 1, H: (tanh\(c\)|h) of unit 1\.', shown)
    assert 'class="here"' in shown or " here" in shown


@pytest.mark.slow
def test_keys_move_through_the_text_and_the_units(tmp_path: Path) -> None:
    model = trained(tmp_path, cell="gru")
    page = model.inspect.page(TEXT)
    assert "Symbol 3, " in in_a_browser(page, tmp_path, "ArrowRight ArrowRight")
    assert "Symbol 1, " in in_a_browser(page, tmp_path, "End Home")
    before = re.search(r"of unit 1\.(\d+) is", in_a_browser(page, tmp_path))
    after = re.search(r"of unit 1\.(\d+) is", in_a_browser(page, tmp_path, "ArrowDown"))
    assert before is not None
    assert after is not None
    assert int(after[1]) % 16 == (int(before[1]) + 1) % 16
