"""``nextchar inspect embeddings``: the geometry of symbols, in words, numbers and a picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import TINY, Run


def test_kinds_neighbours_and_clusters_are_told(nextchar: Run, finished: Path) -> None:
    outcome = nextchar("inspect", "embeddings", finished)
    lines = outcome.succeeded().splitlines()
    assert outcome.err == ""
    assert lines[0].startswith("the embedding: 8 numbers a symbol; ")
    assert lines[1].startswith("two components hold ")
    table = lines[lines.index("") + 2 :]
    assert table[0].split()[:4] == ["kind", "symbols", "within", "outside"]
    assert "one-hot                1.414    1.414" in lines
    start = next(n for n, line in enumerate(lines) if line.startswith("symbol"))
    assert lines[start].split()[:2] == ["symbol", "count"]
    assert len(lines[start + 1 : lines.index("", start)]) == 10
    assert any(" clusters, silhouette " in line for line in lines)


def test_chosen_symbols_have_their_neighbours(nextchar: Run, finished: Path) -> None:
    words = ("inspect", "embeddings", finished, "--symbol", "e", "--symbol", " ", "--json")
    values = nextchar(*words).values()
    assert [each["symbol"] for each in values["neighbors"]] == ["e", "space"]
    assert len(values["neighbors"][0]["nearest"]) == 5
    assert values["one_hot_distance"] == pytest.approx(2**0.5)
    counts = [each["count"] for each in values["symbols"]]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 5400
    assert values["source"] == "embedding"


def test_symbols_that_were_never_read_are_left_out_and_named(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ("train", texts / "korean.txt", "--out", out, "--vocabulary", "jamo", *TINY, "--quiet")
    nextchar(*words).succeeded()
    values = nextchar("inspect", "embeddings", out, "--json").values()
    assert "-ㅋ" in values["never_seen"]
    assert "-ㅋ" not in [each["symbol"] for each in values["symbols"]]
    assert {"initial", "medial", "final"} <= {each["kind"] for each in values["kinds"]}
    lines = nextchar("inspect", "embeddings", out, "--count", 5).succeeded().splitlines()
    assert f"the most frequent 5 of {values['known_symbols']} symbols" in lines[0]
    assert lines[-1].startswith("never in the training text, and not shown: ")


def test_a_run_without_its_text_has_no_counts(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(run / "corpus")
    values = nextchar("inspect", "embeddings", run, "--json").values()
    assert values["symbols"][0]["count"] is None


def test_a_picture_names_the_shares_of_the_variance(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "map.svg"
    words = ("inspect", "embeddings", finished, "--of", "output", "--picture", picture)
    lines = nextchar(*words).succeeded().splitlines()
    assert lines[0].startswith("the output weights: 16 numbers")
    drawn = picture.read_text()
    for part in ("% of the variance", ">space</text>", ">line break</text>", ">vowel</text>"):
        assert part in drawn


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--symbol", "Q"), "'Q' is not among the "),
        (("--count", "2"), "--count must be from 3 to 500; got 2"),
        (("--of", "all"), "'all' is not one of 'input', 'output'"),
        (("--picture", "map.gif"), "--picture is a file that ends in .png, .svg, .pdf"),
    ],
)
def test_bad_input_is_one_line(
    words: tuple[str, ...], message: str, nextchar: Run, finished: Path
) -> None:
    problem = nextchar("inspect", "embeddings", finished, *words, "--quiet").problem()
    assert message in problem


def test_without_matplotlib_the_picture_is_refused_in_one_line(
    nextchar: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    words = ("inspect", "embeddings", finished, "--picture", tmp_path / "a.png", "--quiet")
    assert "pictures need the package matplotlib" in nextchar(*words).problem(1)
