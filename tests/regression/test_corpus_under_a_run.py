"""The encoded text under a run: truncated, replaced, removed or overwritten, and very large.

Whatever happens to the file, a command is unaffected or ends with one line and exit code 2.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nextchar.language_model.training import train
from nextchar.run_files.seals import reseal
from tests.conftest import TINY, TINY_OPTIONS, Command, Outcome, Run, Start, english

GIB = 1 << 30
# It validates most of the time, on many pages of the file: a mapped file would be read in pieces.
ENDLESS = (
    *TINY,
    *("--steps", "1000000", "--validate-every", "10", "--checkpoint-seconds", "0.1"),
    *("--validation-fraction", "0.5"),
)
SLOW = pytest.mark.slow

Act = Callable[[Path, random.Random], None]


def _truncate(path: Path, draw: random.Random) -> None:
    os.truncate(path, draw.choice([0, 1, 100, path.stat().st_size - 1]))


def _grow(path: Path, draw: random.Random) -> None:
    os.truncate(path, path.stat().st_size + draw.choice([1, 1 << 20]))


def _replace(path: Path, draw: random.Random) -> None:
    other = path.with_name("other.bin")
    other.write_bytes(draw.randbytes(draw.choice([0, 10, path.stat().st_size])))
    other.replace(path)


def _replace_by_a_pipe(path: Path, _draw: random.Random) -> None:
    other = path.with_name("other.bin")
    os.mkfifo(other)
    other.replace(path)


def _overwrite(path: Path, draw: random.Random) -> None:
    with path.open("r+b") as file:
        file.write(draw.randbytes(path.stat().st_size))


def _empty_and_write(path: Path, draw: random.Random) -> None:
    path.write_bytes(draw.randbytes(path.stat().st_size))


def _remove(path: Path, _draw: random.Random) -> None:
    path.unlink()


def _remove_the_folder(path: Path, _draw: random.Random) -> None:
    shutil.rmtree(path.parent)


ACTS: tuple[Act, ...] = (
    _truncate,
    _grow,
    _replace,
    _replace_by_a_pipe,
    _overwrite,
    _empty_and_write,
    _remove,
    _remove_the_folder,
)
# Each act once in the fast share, and at twelve more moments in the slow share.
TRIALS = [
    *((act, 0) for act in ACTS),
    *(pytest.param(act, number, marks=SLOW) for act in ACTS for number in range(1, 13)),
]


@pytest.fixture(scope="module")
def long_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.txt"
    path.write_text(english(10_000) * 30)
    return path


@pytest.fixture(scope="module")
def long_run(long_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "long"
    train(long_text, folder, **TINY_OPTIONS)
    return folder


def _name(value: object) -> str:
    return getattr(value, "__name__", str(value)).strip("_")


def _require_a_line_or_nothing(command: Command) -> Outcome:
    outcome = command.outcome()
    if outcome.code:
        line = outcome.problem()
        assert "ids.bin" in line or "corpus" in line
    return outcome


@pytest.mark.parametrize(("act", "number"), TRIALS, ids=_name)
def test_training_ends_with_a_line(
    start: Start, long_text: Path, tmp_path: Path, act: Act, number: int
) -> None:
    draw = random.Random(f"{act.__name__} {number}")
    out = tmp_path / "run"
    command = start("train", long_text, "--out", out, "-q", *ENDLESS)
    command.wait_until((out / "last" / "training.safetensors").exists)
    command.wait_for_end(draw.uniform(0, 0.5))
    act(out / "corpus" / "ids.bin", draw)
    assert _require_a_line_or_nothing(command).code == 2


@pytest.mark.parametrize(("act", "number"), TRIALS, ids=_name)
def test_evaluation_ends_with_a_line_or_is_unaffected(
    start: Start, long_run: Path, texts: Path, tmp_path: Path, act: Act, number: int
) -> None:
    draw = random.Random(f"{act.__name__} {number}")
    run = shutil.copytree(long_run, tmp_path / "run")
    arguments: list[tuple[object, ...]] = [
        ("evaluate", run, "--part", "train", "--exact", "-q"),
        ("novelty", run, texts / "english.txt", "-q"),
        ("train", "--resume", run, "--steps", "60", "-q"),
    ]
    command = start(*draw.choice(arguments))
    command.wait_for_end(draw.uniform(0, 0.6))
    act(run / "corpus" / "ids.bin", draw)
    _require_a_line_or_nothing(command)


def test_an_id_that_no_symbol_has_is_a_line(nextchar: Run, run: Path, texts: Path) -> None:
    """The file has its checksum: an attacker would compute it as well."""
    path = run / "corpus" / "ids.bin"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] = 255
    data[-1] = 255
    path.write_bytes(data)
    _change_header(run, sha256=hashlib.sha256(data).hexdigest())
    for arguments in (
        ("evaluate", run),
        ("evaluate", run, "--part", "train"),
        ("novelty", run, texts / "english.txt"),
        ("train", "--resume", run, "--steps", "60"),
    ):
        assert "does not belong to the vocabulary" in nextchar(*arguments, "-q").problem()


@pytest.mark.parametrize(
    ("dtype", "size"), [("uint8", 10**12), ("uint32", 10**12), ("uint16", 10**17)]
)
def test_a_length_beyond_the_file_is_refused_before_memory_is_taken(
    nextchar: Run, run: Path, dtype: str, size: int
) -> None:
    splits = {"train": [0, size], "test": [size, size], "validation": [size, size]}
    _change_header(run, dtype=dtype, length=size, splits=splits)
    began = time.monotonic()
    assert "bytes, expected" in nextchar("evaluate", run, "-q").problem()
    assert time.monotonic() - began < 5


_MEASURED = """
import sys, time
import torch, torch._dynamo
import nextchar.runs.training
from nextchar.cli import main
from tests.memory import peak, reset_peak
before = reset_peak()
sys.argv = ["nextchar", *sys.argv[1:]]
began = time.monotonic()
try:
    main()
finally:
    sys.stderr.write(f"measured {time.monotonic() - began} {(peak() - before) / 2**20}\\n")
"""


@SLOW
@pytest.mark.parametrize("vocabulary", ["char", "byte"])
def test_a_sparse_corpus_of_ten_gib_starts_soon_in_little_memory(
    texts: Path, tmp_path: Path, vocabulary: str
) -> None:
    out, size = tmp_path / "run", 10 * GIB
    options = (*TINY, "--vocabulary", vocabulary, "--validation-fraction", "0", "--experts", "none")
    made = _measure("train", texts / "english.txt", "--out", out, "-q", *options)
    path = out / "corpus" / "ids.bin"
    path.write_bytes(b"")
    os.truncate(path, size)
    began = time.monotonic()
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    hashing = time.monotonic() - began
    cut = size - size // 10
    splits = {"train": [0, cut], "test": [cut, cut], "validation": [cut, size]}
    _change_header(out, length=size, characters=size, sha256=sha256, splits=splits)
    ended = _measure("evaluate", out, "--part", "test", "-q")  # it has no symbols
    assert ended[0] == 2
    assert ended[1] < hashing + 10
    assert ended[2] < 512
    # A run that has no validation part any more trains on.
    _change_header(out, splits={"train": [0, size], "test": [size, size], "validation": [size] * 2})
    ended = _measure("train", "--resume", out, "--steps", "40", "-q")
    assert ended[0] == 0
    assert ended[1] < hashing + made[1] + 10
    assert ended[2] < 512


def _measure(*arguments: object) -> tuple[int, float, float]:
    """Run a command; return its exit code, its seconds, and its MiB beyond those of the imports."""
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURED, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    *_, line = ended.stderr.splitlines()
    _, seconds, mib = line.split()
    return ended.returncode, float(seconds), float(mib)


def _change_header(run: Path, **values: object) -> None:
    path = run / "corpus" / "corpus.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    reseal(run)  # as somebody would who wants the change to be accepted
