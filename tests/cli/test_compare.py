"""``nextchar compare``: a table, curves, samples, and the same as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY, Run


def test_a_comparison_is_shown_and_goes_on(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    command = (
        "compare", texts / "english.txt", "--out", tmp_path / "out", "--cells", "rnn,lstm",
        "--vary", "dropout=0,0.2", *TINY, "--quiet",
    )  # fmt: skip
    printed = nextchar(*command, "--picture", tmp_path / "curves.svg").succeeded()
    for name in ("rnn dropout=0.0", "rnn dropout=0.2", "lstm dropout=0.0", "lstm dropout=0.2"):
        assert f"| {name} " in printed
        assert f"--- {name}, " in printed
    assert (tmp_path / "curves.svg").read_bytes().startswith(b"<?xml")
    again = nextchar(*command, "--json").values()
    assert len(again["variants"]) == 4
    assert {"bits_per_char_mean", "bits_per_char_sd", "parameters"} <= again["variants"][0].keys()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "nothing is compared"),
        (("--vary", "dropout"), "--vary needs NAME=VALUE,VALUE; got 'dropout'"),
        (("--vary", "droput=0.1"), "did you mean 'dropout'"),
        (("--cells", "rnn,lstn"), "cell must be one of"),
        (("--cells", "rnn", "--picture", "curves.gif"), "ends in .png, .svg, .pdf"),
        (("--cells", "rnn", "--seeds", "0"), "seeds must be at least 1"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    nextchar: Run, texts: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    outcome = nextchar("compare", texts / "english.txt", "--out", tmp_path / "out", *arguments)
    assert reason in outcome.problem()
    assert not (tmp_path / "out").exists()
