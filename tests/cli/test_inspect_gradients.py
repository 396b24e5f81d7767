"""``nextchar inspect gradients``: the reach of the loss, in words, as numbers and as a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY, Run


@pytest.fixture(scope="session")
def gru(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on Korean letters with one-hot input and two layers; tests only read it."""
    import nextchar

    out = tmp_path_factory.mktemp("runs") / "letters"
    nextchar.train(
        texts / "korean.txt", out, cell="gru", vocabulary="jamo", input="onehot", layers=2,
        hidden_size=8, batch_size=4, sequence_length=16, steps=4, precision="float32",
    )  # fmt: skip
    return out


def test_the_reach_is_told_with_tables_and_how_much_was_read(nextchar: Run, finished: Path) -> None:
    outcome = nextchar("inspect", "gradients", finished)
    told = outcome.succeeded()
    assert outcome.err.startswith(f"note: validation part of {finished}: all 600 symbols read")
    assert "layer 1 h: reaches " in told
    assert "layer 1 c: reaches " in told
    assert "median norm of the gradient" in told
    assert "largest singular value" in told
    assert "spectral radius of U, layer 1: i " in told
    assert "stack.layers.0.weight_hh" in told
    assert "training: gradient norm" in told
    assert "clipping at 1 fires at" in told


def test_a_text_is_read_up_to_a_limit(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    text.write_text("The old dog sees a tree. " * 2000)
    outcome = nextchar("inspect", "gradients", finished, text, "--lags", 5, "--json")
    values = outcome.values()["runs"][0]
    assert f"{text}: the first 20,000 symbols read" in outcome.err
    assert (values["symbols_read"], values["is_whole_text"]) == (20_000, False)
    assert (values["lags"], values["places"], values["weights"]) == (5, 128, "trained")
    layer = values["layers"][0]
    assert len(layer["h"]["median"]) == 6
    assert layer["singular_values"]["lags"] == [1, 2, 3, 5]
    assert set(layer["spectral_radius"]) == set("ifgo")


def test_the_seed_draws_the_places(nextchar: Run, finished: Path) -> None:
    def median(seed: int) -> list[float]:
        words = ("inspect", "gradients", finished, "--seed", seed, "--lags", 3, "--json")
        found: list[float] = nextchar(*words).values()["runs"][0]["layers"][0]["h"]["median"]
        return found

    assert median(1) == median(1) != median(2)


def test_several_runs_before_and_after_training_share_one_picture(
    nextchar: Run, finished: Path, gru: Path, texts: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "flow.svg"
    text = texts / "korean.txt"
    words = ("inspect", "gradients", gru, text, "--against", gru, "--untrained", "--lags", 8)
    outcome = nextchar(*words, "--picture", picture)
    told = outcome.succeeded()
    assert "gru 8, untrained, layer 1 h: reaches" in told
    assert "gru 8, trained, layer 2 h: reaches" in told
    drawn = picture.read_text()
    for part in ("untrained, layer 1", "trained, layer 2", "lag k in letters", "gru 8"):
        assert f">{part}</text>" in drawn


def test_the_symbols_that_another_run_does_not_know_are_noted(
    nextchar: Run, finished: Path, gru: Path
) -> None:
    outcome = nextchar("inspect", "gradients", finished, "--against", gru, "--lags", 4)
    assert outcome.succeeded()
    assert f"unknown characters skipped by {gru}" in outcome.err


def test_another_vocabulary_reads_the_same_text(
    nextchar: Run, finished: Path, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bytes"
    text = texts / "english.txt"
    options = ("--vocabulary", "byte", "--cell", "min_gru")
    nextchar("train", text, "--out", out, *TINY, *options).succeeded()
    words = ("inspect", "gradients", finished, "--against", out, "--lags", 4, "--json")
    first, second = nextchar(*words).values()["runs"]
    assert first["text"] == second["text"]
    assert first["symbols_read"] == second["symbols_read"] == 600
    assert [first["unit_of_lags"], second["unit_of_lags"]] == ["characters", "bytes"]
    assert second["layers"][0]["spectral_radius"] == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--lags", "0"), "--lags must be from 1 to 1,000; got 0"),
        (("--lags", "700"), "is too short: a gradient at lag 700 needs 702 known symbols; got 600"),
        (("short.txt",), "short.txt is too short: a gradient at any lag needs 4 known symbols"),
        (("gone.txt",), "gone.txt"),
        (("--against", "gone"), "gone does not exist"),
        (("--picture", "flow.gif"), "--picture is a file that ends in .png, .svg, .pdf"),
        (("--picture", "no/flow.png"), "the folder of --picture must exist"),
    ],
)
def test_bad_input_is_one_line(
    words: tuple[str, ...], message: str, nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "short.txt").write_text("th€")
    outcome = nextchar("inspect", "gradients", finished, *words, "--quiet", cwd=tmp_path)
    assert message in outcome.problem()
