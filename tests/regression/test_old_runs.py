"""Runs of an older version: ``tests/fixtures/make_runs.py`` made them and what is expected."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Run, require_same_training

FIXTURES = Path(__file__).parent.parent / "fixtures"
EXPECTED = json.loads((FIXTURES / "runs" / "expected.json").read_text(encoding="utf-8"))
NAMES = sorted(path.name for path in (FIXTURES / "runs").iterdir() if path.is_dir())
EXPERIMENTS = {
    "comparison": "runs/gru-0",
    "crossval": "runs/fold-1",
    "tuning": "trials/001",
}
COMMANDS = {
    "interrupted": "train",
    "interrupted_gru": "train",
    "interrupted_classifier": "classify train",
    "interrupted_tagger": "tag train",
    "interrupted_transducer": "transduce train",
    "interrupted_conditional": "condition train",
}
# Of a run: what differs between two equal comparisons, and may differ between processors.
VARYING = {"seconds", "chars_per_second", "generated_chars_per_second", "sample"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a copy of the runs and texts, where commands may change them."""
    for folder in ("runs", "texts"):
        shutil.copytree(FIXTURES / folder, tmp_path / folder)
    return tmp_path


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Train with one thread, as the older version did."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def questions(name: str) -> list[dict[str, Any]]:
    """Return the commands recorded for a run."""
    return [entry for entry in EXPECTED["commands"] if f"runs/{name}" in entry["command"]]


def require_close(actual: Any, expected: Any) -> None:
    """Require equal texts and counts, and figures within 1e-5."""
    if isinstance(expected, dict):
        assert expected.keys() <= actual.keys()
        for key in expected.keys() - VARYING:
            require_close(actual[key], expected[key])
    elif isinstance(expected, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            require_close(one, other)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=1e-5, abs=1e-5)
    else:
        assert actual == expected


def test_every_run_has_a_record() -> None:
    recorded = {name for name in NAMES if questions(name)}
    assert recorded | COMMANDS.keys() == set(NAMES)
    assert EXPECTED["resumed"].keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", [name for name in NAMES if questions(name)])
def test_commands_print_what_they_printed(name: str, nextchar: Run, place: Path) -> None:
    for entry in questions(name):
        printed = nextchar(*entry["command"], "--json", "--quiet", cwd=place).values()
        require_close(printed, entry["values"])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "embeddings"])
def test_info_shows_configuration_and_history(name: str, nextchar: Run, place: Path) -> None:
    run = place / "runs" / name / EXPERIMENTS.get(name, "")
    shown = nextchar("info", run, "--json").values()
    assert shown["parameters"] > 0
    assert "epochs" in shown["history"][-1]
    nextchar("info", run).succeeded()


def test_the_origin_of_a_run_is_shown(nextchar: Run, place: Path) -> None:
    shown = [nextchar("info", place / "runs" / name, "--json").values()
             for name in ("begun", "given_vectors")]  # fmt: skip
    assert "runs/lstm" in json.dumps(shown[0]["from"])
    assert "runs/embeddings" in json.dumps(shown[1]["embedding_from"])


def test_an_extension_is_shown_and_extended_again(nextchar: Run, place: Path) -> None:
    run = place / "runs" / "extended"
    assert "300 to 320" in nextchar("info", run).succeeded()
    trained = nextchar("train", "--resume", run, "--steps", "5", "--json").values()
    assert trained["steps"] == 325


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", COMMANDS)
def test_an_interrupted_run_ends_as_it_did(name: str, nextchar: Run, place: Path) -> None:
    from nextchar.training.checkpoint import load_tensors

    run = place / "runs" / name
    nextchar(*COMMANDS[name].split(), "--resume", run, "--quiet").succeeded()
    (tensors, content), (expected, expected_content) = (
        load_tensors(path)
        for path in (run / "last" / "training.safetensors",
                     FIXTURES / "resumed" / f"{name}.safetensors")
    )  # fmt: skip
    assert content["step"] == expected_content["step"]
    assert tensors.keys() == expected.keys()
    for key, tensor in expected.items():
        torch.testing.assert_close(tensors[key], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["interrupted", "interrupted_gru"])
def test_a_run_may_be_interrupted_again(name: str, nextchar: Run, place: Path) -> None:
    import nextchar as package
    from nextchar.errors import Interrupted

    once, twice = place / "runs" / name, place / "twice"
    shutil.copytree(once, twice)
    package.resume(once)
    steps = 0

    def stop_soon(event: object) -> None:
        nonlocal steps
        steps += type(event).__name__ == "StepDone"
        if steps == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        package.resume(twice, listeners=[stop_soon])
    package.resume(twice)
    require_same_training(once, twice)


def test_a_compressed_file_is_restored_or_refused(nextchar: Run, place: Path) -> None:
    """The bits of a probability depend on the processor; a file of another kind is refused."""
    restored = place / "restored.txt"
    outcome = nextchar("decompress", "runs/bytes", "runs/accents.compressed", restored, cwd=place)
    if outcome.code == 0:
        assert restored.read_bytes() == (place / "texts" / "accents.txt").read_bytes()
    else:
        assert "this model's numbers are others" in outcome.problem()
        assert not restored.exists()
