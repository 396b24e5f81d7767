"""``nextchar novelty``: what a text shares with the text that a run learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run, english, write_gzip


def test_copied_training_text_is_found_whole(
    nextchar: Run, finished: Path, texts: Path, tmp_path: Path
) -> None:
    corpus = (texts / "english.txt").read_text()
    (tmp_path / "copy.txt").write_text("Zq\n" + corpus[1000:2000])
    figures = nextchar("novelty", finished, tmp_path / "copy.txt", "--json").values()
    assert figures["longest_match_characters"] == 1000
    assert figures["characters"] == 1003
    assert figures["corpus_characters"] == 5400
    longest = figures["spans"][0]
    assert longest["text"] == corpus[1000:2000]
    assert (longest["line"], longest["column"]) == (2, 1)
    assert corpus[longest["corpus_offset"] :].startswith(longest["text"])


def test_only_the_training_part_counts_as_seen(
    nextchar: Run, finished: Path, texts: Path, tmp_path: Path
) -> None:
    (tmp_path / "held_out.txt").write_text((texts / "english.txt").read_text()[-600:])
    figures = nextchar("novelty", finished, tmp_path / "held_out.txt", "--json").values()
    assert figures["longest_match_characters"] < 600
    assert figures["unseen_ngram_share"]["64"] == 1.0


def test_a_file_its_gzip_and_stdin_are_read_alike(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    text = english(700, seed=2)
    (tmp_path / "other.txt").write_text(text)
    write_gzip(tmp_path / "other.gz", text)
    results = [
        nextchar("novelty", finished, name, "--json", stdin=text.encode()).values()
        for name in (tmp_path / "other.txt", tmp_path / "other.gz", "-")
    ]
    assert len({result["mean_match_characters"] for result in results}) == 1
    assert results[0]["unseen_ngram_share"] == results[1]["unseen_ngram_share"]


def test_the_figures_are_shown_as_text(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Ω\n" + english(300, seed=2), encoding="utf-8")
    outcome = nextchar("novelty", finished, tmp_path / "text.txt", "--ngrams", "4,400", "--spans=3")
    shown = outcome.succeeded().splitlines()
    assert "302 characters, 1 of them not in the vocabulary" in shown[0]
    assert any(line.startswith("  4") and "%" in line for line in shown)
    assert "400  text too short" in shown
    assert sum("⏎" in line and line.endswith('"') for line in shown[-3:]) > 0
    assert outcome.err == ""


def test_a_long_shared_piece_is_shown_in_one_short_line(
    nextchar: Run, finished: Path, texts: Path
) -> None:
    shown = nextchar("novelty", finished, texts / "english.txt", "--spans", "1").succeeded()
    last = shown.splitlines()[-1]
    assert " … " in last
    assert len(last) < 250


@pytest.mark.parametrize("ngrams", ["four", "", "4,,8", "0"])
def test_lengths_that_are_no_numbers_are_refused(
    nextchar: Run, finished: Path, texts: Path, ngrams: str
) -> None:
    line = nextchar("novelty", finished, texts / "english.txt", "--ngrams", ngrams).problem()
    assert "ngrams" in line


def test_an_empty_text_is_one_line(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    assert "empty" in nextchar("novelty", finished, tmp_path / "empty.txt").problem()


def test_a_run_shared_without_its_corpus_says_so(nextchar: Run, run: Path, texts: Path) -> None:
    for path in (run / "corpus").iterdir():
        path.unlink()
    (run / "corpus").rmdir()
    assert "corpus" in nextchar("novelty", run, texts / "english.txt").problem()


def test_the_weights_are_not_needed(nextchar: Run, run: Path, texts: Path) -> None:
    (run / "model.safetensors").unlink()
    nextchar("novelty", run, texts / "english.txt").succeeded()
