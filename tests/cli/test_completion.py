"""Shell completion: the protocol between a shell and ``nextchar``, and the scripts of shells."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "nextchar"]
SECONDS = 120


def completed(shell: str, line: str) -> str:
    """Ask as a shell does with the cursor at the end of a line; return what it is told."""
    words = line.split(" ")
    environment = os.environ | {"_NEXTCHAR_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        environment |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    else:
        environment |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    ended = subprocess.run(
        COMMAND, capture_output=True, text=True, check=True, timeout=SECONDS, env=environment
    )
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "expected", "not_expected"),
    [
        ("nextchar c", {"complete", "compare", "crossval", "classify", "compress"}, {"train"}),
        ("nextchar classify ", {"train", "predict", "evaluate", "explain"}, {"generate"}),
        ("nextchar train --hid", {"--hidden-size"}, {"--layers"}),
        ("nextchar classify train --resu", {"--resume"}, {"--text"}),
        ("nextchar train --cell ", {"lstm", "gru"}, {"--cell"}),
        ("nextchar --ver", {"--version"}, {"train"}),
    ],
)
def test_names_are_completed(
    shell: str, line: str, expected: set[str], not_expected: set[str]
) -> None:
    told = completed(shell, line)
    pattern = r'"(\S+?)"(?=:|\n|\))' if shell == "zsh" else r"(?m)^([^\t\n]+)"
    names = set(re.findall(pattern, told))
    assert expected <= names
    assert not_expected & names == set()


@pytest.mark.parametrize(
    "line", ["nextchar generate ru", "nextchar train --resume ru", "nextchar train te"]
)
def test_paths_are_left_to_the_shell(line: str) -> None:
    assert completed("bash", line).strip() == ""
    assert completed("zsh", line).strip() == "_files"
    assert completed("fish", line).strip() == ""


def test_a_command_that_does_not_exist_is_no_error_while_a_line_is_typed() -> None:
    assert "--temperature" not in completed("bash", "nextchar nonsense --")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nextchar generate --temp", ["--temperature"]),
        ("nextchar ev", ["evaluate"]),
        ("nextchar generate ru", []),
    ],
)
def test_bash_completes_with_the_script_that_is_shown(
    line: str, expected: list[str], tmp_path: Path
) -> None:
    program = tmp_path / "nextchar"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nextchar "$@"\n')
    program.chmod(0o755)
    words = line.split(" ")
    script = (
        'eval "$(nextchar --show-completion)"\n'
        f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
        "_nextchar_completion nextchar\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p nextchar\n"
    )
    ended = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    *found, registered = ended.stdout.splitlines()
    assert [each for each in found if each] == expected
    assert "-o default" in registered  # paths, where nothing else is known


@pytest.mark.parametrize(("shell", "mark"), [("zsh", "compdef"), ("fish", "complete --command")])
def test_each_shell_has_a_script(shell: str, mark: str) -> None:
    ended = subprocess.run(
        COMMAND,
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env=os.environ | {"_NEXTCHAR_COMPLETE": f"source_{shell}"},
    )
    assert mark in ended.stdout
    assert "_NEXTCHAR_COMPLETE" in ended.stdout
