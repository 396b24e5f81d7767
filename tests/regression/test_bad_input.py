"""Bad texts, options and prompts: one line, the right exit code, and nothing left behind."""

from __future__ import annotations

import math
import os
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import TINY, Outcome, Run, contents, english, korean

Given = str | bytes


def write(path: Path, content: Given) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(nextchar: Run, text: object, *options: object, out: Path, code: int = 2) -> str:
    """Train where it must be refused, and require that nothing is left behind."""
    before = sorted(out.parent.iterdir())
    line = nextchar("train", text, "--out", out, "--quiet", *TINY, *options).problem(code)
    assert sorted(out.parent.iterdir()) == before
    return line


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", (), ("empty", "text.txt")),
        ("T", (), ("one distinct symbol",)),
        ("aaaaaaaaaaaaaaaa" * 50, (), ("one distinct symbol", "'a'")),
        ("\x00" * 1000, (), ("one distinct symbol",)),
        ("aaaaaaaaaaaaaaaa" * 50, ("--vocabulary", "byte"), ("one distinct symbol",)),
        (b"The dog\xff runs.\n" * 50, (), ("text.txt", "0xff", "offset 7", "--errors replace")),
        (b"The dog runs.\n" * 90000 + b"\xc3", (), ("offset 1260000", "--vocabulary byte")),
        (bytes(range(256)) * 20, (), ("text.txt", "offset 128", "--encoding")),
        (b"\x1f\x8b\x08\x00junk that is no gzip" * 20, (), ("text.txt", "gzip")),
        ("ab" * 20, (), ("too small", "--batch-size")),
        (english(400), ("--min-count", "1000"), ("--min-count",)),
    ],
    ids=[
        "empty", "one-character", "one-symbol", "only-nul", "one-byte", "invalid-utf8",
        "cut-utf8", "binary", "no-gzip", "short", "all-rare",
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_learned_is_refused(
    nextchar: Run, tmp_path: Path, content: Given, options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:  # fmt: skip
    text = write(tmp_path / "text.txt", content)
    line = refused(nextchar, text, *options, out=tmp_path / "run")
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("length", [3, 17, 40, 60])
def test_the_sizes_that_a_refusal_suggests_work(nextchar: Run, tmp_path: Path, length: int) -> None:
    text = write(tmp_path / "text.txt", english(length))
    line = refused(nextchar, text, out=tmp_path / "run")
    suggestions = line.rpartition(" set ")[2].replace(" with ", " ").split(" or ")
    assert all(suggestion.startswith("--") for suggestion in suggestions)
    for number, suggestion in enumerate(suggestions):
        out = tmp_path / f"run{number}"
        nextchar("train", text, "--out", out, *TINY, *shlex.split(suggestion)).succeeded()


def test_one_more_than_the_suggested_size_does_not_fit(nextchar: Run, tmp_path: Path) -> None:
    text = write(tmp_path / "text.txt", english(60))
    line = refused(nextchar, text, out=tmp_path / "run")
    found = re.search(r"--sequence-length (\d+)\n", line)
    assert found
    larger = ("--sequence-length", int(found[1]) + 1)
    refused(nextchar, text, *larger, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (english(1000) + "\x00\x00" + english(500), ()),
        (bytes(range(256)) * 20, ("--vocabulary", "byte")),
        (b"The dog\xff runs.\n" * 50, ("--errors", "replace")),
        (korean(1000).encode("cp949"), ("--encoding", "cp949")),
        ("\ufeff" + english(1000), ()),
        (english(1000).replace("\n", "\r\n"), ()),
        (("\U0001f600é" * 40 + "ab\u0301\n") * 10, ("--normalization", "nfc")),
    ],
    ids=["nul", "binary", "replaced", "cp949", "byte-order-mark", "crlf", "emoji"],
)
def test_a_strange_text_is_learned(
    nextchar: Run, tmp_path: Path, content: Given, options: tuple[str, ...]
) -> None:
    text = write(tmp_path / "text.txt", content)
    out = tmp_path / "run"
    nextchar("train", text, "--out", out, *TINY, *options).succeeded()
    assert len(nextchar("generate", out, "--length", "20").succeeded()) == 21
    nextchar("evaluate", out).succeeded()
    nextchar("info", out).succeeded()


def test_text_that_is_not_there_is_named(nextchar: Run, tmp_path: Path) -> None:
    assert "gone.txt" in refused(nextchar, tmp_path / "gone.txt", out=tmp_path / "run")


def test_a_pattern_and_a_folder_without_files_are_named(nextchar: Run, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "nothing" in refused(nextchar, tmp_path / "nothing", out=tmp_path / "run")
    assert "*.md" in refused(nextchar, f"{tmp_path}/*.md", out=tmp_path / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(nextchar: Run, tmp_path: Path) -> None:
    text = write(tmp_path / "text.txt", english(1000))
    text.chmod(0)
    assert "text.txt" in refused(nextchar, text, out=tmp_path / "run")


def test_a_name_longer_than_any_file_system_allows_is_refused(
    nextchar: Run, texts: Path, finished: Path, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 300)
    assert "too long" in refused(nextchar, long, out=tmp_path / "run")
    arguments = ("train", texts / "english.txt", "--out", long, *TINY)
    outcome = nextchar(*arguments)
    assert "too long" in outcome.problem(outcome.code)
    assert "too long" in nextchar("generate", long).problem()
    assert "too long" in nextchar("info", long).problem()
    assert "too long" in nextchar("evaluate", finished, long).problem()
    assert "too long" in nextchar("train", "--resume", long).problem()


@pytest.mark.parametrize("what", ["text", "run"])
def test_a_file_name_that_is_not_utf8_can_be_used(
    nextchar: Run, texts: Path, tmp_path: Path, what: str
) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    text, out = texts / "english.txt", tmp_path / "run"
    if what == "text":
        text = write(odd, english(3000))
    else:
        out = odd
    nextchar("train", text, "--out", out, "-q", *TINY).succeeded()
    nextchar("evaluate", out, text, "--json").values()
    nextchar("info", out, "--json").values()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--hidden-size", "0"), ("hidden_size", "at least 1", "0")),
        (("--hidden-size", "-3"), ("hidden_size", "-3")),
        (("--hidden-size", "1" + "0" * 400), ("hidden_size",)),
        (("--layers", "0"), ("layers", "at least 1")),
        (("--embedding-size", "0"), ("embedding_size",)),
        (("--batch-size", "-1"), ("batch_size", "-1")),
        (("--batch-size", "100000000"), ("too small", "--batch-size")),
        (("--sequence-length", "0"), ("sequence_length",)),
        (("--sequence-length", "5400"), ("too small", "--sequence-length")),
        (("--sequence-length", "1" + "0" * 30), ("too small", "--sequence-length")),
        (("--steps", "0"), ("steps", "at least 1")),
        (("--dropout", "1.0"), ("dropout", "below 1", "1.0")),
        (("--dropout", "-0.1"), ("dropout", "at least 0")),
        (("--learning-rate", "0"), ("learning_rate",)),
        (("--learning-rate", "inf"), ("learning_rate", "inf")),
        (("--clip-norm", "-1"), ("clip_norm",)),
        (("--ema-decay", "1"), ("ema_decay",)),
        (("--warmup", "1.5"), ("warmup",)),
        (("--validation-fraction", "1"), ("validation_fraction",)),
        (("--validation-fraction", "0.6", "--test-fraction", "0.5"), ("test_fraction", "below 1")),
        (("--validate-every", "-1"), ("validate_every",)),
        (("--sample-length", "-1"), ("sample_length",)),
        (("--checkpoint-seconds", "-1"), ("checkpoint_seconds",)),
        (("--seed", "-1"), ("seed", "at least 0")),
        (("--seed", str(2**63)), ("seed",)),
        (("--min-count", "0"), ("min_count",)),
        (("--tied",), ("tied", "embedding_size", "8", "16")),
        (("--tied", "--input", "onehot"), ("tied", "embedding")),
        (("--vocabulary", "byte", "--encoding", "cp949"), ("byte", "encoding")),
        (("--vocabulary", "byte", "--min-count", "2"), ("min_count",)),
        (("--encoding", "klingon"), ("encoding", "klingon")),
        (("--encoding", "base64"), ("encoding", "base64")),
        (("--device", "cuda"), ("cuda", "GPU")),
        (("--minutes", "1"), ("steps", "minutes", "exclude")),
    ],
    ids=lambda value: " ".join(value)[:40] if value and value[0].startswith("--") else "",
)
def test_an_impossible_option_is_refused(
    nextchar: Run, texts: Path, tmp_path: Path, options: tuple[str, ...],
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    line = refused(nextchar, texts / "english.txt", *options, out=tmp_path / "run")
    assert [word for word in words if word not in line] == []


def test_a_network_larger_than_any_memory_is_a_failure(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    options = ("--hidden-size", str(10**8))
    line = refused(nextchar, texts / "english.txt", *options, out=tmp_path / "run", code=1)
    assert "memory" in line


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_impossible_minutes_are_refused(
    nextchar: Run, texts: Path, tmp_path: Path, minutes: str
) -> None:
    arguments = ("train", texts / "english.txt", "--out", tmp_path / "run", "--minutes", minutes)
    line = nextchar(*arguments).problem()
    assert "minutes" in line
    assert minutes in line
    assert list(tmp_path.iterdir()) == []


def test_minutes_that_hold_no_step_are_refused(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    arguments = ("train", texts / "english.txt", "--out", tmp_path / "run", "--minutes", "1e-6")
    line = nextchar(*arguments, "--hidden-size", "16").problem()
    assert "1e-06 minutes are too short here" in line
    assert "the minimum is about --minutes" in line
    assert list(tmp_path.iterdir()) == []


def test_training_needs_a_text_and_a_place(nextchar: Run, texts: Path) -> None:
    assert "no data" in nextchar("train", "--out", "run").problem()
    assert "--out" in nextchar("train", texts / "english.txt").problem()


def test_standard_input_stands_alone(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    arguments = ("train", "-", texts / "english.txt", "--out", tmp_path / "run")
    assert "standard input" in nextchar(*arguments).problem()


def test_empty_standard_input_is_refused(nextchar: Run, tmp_path: Path) -> None:
    assert "empty" in nextchar("train", "-", "--out", tmp_path / "run", *TINY).problem()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken_is_refused_and_untouched(
    nextchar: Run, texts: Path, run: Path, tmp_path: Path
) -> None:
    before = contents(run)
    line = refused(nextchar, texts / "english.txt", out=run)
    assert "exists" in line
    assert "--resume" in line
    assert contents(run) == before
    file = write(tmp_path / "file", "mine")
    assert "exists" in refused(nextchar, texts / "english.txt", out=file)
    assert file.read_text() == "mine"
    arguments = ("train", texts / "english.txt", "--out", file / "below", *TINY)
    assert "file" in nextchar(*arguments).problem(1)


def test_a_bad_text_leaves_no_folder_above_the_run(nextchar: Run, tmp_path: Path) -> None:
    text = write(tmp_path / "text.txt", "aaaa" * 100)
    nextchar("train", text, "--out", tmp_path / "deep" / "run", *TINY).problem()
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--temperature", "-1"), ("temperature", "-1")),
        (("--temperature", "nan"), ("nan",)),
        (("--temperature", "inf"), ("inf",)),
        (("--temperature", "0", "--top-p", "0.5"), ("temperature 0", "top_p")),
        (("--temperature", "0", "--top-k", "5"), ("temperature 0", "top_k")),
        (("--top-k", "-1"), ("top_k", "-1")),
        (("--top-p", "0"), ("top_p", "above 0")),
        (("--top-p", "1.5"), ("top_p", "1.5")),
        (("--min-p", "2"), ("min_p",)),
        (("--repetition-penalty", "0"), ("repetition_penalty",)),
        (("--repetition-window", "0"), ("repetition_window",)),
        (("--length", "-1"), ("length", "-1")),
        (("--samples", "0"), ("samples", "0")),
        (("--samples", "0", "--json"), ("samples", "0")),
        (("--seed", "-1"), ("seed", "-1")),
        (("--seed", str(2**63)), ("seed",)),
        (("--prompt", "The \ud800 dog"), ("surrogate", "U+D800")),
        (("--prompt", "The \udcff dog"), ("surrogate", "U+DCFF")),
        (("--prompt", "The \ud800 dog", "--unknown", "skip"), ("surrogate",)),
    ],
    ids=lambda value: ascii(" ".join(value))[:40] if value and value[0].startswith("--") else "",
)
def test_an_impossible_way_of_writing_is_refused(
    nextchar: Run, finished: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    line = nextchar("generate", finished, *options).problem()
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("command", ["generate", "evaluate"])
def test_a_gpu_that_is_not_there_is_one_line(
    nextchar: Run, finished: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("here is a GPU")
    assert "GPU" in nextchar(command, finished, "--device", "cuda").problem()


def test_bytes_that_are_no_text_can_be_a_prompt_of_a_byte_model(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = (*TINY, "--vocabulary", "byte")
    nextchar("train", texts / "english.txt", "--out", out, *options).succeeded()
    arguments = ("generate", out, "--prompt", "The \udcff", "--length", "10")
    nextchar(*arguments).succeeded()
    nextchar(*arguments, "--json").values()


DIVERGING = ("--optimizer", "sgd", "--learning-rate", "3e38", "--clip-norm", "0")


@pytest.mark.parametrize("validate_every", [1, 5, 0])
def test_a_loss_that_is_not_finite_is_a_failure_that_says_what_to_try(
    nextchar: Run, texts: Path, tmp_path: Path, validate_every: int
) -> None:
    out = tmp_path / "run"
    options = (*DIVERGING, "--validate-every", validate_every, "--quiet")
    line = nextchar("train", texts / "english.txt", "--out", out, *TINY, *options).problem(1)
    assert "--learning-rate" in line
    assert {path.name for path in out.iterdir()} >= {"config.json", "vocabulary.json"}
    if (out / "last" / "training.safetensors").exists():
        written = nextchar("generate", out, "--length", "5", "--quiet")
        assert written.code == 0 or "diverged" in written.problem(1)
    if (out / "metrics.jsonl").read_text():
        nextchar("info", out).succeeded()


@pytest.mark.parametrize("nats", [math.nan, math.inf])
def test_a_validation_that_is_not_finite_is_a_failure(
    nextchar: Run, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nats: float
) -> None:
    """As after a last step that ruined the weights."""
    monkeypatch.setattr(
        "nextchar.tasks.language_modeling.data.nats_parallel", lambda *_arguments, **_options: nats
    )
    out = tmp_path / "run"
    outcome = nextchar("train", texts / "english.txt", "--out", out, "--quiet", *TINY)
    assert "--learning-rate" in outcome.problem(1)
    assert "NaN" not in (out / "metrics.jsonl").read_text()
    nextchar("info", out).succeeded()


def test_a_rate_that_no_weight_can_hold_is_one_line(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    options = ("--optimizer", "sgd", "--learning-rate", "1e300", "--quiet")
    outcome = nextchar("train", texts / "english.txt", "--out", tmp_path / "run", *TINY, *options)
    assert outcome.code in (1, 2)
    assert "learning" in outcome.problem(outcome.code)


def test_a_plan_that_diverges_is_a_failure_that_leaves_nothing(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    arguments = ("train", texts / "english.txt", "--out", tmp_path / "run", "--minutes", "0.1")
    line = nextchar(*arguments, "--hidden-size", "16", *DIVERGING).problem(1)
    assert "--learning-rate" in line
    assert "checkpoint" not in line
    assert list(tmp_path.iterdir()) == []


def test_a_huge_but_finite_loss_is_reported(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    options = ("--optimizer", "sgd", "--learning-rate", "1e6", "--schedule", "constant",
               "--warmup", "0", "--steps", "1", "--json")  # fmt: skip
    arguments = ("train", texts / "english.txt", "--out", tmp_path / "run", *TINY, *options)
    outcome: Outcome = nextchar(*arguments)
    assert outcome.values()["nats_per_char"] > 1000
    nextchar("evaluate", tmp_path / "run").succeeded()
