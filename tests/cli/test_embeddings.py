"""``nextchar embeddings``: from a text to vectors, and what is asked of them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from nextchar.embeddings import SymbolVectors
from tests.conftest import Run, write_gzip

FEW = ("--size", 8, "--epochs", 2, "--quiet")


@pytest.fixture(scope="module")
def folder(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of the English words; tests only read them."""
    from nextchar.embeddings import train_embeddings

    out = tmp_path_factory.mktemp("vectors") / "words"
    train_embeddings(texts / "english.txt", vocabulary="word", size=8, epochs=2).save(out)
    return out


def test_python_and_the_command_line_learn_the_same(
    nextchar: Run, texts: Path, folder: Path, tmp_path: Path
) -> None:
    command = ("embeddings", "train", texts / "english.txt", "--vocabulary", "word", *FEW)
    shown = nextchar(*command, "--out", tmp_path / "words").succeeded()
    assert "(word), 8 numbers each" in shown
    assert f"nextchar embeddings nearest {tmp_path / 'words'} SYMBOL" in shown
    vectors = SymbolVectors.load(tmp_path / "words")
    assert np.array_equal(vectors.vectors, SymbolVectors.load(folder).vectors)
    figures = nextchar(*command, "--out", tmp_path / "again", "--json").values()
    assert figures["config"]["vocabulary"] == "word"
    assert figures["symbols_read"] == vectors.counts.sum()
    assert (tmp_path / "words" / "vectors.safetensors").read_bytes() == (
        tmp_path / "again" / "vectors.safetensors"
    ).read_bytes()


def test_a_gzip_and_a_pipe_are_read_alike(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    text = (texts / "korean.txt").read_text(encoding="utf-8")
    packed = write_gzip(tmp_path / "korean.gz", text)
    for name, given in (("one", packed), ("two", "-")):
        command = ("embeddings", "train", given, "--out", tmp_path / name, *FEW)
        nextchar(*command, "--vocabulary", "jamo", stdin=text.encode()).succeeded()
    one, two = (SymbolVectors.load(tmp_path / name) for name in ("one", "two"))
    assert np.array_equal(one.vectors, two.vectors)
    assert np.array_equal(one.counts, two.counts)


def test_neighbours_are_listed_for_each_symbol(nextchar: Run, folder: Path) -> None:
    shown = nextchar("embeddings", "nearest", folder, "dog", "cat", "--count", 3).succeeded()
    lines = shown.splitlines()
    assert (lines[0], lines[4], lines[5]) == ("dog", "", "cat")
    assert all("×" in line for line in (*lines[1:4], *lines[6:]))
    values = nextchar("embeddings", "nearest", folder, "dog", "--json").values()
    near = values["nearest"]["dog"]
    assert len(near) == 10
    assert [each["cosine"] for each in near] == sorted((e["cosine"] for e in near), reverse=True)
    assert near[0]["symbol"] in lines[1]


def test_an_analogy_is_answered(nextchar: Run, folder: Path) -> None:
    shown = nextchar("embeddings", "analogy", folder, "dog", "runs", "cat", "--count", 2)
    assert shown.succeeded().startswith("dog is to runs as cat is to\n")
    values = nextchar("embeddings", "analogy", folder, "dog", "runs", "cat", "--json").values()
    assert {"dog", "runs", "cat"}.isdisjoint(each["symbol"] for each in values["nearest"])


def test_vectors_are_exported_and_drawn(nextchar: Run, folder: Path, tmp_path: Path) -> None:
    count = len(SymbolVectors.load(folder).by_frequency)
    file = tmp_path / "words.txt"
    assert f"{count} symbols" in nextchar("embeddings", "export", folder, file).succeeded()
    assert file.read_text().splitlines()[0] == f"{count} 8"
    assert "exists already" in nextchar("embeddings", "export", folder, file).problem()
    picture = ("embeddings", "plot", folder, "--picture")
    nextchar(*picture, tmp_path / "map.png").succeeded()
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert "ends in .png" in nextchar(*picture, tmp_path / "map.txt").problem()


def test_what_cannot_be_learned_is_one_line_and_leaves_nothing(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    good = texts / "english.txt"
    for text, out, options, words in (
        (tmp_path / "empty.txt", "out", (), "empty"),
        (tmp_path / "gone.txt", "out", (), "no such file"),
        (good, "taken", (), "exists already and is not overwritten"),
        (good, "out", ("--size", "0"), "size must be at least 1 and at most 65536; got 0"),
        (good, "out", ("--vocabulary", "line"), "'line'"),
        (good, "out", ("--min-count", "9999999"), "smaller --min-count"),
    ):
        command = ("embeddings", "train", text, "--out", tmp_path / out, "--quiet", *options)
        assert words in nextchar(*command).problem()
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_answered_is_one_line(nextchar: Run, folder: Path, tmp_path: Path) -> None:
    line = nextchar("embeddings", "nearest", folder, "dgo").problem()
    assert "'dgo' has no vector" in line
    assert "did you mean" in line
    assert "at least 1" in nextchar("embeddings", "nearest", folder, "dog", "--count=0").problem()
    assert "made by" in nextchar("embeddings", "nearest", tmp_path, "dog").problem()
    assert "made by" in nextchar("embeddings", "export", tmp_path / "gone", "file").problem()


def test_without_gensim_the_extra_is_named(
    nextchar: Run, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    command = ("embeddings", "train", texts / "english.txt", "--out", tmp_path / "out")
    assert "pip install 'nextchar[embeddings]'" in nextchar(*command).problem(code=1)
    assert not (tmp_path / "out").exists()


def test_asking_needs_no_gensim(
    nextchar: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    nextchar("embeddings", "nearest", folder, "dog").succeeded()
