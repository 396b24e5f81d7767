"""Comparisons: every combination with the same budget, kept, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nextchar.errors import ConfigError, InputError, NextcharError, RunError
from nextchar.experiments import Comparison, Figures, compare
from nextchar.experiments.plots import learning_curves
from nextchar.experiments.variants import name_of, parse_values, variants_of
from nextchar.language_model.model import LanguageModel
from nextchar.runs.training import history
from tests.conftest import TINY_OPTIONS, contents, english

FEW: dict[str, Any] = {**TINY_OPTIONS, "steps": 6, "validate_every": 3}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(english(3000))
    return path


def test_every_combination_is_trained_with_every_seed(text: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    comparison = compare(
        text, tmp_path / "out", vary={"cell": ["rnn", "gru"], "input": ["onehot", "embedding"]},
        seeds=2, announce=lines.append, **FEW,
    )  # fmt: skip
    names = ["rnn onehot", "rnn embedding", "gru onehot", "gru embedding"]
    assert sorted(group.variant for group in comparison.groups) == sorted(names)
    assert lines[0] == "1/8: rnn onehot, seed 0"
    assert lines[1] == "2/8: rnn embedding, seed 0, about 1 min left"
    bits = [group.mean_bits for group in comparison.groups]
    assert bits == sorted(bits)
    for group in comparison.groups:
        assert [run.seed for run in group.runs] == [0, 1]
        for run in group.runs:
            folder = tmp_path / "out" / "runs" / f"{group.variant.replace(' ', '-')}-{run.seed}"
            rows = history(folder)
            assert run.nats_per_char == min(row["validation_nats_per_char"] for row in rows)
            assert [seconds for seconds, _ in run.curve] == [row["seconds"] for row in rows]
            network = LanguageModel.load(folder).config.network
            assert f"{network.cell} {network.input}" == group.variant
            assert run.steps == 6
            assert len(run.sample) == 300
    assert (tmp_path / "out" / "table.md").read_text() == comparison.markdown()
    assert comparison.markdown().count("±") == 4


def test_a_value_that_is_a_path_names_no_folder(text: Path, tmp_path: Path) -> None:
    tables = [tmp_path / "a" / f"{number}.tsv" for number in (1, 2)]
    tables[0].parent.mkdir()
    for table in tables:
        table.write_text("dog\thound\n")
    options = {**FEW, "steps": 1, "augment_synonym": 0.5}
    out = tmp_path / "out"
    for _ in range(2):
        comparison = compare(text, out, vary={"synonyms": list(map(str, tables))}, **options)
    assert len(comparison.groups) == len(list((out / "runs").iterdir())) == 2


def test_a_comparison_goes_on_where_it_stopped(text: Path, tmp_path: Path) -> None:
    vary = {"cell": ["rnn", "gru"]}
    out = tmp_path / "out"

    class Stop(Exception):  # noqa: N818
        pass

    def stop(event: object) -> None:
        if (out / "results" / "rnn-0.json").exists():
            raise Stop

    with pytest.raises(Stop):
        compare(text, out, vary=vary, listeners=[stop], **FEW)
    before = contents(out / "runs" / "rnn-0")
    whole = compare(text, out, vary=vary, **FEW)
    assert contents(out / "runs" / "rnn-0") == before
    assert len(whole.groups) == 2
    again = compare(text, out, vary=vary, **FEW)
    assert again == whole
    more = compare(text, out, vary=vary, seeds=2, **FEW)
    assert all(len(group.runs) == 2 for group in more.groups)


def test_another_comparison_is_not_mixed_in(text: Path, tmp_path: Path) -> None:
    compare(text, tmp_path / "out", vary={"cell": ["rnn"]}, **FEW)
    with pytest.raises(RunError, match="holds another comparison, with other options"):
        compare(text, tmp_path / "out", vary={"cell": ["rnn"]}, **{**FEW, "steps": 7})
    with pytest.raises(RunError, match="with other variants"):
        compare(text, tmp_path / "out", vary={"cell": ["rnn", "gru"]}, **FEW)
    with pytest.raises(RunError, match="exists already and is not a comparison"):
        compare(text, tmp_path, vary={"cell": ["rnn"]}, **FEW)


@pytest.mark.parametrize("tied", [False, True])
def test_equal_sizes_are_as_near_as_whole_units_allow(
    tied: bool, text: Path, tmp_path: Path
) -> None:
    options = {**FEW, "tied": tied, "embedding_size": 8}
    options.pop("hidden_size")
    if tied:
        options.pop("embedding_size")
    comparison = compare(
        text, tmp_path / "out", vary={"cell": ["rnn", "lstm"]}, parameters=3000, **options
    )
    sizes = {group.variant: group.runs[0] for group in comparison.groups}
    assert sizes["rnn"].hidden_size > sizes["lstm"].hidden_size
    for run in sizes.values():
        assert abs(run.parameters - 3000) < 0.08 * 3000


@pytest.mark.parametrize(
    ("vary", "options", "reason"),
    [
        ({"cel": ["rnn"]}, {}, "did you mean 'cell'"),
        ({"cell": []}, {}, "needs one or more distinct values"),
        ({"cell": ["rnn", "rnn"]}, {}, "needs one or more distinct values"),
        ({"cell": ["rnn"]}, {"cell": "gru"}, "varied and set at the same time"),
        ({"seed": [1, 2]}, {}, "set the number of seeds"),
        ({"dropout": [0.1, 1.5]}, {}, "dropout must be at least 0 and below 1"),
        ({"cell": ["rnn"]}, {"seeds": 0}, "seeds must be at least 1"),
        ({"cell": ["rnn"]}, {"parameters": 100, "hidden_size": 5}, "hidden_size cannot be set too"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_leaves_nothing(
    vary: dict[str, Any], options: dict[str, Any], reason: str, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=reason):
        compare(text, tmp_path / "out", vary=vary, **options)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="name files instead of -"):
        compare("-", tmp_path / "out", vary={"cell": ["rnn"]})


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("content", [None, "", "x" * 500, "short text"])
def test_a_text_of_no_use_leaves_the_folder_as_it_was(
    content: str | None, existed: bool, tmp_path: Path
) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "out"
    if content is not None:
        text.write_text(content)
    if existed:
        out.mkdir()
    with pytest.raises(InputError):
        compare(text, out, vary={"cell": ["rnn"]}, **FEW)
    assert out.exists() == existed
    assert not existed or not list(out.iterdir())


def test_values_are_read_as_their_options_are() -> None:
    assert parse_values("cell", "rnn, gru") == ["rnn", "gru"]
    assert parse_values("hidden_size", "64,128") == [64, 128]
    assert parse_values("dropout", "0,0.5") == [0.0, 0.5]
    assert parse_values("tied", "true,false") == [True, False]
    assert parse_values("minutes", "1,2.5") == [1.0, 2.5]
    assert parse_values("output_dropout", "none,0.1") == [None, 0.1]
    for name, values, reason in (
        ("cell", "rnn,lstn", "cell must be one of"),
        ("hidden_size", "64,big", "hidden_size must be integers; got 'big'"),
        ("tied", "yes", "tied must be true or false; got 'yes'"),
        ("hiden_size", "64", "did you mean 'hidden_size'"),
    ):
        with pytest.raises(ConfigError, match=reason):
            parse_values(name, values)


def test_variants_are_named_by_what_differs() -> None:
    named = [name_of(each) for each in variants_of({"cell": ["rnn"], "layers": [1, 2]}, {})]
    assert named == ["rnn layers=1", "rnn layers=2"]


def figures(variant: str, seed: int, nats: float) -> Figures:
    return Figures(
        variant=variant, seed=seed, parameters=10, hidden_size=4, steps=9, seconds=1.5,
        nats_per_char=nats, train_nats_per_char=nats, chars_per_second=100.0,
        generated_chars_per_second=50.0, curve=[(0.5, nats + 1), (1.5, nats)], sample="abc",
    )  # fmt: skip


def test_curves_are_drawn_for_every_run() -> None:
    pytest.importorskip("matplotlib")
    runs = [figures(f"cell {index % 13}", index // 13, 1 + index / 100) for index in range(26)]
    comparison = Comparison.of(runs)
    picture = learning_curves(comparison, "svg")
    drawn = ElementTree.fromstring(picture)
    text = "".join(drawn.itertext())
    assert drawn.tag.endswith("svg")
    assert text is not None
    assert learning_curves(comparison, "png").startswith(b"\x89PNG")
    json.dumps(comparison.to_dict())


def test_pictures_without_matplotlib_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(NextcharError, match="pip install 'nextchar\\[plots\\]'"):
        learning_curves(Comparison.of([figures("rnn", 0, 1.0)]), "png")
