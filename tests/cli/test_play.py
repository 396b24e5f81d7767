"""``nextchar play``: a game of lines on standard input."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.conftest import Run

SHORT = ("--length", 12)


def play(nextchar: Run, run: Path, *lines: str) -> str:
    stdin = "".join(f"{line}\n" for line in lines).encode()
    return nextchar("play", run, *SHORT, stdin=stdin).succeeded()


def test_the_model_goes_on_from_what_is_typed(nextchar: Run, finished: Path) -> None:
    printed = play(nextchar, finished, "The dog", "", "/show")
    # Twice twelve characters after the beginning; the same lines give the same text.
    assert len(printed.rpartition("The dog")[2].removesuffix("\n")) == 24
    assert printed == play(nextchar, finished, "The dog", "", "/show")


def test_what_was_written_can_be_taken_back_and_written_anew(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    play(nextchar, finished, "The dog", "/back", f"/save {tmp_path}/one")
    assert (tmp_path / "one").read_text() == "The dog"
    play(nextchar, finished, "The dog", f"/save {tmp_path}/two", "/again", f"/save {tmp_path}/six")
    two, six = ((tmp_path / name).read_text() for name in ("two", "six"))
    assert len(two) == len(six) == len("The dog") + 12
    assert two != six
    play(nextchar, finished, "The dog", "", "/back 3", f"/save {tmp_path}/none")
    assert (tmp_path / "none").read_text() == ""


def test_settings_change_what_is_written(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    play(
        nextchar, finished, '/set match "( [a-z]{3}){2}"', "/set temperature 0.5", "The",
        f"/save {tmp_path}/text",
    )  # fmt: skip
    assert re.fullmatch("The( [a-z]{3}){2}", (tmp_path / "text").read_text())
    assert "temperature 0.5" in play(nextchar, finished, "/set temperature 0.5", "/settings")


def test_mistakes_are_one_line_and_the_game_goes_on(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("kept")
    mistakes = {
        "/dance": "there is no /dance: /help lists what there is",
        "/set temperature x": "temperature needs a number; got 'x'",
        "/set temperature -1": "temperature must be at least 0; got -1.0",
        "/set colour 1": "/set knows temperature",
        '/set match "("': "unmatched (",
        "/back": "there is none yet",
        "/again": "it has not written here",
        "/set": "/set takes other arguments",
        f"/save {tmp_path}/there": "exists: name a new file",
        "/save 'open": "No closing quotation",
        "/save /nowhere/text": "cannot write /nowhere/text",
        f"/save {'x' * 300}": "File name too long",
    }
    for line, reason in mistakes.items():
        printed = play(nextchar, finished, line, "/settings")
        assert reason in printed
        assert "temperature 0.8" in printed
    assert (tmp_path / "there").read_text() == "kept"


def test_what_was_typed_is_not_taken_back_with_what_was_written(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    printed = play(nextchar, finished, "The dog", "/back", "/again", f"/save {tmp_path}/text")
    assert "it has not written here" in printed
    assert (tmp_path / "text").read_text() == "The dog"


def test_characters_that_the_model_does_not_know_are_left_out_of_the_text(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    texts: list[str] = []
    for typed in ("The dog", "T日he 本dog"):
        path = tmp_path / str(len(texts))
        play(nextchar, finished, typed, f"/save {path}")
        texts.append(path.read_text())
    assert texts[0] == texts[1]


def test_a_mistake_names_options_as_the_command_line_does(nextchar: Run, finished: Path) -> None:
    command = ("play", finished, *SHORT, "--unknown", "error")
    assert "--unknown skip drops them" in nextchar(*command, stdin="日\n".encode()).succeeded()


def test_completions_and_help_are_shown(nextchar: Run, finished: Path) -> None:
    lines = play(nextchar, finished, "The dog", "/back", "/complete").splitlines()
    words = lines[-1].split("   ")
    assert len(words) == 5
    assert "∎ (the word ends here)" in words
    assert "/back" in play(nextchar, finished, "/help", "/quit")


def test_an_interrupt_stops_the_writing_and_keeps_what_was_written(
    finished: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "nextchar", "play", finished, "--length", "100000000"]
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("The\n")
        process.stdin.flush()
        process.stdout.read(2000)
        process.send_signal(signal.SIGINT)
        process.stdin.write(f"/save {tmp_path}/text\n/quit\n")
        process.stdin.close()
        deadline = threading.Timer(60, process.kill)  # What goes on writing must not stay behind.
        deadline.start()
        process.stdout.read()
        deadline.cancel()
        assert process.wait() == 0
    assert (tmp_path / "text").read_text().startswith("The")


def test_characters_that_are_left_out_of_a_line_are_told(nextchar: Run, finished: Path) -> None:
    printed = nextchar("play", finished, stdin="The Ω dogЖ\n/quit\n".encode()).succeeded()
    assert printed.startswith("(left out, not in the vocabulary: 'Ω', 'Ж')\n")
