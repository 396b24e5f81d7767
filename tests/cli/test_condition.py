"""``nextchar condition``: from labelled texts to texts that are written from a label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Run, contents, write_gzip
from tests.tasks.conditioning.items import LETTERS, numbers, words

QUICK = (
    "--hidden-size", "16", "--embedding-size", "8", "--condition-size", "4", "--batch-size", "16",
    "--epochs", "1", "--precision", "float32",
)  # fmt: skip


def table(path: Path, count: int = 120, *, header: str = "name,kind,length,vowels") -> Path:
    texts, labels = words(count)
    rows = [
        f"{text},{label},{length},{vowels}"
        for text, label, (length, vowels) in zip(texts, labels, numbers(texts), strict=True)
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nextchar.tasks.conditioning.items import Items
    from nextchar.tasks.conditioning.model import ConditionalModel

    texts, labels = words(300)
    out = tmp_path_factory.mktemp("runs") / "run"
    options: dict[str, Any] = {
        "hidden_size": 16, "embedding_size": 8, "condition_size": 4, "batch_size": 16,
    }  # fmt: skip
    ConditionalModel.train(
        Items.of(texts, labels=labels), out, epochs=6, precision="float32", learning_rate=0.01,
        dropout=0.0, **options,
    )  # fmt: skip
    return out


def test_a_table_becomes_a_run_that_writes(nextchar: Run, tmp_path: Path) -> None:
    data, out = table(tmp_path / "data.csv"), tmp_path / "run"
    outcome = nextchar(
        "condition", "train", data, "--text", "name", "--label", "kind", "--out", out, *QUICK
    )
    assert "unconditional bits per char" in outcome.succeeded()
    assert "step" in outcome.err
    assert {path.name for path in out.iterdir()} == {
        "config.json", "vocabulary.json", "conditions.json", "model.safetensors", "metrics.jsonl",
        "README.md", "items", "last",
    }  # fmt: skip
    texts = nextchar("condition", "generate", out, "--given", "soft", "--samples", "7").succeeded()
    assert len(texts.splitlines()) == 7
    again = nextchar("condition", "train", "--resume", out, "--quiet", "--json").values()
    assert {"bits_per_char", "unconditional_bits_per_char"} & again.keys()


@pytest.mark.parametrize("shape", ["tsv", "jsonl", "folder", "files", "lines", "gzip"])
def test_every_shape_of_labelled_texts_is_the_same_data(
    nextchar: Run, tmp_path: Path, shape: str
) -> None:
    texts, labels = words(60)
    pairs = sorted(zip(labels, texts, strict=True))
    folder = tmp_path / "data"
    folder.mkdir()
    given: list[Path] = [folder / f"data.{shape}"]
    match shape:
        case "tsv":
            given[0].write_text("text\tlabel\n" + "".join(f"{t}\t{n}\n" for n, t in pairs))
        case "jsonl":
            rows = [json.dumps({"text": t, "label": n}) for n, t in pairs]
            given[0].write_text("\n".join(rows))
        case "lines":
            given[0].write_text("".join(f"{n} {t}\n" for n, t in pairs))
        case "gzip":
            text = "text,label\r\n" + "".join(f"{t},{n}\r\n" for n, t in pairs)
            given[0] = write_gzip(folder / "data.csv.gz", text)
        case _:
            for label in LETTERS:
                own = [t for n, t in pairs if n == label]
                (folder / f"{label}.txt").write_text("\n".join(own) + "\n\n")
            given = [folder] if shape == "folder" else sorted(folder.iterdir())
    layout = ("--layout", "files") if shape == "files" else ()
    out = tmp_path / "run"
    nextchar("condition", "train", *given, *layout, "--out", out, *QUICK, "--quiet").succeeded()
    reference = tmp_path / "reference.csv"
    reference.write_text("text,label\n" + "".join(f"{t},{n}\n" for n, t in pairs))
    nextchar(
        "condition", "train", reference, "--out", tmp_path / "same", *QUICK, "--quiet"
    ).succeeded()
    kept = ("vocabulary.json", "conditions.json")
    assert [(out / name).read_bytes() for name in kept] == [
        (tmp_path / "same" / name).read_bytes() for name in kept
    ]
    if shape in ("tsv", "jsonl", "lines", "gzip"):  # Files come label by label, in their order.
        assert contents(out / "items") == contents(tmp_path / "same" / "items")


def test_the_options_of_generate_are_all_here(nextchar: Run, run: Path) -> None:
    base = ("condition", "generate", run, "--given", "soft", "--seed", "1")
    one = nextchar(*base).succeeded()
    assert nextchar(*base, "--json").values() == {
        "condition": "soft", "strength": 1.0, "prompt": "", "seed": 1, "texts": [one[:-1]],
    }  # fmt: skip
    assert nextchar(*base, "--prompt", "ae").succeeded().startswith("ae")
    cut = nextchar(*base, "--length", "1", "--temperature", "0").succeeded()
    assert len(cut) == 2
    matched = nextchar(*base, "--match", "[aeiou]{9}", "--samples", "3").succeeded().split()
    assert [len(text) for text in matched] == [9, 9, 9]
    found = nextchar("condition", "generate", run, "--given", "hard=1,soft=1", "--beam", "3",
                     "--best", "2", "--json").values()  # fmt: skip
    assert found["condition"] == {"hard": 1, "soft": 1}
    assert len(found["results"]) == 2
    others = ("--top-k", "3", "--top-p", "0.9", "--min-p", "0.01", "--forbid", "aa", "--stop", "ee")
    nextchar(*base, *others, "--engine", "plain", "--repetition-penalty", "1.1").succeeded()
    nextchar(*base, "--strength", "1.5").succeeded()
    assert "strength must be" in nextchar(*base, "--strength", "-1").problem()
    assert "needs --beam" in nextchar(*base, "--best", "2").problem()


def test_what_a_condition_is_worth_is_measured(nextchar: Run, run: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "data.csv")
    arguments = ("condition", "evaluate", run, data, "--text", "name", "--label", "kind")
    figures = nextchar(*arguments, "--json").values()
    assert figures["items"] == 120
    assert figures["bits_per_char"] < figures["unknown_label_bits_per_char"]
    assert figures["bits_per_char"] < figures["other_condition_bits_per_char"]
    assert f"{figures['bits_per_char']:.4f} bits/char" in nextchar(*arguments).succeeded()


def test_numbers_come_from_columns_or_from_a_file(nextchar: Run, tmp_path: Path) -> None:
    data = table(tmp_path / "data.csv")
    vectors = np.array(numbers(words(120)[0]))
    np.save(tmp_path / "vectors.npy", vectors)
    lines = "\n".join(words(120)[0]) + "\n"
    (tmp_path / "words.txt").write_text(lines)
    columns = ("--text", "name", "--features", "length,vowels")
    ways = {
        "columns": (data, *columns),
        "array": (tmp_path / "words.txt", "--features-file", tmp_path / "vectors.npy"),
    }
    for name, arguments in ways.items():
        nextchar(
            "condition", "train", *arguments, "--out", tmp_path / name, *QUICK, "--quiet"
        ).succeeded()
    made = [contents(tmp_path / name / "items") for name in ways]
    assert made[0] == made[1]
    run = tmp_path / "columns"
    generate = ("condition", "generate", run, "--seed", "1")
    full = nextchar(*generate, "--vector", "4,0.5").succeeded()
    assert nextchar(*generate, "--given", "length=4,vowels=0.5").succeeded() == full
    nextchar("condition", "evaluate", run, data, "--text", "name").succeeded()
    assert "the model takes 2 (length, vowels)" in nextchar(*generate, "--vector", "4").problem()
    assert "use one" in nextchar(*generate, "--vector", "4,1", "--given", "length=1").problem()


def test_the_model_of_a_condition_is_saved_for_all_other_commands(
    nextchar: Run, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "soft"
    nextchar("condition", "save", run, "--given", "soft", "--out", out).succeeded()
    text = nextchar("generate", out, "--lines", "1", "--seed", "4").succeeded()
    assert text.strip() == nextchar(
        "condition", "generate", run, "--given", "soft", "--seed", "4"
    ).succeeded().strip()  # fmt: skip
    (tmp_path / "text.txt").write_text("aeiou\nae\n")
    nextchar("evaluate", out, tmp_path / "text.txt").succeeded()
    nextchar("score", out, tmp_path / "text.txt").succeeded()
    line = nextchar("condition", "save", run, "--given", "soft", "--out", out).problem()
    assert "not overwritten" in line


def test_an_unknown_label_is_one_line_with_the_nearest(nextchar: Run, run: Path) -> None:
    line = nextchar("condition", "generate", run, "--given", "sfot").problem()
    assert "unknown label 'sfot': did you mean 'soft'?" in line


def test_resuming_takes_nothing_else(nextchar: Run, run: Path) -> None:
    line = nextchar("condition", "train", "--resume", run, "--epochs", "3", "--label", "x")
    assert "takes no --label, --epochs" in line.problem()


BAD: dict[str, tuple[str | bytes, tuple[str, ...], tuple[str, ...]]] = {
    "no column": ("name,kind\na,b\n", (), ("no column 'text'", "'name', 'kind'")),
    "one class": ("text,label\na,x\nb,x\n", (), ("all 2 items have the label 'x'",)),
    "empty text": ("text,label\na,x\n,y\n", (), ("the text is empty", "line 3")),
    "empty texts": ("text,label\n ,x\n,y\nb,y\n", (), ("2 texts are empty", "line 2")),
    "empty label": ("text,label\na,x\nb,\n", (), ("the label is empty", "line 3")),
    "empty file": ("", (), ("empty",)),
    "only a header": ("text,label\n", (), ("has no items",)),
    "nan": ("text,f,g\na,1,2\nb,1,nan\n", ("--features", "f,g"), ("line 3", "'g'", "nan")),
    "infinite": ("text,f\na,1\nb,-inf\n", ("--features", "f"), ("line 3", "'f'", "-inf")),
    "no number": ("text,f\na,one\nb,2\n", ("--features", "f"), ("line 2", "'f'", "'one'")),
    "no feature": ("text,f\na,1\nb,2\n", ("--features", "h"), ("no column 'h'",)),
    "features without names": (
        "a,1,2\nb,1,x\n", ("--text", "1", "--features", "2,3"), ("line 2", "'3'", "'x'")
    ),
    "both": ("text,label\na,x\nb,y\n", ("--label", "label", "--features", "f"), ("--label",)),
    "long text": (
        "text,label\n" + "a" * 1_000_000 + ",x\nb,y\n", (), ("1,000,000", "--max-length", "line 2")
    ),
    "mixed encodings": (b"text,label\n\xc3\xa9,x\n\xe9,y\n", (), ("0xe9", "--encoding")),
    "cut row": ("text,label\na,x\nb\n", (), ("line 3 has 1 fields",)),
    "marks": ('text,label\n"a\nb",x\nc\x1ed,y\n', (), ("U+001E", "line 4")),
    "rare": ("text,label\na,x\nb,y\n", ("--min-count", "9"), ("no symbol occurs 9 times",)),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(nextchar: Run, tmp_path: Path, case: str) -> None:
    content, options, expected = BAD[case]
    data = tmp_path / "data.csv"
    data.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = nextchar(
        "condition", "train", data, "--out", tmp_path / "run", *QUICK, "--quiet", *options
    ).problem()
    assert [words for words in expected if words not in line] == []
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.ones((3, 2)), "has 3 rows, and there are 2 texts"),
        (np.array([[1.0, 2.0], [np.nan, 1.0]]), "row 2: feature '1' must be a finite number"),
        (np.ones(2), "must have a row for each text"),
        (np.array([["a"], ["b"]]), "array of numbers"),
        (np.array([[1], [None]], dtype=object), "cannot read"),
    ],
)
def test_bad_vectors_are_one_line(
    nextchar: Run,
    tmp_path: Path,
    array: NDArray[Any],
    expected: str,
) -> None:
    (tmp_path / "words.txt").write_text("ab\ncd\n")
    np.save(tmp_path / "vectors.npy", array, allow_pickle=True)
    line = nextchar(
        "condition", "train", tmp_path / "words.txt", "--features-file", tmp_path / "vectors.npy",
        "--out", tmp_path / "run", *QUICK,
    ).problem()  # fmt: skip
    assert expected in line


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("numbers.csv", "1;2\n3;4\n"),
        ("numbers.tsv", "1\t2\r3\t4\r"),
        ("numbers.csv", '"a, b",c\n1,2\n3,4\n'),
    ],
)
def test_features_come_from_a_table_with_names_or_without(
    nextchar: Run, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "words.txt").write_text("ab\rcd\r")
    (tmp_path / name).write_text(content)
    out = tmp_path / "run"
    nextchar(
        "condition", "train", tmp_path / "words.txt", "--features-file", tmp_path / name,
        "--out", out, *QUICK,
    ).succeeded()  # fmt: skip
    names = json.loads((out / "conditions.json").read_text())["conditions"]["names"]
    assert names == (["a, b", "c"] if "a" in content else ["1", "2"])


def test_lines_without_a_label_are_one_line(nextchar: Run, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1 good film\nbad\n")
    line = nextchar("condition", "train", tmp_path / "data.txt", "--out", tmp_path / "run")
    assert "line 2 has no text after its label 'bad'" in line.problem()


def test_few_items_hold_nothing_out_and_are_learned(nextchar: Run, tmp_path: Path) -> None:
    data, out = tmp_path / "data.csv", tmp_path / "run"
    data.write_text('text,label\n"two\nlines",x\nb,y\n"c\n\nd",x\n')
    figures = nextchar("condition", "train", data, "--out", out, *QUICK, "--json").values()
    assert figures["held_out_items"] == 0
    nextchar("condition", "evaluate", out, data).succeeded()
    nextchar("condition", "train", "--resume", out).succeeded()


def test_a_damaged_run_is_one_line(nextchar: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    data = table(tmp_path / "data.csv")
    nextchar(
        "condition", "train", data, "--text", "name", "--label", "kind", "--out", out, *QUICK
    ).succeeded()
    (out / "conditions.json").write_text('{"boundary": "\\n", "conditions": {"kind": "labels"}}')
    assert "conditions.json" in nextchar("condition", "generate", out).problem()
