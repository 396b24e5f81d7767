"""The notebooks of the tutorials: they run from top to bottom, in two languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

from tests.docs.notebooks import ENGLISH, KOREAN, read, run

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_MINUTES = re.compile(r"^MINUTES = [\d.]+", re.MULTILINE)
_MOST_BYTES = 400_000  # of both: more takes long to load on a page
SHORT = "0.05"


def sources(path: Path, kind: str) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == kind]


def test_both_languages_have_the_same_code_and_outputs() -> None:
    english, korean = read(ENGLISH).cells, read(KOREAN).cells
    assert [each.cell_type for each in english] == [each.cell_type for each in korean]
    code = [[c for c in cells if c.cell_type == "code"] for cells in (english, korean)]
    assert code[0] == code[1]


def test_both_languages_have_the_same_headings_and_exercises() -> None:
    counted = [
        [
            (len(re.findall(r"^#+ ", s, re.MULTILINE)), s.count("**"))
            for s in sources(path, "markdown")
        ]
        for path in (ENGLISH, KOREAN)
    ]
    assert counted[0] == counted[1]


def test_every_part_has_an_exercise_with_a_check() -> None:
    parts = [s for s in sources(ENGLISH, "markdown") if re.match(r"## \d", s)]
    checks = [s for s in sources(ENGLISH, "code") if s.startswith("answer = None\ncheck(answer, ")]
    assert len(checks) == len(parts) == 8


@pytest.mark.parametrize("path", [ENGLISH, KOREAN], ids=lambda path: path.name)
def test_every_link_of_a_notebook_exists(path: Path) -> None:
    links = _LINK.findall("\n".join(sources(path, "markdown")))
    assert links
    assert [each for each in links if not (path.parent / each).resolve().is_file()] == []


@pytest.mark.parametrize("path", [ENGLISH, KOREAN], ids=lambda path: path.name)
def test_stored_outputs_have_no_errors_and_no_paths_of_a_machine(path: Path) -> None:
    outputs = [o for cell in read(path).cells for o in cell.get("outputs", ())]
    assert outputs
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []
    assert not re.search(r"/(?:tmp|home|root|Users)/", path.read_text(encoding="utf-8"))


def test_the_notebooks_are_small() -> None:
    assert sum(path.stat().st_size for path in (ENGLISH, KOREAN)) < _MOST_BYTES


def test_the_notebook_runs_and_writes_into_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, home = tmp_path / "lesson", tmp_path / "home"
    for each in (folder, home):
        each.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(home / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    notebook = read(ENGLISH)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    parameters.source = _MINUTES.sub(f"MINUTES = {SHORT}", parameters.source)
    assert SHORT in parameters.source

    run(notebook, folder)

    assert [path.name for path in folder.iterdir()] == ["char-rnn"]
    assert sorted(path.name for path in (folder / "char-rnn").iterdir()) == [
        "char-rnn.html",
        "run",
        "text.txt",
    ]
    assert not list(home.rglob("*nextchar*"))
    shown = [
        output.data
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type in ("display_data", "execute_result")
    ]
    assert len(shown) == 9
    assert all("text/html" in data for data in shown)
