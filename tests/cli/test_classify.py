"""``nextchar classify``: train, predict, evaluate, explain."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.conftest import Run, contents
from tests.tasks.classification.data import TINY_WORDS, names

OPTIONS = (*TINY_WORDS, "--learning-rate", "0.02")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, a folder with a file a class, and lines."""
    folder = tmp_path_factory.mktemp("labelled")
    pairs = names(150)
    with (folder / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "name", "origin"), *((1, *pair) for pair in pairs)])
    (folder / "classes").mkdir()
    for label in {label for _, label in pairs}:
        lines = [text for text, own in pairs if own == label]
        (folder / "classes" / f"{label}.txt").write_text("\n".join(lines) + "\n")
    (folder / "lines.txt").write_text("".join(f"{label} {text}\n" for text, label in pairs))
    return folder


@pytest.fixture(scope="module")
def classifier(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nextchar.tasks.classification.model import Classifier
    from tests.tasks.classification.data import TINY

    out = tmp_path_factory.mktemp("classifiers") / "run"
    Classifier.train(data / "lines.txt", out, **{**TINY, "epochs": 10, "learning_rate": 0.02})
    return out


def test_every_layout_trains_the_same_classifier(nextchar: Run, data: Path, tmp_path: Path) -> None:
    columns = ("--text", "name", "--label", "origin")
    given = {"csv": (data / "data.csv", *columns), "lines": (data / "lines.txt",)}
    results = {}
    for name, arguments in given.items():
        out = tmp_path / name
        command = ("classify", "train", *arguments, "--out", out, *OPTIONS, "--json", "-q")
        results[name] = nextchar(*command).values()
    files = ("classify", "train", data / "classes", "--out", tmp_path / "files", *OPTIONS, "-q")
    assert "accuracy" in nextchar(*files).succeeded()
    assert results["csv"]["accuracy"] == results["lines"]["accuracy"]
    assert {"macro_f1", "nats_per_item", "items", "held_out_items", "seconds"} <= results[
        "csv"
    ].keys()
    assert {path.name for path in (tmp_path / "csv").iterdir()} == {
        "config.json", "vocabulary.json", "labels.json", "model.safetensors", "metrics.jsonl",
        "README.md", "items", "last",
    }  # fmt: skip


def test_a_complete_run_can_be_resumed(nextchar: Run, classifier: Path) -> None:
    before = contents(classifier)
    assert "is complete" in nextchar("classify", "train", "--resume", classifier).err
    assert contents(classifier)["model.safetensors"] == before["model.safetensors"]
    line = nextchar("classify", "train", "--resume", classifier, "--text", "x", "--from", "y")
    assert "takes no --text, --from" in line.problem()


def test_predictions_stand_line_by_line(nextchar: Run, classifier: Path, tmp_path: Path) -> None:
    shown = nextchar("classify", "predict", classifier, "vikulf", "olaini").succeeded()
    assert [line.split("\t")[0] for line in shown.splitlines()] == ["north", "south"]
    (tmp_path / "in.txt").write_text("vikulf\n\nolaini\n")
    command = ("classify", "predict", classifier, "--input")
    for way, stdin in ((tmp_path / "in.txt", b""), ("-", b"vikulf\n\nolaini\n")):
        values = nextchar(*command, way, "--top", "3", "--json", stdin=stdin).values()
        assert [each["text"] for each in values["predictions"]] == ["vikulf", "", "olaini"]
        assert sum(values["predictions"][1]["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([""], "1 text is empty (text 1)"),
        (["vikulf", "  ", "", "olaini"], "2 texts are empty (the first: text 2)"),
    ],
)
def test_empty_texts_are_told(texts: list[str], told: str, nextchar: Run, classifier: Path) -> None:
    outcome = nextchar("classify", "predict", classifier, *texts)
    assert len(outcome.succeeded().splitlines()) == len(texts)
    assert outcome.err.startswith(f"note: {told}: any label for an empty text is a guess\n")
    assert "empty" not in nextchar("classify", "predict", classifier, "vikulf").err
    assert "1 text is empty" in nextchar("classify", "explain", classifier, "").err


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("classify", "explain", "RUN", "vikulf", "--html", "no/page.html"), "--html"),
        (("classify", "evaluate", "RUN", "x", "--picture", "no/p.png"), "--picture"),
        (("compress", "RUN", "x", "no/x.nxc"), "OUT"),
        (("augment", "x", "--augment-swap", "0.1", "--out", "no/x.txt"), "--out"),
        (("transduce", "dates", "--out", "no/dates.tsv"), "--out"),
        (("embeddings", "export", "RUN", "no/x.vec"), "FILE"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_files_are_written_into_folders_that_exist(
    command: tuple[str, ...], name: str, nextchar: Run, classifier: Path, tmp_path: Path
) -> None:
    words = [str(classifier) if word == "RUN" else word for word in command]
    line = nextchar(*words, cwd=tmp_path).problem()
    assert line.startswith(f"nextchar: the folder of {name} must exist; got no/")
    assert not (tmp_path / "no").exists()


def test_an_unknown_symbol_is_told(nextchar: Run, classifier: Path) -> None:
    outcome = nextchar("classify", "predict", classifier, "Ωvik\x1b[31m")
    assert "\x1b" not in outcome.succeeded()
    assert "5 characters are not in the vocabulary and read as <unk>: " in outcome.err
    assert outcome.err.endswith("the first at text 1, column 1\n")


def test_evaluation_reports_every_figure(
    nextchar: Run, classifier: Path, data: Path, tmp_path: Path
) -> None:
    command = ("classify", "evaluate", classifier, data / "classes")
    shown = nextchar(*command).succeeded()
    for word in (
        "accuracy",
        "macro F1",
        "nats/item",
        "calibration error",
        "recall",
        "true \\ predicted",
    ):
        assert word in shown
    values = nextchar(*command, "--json", "--picture", tmp_path / "p.png").values()
    assert values["items"] == 150
    assert sum(map(sum, values["confusion"])) == 150
    assert sum(row["items"] for row in values["reliability"]) == 150
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_explanations_come_as_text_json_and_a_page(
    nextchar: Run, classifier: Path, tmp_path: Path
) -> None:
    command = ("classify", "explain", classifier, "vikulf")
    assert "decrease of ln p(north) in nats" in nextchar(*command).succeeded()
    values = nextchar(
        *command, "--label", "south", "--json", "--html", tmp_path / "e.html"
    ).values()
    assert values["label"] == "south"
    assert [part["text"] for part in values["parts"]] == list("vikulf")
    assert "<span" in (tmp_path / "e.html").read_text()
    assert "not overwritten" in nextchar(*command, "--html", tmp_path / "e.html").problem()


def test_a_classifier_begins_from_a_language_model(
    nextchar: Run, finished: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    begun = ("--from", finished, "--freeze", "2", "--epochs", "1", "--out", out)
    outcome = nextchar("classify", "train", data / "lines.txt", *begun)
    outcome.succeeded()
    assert "initialised from" in outcome.err
    assert json.loads((out / "config.json").read_text())["network"]["hidden_size"] == 16
    assert (out / "origin.json").is_file()


def bad(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


@pytest.mark.parametrize(
    ("name", "content", "options", "words"),
    [
        ("a.csv", "text,label\nx,1\ny,1\n", (), ("one label: '1'",)),
        ("a.csv", "text,label\n,1\n,2\n", (), ("nothing to learn from",)),
        ("a.csv", "text,stars\nx,1\n", (), ("line 1", "no column 'label'", "'stars'")),
        ("a.csv", "text,label\nx,1\n" + "y" * 20_000 + ",2\n", (), ("line 3", "20,000", "--cut")),
        (
            "a.csv",
            "text,label\nx,1\ny,2\n,3\n ,3\n",
            (),
            ("label '3'", "all its 2 texts are empty", "line 4"),
        ),
        ("a.csv", 'text,label\nx,1\n"y,2\nz,1\n', (), ("line 3", "a quoted field starts here")),
        ("a.jsonl", '{"text": "x", "label": true}\n', (), ("nothing to learn from",)),
        ("a.json", '[{"text": "x", "label": 1}]\n', (), ("line 1", "must be an object")),
        ("a.csv", "1,x\n2,y\n", ("--text", "2"), ("line 1", "no column 'label'", "numbers from 1")),
        ("a.txt", "x\t1\ny\t2\nz\t1\n", (), ("line 1", "label seems to be at the end")),
        ("a.txt", b"1 caf\xe9\n0 no\n", (), ("a.txt", "0xe9", "--errors replace")),
        ("a.txt", "", (), ("empty",)),
        ("a.txt", "1 x\n0 y\n", ("--layout", "columns"), ("is not a table",)),
        ("a.txt", "1 x\n0 y\n", ("--dropout", "1"), ("dropout must be",)),
        ("a.txt", "1 x\n0 y\n", ("--vocabulary", "byte", "--symbol-dropout", "0.1"), ("<unk>",)),
        ("a.txt", "1 x\n0 y\n", ("--minutes", "1", "--epochs", "2"), ("exclude each other",)),
    ],
)
def test_what_cannot_be_learned_is_one_line_and_leaves_nothing(
    nextchar: Run, name: str, content: str | bytes, options: tuple[str, ...],
    words: tuple[str, ...], tmp_path: Path,
) -> None:  # fmt: skip
    path = bad(tmp_path, name, content)
    line = nextchar("classify", "train", path, "--out", tmp_path / "run", "-q", *options).problem()
    assert [word for word in words if word not in line] == []
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_what_is_odd_in_a_table_is_told(nextchar: Run, classifier: Path, tmp_path: Path) -> None:
    table = bad(tmp_path, "a.csv", "north;skavik;;\rsouth;olaini;;7;\rnorth;ulfgard;\r")
    command = ("classify", "evaluate", classifier, table, "--text", "2", "--label", "1")
    outcome = nextchar(*command, "--json")
    assert outcome.values()["items"] == 3
    assert [line.removeprefix(f"note: {table}") for line in outcome.err.splitlines()] == [
        ": fields are separated by semicolons",
        " is read as a file without a header: column 2 begins with 'skavik', column 1 "
        "begins with 'north'",
        ": rows with more fields than the first line: 1, the first in line 2",
        ": rows with fewer fields than the first line: 1, the first in line 3",
    ]
    shown = nextchar("classify", "predict", classifier, "--input", table, "--text", "2")
    assert [line.split("\t")[2] for line in shown.succeeded().splitlines()] == [
        "skavik", "olaini", "ulfgard",
    ]  # fmt: skip


def test_bad_questions_to_a_classifier_are_one_line(
    nextchar: Run, classifier: Path, finished: Path, tmp_path: Path
) -> None:
    predict = ("classify", "predict")
    assert "either texts or --input" in nextchar(*predict, classifier).problem()
    assert (
        "line 1 has 1,000,000"
        in nextchar(*predict, classifier, "--input", "-", stdin=b"x" * 1_000_000).problem()
    )
    assert "is a language model, not a classifier" in nextchar(*predict, finished, "x").problem()
    unseen = bad(tmp_path, "u.txt", "east x\nnorth vik\n")
    line = nextchar("classify", "evaluate", classifier, unseen).problem()
    assert "1 item has a label not seen in training: 'east'" in line
    skipping = nextchar("classify", "evaluate", classifier, unseen, "--skip-unseen", "--json")
    assert skipping.values()["items"] == 1
    assert (
        "--label must be one of"
        in nextchar("classify", "explain", classifier, "x", "--label", "nowhere").problem()
    )


def test_a_language_model_says_what_a_classifier_is_for(nextchar: Run, classifier: Path) -> None:
    line = nextchar("generate", classifier).problem()
    assert "is a classifier, not a language model: use `nextchar classify predict" in line


def test_a_run_of_condition_classifies_by_bayes_rule(nextchar: Run, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,label\n" + "".join(f"{'ab' * n},x\n{'cd' * n},y\n" for n in range(1, 30)))
    folder = tmp_path / "run"
    options = ["--hidden-size", "16", "--embedding-size", "8", "--steps", "60", "--quiet"]
    nextchar("condition", "train", str(data), "--out", str(folder), *options).succeeded()
    figures = nextchar("classify", "evaluate", str(folder), str(data), "--json").values()
    assert figures["accuracy"] > 0.9
    found = nextchar("classify", "predict", str(folder), "abab", "cdcdcd", "--json").values()
    assert [each["label"] for each in found["predictions"]] == ["x", "y"]
    assert (
        "--cut is for runs of classify"
        in nextchar("classify", "predict", str(folder), "abab", "--cut").problem()
    )
