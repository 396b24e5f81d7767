"""``nextchar augment``: a preview, counts, a file; and the same text as training learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nextchar as package
from nextchar.run_files.model_files import load_vocabulary
from nextchar.tasks.language_modeling.data import open_corpus
from tests.conftest import TINY_OPTIONS, Run, english


def test_a_preview_shows_some_of_every_edit_if_none_is_named(nextchar: Run, texts: Path) -> None:
    outcome = nextchar("augment", texts / "english.txt", "--preview", "--lines", "3")
    printed = outcome.succeeded()
    assert outcome.err == "note: no edit was set; each --augment-… is shown at 0.02\n"
    assert printed.count(" - ") == printed.count(" + ") == 3
    for edit in ("swap", "drop", "repeat", "neighbor", "case", "word drop", "word swap"):
        assert f"{edit} " in printed.rpartition("edits")[2]
    assert "\x1b" not in printed


def test_the_counts_are_those_of_the_text_that_is_written(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    text, out = texts / "english.txt", tmp_path / "new.txt"
    values = nextchar(
        "augment", text, "--augment-drop", "0.1", "--augment-repeat", "0.05", "--seed", "3",
        "--out", out, "--preview", "--lines", "2", "--json",
    ).values()  # fmt: skip
    written, edits = out.read_text(), values["edits"]
    assert written == package.augment(
        text.read_text(), seed=3, augment_drop=0.1, augment_repeat=0.05
    )
    assert values["characters"] == 6000
    assert values["augmented_characters"] == len(written)
    assert len(written) == 6000 - edits["drop"] + edits["repeat"]
    assert [len(line["edits"]) > 0 for line in values["shown"]] == [True, True]


def test_copies_are_written_one_after_the_other(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    text = texts / "english.txt"
    command = ("augment", text, "--augment-shuffle", "lines", "--augment-copies", "2")
    assert "moved" in nextchar(*command, "--out", tmp_path / "new.txt").succeeded()
    lines = (tmp_path / "new.txt").read_text().split("\n")
    assert sorted(filter(None, lines)) == sorted(filter(None, text.read_text().split("\n") * 2))


def test_training_learns_from_the_copies_that_are_shown(texts: Path, tmp_path: Path) -> None:
    text = english(4000)
    (tmp_path / "text.txt").write_text(text)
    edits: dict[str, Any] = {"augment_swap": 0.05, "augment_word_drop": 0.1, "seed": 5}
    run = tmp_path / "run"
    options = {**TINY_OPTIONS, "steps": 1, "augment_copies": 2, **edits}
    package.train(tmp_path / "text.txt", run, **options)
    corpus, vocabulary = open_corpus(run), load_vocabulary(run)
    first, second = corpus.boundaries
    training = vocabulary.decode(corpus.original)
    assert training == text[:3600]
    assert vocabulary.decode(corpus.train[first:second]) == package.augment(training, **edits)
    assert vocabulary.decode(corpus.train[second:]) != vocabulary.decode(corpus.train[first:second])
    assert vocabulary.decode(corpus.validation) == text[3600:]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--out", "new.txt"), "nothing is altered"),
        (("--augment-swap", "2"), "augment_swap must be at least 0 and at most 1"),
        (("--augment-swap", "0.1", "--augment-copies", "0"), "augment_copies must be at least 1"),
        (("--augment-synonym", "0.1", "--synonyms", "no.tsv"), "no such file or folder: no.tsv"),
        (("--augment-swap", "0.1", "--out", "text.txt"), "text.txt exists already"),
        (("--augment-shuffle", "words"), "augment-shuffle"),
    ],
)
def test_what_cannot_be_is_one_line(
    nextchar: Run, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "text.txt").write_text("some text\n")
    outcome = nextchar("augment", "text.txt", *arguments, cwd=tmp_path)
    assert reason in outcome.problem()
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]
    assert (tmp_path / "text.txt").read_text() == "some text\n"
