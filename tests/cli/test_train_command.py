"""What holds for the ``train`` command of every task: its inputs, and one sentence an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run

# The kind of run of each command, and an option of its own with a value.
RESUMABLE = {
    "train": ("model", "--from x"),
    "classify train": ("classifier", "--label x"),
    "tag train": ("tagger", "--columns x"),
    "transduce train": ("transducer", "--format tsv"),
    "condition train": ("conditional", "--features x"),
}


@pytest.mark.parametrize("command", [*RESUMABLE, "embeddings train"])
def test_data_and_a_run_directory_are_required(command: str, nextchar: Run, tmp_path: Path) -> None:
    or_resume = "" if command == "embeddings train" else ", or --resume a run"
    nothing = nextchar(*command.split(), "--out", tmp_path / "run").problem()
    assert nothing == f"nextchar: no data was given: name files, a folder or -{or_resume}\n"
    nowhere = nextchar(*command.split(), "data.txt").problem()
    assert nowhere == ("nextchar: no run directory was given: name the one to create with --out\n")


@pytest.mark.parametrize("command", RESUMABLE)
def test_resume_refuses_every_other_input_by_the_name_that_was_typed(
    command: str, nextchar: Run, folders: dict[str, Path]
) -> None:
    kind, own = RESUMABLE[command]
    words = ("data.txt", "--out", "y", *own.split(), "--config", "c.toml", "--dropout", "0.5")
    line = nextchar(*command.split(), "--resume", folders[kind], *words, "--steps", "3").problem()
    assert f"takes no data, --out, {own.split()[0]}, --config, --dropout; " in line


@pytest.mark.parametrize("command", [*RESUMABLE, "embeddings train"])
def test_options_are_read_from_a_file_whose_names_are_checked(
    command: str, nextchar: Run, tmp_path: Path
) -> None:
    (tmp_path / "options.toml").write_text("hiden_size = 3\n")
    words = ("data.txt", "--out", tmp_path / "run", "--config", tmp_path / "options.toml")
    line = nextchar(*command.split(), *words).problem()
    assert "options.toml: unknown option 'hiden_size'" in line
    assert not (tmp_path / "run").exists()
