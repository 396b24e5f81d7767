"""Vectors as the beginning of an embedding, in a tensor and in a run."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nextchar
from nextchar.embeddings import SymbolVectors, fill_embedding, train_embeddings
from nextchar.errors import ConfigError, RunError
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import learn
from nextchar.training.checkpoint import load_tensors
from nextchar.training.events import Event, Noticed, StepDone
from tests.conftest import TINY_OPTIONS, Run, english, require_same_training
from tests.embeddings.test_vectors import made

HOW = {**{k: v for k, v in TINY_OPTIONS.items() if k != "embedding_size"}, "steps": 6}


class Stop(Exception):  # noqa: N818
    pass


def stop(event: Event) -> None:
    if isinstance(event, StepDone):
        raise Stop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of 12 numbers for the characters of a text without a capital Z."""
    place = tmp_path_factory.mktemp("vectors")
    (place / "text.txt").write_text(english(4000))
    train_embeddings(place / "text.txt", size=12, epochs=1).save(place / "vectors")
    return place / "vectors"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(english(3000, seed=5) + "Zoo! Zoo!\n" * 30)
    return path


def test_known_symbols_take_their_vectors_and_others_stay() -> None:
    vectors = made(learn("char", ["abc"], 1), [[4, 0], [0, 2], [9, 9]], [1, 1, 0])
    weight = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert fill_embedding(weight, learn("char", ["abcd"], 1), vectors) == 2
    scale = np.sqrt(1 / 2) / np.sqrt(5)  # of what was drawn, and of the two vectors
    expected = torch.tensor([[4 * scale, 0], [0, 2 * scale], [1, 0], [0, 1]]).float()
    assert torch.allclose(weight, expected)


@pytest.mark.parametrize("deviation", [1.0, 0.05])
def test_what_is_filled_has_the_deviation_of_what_was_drawn(deviation: float) -> None:
    vocabulary = learn("char", ["abcdefgh"], 1)
    draw = np.random.default_rng(1)
    vectors = made(vocabulary, draw.normal(3, 7, size=(8, 50)), [1] * 8)
    weight = torch.randn(8, 50, generator=torch.Generator().manual_seed(1)) * deviation
    before = weight.clone()
    assert fill_embedding(weight, vocabulary, vectors) == 8
    assert weight.square().mean() == pytest.approx(before.square().mean())
    cosine = torch.nn.functional.cosine_similarity(weight, torch.from_numpy(vectors.vectors))
    assert torch.allclose(cosine, torch.ones(8))


def test_unk_takes_the_vector_of_unk() -> None:
    vectors = made(learn("word", ["a a b"], 2), [[5, 5], [1, 1], [2, 2]], [1, 0, 1])
    weight = torch.ones(3, 2)
    assert fill_embedding(weight, learn("word", ["b b c"], 2), vectors) == 1
    assert weight[1:].eq(1).all()


@pytest.mark.parametrize(
    ("kind", "shape", "problem"),
    [
        ("jamo", (3, 2), "are for char symbols, but the network reads jamo"),
        ("char", (3, 4), r"vectors of size 2 for 3 symbols do not fit .* of shape \[3, 4\]"),
        ("char", (2, 2), r"do not fit an embedding of shape \[2, 2\]"),
    ],
)
def test_what_does_not_fit_is_refused(kind: Any, shape: tuple[int, int], problem: str) -> None:
    vectors = made(learn("char", ["abc"], 1), np.ones((3, 2)), [1, 1, 1])
    with pytest.raises(ConfigError, match=problem):
        fill_embedding(torch.ones(shape), learn(kind, ["abc"], 1), vectors)
    with pytest.raises(ConfigError, match="no symbol of the network has a vector"):
        fill_embedding(torch.ones(3, 2), learn("char", ["xyz"], 1), vectors)


@pytest.mark.parametrize("tied", [False, True])
def test_a_run_begins_with_the_vectors_and_resumes_bit_for_bit(
    tied: bool, folder: Path, text: Path, tmp_path: Path
) -> None:
    options = {**HOW, "tied": tied, "hidden_size": 12}
    vectors = shutil.copytree(folder, tmp_path / "vectors")
    nextchar.train(text, tmp_path / "whole", embedding_from=vectors, **options)
    with pytest.raises(Stop):
        nextchar.train(text, tmp_path / "cut", embedding_from=vectors, listeners=[stop], **options)
    tensors, content = load_tensors(tmp_path / "cut" / "last" / "training.safetensors")
    assert content["step"] == 0
    given = SymbolVectors.load(folder)
    model = LanguageModel.load(tmp_path / "cut")
    drawn = LanguageModel.create(model.config, model.vocabulary).network
    weight = tensors["network.embedding.weight"]
    for number, key in enumerate(model.vocabulary.keys):
        if key in given.vocabulary.keys:
            vector = torch.from_numpy(given.vector(key))
            assert torch.cosine_similarity(weight[number], vector, dim=0) > 1 - 1e-5
        else:
            assert torch.equal(weight[number], drawn.get_parameter("embedding.weight")[number])
    for name, parameter in drawn.named_parameters():
        if name != "embedding.weight":
            assert torch.equal(tensors[f"network.{name}"], parameter)
    shutil.rmtree(vectors)
    nextchar.resume(tmp_path / "cut")
    require_same_training(tmp_path / "whole", tmp_path / "cut")


def test_the_kind_and_the_size_are_those_of_the_vectors(
    folder: Path, text: Path, tmp_path: Path
) -> None:
    nextchar.train(text, tmp_path / "run", embedding_from=folder, **HOW)
    config = LanguageModel.load(tmp_path / "run").config
    assert (config.network.embedding_size, config.text.vocabulary) == (12, "char")
    origin = json.loads((tmp_path / "run" / "embedding.json").read_text())
    assert origin["vectors"] == folder.name
    assert origin["symbols_filled"] == len(SymbolVectors.load(folder).by_frequency)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"vocabulary": "jamo"}, "vocabulary must be 'char', got 'jamo'"),
        ({"embedding_size": 13}, "embedding_size must be 12, got 13"),
        ({"input": "onehot"}, "input must be 'embedding', got 'onehot'"),
        ({"tied": True}, "tied needs embedding_size equal to hidden_size, got 12 and 16"),
        ({"from_run": "run"}, "either from another run or from vectors, not from both"),
    ],
)
def test_what_contradicts_the_vectors_is_refused_and_leaves_nothing(
    options: dict[str, Any], problem: str, folder: Path, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=problem):
        nextchar.train(text, tmp_path / "out", embedding_from=folder, **{**HOW, **options})
    assert not (tmp_path / "out").exists()


def test_vectors_of_words_are_refused(text: Path, tmp_path: Path) -> None:
    train_embeddings(text, vocabulary="word", size=4, epochs=1).save(tmp_path / "words")
    with pytest.raises(ConfigError, match="has vectors for words, but a language model reads char"):
        nextchar.train(text, tmp_path / "out", embedding_from=tmp_path / "words", **HOW)
    with pytest.raises(RunError, match="vectors are a folder made by"):
        nextchar.train(text, tmp_path / "out", embedding_from=tmp_path / "gone", **HOW)


def test_the_command_begins_with_vectors_and_shows_them(
    nextchar: Run, folder: Path, text: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    how = ("--steps", 4, "--batch-size", 4, "--sequence-length", 16, "--hidden-size", 16)
    outcome = nextchar("train", text, "--out", out, "--embedding-from", folder, *how)
    outcome.succeeded()
    count = len(SymbolVectors.load(folder).by_frequency)
    said = f"symbols start with their vector from {folder}"
    assert f"{count} of {count + 2} {said}" in outcome.err
    assert f"{count} vectors of {folder.name}" in nextchar("info", out).succeeded()
    info = nextchar("info", out, "--json").values()
    assert info["embedding_from"]["symbols_filled"] == count
    line = nextchar("train", "--resume", out, "--embedding-from", folder).problem()
    assert "takes no --embedding-from" in line


def test_only_what_was_asked_for_is_told_to_be_without_effect(
    folder: Path, text: Path, tmp_path: Path
) -> None:
    told: list[Event] = []
    nextchar.train(text, tmp_path / "run", embedding_from=folder, listeners=[told.append], **HOW)
    notes = [event.message for event in told if isinstance(event, Noticed)]
    assert len(notes) == 2
    assert "symbols start with their vector" in notes[0]
    assert notes[1].startswith("experts: ")


@pytest.mark.slow
def test_a_plan_keeps_the_size_of_the_vectors(folder: Path, text: Path, tmp_path: Path) -> None:
    nextchar.train(text, tmp_path / "run", embedding_from=folder, minutes=0.2, tied=True)
    network = LanguageModel.load(tmp_path / "run").config.network
    assert (network.embedding_size, network.hidden_size) == (12, 12)
