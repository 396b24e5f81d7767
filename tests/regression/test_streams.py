"""Closed, full and limited streams, and terminals, for every command."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.cli.streams import CLEAR_LINE
from tests.cli.test_commands import CALLS
from tests.conftest import TINY
from tests.regression.processes import (
    Result,
    run_command,
    run_on_terminals,
    words_of,
)

SLOW = pytest.mark.slow
CLOSED, FULL, NOTHING = "closed", "/dev/full", "/dev/null"
# Sequences of all kinds: title, colours, hidden text, a cleared line, C1, bidirectional controls,
# invisible characters, and what looks like our own markers in messages.
HOSTILE = [
    "\x1b]0;owned\x07", "\x1b[8m", "\x1b[2J", f"{CLEAR_LINE}fake", "\x9b31m", "\u202e", "\u2066",
    "\u200f", "\ufeff", "\x7f", "\x08", "\x00", "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3",
    "a\u200db", "\U000e0041", "\u2028", "\x85",
]  # fmt: skip
# In names of files no slash and no zero byte; in arguments no zero byte.
NAME = "x\x1b[8m\x1b]0;owned\x07\u202e\x9b2J\u2066|#`y"
SEQUENCES = re.compile(rf"{re.escape(CLEAR_LINE)}(?!fake)|\x1b\[([0-9;]*)m")
ON_TERMINAL = ("generate", "score", "info", "augment", "embeddings nearest", "classify explain",
               "classify evaluate", "transduce attention", "tag apply", "bigram")  # fmt: skip
REFUSED = ("complete",)
FAST_STREAMS = [(CLOSED, CLOSED, CLOSED), ("", CLOSED, ""), ("", FULL, FULL)]
TRAINING = ("compare", "crossval", "tune", *(name for name in CALLS if name.endswith(" train")))


@pytest.fixture(autouse=True)
def corpora(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for the built-in corpus."""
    monkeypatch.setenv("NEXTCHAR_DATA", str(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of ``data``, made of texts, labels and names full of hostile characters."""
    from nextchar.compression import compress
    from nextchar.language_model.model import LanguageModel
    from nextchar.tasks.tagging.tagger import Tagger
    from nextchar.tasks.transduction.pairs import Columns

    place = tmp_path_factory.mktemp("hostile") / NAME
    place.mkdir()
    text = "".join(f"{a}{b}\n" for a, b in itertools.product(HOSTILE, ["Ab ", "t", "he cD"])) * 12
    (place / f"text{NAME}.txt").write_text(text)
    rows = []
    for number, each in enumerate(HOSTILE):
        shown = each.replace("\x00", "").replace("\r", "")
        label = f"odd{NAME if number % 2 else 'even'}"
        rows += [f"{shown}{word},{label},{word}{shown}" for word in ("ab", "ba", "cd")]
    table = place / f"words{NAME}.csv"
    table.write_text("\n".join(["text,label,target", *rows]) + "\n")
    size: dict[str, Any] = {"hidden_size": 8, "embedding_size": 4, "precision": "float32"}
    few = {**size, "batch_size": 2, "sequence_length": 16, "steps": 2}
    items = {**size, "batch_size": 8, "epochs": 1}
    source = place / f"text{NAME}.txt"
    nextchar.train(source, place / "model", **few)
    nextchar.Classifier.train(table, place / "classifier", **items)
    Tagger.train(source, place / "tagger", restore="case", **items)
    nextchar.Transducer.train(
        table, place / "transducer", columns=Columns("text", "target"), **items
    )
    parts = [row.split(",") for row in rows]
    nextchar.ConditionalModel.train(
        [p[0] for p in parts], place / "conditional", labels=[p[1] for p in parts], **items
    )
    nextchar.train_embeddings(source, size=4, epochs=1).save(place / "embeddings")
    packed = place / "packed"
    packed.write_bytes(compress(LanguageModel.load(place / "model"), text.encode()))
    names = {path.name: path for path in place.iterdir()}
    return {**names, "text.txt": source, "words.csv": table}


def hostile_words(name: str, places: dict[str, Path], out: Path) -> list[str]:
    """Return the call of a command with hostile arguments."""
    new = {each: out / f"{each}{NAME}" for each in ("comparison", "crossval", "tuning")}
    words = words_of(name, {**places, **new}, out / f"out{NAME}")
    swaps = {"abc": f"ab{NAME}", "odd": f"odd{NAME}", "th": f"th{NAME}"}
    words = [swaps.get(word, word) for word in words]
    if name == "generate":
        words += ["--length", "300", "--prompt", HOSTILE[0]]
    if name in ("transduce apply", "transduce attention"):
        words += ["--unknown", "skip"]
    if name in ("train", "crossval", "compare", "tune"):
        words += ["--sequence-length", "16"]
    if name == "train":
        words += ["--batch-size", "4", "--validate-every", "1", "--sample-length", "60"]
    return words


def require_shown(result: Result) -> None:
    """Require that terminals received printable characters and sequences of ours, no others."""
    for stream in (result.out, result.err):
        text = stream.decode()
        styles = {found[1] for found in SEQUENCES.finditer(text) if found[1] is not None}
        assert "8" not in styles
        plain = SEQUENCES.sub("", text)
        plain = re.sub("(?<=[^\0-\x7f\ufffd])[\u200c\u200d]", "", plain)  # it joins
        categories = {(c, unicodedata.category(c)) for c in plain if c not in "\n\t"}
        hidden = {c for c, kind in categories if kind in ("Cc", "Cf", "Cs", "Zl", "Zp")}
        assert hidden == set(), ascii(plain)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ON_TERMINAL else SLOW) for name in CALLS]
)
def test_terminals_receive_nothing_hostile(
    name: str, hostile: dict[str, Path], tmp_path: Path
) -> None:
    words = hostile_words(name, hostile, tmp_path)
    if name == "data path":
        run_command(["data", "fetch", "python"], folder=tmp_path)
    result = run_on_terminals(words, folder=tmp_path)
    assert result.code == (2 if name in REFUSED else 0), result
    require_shown(result)


def test_json_on_a_terminal_is_valid_and_printable(
    hostile: dict[str, Path], tmp_path: Path
) -> None:
    words = [*hostile_words("score", hostile, tmp_path), "--by", "word", "--json"]
    shown, piped = run_on_terminals(words, folder=tmp_path), run_command(words, folder=tmp_path)
    require_shown(shown)
    values = [json.loads(each.out) for each in (shown, piped)]
    assert values[0]["words"] == values[1]["words"]
    assert "\u202e".encode() in piped.out


@pytest.mark.parametrize("words", ["--help", "", "generate --help", "classify --help", "classify"])
def test_help_has_colours_of_ours_alone(words: str, tmp_path: Path) -> None:
    result = run_on_terminals(words.split(), folder=tmp_path)
    require_shown(result)
    assert b"\x1b[1m" in result.out


# Each of the three streams may be missing; the others are files.
MISSING = [streams for streams in itertools.product([CLOSED, ""], repeat=3) if CLOSED in streams]


class Streams:
    """Runs a command in this process, whose own streams are replaced."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch, self._folder = patch, folder

    def run(
        self,
        words: Sequence[object],
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        encoding: str = "utf-8",
    ) -> Result:
        from nextchar.cli import main

        names = (stdin or NOTHING, stdout or "out.txt", stderr or "err.txt")
        with self._patch.context() as patch:
            for number, (stream, name) in enumerate(
                zip(("stdin", "stdout", "stderr"), names, strict=True)
            ):
                opened = None if name == CLOSED else self._opened(name, number, encoding)
                patch.setattr(sys, stream, opened)
            patch.setattr(sys, "argv", ["nextchar", *map(str, words)])
            with pytest.raises(SystemExit) as end:
                main()
            for each in (sys.stdin, sys.stdout, sys.stderr):
                each.close()
        assert isinstance(end.value.code, int)
        out, err = (self._read(name) for name in names[1:])
        return Result(end.value.code, out, err)

    def _opened(self, name: str, number: int, encoding: str) -> Any:
        path = self._folder / name  # an absolute name stays
        buffer = open(path, "wb" if number else "rb", buffering=-1)  # noqa: PTH123, SIM115
        return io.TextIOWrapper(buffer, encoding, line_buffering=number == 2)

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        return path.read_bytes() if path.is_file() and name != CLOSED else b""


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Streams]:
    """Run commands in this process with other streams."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield Streams(monkeypatch, tmp_path)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("stdin", "stdout", "stderr"),
    [
        pytest.param(*each, marks=() if each in FAST_STREAMS else SLOW)
        for each in [*MISSING, ("", FULL, ""), ("", "", FULL), ("", FULL, FULL)]
    ],
)
@pytest.mark.parametrize("name", CALLS)
def test_a_stream_that_is_closed_or_full_stops_no_command(
    name: str, stdin: str, stdout: str, stderr: str,
    streams: Streams, data: dict[str, Path], tmp_path: Path,
) -> None:  # fmt: skip
    if name == "data path":
        streams.run(["data", "fetch", "python"], "", "", "")
    if name in TRAINING and (stdin, stdout, stderr) != ("", CLOSED, ""):
        pytest.skip("trains like the others")
    new = {each: tmp_path / each for each in ("comparison", "crossval", "tuning")}
    words = words_of(name, {**data, **new}, tmp_path / "made")
    result = streams.run(words, stdin, stdout, stderr)
    fails = stdout in (CLOSED, FULL)
    assert result.code == fails, result
    said = [line for line in result.err.decode().splitlines() if line.startswith("nextchar: ")]
    assert len(said) == (fails and not stderr)
    assert not said or "cannot write to standard output" in said[0]
    assert b"Traceback" not in result.err
    if "OUT" in CALLS[name]:
        assert next(tmp_path.glob("made*")).exists()
    elif not stdout:
        assert result.out


@pytest.mark.parametrize("stdin", [CLOSED, NOTHING])
@pytest.mark.parametrize(
    "words",
    [
        "score {model} -", "evaluate {model} -", "generate {model} --prompt -",
        "complete {model} -",
        "tag apply {tagger}", "bigram -", "augment -", "novelty {model} -",
        "classify predict {classifier} --input -", "transduce apply {transducer} --input -",
        "train - --out OUT", "classify train - --out OUT", "embeddings train - --out OUT",
        "condition evaluate {conditional} -", "play {model}",
    ],
)  # fmt: skip
def test_standard_input_that_is_closed_or_empty_is_told(
    words: str, stdin: str, streams: Streams, data: dict[str, Path], tmp_path: Path
) -> None:
    for name, path in data.items():
        words = words.replace(f"{{{name}}}", str(path))
    result = streams.run(words.replace("OUT", str(tmp_path / "new")).split(), stdin, "", "")
    assert b"Traceback" not in result.err
    if stdin == CLOSED:
        assert result.code == 2
        assert b"standard input is closed" in result.err
    assert result.code in (0, 2)
    assert result.err.count(b"nextchar: ") == (result.code == 2)
    assert not (tmp_path / "new").exists()


def python(words: str, environment: dict[str, str] | None = None) -> tuple[int, bytes, bytes]:
    """Run a shell command in which COMMAND is the command line, as users start it."""
    done = subprocess.run(
        ["sh", "-c", words.replace("COMMAND", f"{sys.executable} -m nextchar")],
        capture_output=True,
        env=os.environ | (environment or {}),
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("redirected", ["<&- >&- 2>&-", pytest.param("2>&-", marks=SLOW)])
def test_descriptors_that_are_missing_go_to_no_file(
    redirected: str, texts: Path, tmp_path: Path
) -> None:
    words = " ".join(TINY)
    code, _, _ = python(
        f"COMMAND train {texts / 'english.txt'} --out {tmp_path / 'run'} {words} {redirected}"
    )
    assert code == (1 if ">&- 2" in redirected else 0)
    assert (tmp_path / "run" / "README.md").exists()
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert all(json.loads(row) for row in rows)
    nextchar.LanguageModel.load(tmp_path / "run")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp949", "utf-16", "cp037", "utf-8-sig"])
def test_json_is_valid_whatever_the_encoding(
    encoding: str, streams: Streams, hostile: dict[str, Path], tmp_path: Path
) -> None:
    texts = ["é한\U0001f600", "ab\u202e\x9b"]
    words = ["classify", "predict", hostile["classifier"], *texts, "--json"]
    found = json.loads(streams.run(words, encoding=encoding).out)
    assert [each["text"] for each in found["predictions"]] == texts
    text = tmp_path / "text.txt"
    text.write_text("é한\U0001f600\u202eab")
    words = ["score", hostile["model"], text, "--unknown", "skip", "--jsonl"]
    rows = [json.loads(line) for line in streams.run(words, encoding=encoding).out.splitlines()]
    assert "".join(row["character"] for row in rows) == text.read_text()


@pytest.mark.parametrize("name", [name for name in CALLS if name not in TRAINING])
def test_text_is_not_altered_in_silence(
    name: str, streams: Streams, hostile: dict[str, Path], tmp_path: Path
) -> None:
    if name == "data path":
        streams.run(["data", "fetch", "python"])
    words = [word.replace("ab", "é한") for word in hostile_words(name, hostile, tmp_path)]
    result = streams.run(words, encoding="ascii")
    if result.code == 1:
        assert b"ascii does not have it" in result.err
        assert result.err.count(b"nextchar: ") == 1
    else:
        assert result.code in (0, 2)
        said = b"were written to standard output as escapes" in result.err
        assert said == bool(re.search(rb"\\(u[0-9a-f]{4}|x[0-9a-f]{2})", result.out))


def test_a_file_gets_the_bytes_of_a_text(
    streams: Streams, data: dict[str, Path], tmp_path: Path
) -> None:
    strange = "a\x1b[8mb\u202ec\r\nd\udcff".encode("utf-8", "surrogateescape")
    (tmp_path / "text").write_bytes(strange)
    result = streams.run(["tag", "apply", data["tagger"], tmp_path / "text", "--keep"])
    assert result.code == 0
    assert result.out.lower() == strange


def test_a_character_that_the_encoding_lacks_is_an_error(streams: Streams, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("éè" * 250)
    few: dict[str, Any] = {"hidden_size": 8, "embedding_size": 4, "batch_size": 2, "steps": 2}
    nextchar.train(tmp_path / "text", tmp_path / "accents", sequence_length=16, **few)
    words = ["generate", tmp_path / "accents", "--length", "5"]
    assert re.fullmatch(b"[\xe8\xe9]{5}\n", streams.run(words, encoding="latin-1").out)
    result = streams.run(words, encoding="ascii")
    assert result.code == 1
    assert result.out == b""
    assert re.search(rb"\(U\+00E[89]\)", result.err)
    samples = streams.run([*words, "--samples", "2"], encoding="ascii")
    assert samples.code == 1


def test_a_name_that_is_not_utf_8_is_written_as_its_bytes(
    streams: Streams, data: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "a\udcff"
    words = ["condition", "save", data["conditional"], "--given", "odd", "--out"]
    result = streams.run([*words, out])
    assert result.code == 0
    assert os.fsencode(out) in result.out
    again = tmp_path / "b\udcff"
    assert json.loads(streams.run([*words, again, "--json"]).out)["run"] == str(again)
