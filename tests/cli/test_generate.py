"""``nextchar generate``: text from a run."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nextchar.language_model.model import LanguageModel
from tests.conftest import TINY, Run, Start, english


def test_the_prompt_stands_first_and_the_length_is_exact(nextchar: Run, finished: Path) -> None:
    out = nextchar("generate", finished, "--prompt", "The dog ", "--length", "73").succeeded()
    assert out.startswith("The dog ")
    assert len(out) == len("The dog ") + 73 + len("\n")


def test_a_length_of_zero_gives_the_prompt(nextchar: Run, finished: Path) -> None:
    assert nextchar("generate", finished, "--prompt", "The", "--length", "0").succeeded() == "The\n"


def test_no_prompt_gives_exactly_the_length(nextchar: Run, finished: Path) -> None:
    assert len(nextchar("generate", finished, "--length", "40").succeeded()) == 41


def test_one_seed_gives_one_text_and_another_seed_another(nextchar: Run, finished: Path) -> None:
    first, again, other = (
        nextchar("generate", finished, "--length", "80", "--seed", seed).succeeded()
        for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_no_seed_gives_another_text_each_time_and_json_names_the_seed(
    nextchar: Run, finished: Path
) -> None:
    first, second = (
        nextchar("generate", finished, "--length", "80", "--json").values() for _ in range(2)
    )
    assert first["texts"] != second["texts"]
    again = nextchar("generate", finished, "--length", "80", "--seed", first["seed"]).succeeded()
    assert again == first["texts"][0] + "\n"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--temperature", "0.7", "--top-k", "5"),
        ("--top-p", "0.8", "--min-p", "0.01"),
        ("--repetition-penalty", "1.3"),
    ],
)
def test_streamed_text_is_the_text_of_json(
    nextchar: Run, finished: Path, options: tuple[str, ...]
) -> None:
    arguments = ("generate", finished, "--prompt", "A", "--length", "60", "--seed", "3", *options)
    assert [nextchar(*arguments).succeeded()[:-1]] == nextchar(*arguments, "--json").values()[
        "texts"
    ]


def test_sample_i_is_the_text_of_seed_plus_i(nextchar: Run, finished: Path) -> None:
    options = ("--prompt", "The ", "--length", "60")
    texts = nextchar(
        "generate", finished, *options, "--samples", "3", "--seed", "7", "--json"
    ).values()["texts"]
    alone = [
        nextchar("generate", finished, *options, "--seed", seed).succeeded()[:-1]
        for seed in (7, 8, 9)
    ]
    assert texts == alone
    assert len(set(texts)) == 3


def test_several_samples_are_told_apart_on_stdout(nextchar: Run, finished: Path) -> None:
    out = nextchar(
        "generate", finished, "--length", "30", "--samples", "3", "--seed", "4"
    ).succeeded()
    assert all(f"seed {seed}" in out for seed in (4, 5, 6))


def test_temperature_zero_needs_no_seed(nextchar: Run, finished: Path) -> None:
    texts = {
        nextchar("generate", finished, "--length", "50", "--temperature", "0").succeeded()
        for _ in range(2)
    }
    assert len(texts) == 1


@pytest.mark.parametrize("temperature", ["1e-30", "1e-320"])
def test_a_tiny_temperature_writes_as_temperature_zero(
    nextchar: Run, finished: Path, temperature: str
) -> None:
    coldest, cold = (
        nextchar("generate", finished, "--length", "50", "--seed", "1", "--temperature", value)
        for value in ("0", temperature)
    )
    assert cold.succeeded() == coldest.succeeded()


def test_unknown_symbols_of_a_prompt_are_listed(nextchar: Run, finished: Path) -> None:
    line = nextchar("generate", finished, "--prompt", "The Ω and Ж").problem()
    assert "'Ω'" in line
    assert "'Ж'" in line
    assert "--unknown skip" in line


def test_unknown_symbols_of_a_prompt_are_skipped_where_asked(nextchar: Run, finished: Path) -> None:
    options = ("--length", "30", "--seed", "1")
    out = nextchar(
        "generate", finished, "--prompt", "The Ωdog", "--unknown", "skip", *options
    ).succeeded()
    assert out == nextchar("generate", finished, "--prompt", "The dog", *options).succeeded()


def test_unknown_symbols_cannot_be_replaced_without_a_symbol_for_them(
    nextchar: Run, finished: Path
) -> None:
    line = nextchar("generate", finished, "--prompt", "Ω", "--unknown", "replace").problem()
    assert "<unk>" in line
    assert "--unknown skip" in line


def test_unknown_symbols_are_replaced_where_the_vocabulary_has_a_symbol_for_them(
    nextchar: Run, tmp_path: Path
) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "run"
    text.write_text(english(3000) + "Ω")
    nextchar("train", text, "--out", out, *TINY, "--min-count", "2").succeeded()
    arguments = ("generate", out, "--prompt", "The Ж", "--length", "200", "--unknown", "replace")
    written = nextchar(*arguments).succeeded()
    assert written.startswith("The \ufffd")
    assert "\ufffd" not in written[5:]


@pytest.mark.parametrize("vocabulary", ["byte", "jamo"])
@pytest.mark.parametrize("prompt", ["오늘", "가", "값", "ㄱ", "a나", "강가"])
def test_a_korean_prompt_stands_unchanged_before_what_follows(
    korean_runs: dict[str, Path], vocabulary: str, prompt: str
) -> None:
    model = LanguageModel.load(korean_runs[vocabulary])
    texts = model.generate_batch(prompt, samples=20, length=10, seed=0)
    assert [text for text in texts if not text.startswith(prompt)] == []
    assert {len(text) for text in texts} == {len(prompt) + 10}


@pytest.fixture(scope="module")
def korean_runs(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from nextchar.language_model.training import train
    from tests.conftest import TINY_OPTIONS

    mixed = tmp_path_factory.mktemp("texts") / "mixed.txt"
    mixed.write_text(english(1000) + "ㄱㅏ" + (texts / "korean.txt").read_text())
    folder = tmp_path_factory.mktemp("runs")
    for kind in ("char", "byte", "jamo"):
        train(mixed, folder / kind, vocabulary=kind, **TINY_OPTIONS)
    return {kind: folder / kind for kind in ("char", "byte", "jamo")}


@pytest.mark.parametrize("kind", ["char", "byte", "jamo"])
def test_pieces_of_a_stream_join_to_the_text(korean_runs: dict[str, Path], kind: str) -> None:
    model = LanguageModel.load(korean_runs[kind])
    pieces = list(model.stream("오늘 ", length=100, seed=3))
    assert len(pieces) > 4
    assert "".join(pieces) == model.generate("오늘 ", length=100, seed=3)
    assert model.generate_batch("오늘 ", length=100, seed=2, samples=2)[1] == "".join(pieces)


def test_a_text_ends_at_lines_and_stops_and_matches(nextchar: Run, finished: Path) -> None:
    text = nextchar("generate", finished, "--seed", 1, "--lines", 2).succeeded()
    assert text.count("\n") == 2
    text = nextchar("generate", finished, "--seed", 1, "--stop", "\\n", "--stop", "qq").succeeded()
    assert text.count("\n") == 1
    pattern = "[A-Z][a-z]{2,5}( [a-z]{2,4}){3}"
    values = nextchar(
        "generate", finished, "--match", pattern, "--samples", 20, "--json", "--forbid", "the"
    ).values()
    assert len(values["texts"]) == 20
    for text in values["texts"]:
        assert re.fullmatch(pattern, text)
        assert "the" not in text.lower().split(" ")


@pytest.mark.parametrize("options", [(), ("--beam", 2), ("--samples", 2)])
def test_a_cut_is_told_after_a_prompt_that_lost_symbols(
    nextchar: Run, finished: Path, options: tuple[object, ...]
) -> None:
    cut = ("--unknown", "skip", "--lines", 9, "--length", 6)
    outcome = nextchar("generate", finished, "--prompt", "T日h本e", *cut, *options)
    outcome.succeeded()
    which = "2 of 2 texts were" if "--samples" in options else "the text was"
    assert outcome.err == f"note: {which} cut after 6 characters (--length)\n"


def test_a_beam_lists_the_best_with_their_log_probabilities(nextchar: Run, finished: Path) -> None:
    arguments = ("generate", finished, "--prompt", "The", "--length", 20, "--beam", 4)
    values = nextchar(*arguments, "--best", 3, "--json").values()
    bits = [each["log_probability_bits"] for each in values["results"]]
    assert bits == sorted(bits, reverse=True)
    assert all(len(each["text"]) == 23 for each in values["results"])
    printed = nextchar(*arguments, "--best", 3).succeeded()
    assert printed.startswith(f"--- 1, {bits[0]:.2f} bits ---\n{values['results'][0]['text']}\n")
    assert nextchar(*arguments).succeeded() == values["results"][0]["text"] + "\n"
    greedy = nextchar("generate", finished, "--prompt", "The", "--length", 20, "--temperature", 0)
    one = nextchar(*arguments[:-1], 1)
    assert one.succeeded() == greedy.succeeded()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--match", "(a"], "the expression '(a' is invalid at character 1"),
        (["--match", "日+"], "it has no '日'"),
        (["--match", "[a-z]{9}", "--length", 8], "has 9 characters; got length 8"),
        (["--beam", 0], "width must be at least 1; got 0"),
        (["--beam", 2, "--top-k", 5], "--top-k is for sampling"),
        (["--beam", 2, "--samples", 5], "--samples is for sampling"),
        (["--best", 2], "--best is for a search: it needs --beam"),
        (["--beam", 2, "--best", 0], "best must be at least 1"),
        (["--beam", 4, "--groups", 3], "must divide the width of 4"),
        (["--endless", "--json"], "--endless writes one text"),
        (["--stop", ""], "at least one character"),
        (["--lines", -1], "lines must be at least 0"),
        (["--forbid", ""], "at least one character"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    nextchar: Run, finished: Path, arguments: list[object], reason: str
) -> None:
    assert reason in nextchar("generate", finished, *arguments).problem()


def test_an_endless_text_goes_on_until_nobody_reads_it(finished: Path) -> None:
    command = [sys.executable, "-m", "nextchar", "generate", str(finished), "--endless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(5000)) == 5000
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_text_ends_its_line_before_the_message(
    start: Start, finished: Path, number: int
) -> None:
    command = start("generate", finished, "--endless", "--engine", "plain", "--prompt", "the ")
    command.wait_until(lambda: len(command.printed()) > 20)
    command.send(number)
    outcome = command.outcome()
    assert outcome.code == 128 + number
    assert outcome.out.startswith("the ")
    assert outcome.out.endswith("\n")
    assert outcome.err.count("\n") == 1
