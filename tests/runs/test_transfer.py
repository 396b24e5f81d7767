"""Beginning a run from another: what is kept, what grows, what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import nextchar
from nextchar.errors import ConfigError, InputError, RunError
from nextchar.language_model.model import LanguageModel
from nextchar.run_files.model_files import load_vocabulary
from nextchar.run_files.origin import load_origin
from nextchar.run_files.seals import reseal
from nextchar.training.checkpoint import load_tensors
from nextchar.training.events import Event, StepDone
from tests.conftest import (
    TINY_OPTIONS,
    Run,
    contents,
    english,
    korean,
    require_same_training,
)

FEW: dict[str, Any] = {**TINY_OPTIONS, "steps": 4, "validate_every": 2}
HOW = {k: v for k, v in FEW.items() if k not in ("hidden_size", "embedding_size")}
SHAPES: dict[str, dict[str, Any]] = {
    "embedding": {},
    "onehot": {"input": "onehot"},
    "tied": {"tied": True, "embedding_size": 16},
    "gru": {"cell": "gru", "layers": 2, "dropout": 0.1},
}
ALL_SHAPES = pytest.mark.parametrize("shape", list(SHAPES))


class Stop(Exception):  # noqa: N818
    pass


def stop(event: Event) -> None:
    if isinstance(event, StepDone):
        raise Stop


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text with symbols that the English source has not."""
    path = tmp_path / "text.txt"
    path.write_text(korean(1500) + english(1500, seed=2))
    return path


@pytest.fixture(scope="module")
def sources(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each shape on the English text."""
    folder = tmp_path_factory.mktemp("sources")
    for name, shape in SHAPES.items():
        nextchar.train(texts / "english.txt", folder / name, **{**FEW, **shape})
    return {name: folder / name for name in SHAPES}


def begin(text: Path, out: Path, source: Path, **options: Any) -> Path:
    """Begin a run and kill it in its first step."""
    with pytest.raises(Stop):
        nextchar.train(text, out, from_run=source, listeners=[stop], **{**HOW, **options})
    assert load_tensors(out / "last" / "training.safetensors")[1]["step"] == 0
    return out


def weights(run: Path) -> dict[str, torch.Tensor]:
    return {n: p.detach() for n, p in LanguageModel.load(run).network.named_parameters()}


def old_part(name: str, tensor: torch.Tensor, run: Path) -> torch.Tensor:
    """Take the old symbols' part out of a weight of a run that has grown."""
    dimension = LanguageModel.load(run).network.symbol_weights.get(name)
    origin = load_origin(run)
    assert origin is not None
    if dimension is None:
        return tensor
    return tensor.narrow(dimension, origin.known.start, len(origin.known))


@ALL_SHAPES
@pytest.mark.parametrize("min_count", [1, 40])
def test_all_that_the_old_run_knows_is_kept_bit_for_bit(
    shape: str, min_count: int, sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    source = sources[shape]
    run = begin(text, tmp_path / "run", source, min_count=min_count)
    old, new = LanguageModel.load(source), LanguageModel.load(run)
    moved = int(min_count > 1)  # <unk> is new there, and always id 0
    assert new.vocabulary.symbols[moved : moved + len(old.vocabulary)] == old.vocabulary.symbols
    assert len(new.vocabulary) > len(old.vocabulary) + moved
    before, after = weights(source), weights(run)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(old_part(name, after[name], run), tensor), name
    ids = torch.from_numpy(old.vocabulary.encode(english(50)).astype("int64")).unsqueeze(1)
    logits, _ = old.network(ids, old.network.initial_state(1))
    grown, _ = new.network(ids + moved, new.network.initial_state(1))
    assert torch.allclose(grown[..., moved : moved + len(old.vocabulary)], logits, atol=1e-6)


@ALL_SHAPES
def test_new_symbols_begin_finite_and_different_from_each_other(
    shape: str, sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    run = begin(text, tmp_path / "run", sources[shape])
    network = LanguageModel.load(run).network
    origin = load_origin(run)
    assert origin is not None
    for name, dimension in network.symbol_weights.items():
        new = network.get_parameter(name).detach().transpose(0, dimension)[origin.known.stop :]
        assert new.isfinite().all()
        if new.dim() == 2:
            assert len({tuple(row) for row in new.tolist()}) == len(new)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("shape", ["embedding", "onehot", "tied"])
def test_under_freeze_old_symbols_enter_as_they_did_and_new_ones_learn(
    shape: str, optimizer: str, sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    options = {**HOW, "optimizer": optimizer, "weight_decay": 0.3, "freeze": 1}
    start = weights(begin(text, tmp_path / "start", sources[shape], **options))
    nextchar.train(text, tmp_path / "run", from_run=sources[shape], **options)
    after = weights(tmp_path / "run")
    name = "stack.layers.0.weight_ih" if shape == "onehot" else "embedding.weight"
    old, kept = (old_part(name, each[name], tmp_path / "run") for each in (start, after))
    assert torch.equal(old, kept)
    assert not torch.equal(start[name], after[name])
    assert not torch.equal(start["head.bias"], after["head.bias"])
    assert torch.equal(start["stack.layers.0.bias"], after["stack.layers.0.bias"]) == (
        shape == "onehot"
    )


def test_a_begun_run_needs_its_source_no_more_and_resumes_bit_for_bit(
    sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    source = shutil.copytree(sources["gru"], tmp_path / "source")
    options = {**HOW, "freeze": 2, "unfreeze_every": 2, "layer_decay": 0.5}
    nextchar.train(text, tmp_path / "whole", from_run=source, **options)
    begin(text, tmp_path / "cut", source, **options)
    shutil.rmtree(source)
    nextchar.resume(tmp_path / "cut")
    require_same_training(tmp_path / "whole", tmp_path / "cut")


def test_a_begun_run_names_the_run_and_the_weights_that_it_came_from(
    sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    source, run = sources["gru"], tmp_path / "run"
    nextchar.train(text, run, from_run=source, **HOW)
    origin = load_origin(run)
    assert origin is not None
    assert origin.run == source.name
    assert origin.sha256 == hashlib.sha256((source / "model.safetensors").read_bytes()).hexdigest()
    assert origin.known == range(len(load_vocabulary(source)))
    assert f"initialised from | {origin.description}" in (run / "README.md").read_text()
    assert load_origin(source) is None


def test_dropout_is_new_and_the_rest_of_the_network_is_the_old_one(
    sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    begin(text, tmp_path / "run", sources["gru"], weight_dropout=0.2)
    old, new = (
        LanguageModel.load(run).config.network for run in (sources["gru"], tmp_path / "run")
    )
    assert (new.dropout, new.weight_dropout) == (0.0, 0.2)
    assert (new.cell, new.layers, new.hidden_size) == (old.cell, old.layers, old.hidden_size)


@pytest.mark.slow
def test_a_plan_keeps_the_size_of_the_source(
    sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    nextchar.train(text, tmp_path / "run", from_run=sources["embedding"], minutes=0.1)
    config = LanguageModel.load(tmp_path / "run").config
    assert config.network.hidden_size == TINY_OPTIONS["hidden_size"]
    assert config.training.learning_rate == 0.01


def test_a_text_without_new_symbols_leaves_the_vocabulary(
    sources: dict[str, Path], texts: Path, tmp_path: Path
) -> None:
    run = begin(texts / "english.txt", tmp_path / "run", sources["embedding"], freeze=1)
    assert load_vocabulary(run) == load_vocabulary(sources["embedding"])
    before, after = weights(sources["embedding"]), weights(run)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("kind", ["byte", "jamo"])
def test_the_kind_of_symbols_is_that_of_the_source(
    kind: str, texts: Path, text: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    nextchar.train(texts / "korean.txt", source, **{**FEW, "vocabulary": kind})
    run = begin(text, tmp_path / "run", source)
    old, new = load_vocabulary(source), load_vocabulary(run)
    assert new.kind == kind
    assert new.symbols[: len(old)] == old.symbols
    assert (len(new) > len(old)) == (kind == "jamo")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"cell": "gru"}, "cell is 'lstm' there, got 'gru'"),
        ({"hidden_size": 8, "layers": 2}, "hidden_size is 16 there, got 8, layers is 1 there"),
        ({"vocabulary": "jamo"}, "vocabulary is 'char' there, got 'jamo'"),
        ({"tied": True}, "tied is False there, got True"),
        ({"freeze": 3}, "freeze must be below 3"),
        ({"embeding_dropout": 0.1}, "did you mean 'embedding_dropout'"),
    ],
)
def test_what_contradicts_the_source_is_refused_and_leaves_nothing(
    options: dict[str, Any], reason: str, sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    before = contents(sources["embedding"])
    with pytest.raises(ConfigError, match=reason):
        nextchar.train(text, tmp_path / "run", from_run=sources["embedding"], **options)
    assert not (tmp_path / "run").exists()
    assert contents(sources["embedding"]) == before


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (None, None, "does not exist: a run is a folder"),
        ("vocabulary.json", '{"kind": "byte"}', "the tensors do not fit the network"),
        ("model.safetensors", "damaged", "model.safetensors is damaged"),
        ("config.json", "{}", "config.json is damaged"),
    ],
)
def test_a_source_of_no_use_is_refused(
    file: str | None, content: str | None, reason: str, sources: dict[str, Path], text: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    source = tmp_path / "source"
    if file is not None and content is not None:
        shutil.copytree(sources["embedding"], source)
        (source / file).write_text(content)
        if file != "model.safetensors":
            reseal(source)
    with pytest.raises(RunError, match=reason):
        nextchar.train(text, tmp_path / "run", from_run=source, **HOW)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"symbols_known": "3"}, "symbols_known must be an integer"),
        ({"more": 1}, "unknown option 'more'"),
        ({"first_known": True}, "first_known must be an integer"),
        ({"first_known": -1}, "first_known must be at least 0"),
        (
            {"symbols_known": 10_000},
            "its origin has symbols up to 9999, and its vocabulary has",
        ),
        ({"format_version": 2}, "has format 2, but this version of nextchar supports up to 1"),
    ],
)
def test_a_damaged_origin_is_refused(
    values: dict[str, Any], reason: str, sources: dict[str, Path], text: Path, tmp_path: Path
) -> None:
    run = begin(text, tmp_path / "run", sources["embedding"])
    path = run / "origin.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    reseal(run)
    with pytest.raises(InputError, match=reason):
        nextchar.resume(run)


def test_the_commands_begin_a_run_and_show_where_it_came_from(
    nextchar: Run, finished: Path, text: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    how = ("--from", finished, "--steps", 4, "--batch-size", 4, "--sequence-length", 16)
    outcome = nextchar("train", text, "--out", out, *how, "--freeze", 1, "--layer-decay", 0.5)
    outcome.succeeded()
    new = len(load_vocabulary(out)) - len(load_vocabulary(finished))
    assert f"initialised from {finished}, with {new} new symbols" in outcome.err
    assert f"{finished.name} (weights " in nextchar("info", out).succeeded()
    assert nextchar("info", out, "--json").values()["from"]["run"] == finished.name
    assert nextchar("info", finished, "--json").values()["from"] is None
    assert nextchar("generate", out, "--length", 20).succeeded()
    other = ("train", text, "--out", tmp_path / "other", "--from", finished)
    line = nextchar(*other, "--cell", "gru").problem()
    assert f"--from {finished} keeps the network" in line
    assert not (tmp_path / "other").exists()
    assert "takes no --from" in nextchar("train", "--resume", out, "--from", finished).problem()
