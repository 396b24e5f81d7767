"""Prompts from options, files and pipes, and how many lines are printed after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextchar.cli.prompts import unescaped
from tests.conftest import TINY, TINY_OPTIONS, Run, english, write_gzip

WRITING = ("--length", "12", "--seed", "3")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (r"a\nb", "a\nb"),
        (r"a\tb\r\n", "a\tb\r\n"),
        (r"a\\nb", r"a\nb"),
        (r"a\\\nb", "a\\\nb"),
        (r"\d+\.", r"\d+\."),
        ("a\nb\\", "a\nb\\"),
        ("", ""),
    ],
)
def test_escapes_are_read_once_from_the_left(typed: str, meant: str) -> None:
    assert unescaped(typed) == meant


@pytest.mark.parametrize(
    "command", ["generate {model}", "generate {model} --beam 2", "complete {model}",
                "condition generate {conditional} --given odd"],
)  # fmt: skip
def test_a_prompt_is_the_same_by_option_by_file_and_by_pipe(
    command: str, nextchar: Run, folders: dict[str, Path], tmp_path: Path
) -> None:
    prompt = "b" if "conditional" in command else "The dog.\nA c"
    words = [str(folders.get(word.strip("{}"), word)) for word in command.split()]
    few: tuple[str, ...] = () if words[0] == "complete" else ("--length", "12")
    few += ("--seed", "3") if words[0] != "complete" and "--beam" not in words else ()
    (tmp_path / "prompt.txt").write_text(f"{prompt}\n")
    write_gzip(tmp_path / "prompt.gz", prompt)
    ways = [
        (*words, "--prompt", prompt.replace("\n", r"\n")),
        (*words, "--prompt-file", tmp_path / "prompt.txt"),
        (*words, "--prompt-file", tmp_path / "prompt.gz"),
        (*words, "--prompt", "-"),
    ]
    found = [nextchar(*way, *few, "--json", stdin=prompt.encode()).values() for way in ways]
    assert found[0]["prompt"] == prompt
    assert found == [found[0]] * len(ways)


def test_one_line_break_at_the_end_of_a_file_is_not_meant(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    for content, prompt in ((b"The\n", "The"), (b"The\r\n", "The"), (b"The\n\n", "The\n")):
        outcome = nextchar("generate", finished, *WRITING, "--json", "--prompt", "-", stdin=content)
        assert outcome.values()["prompt"] == prompt


def test_a_prompt_file_is_read_as_it_is(nextchar: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(english(3000).replace("dog", r"d\nog").encode("utf-16"))
    out = tmp_path / "run"
    nextchar("train", text, "--out", out, "-q", "--encoding", "utf-16", *TINY).succeeded()
    (tmp_path / "prompt.txt").write_bytes(r"A d\nog".encode("utf-16"))
    command = ("generate", out, *WRITING, "--json", "--prompt-file", tmp_path / "prompt.txt")
    assert nextchar(*command).values()["prompt"] == r"A d\nog"


def test_two_prompts_none_and_a_file_that_is_not_there_are_refused(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "prompt.txt").write_text("The")
    twice = ("--prompt", "A", "--prompt-file", tmp_path / "prompt.txt")
    assert "use one" in nextchar("generate", finished, *twice).problem()
    assert "gone.txt" in nextchar("generate", finished, "--prompt-file", "gone.txt").problem()
    assert "no text was given" in nextchar("complete", finished).problem()
    assert "given twice" in nextchar("complete", finished, "A", "--prompt", "The").problem()
    assert "empty" in nextchar("generate", finished, "--prompt", "-", stdin=b"").problem()


def test_completions_read_the_escapes_too(nextchar: Run, finished: Path) -> None:
    typed, meant = (nextchar("complete", finished, text, "--json").values() for text in (
        r"The dog.\nA c", "The dog.\nA c"))  # fmt: skip
    assert typed == meant


@pytest.fixture(scope="module")
def liner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model has learned short lines."""
    import nextchar as package

    folder = tmp_path_factory.mktemp("lines")
    (folder / "text.txt").write_text("ab cd.\nba dc.\n" * 300)
    package.train(folder / "text.txt", folder / "run", **{**TINY_OPTIONS, "steps": 60})
    return folder / "run"


@pytest.mark.parametrize(
    "options",
    [(), ("--prompt", "ab"), ("--prompt", "ab", "--stop", "@"), ("--beam", "2"),
     ("--prompt", "ab", "--beam", "2"), ("--temperature", "0")],
)  # fmt: skip
def test_as_many_lines_are_printed_as_were_asked_for(
    options: tuple[str, ...], nextchar: Run, liner: Path
) -> None:
    printed = nextchar("generate", liner, "--lines", "5", *options).succeeded()
    assert printed.count("\n") == 5
    assert printed.endswith("\n")


def test_lines_that_a_prompt_has_ended_come_on_top(nextchar: Run, liner: Path) -> None:
    printed = nextchar("generate", liner, "--lines", "5", "--prompt", r"ab\nba\n").succeeded()
    assert printed.startswith("ab\nba\n")
    assert printed.count("\n") == 2 + 5


def test_samples_and_json_have_their_lines_each(nextchar: Run, liner: Path) -> None:
    printed = nextchar("generate", liner, "--lines", "3", "--samples", "2").succeeded()
    assert [line[:3] == "---" for line in printed.splitlines()] == [True, *[False] * 3] * 2
    values = nextchar("generate", liner, "--lines", "3", "--samples", "2", "--json").values()
    assert [len(text.splitlines()) for text in values["texts"]] == [3, 3]


def test_lines_need_no_length_and_a_text_that_is_cut_before_them_is_told(
    nextchar: Run, liner: Path
) -> None:
    outcome = nextchar("generate", liner, "--lines", "100")
    assert outcome.succeeded().count("\n") == 100
    assert outcome.err == ""
    cut = nextchar("generate", liner, "--lines", "100", "--length", "40")
    assert cut.succeeded().count("\n") < 100
    assert cut.err == "note: the text was cut after 40 characters (--length)\n"
    several = ("--lines", "100", "--length", "40", "--samples", "2", "--json")
    assert "2 of 2 texts were cut" in nextchar("generate", liner, *several).err


def test_a_text_without_lines_ends_with_one_line_break(nextchar: Run, liner: Path) -> None:
    printed = nextchar("generate", liner, "--length", "7", "--temperature", "0").succeeded()
    assert len(printed) == 7 + 1
