"""``nextchar compress`` and ``nextchar decompress``."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextchar.language_model.model import LanguageModel
from tests.conftest import Run, contents, english


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original.txt"
    path.write_text(english(2000, seed=3))
    return path


def test_a_file_goes_there_and_back(
    nextchar: Run, finished: Path, original: Path, tmp_path: Path
) -> None:
    packed, restored = tmp_path / "packed", tmp_path / "restored"
    there = nextchar("compress", finished, original, packed, "--json").values()
    back = nextchar("decompress", finished, packed, restored, "--json").values()
    assert restored.read_bytes() == original.read_bytes()
    for figures in (there, back):
        assert figures["original_bytes"] == figures["characters"] == 2000
        assert figures["compressed_bytes"] == packed.stat().st_size < 1500
        assert figures["bits_per_char"] == pytest.approx(8 * packed.stat().st_size / 2000)
        assert figures["chars_per_second"] == pytest.approx(2000 / figures["seconds"])


def test_the_size_is_shown_beside_the_bits(
    nextchar: Run, finished: Path, original: Path, tmp_path: Path
) -> None:
    outcome = nextchar("compress", finished, original, tmp_path / "packed")
    assert "2,000 bytes, 2,000 characters" in outcome.succeeded()
    assert all(name in outcome.out for name in ("compressed", "bits/char", "chars/s"))
    assert outcome.err == ""


def test_an_empty_file_has_no_bits_per_char(
    nextchar: Run, finished: Path, original: Path, tmp_path: Path
) -> None:
    original.write_bytes(b"")
    shown = nextchar("compress", finished, original, tmp_path / "packed").succeeded()
    assert "0 characters" in shown
    back = nextchar("decompress", finished, tmp_path / "packed", tmp_path / "restored", "--json")
    assert back.values()["bits_per_char"] is None
    assert (tmp_path / "restored").read_bytes() == b""


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_what_stands_there_is_not_replaced(
    nextchar: Run, finished: Path, original: Path, command: str
) -> None:
    before = original.read_bytes()
    assert "exists already" in nextchar(command, finished, original, original).problem()
    assert original.read_bytes() == before


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_a_file_that_is_missing_is_named(
    nextchar: Run, finished: Path, tmp_path: Path, command: str
) -> None:
    line = nextchar(command, finished, tmp_path / "gone.txt", tmp_path / "out").problem()
    assert "cannot read" in line
    assert "gone.txt" in line


def test_a_text_beyond_the_vocabulary_is_named_and_nothing_written(
    nextchar: Run, finished: Path, original: Path, tmp_path: Path
) -> None:
    original.write_text("The Ω dog.", encoding="utf-8")
    line = nextchar("compress", finished, original, tmp_path / "packed").problem()
    assert "original.txt: unknown symbols 'Ω'" in line
    assert "--vocabulary byte accepts any file" in line
    assert list(contents(tmp_path)) == ["original.txt"]


def test_a_damaged_file_and_another_run_write_nothing(
    nextchar: Run, finished: Path, run: Path, original: Path, tmp_path: Path
) -> None:
    packed, restored = tmp_path / "packed", tmp_path / "restored"
    nextchar("compress", finished, original, packed).succeeded()
    other = LanguageModel.load(run)
    other.network.head.bias.data[0] += 1
    other.save(run)
    assert "another model" in nextchar("decompress", run, packed, restored).problem()
    packed.write_bytes(packed.read_bytes()[:-1])
    assert "packed: the compressed file is damaged" in (
        nextchar("decompress", finished, packed, restored).problem()
    )
    assert not restored.exists()
    assert list(tmp_path.glob(".*")) == []
