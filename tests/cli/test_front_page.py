"""The help of ``nextchar`` itself: what it shows, and what it imports for that."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from nextchar.cli import app
from nextchar.cli.catalogue import CATALOGUE
from tests.conftest import Run

PANELS = ["Write", "Measure", "Train and tune", "Tasks", "Data"]
# What the front page may import of this package.
LIGHT = {
    "nextchar",
    "nextchar.cli",
    "nextchar.cli.catalogue",
    "nextchar.cli.front_page",
    "nextchar.cli.groups",
    "nextchar.cli.streams",
    "nextchar.errors",
    "nextchar.suggestions",
    "nextchar.training",
    "nextchar.training.torchrun",
    "nextchar.visible",
}
HEAVY = {"torch", "numpy", "numba", "llvmlite", "safetensors", "typer.rich_utils", "rich.markdown"}


def imported_by(*arguments: str) -> set[str]:
    """Name the modules that are loaded when a command ends, in a new interpreter."""
    code = (
        "import sys, atexit\n"
        f"sys.argv = ['nextchar', *{arguments!r}]\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n"
        "from nextchar.cli import main\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert ended.stdout
    return set(ended.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_the_front_page_imports_no_command(arguments: list[str]) -> None:
    modules = imported_by(*arguments)
    assert {name for name in modules if name.partition(".")[0] == "nextchar"} <= LIGHT
    assert modules & HEAVY == set()


def test_the_version_is_shown_without_rich() -> None:
    assert "rich" not in imported_by("--version")


def test_the_help_of_a_command_imports_no_other_command() -> None:
    modules = imported_by("generate", "--help")
    commands = {f"nextchar.cli.{entry.module or name}" for name, entry in CATALOGUE.items()}
    assert modules & commands == {"nextchar.cli.generate"}
    assert modules & (HEAVY - {"typer.rich_utils", "rich.markdown"}) == set()


def test_every_command_is_shown_in_a_panel_with_its_line(
    nextchar: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = nextchar("--help").succeeded().splitlines()
    titles = [line.split("─")[1].strip() for line in lines if line.startswith("╭")]
    assert titles == [*PANELS, "Options"]
    for name, entry in CATALOGUE.items():
        assert any(line.split()[1:2] == [name] and entry.help in line for line in lines)


def test_the_front_page_fits_a_narrow_terminal(
    nextchar: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, nextchar("--help").succeeded().splitlines())) <= 40


def test_the_line_of_each_command_is_the_beginning_of_its_own_help() -> None:
    root: typer.core.TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    root.loaded()  # type: ignore[attr-defined]
    for name, entry in CATALOGUE.items():
        assert (root.commands[name].help or "").startswith(entry.help), name


@pytest.mark.parametrize(("columns", "lines"), [(60, 3), (120, 2), (500, 1)])
def test_paragraphs_of_help_are_wrapped_at_the_width_of_the_terminal(
    columns: int, lines: int, nextchar: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    page = nextchar("compare", "--help").succeeded()
    paragraph = page[page.index("Every combination") : page.index("interrupted comparison.")]
    assert len(paragraph.splitlines()) == lines
