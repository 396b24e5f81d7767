"""``nextchar score``: what every character of a text costs."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from tests.conftest import TINY_OPTIONS, Run, contents, english

TEXT = "The old dog sees the house.\nA small cat runs.\n"


@pytest.fixture(scope="module")
def trained(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt the words."""
    from nextchar.language_model.training import train

    folder = tmp_path_factory.mktemp("runs") / "trained"
    options = {**TINY_OPTIONS, "hidden_size": 48, "steps": 300, "learning_rate": 0.02}
    train(texts / "english.txt", folder, **options)
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_the_text_is_shown_with_bars_and_its_figures(
    nextchar: Run, finished: Path, text: Path
) -> None:
    outcome = nextchar("score", finished, text)
    shown = outcome.succeeded()
    assert shown.startswith("The old dog sees the house.")
    assert set("▁▂▃▄▅▆▇█") & set(shown.partition("\n\n")[0])
    assert "\x1b" not in shown
    assert all(name in shown for name in ("bits  ▁ 1-2", "bits/char", "first", "chars/s"))
    assert outcome.err == ""


def test_sums_are_those_of_evaluate(nextchar: Run, finished: Path, text: Path) -> None:
    figures = nextchar("score", finished, text, "--json").values()
    exact = nextchar("evaluate", finished, text, "--exact", "--json").values()
    assert figures["characters"] == exact["characters"] == len(TEXT) - 1
    assert figures["bits_per_char"] == pytest.approx(exact["bits_per_char"], rel=1e-5)
    assert figures["bits"] == pytest.approx(figures["bits_per_char"] * figures["characters"])
    assert sum(line["bits"] for line in figures["lines"]) == pytest.approx(figures["bits"])
    assert [TEXT[line["start"] : line["end"]] for line in figures["lines"]] == [
        "The old dog sees the house.\n",
        "A small cat runs.\n",
    ]
    assert "anomalies" not in figures
    assert "words" not in figures


def test_json_carries_what_is_asked_for(nextchar: Run, trained: Path, tmp_path: Path) -> None:
    text, content = tmp_path / "text.txt", "The old dog.\nThe red cat likes the hosue.\n"
    text.write_text(content)
    figures = nextchar(
        "score", trained, text, "--json", "--by", "word", "--anomalies", "1"
    ).values()
    words = [content[word["start"] : word["end"]] for word in figures["words"]]
    assert words == content.replace(".", "").split()
    (slip,) = figures["anomalies"]
    assert slip["text"] == content[slip["start"] : slip["end"]]
    assert "s" in slip["text"]
    assert (slip["line"], slip["column"]) == (2, slip["start"] - content.index("\n"))


def test_json_lines_are_the_characters(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("Aχ dog\n", encoding="utf-8")
    shown = nextchar("score", finished, path, "--jsonl", "--unknown", "skip").succeeded()
    rows = [json.loads(line) for line in shown.splitlines()]
    assert "".join(row["character"] for row in rows) == "Aχ dog\n"
    assert [row["index"] for row in rows] == list(range(7))
    assert (rows[0]["bits"], rows[0]["alternatives"]) == (0, [])
    assert (rows[1]["bits"], rows[1]["expected_bits"]) == (None, None)
    likeliest = [probability for _, probability in rows[3]["alternatives"]]
    assert len(likeliest) == 5
    assert likeliest == sorted(likeliest, reverse=True)


def test_the_most_surprising_stretches_are_listed_instead(
    nextchar: Run, trained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("The old dog sees the small house.\nA cat likes the hokse.\n")
    shown = nextchar("score", trained, path, "--anomalies", "1").succeeded()
    place, context, carets, instead = shown.splitlines()[:4]
    assert place.startswith("1  2:")
    assert context[carets.index("^")] == "k"
    assert "instead of 'k': 'u'" in instead
    assert "▁" not in shown
    assert "--anomalies" in nextchar("score", trained, path, "--anomalies", "0").problem()


def test_planted_typos_are_found(nextchar: Run, trained: Path, tmp_path: Path) -> None:
    text = english(3000, seed=7)
    draw = random.Random(1)
    words = draw.sample([match.span() for match in re.finditer(r"[a-z]{4,}", text)], 20)
    letters = list(text)
    for start, end in words:
        place = draw.randrange(start + 1, end)
        letters[place] = draw.choice([letter for letter in "kbvfgd" if letter != letters[place]])
    path = tmp_path / "text.txt"
    path.write_text("".join(letters))
    found = nextchar("score", trained, path, "--json", "--anomalies", "40").values()["anomalies"]
    hits = [any(a["start"] <= end and a["end"] > start for a in found) for start, end in words]
    assert sum(hits) >= 15


def test_a_text_without_surprises_says_so(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("    ")
    shown = nextchar("score", finished, path, "--anomalies", "3").succeeded()
    assert shown.startswith("no passage of the text is surprising\n")


def test_lines_and_words_are_tables(nextchar: Run, finished: Path, text: Path) -> None:
    by_line = nextchar("score", finished, text, "--by", "line").succeeded()
    assert "The old dog sees the house.↵" in by_line
    by_word = nextchar("score", finished, text, "--by", "word").succeeded()
    assert by_word.splitlines()[2].split()[0] == "1:5"


def test_a_page_is_written_whole_and_may_be_written_again(
    nextchar: Run, finished: Path, text: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    for _ in range(2):
        shown = nextchar("score", finished, text, "--html", page).succeeded()
        assert str(page) in shown
        assert "▃" not in shown
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert set(contents(tmp_path)) == {"page.html", "text.txt"}


def test_a_page_never_replaces_what_is_no_page(nextchar: Run, finished: Path, text: Path) -> None:
    line = nextchar("score", finished, text, "--html", text).problem()
    assert ".html" in line
    assert text.read_text() == TEXT


def test_a_page_that_cannot_be_written_is_a_failure(
    nextchar: Run, finished: Path, text: Path, tmp_path: Path
) -> None:
    page = tmp_path / "no" / "page.html"
    line = nextchar("score", finished, text, "--html", page, "--quiet").problem()
    assert line == f"nextchar: the folder of --html must exist; got {page}\n"
    assert not page.parent.exists()


def test_learning_from_the_text_makes_a_repetitive_one_cheaper(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("A red red red dog.\n" * 40)
    plain, learning = (
        nextchar("score", finished, path, "--json", *options).values()["bits"]
        for options in ((), ("--dynamic",))
    )
    assert learning < plain
    same = nextchar("score", finished, path, "--json", "--dynamic", "--dynamic-rate", "0").values()[
        "bits"
    ]
    assert same == pytest.approx(plain, rel=1e-5)
    assert "--dynamic" in nextchar("score", finished, path, "--dynamic-rate", "0.1").problem()


def test_unknown_symbols_are_left_out_and_told_or_an_error(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("The Ω dog sees the Ж house.\n", encoding="utf-8")
    assert "'Ω'" in nextchar("score", finished, path, "--unknown", "error").problem()
    shown = nextchar("score", finished, path).succeeded()
    assert "2 characters (7.41% of all) outside the vocabulary" in shown
    assert "the first is 'Ω' at line 1, column 5" in shown
    values = nextchar("score", finished, path, "--json").values()
    assert values["skipped_characters"] == 2
    assert values["first_skipped"] == {"character": "Ω", "line": 1, "column": 5}
    assert "×" in shown
    assert "<unk>" in nextchar("score", finished, path, "--unknown", "replace").problem()


def test_unknown_symbols_can_be_read_as_unk(nextchar: Run, tmp_path: Path) -> None:
    from nextchar.config import Config
    from nextchar.language_model.model import LanguageModel
    from nextchar.text.vocabulary import CharVocabulary

    vocabulary = CharVocabulary(["a", "b"], unknown=True)
    config = Config().with_options(hidden_size=8, embedding_size=4)
    LanguageModel.create(config, vocabulary).save(tmp_path)
    shown = nextchar("score", tmp_path, "-", "--unknown", "replace", stdin=b"abXaZb")
    assert "2 characters not in the vocabulary, at the cost of <unk>" in shown.succeeded()


@pytest.mark.parametrize("content", ["", "T"])
def test_a_text_without_a_prediction_cannot_be_scored(
    nextchar: Run, finished: Path, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(content)
    line = nextchar("score", finished, path).problem()
    assert "empty" in line or "nothing to score" in line


def test_standard_input_scores_as_a_file_does(nextchar: Run, finished: Path, text: Path) -> None:
    from_file = nextchar("score", finished, text, "--json").values()["bits"]
    piped = nextchar("score", finished, "-", "--json", stdin=TEXT.encode()).values()["bits"]
    assert piped == from_file


def test_bytes_that_are_no_text_are_scored_and_shown_safely(nextchar: Run, tmp_path: Path) -> None:
    from nextchar.config import Config
    from nextchar.language_model.model import LanguageModel
    from nextchar.text.vocabulary import ByteVocabulary

    config = Config().with_options(hidden_size=8, embedding_size=4, vocabulary="byte")
    LanguageModel.create(config, ByteVocabulary()).save(tmp_path)
    data = "한글\x1b[2J".encode() + b"\xff\xfe"
    shown = nextchar("score", tmp_path, "-", stdin=data).succeeded()
    assert "␛[2J\ufffd\ufffd" in shown
    rows = nextchar("score", tmp_path, "-", "--jsonl", stdin=data).succeeded().splitlines()
    assert json.loads(rows[-1])["character"] == "\udcfe"
    page = tmp_path / "page.html"
    nextchar("score", tmp_path, "-", "--html", page, stdin=data).succeeded()
    assert "␛" in page.read_text(encoding="utf-8")


def test_json_lines_go_with_no_other_list(nextchar: Run, finished: Path, text: Path) -> None:
    assert "--jsonl" in nextchar("score", finished, text, "--jsonl", "--json").problem()


def test_the_memory_of_a_long_text_is_told(
    nextchar: Run, finished: Path, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextchar.cli.score._LONG_TEXT", 1000)
    text = texts / "english.txt"
    said = nextchar("score", finished, text, "--json")
    said.values()
    assert "note: scoring keeps every character in memory: about 0.0 GB for 6,000" in said.err
    assert nextchar("score", finished, text, "--json", "--quiet").err == ""
