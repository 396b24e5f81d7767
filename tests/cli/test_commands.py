"""What holds for every command: its options, its output, and the runs that it is given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from nextchar.errors import RunError
from nextchar.language_model.model import LanguageModel
from tests.conftest import Command, Run, english

COMMAND = [sys.executable, "-m", "nextchar"]
SECONDS = 120
# Commands that have no --json, each with the reason.
WITHOUT_JSON = {"play": "a conversation has no single result"}

# Of every command, what makes it print a result on small data; {name} is a folder or a file.
CALLS = {
    "train": "{text.txt} --out OUT --steps 2",
    "compare": "{text.txt} --out {comparison} --cells rnn --batch-size 4 --steps 2",
    "crossval": "{text.txt} --out {crossval} --folds 2 --batch-size 4 --steps 2",
    "tune": "{text.txt} --out {tuning} --search dropout=0,0.2 --trials 1 --batch-size 4 --steps 2",
    "generate": "{model} --length 20 --seed 1",
    "complete": "{model} th",
    "evaluate": "{model} {text.txt}",
    "score": "{model} {text.txt}",
    "novelty": "{model} {text.txt}",
    "bigram": "{text.txt}",
    "compress": "{model} {text.txt} OUT",
    "decompress": "{model} {packed} OUT",
    "info": "{model}",
    "inspect gradients": "{model} --lags 5",
    "inspect gates": "{model} --unit 1.2",
    "inspect memory": "{model} --lags 5",
    "inspect errors": "{model}",
    "inspect temperature": "{model} --length 5",
    "inspect training": "{model}",
    "inspect embeddings": "{model}",
    "inspect units": "{model}",
    "inspect probe": "{model} {words.csv}",
    "inspect page": "{model} --html OUT.html",
    "seal": "{model}",
    "augment": "{text.txt}",
    "condition train": "{words.csv} --out OUT --epochs 1 --batch-size 8",
    "condition generate": "{conditional} --given odd --length 9 --seed 1",
    "condition evaluate": "{conditional} {words.csv}",
    "condition save": "{conditional} --given odd --out OUT",
    "embeddings train": "{text.txt} --out OUT --size 4 --epochs 1",
    "embeddings nearest": "{embeddings} t",
    "embeddings analogy": "{embeddings} t h e",
    "embeddings export": "{embeddings} OUT",
    "export page": "{model} OUT.html",
    "embeddings plot": "{embeddings} --picture OUT.svg",
    "classify train": "{words.csv} --out OUT --epochs 1 --batch-size 8",
    "classify predict": "{classifier} abc",
    "classify evaluate": "{classifier} {words.csv}",
    "classify explain": "{classifier} abc",
    "data list": "",
    "data fetch": "python",
    "data path": "python",
    "transduce train": "{words.csv} --source text --target target --out OUT --epochs 1",
    "transduce apply": "{transducer} abc",
    "transduce evaluate": "{transducer} {words.csv} --source text --target target",
    "transduce attention": "{transducer} abc",
    "transduce dates": "--count 3",
    "tag train": "{text.txt} --restore case --out OUT --epochs 1 --batch-size 8",
    "tag evaluate": "{tagger} {text.txt}",
    "tag apply": "{tagger} {text.txt}",
}
SIZES = ("train", "compare", "crossval", "tune", "condition train", "classify train",
         "transduce train", "tag train")  # fmt: skip


def commands() -> dict[str, Any]:
    """Give every command of the command line by the words that call it."""
    from nextchar.cli import app

    found: dict[str, Any] = typer.main.get_command(app).loaded()  # type: ignore[attr-defined]
    return found


def call(name: str, folders: dict[str, Path], out: Path) -> list[str]:
    """Give the words of a call, with the folders in place."""
    filled = CALLS[name]
    for each, path in folders.items():
        filled = filled.replace(f"{{{each}}}", str(path))
    if name in SIZES:
        filled += " --hidden-size 8 --embedding-size 4 --precision float32"
    return [*name.split(), *filled.replace("OUT", str(out)).split()]


@pytest.fixture(scope="module")
def data(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders, and a compressed file."""
    from nextchar.compression import compress
    from nextchar.language_model.model import LanguageModel

    packed = tmp_path_factory.mktemp("packed") / "text.nch"
    text = folders["text.txt"].read_bytes()
    packed.write_bytes(compress(LanguageModel.load(folders["model"]), text))
    return {**folders, "packed": packed}


def test_every_command_is_called_below_and_has_quiet_and_json() -> None:
    found = commands()
    assert set(found) == {*CALLS, *WITHOUT_JSON}
    flags = {
        name: {flag for each in command.params for flag in each.opts}
        for name, command in found.items()
    }
    assert [name for name in found if not {"--quiet", "-q"} <= flags[name]] == []
    assert [name for name in found if "--json" not in flags[name]] == list(WITHOUT_JSON)


@pytest.mark.parametrize("name", CALLS)
def test_json_is_one_object_and_quiet_leaves_nothing_beside_it(
    name: str, nextchar: Run, data: dict[str, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("NEXTCHAR_DATA", str(tmp_path))
    if name == "data path":
        nextchar("data", "fetch", "python").succeeded()
    outcome = nextchar(*call(name, data, tmp_path / "out"), "--json", "--quiet")

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    values = json.loads(outcome.succeeded(), parse_constant=refuse)
    assert isinstance(values, dict)
    assert values
    assert outcome.err == ""


@pytest.mark.parametrize("name", ["info", "generate", "data path", "tag apply"])
def test_an_error_is_told_in_spite_of_quiet(name: str, nextchar: Run, tmp_path: Path) -> None:
    line = nextchar(*name.split(), tmp_path / "gone", "--json", "--quiet").problem()
    assert "gone" in line


@pytest.mark.parametrize(
    "words",
    [
        "generate {model} --length 60000",
        "condition generate {conditional} --given odd --samples 200",
        "score {model} {long.txt}",
        "evaluate {model} {short.txt} --json",
        "novelty {model} {long.txt} --spans 9999 --ngrams 4",
        "augment {long.txt} --lines 9999",
        "tag apply {tagger} {long.txt}",
        "classify predict {classifier} --input {long.txt}",
        "transduce apply {transducer} abc --beam 1",
    ],
)
def test_a_reader_that_goes_away_ends_every_command_alike_and_in_silence(
    words: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "long.txt").write_text(english(20_000))
    (tmp_path / "short.txt").write_text("abc\n" * 300)
    places = {**folders, **{name: tmp_path / name for name in ("long.txt", "short.txt")}}
    for each, path in places.items():
        words = words.replace(f"{{{each}}}", str(path))
    os.mkfifo(tmp_path / "stdout")
    command = Command((*words.split(), "--quiet"), tmp_path)
    reader = os.open(tmp_path / "stdout", os.O_RDONLY)
    os.close(reader)
    try:
        assert (command.code(), command.said()) == (128 + signal.SIGPIPE, b"")
    finally:
        command.stop()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_one_long_write_too(unbuffered: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "transduce", "dates", "--count", "10000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert os.read(process.stdout.fileno(), 10)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(SECONDS), said) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("generate x --temp 1", "generate has no option --temp: did you mean --temperature?"),
        ("generate x --lenght 3", "did you mean --length?"),
        ("generate x --num-samples 3", "did you mean --samples?"),
        ("train x --output y", "did you mean --out"),
        ("train --hidden 3", "did you mean --hidden-size?"),
        ("train --lr 3", "did you mean --learning-rate?"),
        ("tag apply x --kep", "tag apply has no option --kep: did you mean --keep?"),
        ("generate x --colour", "`nextchar generate --help` lists them"),
        ("--verson", "nextchar has no option --verson: did you mean --version?"),
        ("gen", "there is no command gen: did you mean generate?"),
        ("evalute x", "did you mean evaluate?"),
        ("predict x", "there is no command predict: did you mean classify predict?"),
        ("classify aply", "there is no command classify aply: did you mean"),
        ("xyz", "there are generate, complete"),
    ],
)
def test_a_name_that_does_not_exist_brings_up_the_one_that_was_meant(
    words: str, meant: str, nextchar: Run
) -> None:
    assert meant in nextchar(*words.split()).problem()


# The words of a call that takes a run, and the kind of run that it takes.
TAKES = {
    "train --resume RUN": "model",
    "train TEXT --out OUT --from RUN": "model",
    "generate RUN": "model",
    "complete RUN th": "model",
    "play RUN": "model",
    "evaluate RUN": "model",
    "evaluate RUN TEXT": "model",
    "score RUN TEXT": "model",
    "novelty RUN TEXT": "model",
    "inspect gradients RUN TEXT": "model",
    "inspect gates RUN TEXT": "model",
    "inspect memory RUN TEXT": "model",
    "inspect errors RUN TEXT": "model",
    "inspect temperature RUN": "model",
    "inspect training RUN": "model",
    "inspect embeddings RUN": "model",
    "inspect units RUN TEXT": "model",
    "inspect probe RUN TEXT": "model",
    "inspect page RUN TEXT --html OUT.html": "model",
    "export page RUN OUT.html": "model",
    "compress RUN TEXT OUT": "model",
    "decompress RUN TEXT OUT": "model",
    "info RUN": "model classifier tagger transducer conditional",
    "classify train --resume RUN": "classifier",
    "classify train TEXT --out OUT --from RUN": "model",
    "classify predict RUN abc": "classifier conditional",
    "classify evaluate RUN TEXT": "classifier conditional",
    "classify explain RUN abc": "classifier",
    "tag train --resume RUN": "tagger",
    "tag apply RUN TEXT": "tagger",
    "tag evaluate RUN TEXT": "tagger",
    "transduce train --resume RUN": "transducer",
    "transduce apply RUN abc": "transducer",
    "transduce evaluate RUN": "transducer",
    "transduce attention RUN abc": "transducer",
    "condition train --resume RUN": "conditional",
    "condition generate RUN": "conditional",
    "condition evaluate RUN TEXT": "conditional",
    "condition save RUN --out OUT": "conditional",
    "embeddings nearest RUN t": "embeddings",
    "embeddings analogy RUN t h e": "embeddings",
    "embeddings export RUN OUT": "embeddings",
    "embeddings plot RUN --picture OUT.svg": "embeddings",
    "train TEXT --out OUT --embedding-from RUN": "embeddings",
}
# What each kind is called, and the commands that its folder may be given instead.
KINDS = {
    "model": ("a language model", "generate evaluate train"),
    "classifier": ("a classifier", "classify"),
    "tagger": ("a tagger", "tag"),
    "transducer": ("a transducer", "transduce"),
    "conditional": ("a conditional model", "condition"),
    "embeddings": ("a folder of embeddings", "embeddings"),
    "comparison": ("a comparison", ""),
    "crossval": ("a cross-validation", ""),
    "tuning": ("a search for options", ""),
}


@pytest.mark.parametrize("words", TAKES)
def test_a_run_of_another_kind_is_named_with_the_command_to_use_on_it(
    words: str, nextchar: Run, folders: dict[str, Path], tmp_path: Path
) -> None:
    told = {}
    for kind, (name, _) in KINDS.items():
        if kind in TAKES[words].split():
            continue
        filled = words.replace("TEXT", str(folders["text.txt"])).replace("OUT", str(tmp_path / "o"))
        line = nextchar(*filled.replace("RUN", str(folders[kind])).split()).problem()
        assert f"{folders[kind]} is {name}" in line
        told[kind] = line.rpartition("use `nextchar ")[2].removesuffix("`\n")
    for kind, use in told.items():
        inside = {"comparison": "runs", "crossval": "runs", "tuning": "trials"}.get(kind, "")
        assert str(folders[kind] / ("" if "--resume" in words else inside)) in use
        allowed = KINDS[kind][1].split()
        assert not allowed or use.split()[0] in allowed
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("words", "kind", "use"),
    [
        ("generate RUN", "classifier", "classify predict RUN TEXT"),
        ("evaluate RUN", "classifier", "classify evaluate RUN DATA"),
        ("train --resume RUN", "classifier", "classify train --resume RUN"),
        ("classify predict RUN x", "model", "generate RUN"),
        ("classify evaluate RUN x", "model", "evaluate RUN"),
        ("tag train --resume RUN", "model", "train --resume RUN"),
        ("play RUN", "tagger", "tag apply RUN FILE"),
        ("generate RUN", "conditional", "condition generate RUN"),
        ("generate RUN", "embeddings", "embeddings nearest RUN SYMBOL"),
        ("score RUN x", "crossval", "score RUN/runs/fold-1"),
        ("train --resume RUN", "comparison", "compare … --out RUN"),
        ("embeddings nearest RUN x", "tuning", "generate RUN/trials/001"),
        ("info RUN", "tuning", "info RUN/trials/001"),
        ("train x --out o --from RUN", "tuning", "train … --from RUN/trials/001"),
        ("train x --out o --from RUN", "classifier", "classify predict RUN TEXT"),
        ("train x --out o --embedding-from RUN", "model", "generate RUN"),
    ],
)
def test_the_command_suits_what_was_wanted(
    words: str, kind: str, use: str, nextchar: Run, folders: dict[str, Path]
) -> None:
    run = str(folders[kind])
    line = nextchar(*words.replace("RUN", run).split()).problem()
    assert line.endswith(f": use `nextchar {use.replace('RUN', run)}`\n")


def test_a_folder_that_is_no_run_is_told_apart(
    nextchar: Run, folders: dict[str, Path], tmp_path: Path
) -> None:
    for words in ("generate", "info", "tag apply", "embeddings nearest"):
        given = ("t",) if words == "embeddings nearest" else ()
        assert "it has no" in nextchar(*words.split(), tmp_path, *given).problem()
    holds = nextchar("generate", folders["model"].parent).problem()
    assert "is not a run, but contains runs: name one of" in holds
    assert str(folders["classifier"]) in holds
    gone = nextchar("classify", "predict", tmp_path / "gone", "x").problem()
    assert "does not exist: a run is a folder made by nextchar classify train" in gone
    a_file = nextchar("generate", folders["text.txt"]).problem()
    assert "is a file: a run is a folder made by nextchar train" in a_file


def test_python_names_what_loads_the_run(folders: dict[str, Path]) -> None:
    with pytest.raises(RunError, match=r"is a tagger, not a language model: load it with nextchar"):
        LanguageModel.load(folders["tagger"])
    with pytest.raises(RunError, match=r"is a comparison, .*: name one of its runs, as .*/runs/"):
        LanguageModel.load(folders["comparison"])


def test_a_home_folder_that_the_shell_left_is_meant(
    nextchar: Run, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "text.txt").write_text((texts / "english.txt").read_text())
    nextchar("augment", "~/text.txt", "--augment-swap", "0.1", "--out=~/out.txt").succeeded()
    assert (tmp_path / "out.txt").exists()
    assert not Path("~").exists()
