"""Learning vectors: what is read, what is found, and that a seed fixes it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.embeddings import SymbolVectors, sentences, train_embeddings
from nextchar.embeddings.sentences import Sentences
from nextchar.errors import ConfigError, NextcharError, NonFiniteLossError, TextError
from nextchar.text.vocabulary import learn
from nextchar.training.events import Event, Preparing
from tests.conftest import english, korean

SMALL: dict[str, Any] = {"size": 8, "epochs": 2}


@pytest.fixture(scope="module")
def english_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "english.txt"
    path.write_text(english(20_000))
    return path


def learned(path: Path, text: str, **options: Any) -> SymbolVectors:
    (path / "text.txt").write_text(text, encoding="utf-8")
    return train_embeddings(path / "text.txt", **{**SMALL, **options})


def lines_of(kind: Any, text: str, chunks: list[str]) -> Iterator[str]:
    vocabulary = learn(kind, [text], 1)
    with TemporaryFile() as file:
        for line in Sentences(chunks, vocabulary, file):
            yield vocabulary.decode([int(name) for name in line])


@given(st.lists(st.text("ab가 \n.", max_size=6)))
def test_the_lines_of_a_text_in_pieces_are_the_text(chunks: list[str]) -> None:
    text = "".join(chunks)
    if not text:
        return
    expected = text.splitlines(keepends=True)
    assert list(lines_of("jamo", text, chunks)) == expected
    words = [line for line in lines_of("word", text, chunks) if line]
    assert words == ["".join(line.split()) for line in expected if line.strip()]


def test_a_line_that_gensim_would_cut_is_read_in_pieces() -> None:
    with mock.patch.object(sentences, "MAX_SENTENCE_LENGTH", 4):
        assert list(lines_of("char", "a", ["a" * 10])) == ["aaaa", "aaaa", "aa"]


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_symbols_that_stand_in_like_places_are_near(english_text: Path, method: str) -> None:
    """The sentences draw their words at random, but a capital only stands at the start."""
    options: dict[str, Any] = {"method": method, "size": 16, "epochs": 20, "window": 3}
    vectors = train_embeddings(english_text, learning_rate=0.05, **options)
    capitals = [vectors.number(letter) for letter in "TADH"]
    small = [vectors.number(letter) for letter in "eosd"]
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    assert (unit[capitals] @ unit[capitals].T).mean() > (unit[capitals] @ unit[small].T).mean()


@pytest.mark.parametrize("kind", ["char", "byte", "jamo", "word"])
def test_every_symbol_that_is_read_has_a_vector_and_no_other(kind: str, tmp_path: Path) -> None:
    vectors = learned(tmp_path, korean(2000), vocabulary=kind)
    assert vectors.vectors.shape == (len(vectors.vocabulary), 8)
    assert (vectors.vectors.any(axis=1) == (vectors.counts > 0)).all()
    names = [vectors.vocabulary.symbols[number] for number in vectors.by_frequency]
    assert (" " in names) == (kind != "word")
    assert vectors.counts.max() == vectors.counts[vectors.by_frequency[0]]
    if kind != "word":
        assert vectors.counts.sum() == len(vectors.vocabulary.encode(korean(2000)))


def test_a_seed_gives_the_same_vectors_in_any_process(english_text: Path, tmp_path: Path) -> None:
    first = train_embeddings(english_text, **SMALL, seed=3)
    assert np.array_equal(first.vectors, train_embeddings(english_text, **SMALL, seed=3).vectors)
    assert not np.array_equal(first.vectors, train_embeddings(english_text, **SMALL).vectors)
    out = tmp_path / "vectors"
    command = [sys.executable, "-m", "nextchar", "embeddings", "train", str(english_text)]
    command += ["--out", str(out), "--size", "8", "--epochs", "2", "--seed", "3", "--quiet"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "7"}, timeout=120)
    assert np.array_equal(first.vectors, SymbolVectors.load(out).vectors)


def test_the_progress_is_told_and_a_listener_that_fails_ends_the_training(
    english_text: Path,
) -> None:
    events: list[Event] = []
    train_embeddings(english_text, listeners=[events.append], **SMALL)
    shares = [e.fraction for e in events if isinstance(e, Preparing) and e.stage.startswith("lear")]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)

    def fail(event: Event) -> None:
        if isinstance(event, Preparing) and event.stage.startswith("learning"):
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        train_embeddings(english_text, listeners=[fail], **SMALL)


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("", {}, "the text is empty"),
        ("aaaa", {}, "1 distinct symbols 'a': nothing to predict"),
        ("a b", {"vocabulary": "word", "min_count": 2}, "no symbol occurs 2 times"),
        ("a\nb\n", {"vocabulary": "word", "min_count": 1}, "no line of the text has two symbols"),
        ("  \n ", {"vocabulary": "word", "min_count": 1}, "0 distinct symbols"),
    ],
)
def test_a_text_without_neighbours_is_refused(
    text: str, options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(TextError, match=problem):
        learned(tmp_path, text, **options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"size": 0}, "size must be at least 1"),
        ({"method": "glove"}, "method must be one of skipgram, cbow"),
        ({"vocabulary": "line"}, "vocabulary must be one of char, byte, jamo, word"),
        ({"negative": 0}, "negative must be at least 1"),
        ({"windw": 3}, "did you mean 'window'"),
        ({"vocabulary": "byte", "encoding": "cp949"}, "reads bytes unchanged"),
        ({"sample": 1}, "sample must be at least 0 and below 1"),
    ],
)
def test_a_bad_option_is_refused_before_the_text_is_read(
    options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=problem):
        train_embeddings(tmp_path / "gone.txt", **options)


def test_vectors_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with (
        mock.patch("nextchar.embeddings.training.np.isfinite", return_value=np.array([False])),
        pytest.raises(NonFiniteLossError, match="try a learning_rate below"),
    ):
        learned(tmp_path, "abab")


def test_without_gensim_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(NextcharError, match="pip install 'nextchar\\[embeddings\\]'"):
        train_embeddings("text.txt")
