"""How the command line starts, ends, and is imported; and the Python interface beside it."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nextchar as package
from tests.conftest import TINY, TINY_OPTIONS, Run, english

COMMAND = [sys.executable, "-m", "nextchar"]
SECONDS = 120


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["generate", "--help"],
        ["evaluate", "--help"],
        ["info", "--help"],
        ["compare", "--help"],
        ["crossval", "--help"],
        ["augment", "--help"],
        ["tune", "--help"],
        ["complete", "--help"],
        ["play", "--help"],
        ["score", "--help"],
        ["novelty", "--help"],
        ["embeddings", "--help"],
        ["embeddings", "train", "--help"],
        ["bigram", "--help"],
        ["compress", "--help"],
        ["decompress", "--help"],
        ["condition", "--help"],
        ["condition", "train", "--help"],
        ["condition", "generate", "--help"],
        ["data", "--help"],
        ["data", "list"],
        ["transduce", "--help"],
        ["transduce", "train", "--help"],
        ["transduce", "dates", "--count", "5"],
    ],
)
def test_what_needs_no_network_does_not_import_torch(arguments: list[str]) -> None:
    code = (
        "import sys, atexit\n"
        f"sys.argv = ['nextchar', *{arguments!r}]\n"
        "atexit.register(lambda: sys.stderr.write(f\"torch {'torch' in sys.modules}\"))\n"
        "from nextchar.cli import main\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert ended.stderr == "torch False"
    assert ended.stdout


def test_help_of_training_lists_every_option_with_its_default() -> None:
    from nextchar.config import Config

    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    ended = subprocess.run(
        [*COMMAND, "train", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env=environment,
    )
    missing = [n for n in Config.option_names() if f"--{n.replace('_', '-')}" not in ended.stdout]
    assert missing == []
    assert "\x1b" not in ended.stdout
    assert "default: 5000" in ended.stdout


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, nextchar; dir(nextchar); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=SECONDS)


def test_every_public_name_can_be_imported() -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_the_public_names_are_those_with_a_home() -> None:
    homes = package._MODULES
    assert sorted(package.__all__) == sorted(homes)
    for name, home in homes.items():
        assert getattr(importlib.import_module(home), name) is getattr(package, name)
    assert set(package.__all__) <= set(dir(package))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name


def test_the_version_is_shown(nextchar: Run) -> None:
    assert nextchar("--version").succeeded() == f"{package.__version__}\n"


def test_training_to_writing_works_as_a_user_types_it(tmp_path: Path) -> None:
    """The only test of the whole way through a new interpreter, with text from a pipe."""
    ended = subprocess.run(
        [*COMMAND, "train", "-", "--out", "run", *TINY],
        input=english(3000).encode(),
        capture_output=True,
        check=False,
        cwd=tmp_path,
        timeout=SECONDS,
    )
    assert ended.returncode == 0, ended
    # The first text of an installation may note that loops are compiled; the second is silent.
    for _ in range(2):
        written = subprocess.run(
            [*COMMAND, "generate", "run", "--length", "30", "--prompt", "The "],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            timeout=SECONDS,
        )
        assert len(written.stdout) == 4 + 30 + 1
    assert written.stderr == ""


def test_a_reader_that_goes_away_is_no_failure_to_report(finished: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "generate", str(finished), "--length", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with contextlib.closing(process.stdout):
        process.stdout.read(10)
    with contextlib.closing(process.stderr):
        assert process.stderr.read() == b""
    assert process.wait(SECONDS) == 128 + signal.SIGPIPE


def test_a_full_disk_behind_stdout_is_one_line(finished: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*COMMAND, "generate", str(finished), "--length", "10"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("nextchar: ")
    assert ended.stderr.count("\n") == 1


def test_an_output_that_cannot_show_a_character_is_no_traceback(
    texts: Path, tmp_path: Path, nextchar: Run
) -> None:
    out = tmp_path / "run"
    nextchar("train", texts / "korean.txt", "--out", out, *TINY).succeeded()
    ended = subprocess.run(
        [*COMMAND, "generate", str(out), "--length", "30", "--prompt", "오늘"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 1


def test_python_and_the_command_line_write_the_same_text(nextchar: Run, finished: Path) -> None:
    model = package.LanguageModel.load(finished)
    text = model.generate("The ", length=80, seed=11, temperature=0.9, top_k=8)
    arguments = ("--length", "80", "--seed", "11", "--temperature", "0.9", "--top-k", "8")
    assert nextchar("generate", finished, "--prompt", "The ", *arguments).succeeded() == text + "\n"


def test_python_and_the_command_line_measure_the_same(
    nextchar: Run, finished: Path, texts: Path
) -> None:
    measured = nextchar("evaluate", finished, texts / "english.txt", "--json").values()
    model = package.LanguageModel.load(finished)
    result = model.evaluate((texts / "english.txt").read_text())
    assert isinstance(result, package.Evaluation)
    assert measured["nats_per_char"] == result.nats_per_char
    assert measured["characters"] == result.characters


def test_python_and_the_command_line_train_the_same_model(
    nextchar: Run, finished: Path, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    figures = nextchar("train", texts / "english.txt", "--out", out, "--json", *TINY).values()
    assert (out / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    result = package.train(texts / "english.txt", tmp_path / "python", **TINY_OPTIONS)
    assert isinstance(result, package.TrainingResult)
    assert result.nats_per_char == figures["nats_per_char"]
    assert package.resume(tmp_path / "python").nats_per_char == result.nats_per_char


def test_python_raises_what_the_command_line_prints(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(package.NextcharError, match="does not exist"):
        package.LanguageModel.load(tmp_path / "gone")
    with pytest.raises(package.NextcharError, match="did you mean 'hidden_size'"):
        package.train(tmp_path / "text", tmp_path / "run", hiden_size=3)  # type: ignore[call-arg]
    with pytest.raises(package.NextcharError, match="temperature"):
        package.LanguageModel.load(finished).generate(temprature=1)  # type: ignore[call-arg]


def test_a_model_saved_into_a_folder_loads_again(finished: Path, tmp_path: Path) -> None:
    model = package.LanguageModel.load(finished)
    model.save(tmp_path)
    again = package.LanguageModel.load(tmp_path)
    assert again.generate("The ", length=50, seed=1) == model.generate("The ", length=50, seed=1)


@pytest.mark.parametrize("group", [(), ("tag",), ("data",)])
def test_a_command_without_arguments_shows_its_help_and_no_empty_message(
    nextchar: Run, group: tuple[str, ...]
) -> None:
    outcome = nextchar(*group)
    assert outcome.code == 2
    assert "Usage: " in outcome.out
    assert outcome.err == ""


def test_without_a_compiler_texts_are_written_plainly_and_all_else_says_so_in_one_line(
    finished: Path, texts: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    written, refused = (
        subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        for arguments in (
            ("generate", finished, "--length", "600", "--seed", "1"),
            ("train", texts / "english.txt", "--out", tmp_path / "run", *TINY),
        )
    )
    assert (written.returncode, len(written.stdout), written.stderr) == (0, 601, "")
    assert refused.returncode == 2
    assert refused.stderr == (
        "nextchar: NUMBA_DISABLE_JIT is set, but compiled loops are required: remove it from the "
        "environment\n"
    )
    assert not (tmp_path / "run").exists()
