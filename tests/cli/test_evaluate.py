"""``nextchar evaluate``: how well a run predicts a text."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nextchar.language_model.model import LanguageModel
from tests.conftest import TINY, Run, english, write_gzip


def test_the_validation_part_is_measured_where_no_text_is_named(
    nextchar: Run, finished: Path, texts: Path
) -> None:
    figures = nextchar("evaluate", finished, "--json").values()
    assert figures["characters"] == 600 - 1
    text = (texts / "english.txt").read_text()
    again = LanguageModel.load(finished).evaluate(text[-600:])
    assert figures["nats_per_char"] == pytest.approx(again.nats_per_char, rel=1e-6)


def test_json_carries_every_figure_with_its_unit(nextchar: Run, finished: Path) -> None:
    figures = nextchar("evaluate", finished, "--json").values()
    assert {
        "nats_per_char",
        "bits_per_char",
        "perplexity",
        "characters",
        "chars_per_second",
        "parameters",
        "seconds",
    } <= figures.keys()
    assert figures["bits_per_char"] == pytest.approx(figures["nats_per_char"] / math.log(2))
    assert figures["perplexity"] == pytest.approx(math.exp(figures["nats_per_char"]))


def test_a_file_its_gzip_and_stdin_measure_alike(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    text = english(2000, seed=2)
    (tmp_path / "other.txt").write_text(text)
    write_gzip(tmp_path / "other.gz", text)
    results = [
        nextchar("evaluate", finished, name, "--json", stdin=text.encode()).values()
        for name in (tmp_path / "other.txt", tmp_path / "other.gz", "-")
    ]
    assert [result["characters"] for result in results] == [1999] * 3
    assert len({result["nats_per_char"] for result in results}) == 1


def test_the_parts_are_measured_apart(nextchar: Run, finished: Path) -> None:
    figures = nextchar("evaluate", finished, "--part", "train", "--json").values()
    assert figures["characters"] == 5400 - 1
    assert "no test part" in nextchar("evaluate", finished, "--part", "test").problem()


def test_compressors_are_measured_unless_told_otherwise(nextchar: Run, finished: Path) -> None:
    with_them = nextchar("evaluate", finished, "--json").values()
    assert set(with_them["compressed_bits_per_char"]) == {"xz", "bz2", "gzip"}
    without = nextchar("evaluate", finished, "--json", "--no-compressors").values()
    assert "compressed_bits_per_char" not in without


def test_the_figures_are_shown_as_text(nextchar: Run, finished: Path) -> None:
    outcome = nextchar("evaluate", finished)
    shown = outcome.succeeded()
    assert all(name in shown for name in ("nats/char", "bits/char", "perplexity", "chars/s", "xz"))
    assert outcome.err == ""


def test_clearing_the_state_makes_prediction_harder(nextchar: Run, finished: Path) -> None:
    carried, cleared = (
        nextchar("evaluate", finished, "--part", "train", "--json", "--reset-every", n).values()
        for n in (0, 1)
    )
    assert carried["characters"] == cleared["characters"]
    assert carried["nats_per_char"] < cleared["nats_per_char"]


def test_unknown_characters_of_a_text_are_left_out_and_told_beside_the_figures(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The dog\nsees Ω the Ж house.\n", encoding="utf-8")
    figures = nextchar("evaluate", finished, text, "--json").values()
    assert figures["skipped_symbols"] == 2
    assert figures["characters"] == len("The dog\nsees Ω the Ж house.\n") - 2 - 1
    assert figures["first_skipped"] == {"character": "Ω", "line": 2, "column": 6}
    shown = nextchar("evaluate", finished, text).succeeded()
    assert "2 characters (7.41% of all) outside the vocabulary, not included in these" in shown
    assert "the first is 'Ω' at line 2, column 6" in shown
    kept = tmp_path / "kept.txt"
    kept.write_text("The dog\nsees  the  house.\n")
    same = nextchar("evaluate", finished, kept, "--json").values()
    for name in ("nats_per_char", "characters", "compressed_bits_per_char"):
        assert figures[name] == same[name]
    assert "first_skipped" not in same


def test_unknown_characters_are_an_error_where_that_is_asked_for(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The Ω dog sees the Ж house.\n", encoding="utf-8")
    line = nextchar("evaluate", finished, text, "--unknown", "error").problem()
    assert "'Ω', 'Ж'" in line
    line = nextchar("evaluate", finished, text, "--unknown", "replace").problem()
    assert "has no <unk> (training with --min-count 2 adds it" in line
    assert "--unknown skip drops them" in line


def test_a_text_of_which_nothing_is_known_is_refused_with_the_reason(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("오늘은날씨가좋다", encoding="utf-8")
    for command in ("evaluate", "score"):
        line = nextchar(command, finished, text).problem()
        assert "and 8 that the vocabulary does not have" in line


def test_a_run_with_a_symbol_for_rare_ones_reads_unknown_ones_as_that(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "run"
    text.write_text((texts / "english.txt").read_text() + "Ω")
    nextchar("train", text, "--out", out, "-q", *TINY, "--min-count", "2").succeeded()
    (tmp_path / "other.txt").write_text("The Ж dog.\n")
    figures = nextchar("evaluate", out, tmp_path / "other.txt", "--json").values()
    assert (figures["unknown_symbols"], figures["skipped_symbols"]) == (1, 0)
    own = nextchar("evaluate", out, "--part", "validation", "--json", "--exact").values()
    tail = tmp_path / "tail.txt"
    tail.write_text(text.read_text()[-601:])
    again = nextchar("evaluate", out, tail, "--json", "--exact").values()
    assert again["nats_per_char"] == pytest.approx(own["nats_per_char"])


@pytest.mark.parametrize("content", ["", "T"])
def test_a_text_without_a_prediction_cannot_be_measured(
    nextchar: Run, finished: Path, tmp_path: Path, content: str
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(content)
    line = nextchar("evaluate", finished, text).problem()
    assert "empty" in line or "nothing to evaluate" in line


def test_a_negative_reset_is_refused(nextchar: Run, finished: Path) -> None:
    assert "reset_every" in nextchar("evaluate", finished, "--reset-every", "-1").problem()


def test_a_missing_file_is_named(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    assert "gone.txt" in nextchar("evaluate", finished, tmp_path / "gone.txt").problem()


def test_invalid_utf8_is_named_with_its_place(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.txt").write_bytes(b"The dog\xff runs.")
    line = nextchar("evaluate", finished, tmp_path / "bad.txt").problem()
    assert "bad.txt" in line
    assert "offset 7" in line


def test_a_run_shared_without_its_corpus_still_measures_a_text(
    nextchar: Run, run: Path, texts: Path
) -> None:
    for path in (run / "corpus").iterdir():
        path.unlink()
    (run / "corpus").rmdir()
    nextchar("evaluate", run, texts / "english.txt").succeeded()
    assert "corpus" in nextchar("evaluate", run).problem()


def test_an_unknown_symbol_is_named_with_its_place_in_the_terms_of_the_command_line(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a\n\n")
    (tmp_path / "b.txt").write_text("e\n\ne ☃e☂\n", encoding="utf-8")
    problem = nextchar("score", finished, tmp_path, "--unknown", "error").problem()
    assert f"the first at {tmp_path / 'b.txt'}, line 3, column 3; --unknown skip drops" in problem


def test_compressors_read_the_beginning_of_a_long_text_and_it_is_told(
    nextchar: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "long.txt"
    text.write_text(english(5000))
    whole = nextchar("evaluate", finished, text, "--json").values()
    assert whole["compressed_characters"] == 5000
    assert " on the first " not in nextchar("evaluate", finished, text).succeeded()
    monkeypatch.setattr("nextchar.text.compressors.LIMIT_BYTES", 400)
    monkeypatch.setattr("nextchar.language_model.evaluating._CHARACTERS_AT_ONCE", 500)
    part = nextchar("evaluate", finished, text, "--json").values()
    assert part["compressed_characters"] == 500
    assert part["nats_per_char"] == pytest.approx(whole["nats_per_char"])
    text.write_text(english(5000)[:501])  # the last character is a piece of its own
    alone = nextchar("evaluate", finished, text, "--json").values()
    assert part["compressed_bits_per_char"] == alone["compressed_bits_per_char"]
    text.write_text(english(5000))
    shown = nextchar("evaluate", finished, text).succeeded()
    assert shown.count("bits/char on the first 500 characters\n") == 3
