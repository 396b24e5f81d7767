"""Compiled code: told of, stored where that is possible, and never the end of a run."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import pytest
from numba.core.caching import FunctionCache, IndexDataCacheFile

from nextchar.compilation import cache as machine_code
from nextchar.compilation.jit import compiled

PROBLEM = "compiled code cannot be stored, so every process compiles it: "
Make = Callable[[], Callable[[float], float]]
MODULE = "nextchar.nn.kernels.lstm"  # whose loops are told of


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Make:
    """Give what compiles a function as a new process would, in an empty installation."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO, "nextchar")
    source = tmp_path / "module.py"
    source.write_text("def twice(x):\n    return 2 * x\n")

    def made() -> Callable[[float], float]:
        machine_code._warn_once.cache_clear()
        machine_code._log_once.cache_clear()
        names: dict[str, Callable[[float], float]] = {"__name__": MODULE}  # type: ignore[dict-item]
        exec(compile(source.read_text(), str(source), "exec"), names)
        return compiled(names["twice"])

    return made


def fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_compilation_is_told_once_with_its_time_and_counted(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    before = machine_code.compilation_seconds()
    twice = make()
    assert not machine_code.is_ready(twice, 21)
    assert twice(21) == 42
    assert twice(2.5) == 5.0  # another signature
    assert machine_code.compilation_seconds() > before
    assert caplog.messages == ["compiling the loops of training, once per installation: about 15 s"]


def test_a_later_process_loads_what_was_stored(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    make()(21)
    caplog.clear()
    before = machine_code.compilation_seconds()
    later = make()
    assert machine_code.is_ready(later, 21)
    assert not machine_code.is_ready(later, 2.5)
    assert later(21) == 42
    assert machine_code.compilation_seconds() == before
    assert caplog.messages == []


@pytest.mark.parametrize("part", ["_save_index", "_save_data"])
def test_a_full_disk_costs_nothing_but_the_next_compilation(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(IndexDataCacheFile, part, fail)
        twice = make()
        assert [twice(21), twice(2.5)] == [42, 5.0]
    told = [message for message in caplog.messages if message.startswith(PROBLEM)]
    assert len(told) == 1
    assert str(machine_code.cache_folder(twice)) in told[0]
    assert told[0].endswith("No space left on device")
    later = make()
    assert not machine_code.is_ready(later, 21)
    assert later(21) == 42


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("content", [b"", b"no pickle"])
def test_damaged_code_is_compiled_anew(
    make: Make, tmp_path: Path, suffix: str, content: bytes
) -> None:
    make()(21)
    (stored,) = tmp_path.glob(f"cache/*/*{suffix}")
    stored.write_bytes(content)
    assert make()(21) == 42
    later, before = make(), machine_code.compilation_seconds()
    assert later(21) == 42
    assert machine_code.compilation_seconds() == before


def test_a_function_is_compiled_where_its_code_cannot_be_stored(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(FunctionCache._impl_class, "_locator_classes", [])
    twice = make()
    assert twice(21) == 42
    assert machine_code.cache_folder(twice) is None
    assert [message.startswith(PROBLEM) for message in caplog.messages] == [True, False]


def test_an_installation_that_is_read_only_is_told_once() -> None:
    script = (
        "import logging; logging.basicConfig(format='%(message)s')\n"
        "from numba.core.caching import FunctionCache\n"
        "FunctionCache._impl_class._locator_classes = []\n"
        "import nextchar.novelty.automaton, nextchar.novelty.matching, nextchar.nn.kernels.simd"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == (
        f"{PROBLEM}neither the source folders nor the user's cache folder is writable (set the "
        "environment variable NUMBA_CACHE_DIR to another folder)\n"
    )


class Payload:
    """A pickle that creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def test_code_is_not_loaded_from_a_folder_that_others_can_write(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Loading the code runs it, and its index is a pickle."""
    assert make()(21) == 42
    index = next((tmp_path / "cache").rglob("*.nbi"))
    loaded = tmp_path / "loaded"
    index.write_bytes(pickle.dumps(numba.__version__) + pickle.dumps(Payload(loaded)))
    index.parent.chmod(0o777)
    machine_code._is_private.cache_clear()
    caplog.clear()
    twice = make()
    assert twice(21) == 42
    assert not loaded.exists()
    assert caplog.messages[0].startswith(f"{PROBLEM}other users can write to the cache folder")
    assert machine_code.cache_folder(twice) is None


def test_a_folder_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    folder, other = tmp_path / "cache", os.geteuid() + 1
    folder.mkdir()
    status = folder.stat()
    fields = list(status)
    fields[4] = other  # the user
    assert machine_code._is_trusted(status, status)
    assert not machine_code._is_trusted(os.stat_result(fields), status)
    assert machine_code._is_trusted(os.stat_result(fields), os.stat_result(fields))
