"""The geometry of symbols: planted vectors, one-hot ones, names and kinds, and the picture."""

from __future__ import annotations

import importlib
import json
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import Config, NetworkConfig, TextConfig, VocabularyKind
from nextchar.errors import ConfigError, UnknownSymbolsError
from nextchar.inspection.embedding_space import EmbeddingSpace
from nextchar.inspection.symbol_clusters import cluster, silhouette
from nextchar.inspection.symbol_kinds import symbol_kinds, symbol_names
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import learn
from tests.conftest import korean

_LETTERS = "abcdei"


def _model(text: str, kind: VocabularyKind = "char", **options: Any) -> LanguageModel:
    values = {"hidden_size": 8, "embedding_size": 8, **options}
    config = Config(text=TextConfig(vocabulary=kind), network=NetworkConfig(**values))
    return LanguageModel.create(config, learn(kind, [text], 1))


def _planted(vectors: Sequence[Sequence[float]]) -> EmbeddingSpace:
    """Return the geometry of letters with these vectors."""
    model = _model(_LETTERS, embedding_size=len(vectors[0]))
    assert model.network.embedding is not None
    with torch.no_grad():
        model.network.embedding.weight.copy_(torch.tensor(vectors))
    return model.inspect.embeddings(symbols=["a", "b"])


def test_planted_vectors_have_their_distances_neighbours_and_clusters() -> None:
    # a, e, i point up, and b, c, d to the right; of different lengths, which do not count.
    space = _planted([[0.0, 2.0], [1.0, 0.0], [3.0, 0.0], [4.0, 0.0], [0.0, 1.0], [0.0, 9.0]])
    assert [each.name for each in space.symbols] == list(_LETTERS)
    vowels, consonants = space.by_kind
    assert (vowels.kind, vowels.symbols, consonants.kind) == ("vowel", 3, "consonant")
    assert vowels.within == pytest.approx(0)
    assert vowels.outside == pytest.approx(math.sqrt(2))
    assert vowels.nearest_alike == 1
    assert vowels.nearest_alike_by_chance == pytest.approx(2 / 5)
    assert space.clusters.numbers.tolist() == [0, 1, 1, 1, 0, 0]
    assert space.clusters.silhouette == pytest.approx(1)
    assert space.variance_shares == pytest.approx([1, 0], abs=1e-6)
    assert space.one_hot_variance_share == pytest.approx(2 / 5)
    first, second = space.neighbors
    assert [each.name for each, _ in first.nearest[:2]] == ["e", "i"]
    assert [cosine for _, cosine in first.nearest] == pytest.approx([1, 1, 0, 0, 0])
    assert [each.name for each, _ in second.nearest[:2]] == ["c", "d"]


def test_one_hot_vectors_are_all_the_root_of_two_apart() -> None:
    space = _planted(np.eye(6).tolist())
    apart = space.distances[~np.eye(6, dtype=bool)]
    assert apart == pytest.approx(math.sqrt(2))
    assert space.variance_shares == pytest.approx([1 / 5, 1 / 5])
    assert space.variance_shares.sum() == pytest.approx(space.one_hot_variance_share)
    assert space.clusters.silhouette == pytest.approx(0)
    assert [cosine for _, cosine in space.neighbors[0].nearest] == pytest.approx([0] * 5)


def test_with_one_hot_input_the_vectors_are_the_input_weights_of_all_gates() -> None:
    model = _model(_LETTERS, cell="gru", input="onehot")
    space = model.inspect.embeddings()
    assert (space.source, space.size) == ("input weights", 3 * 8)
    weights = model.network.stack.cells[0].weight_ih.detach().double().numpy().T
    unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    assert space.distances[0, 1] == pytest.approx(
        float(np.linalg.norm(unit[0] - unit[1])), abs=1e-6
    )


def test_the_output_weights_are_those_of_the_symbols_predicted() -> None:
    model = _model(_LETTERS, embedding_size=4)
    assert model.inspect.embeddings().size == 4
    output = model.inspect.embeddings(of="output")
    assert (output.source, output.size) == ("output weights", 8)
    tied = _model(_LETTERS, tied=True).inspect
    assert tied.embeddings().source == tied.embeddings(of="output").source == "tied embedding"
    assert np.array_equal(tied.embeddings().distances, tied.embeddings(of="output").distances)


def test_the_best_number_of_clusters_is_found() -> None:
    rng = np.random.default_rng(3)
    centres = np.repeat(10 * np.eye(4), 6, axis=0)
    points = centres + rng.normal(0, 0.5, centres.shape)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    found = cluster(distances)
    assert found.numbers.tolist() == np.repeat(np.arange(4), 6).tolist()
    assert 0.8 < found.silhouette < 1


def test_the_silhouette_is_that_of_its_definition() -> None:
    # On a line: 0, 1 | 5. For 0: a = 1, b = 5; for 1: a = 1, b = 4; 5 is alone.
    points = np.array([0.0, 1.0, 5.0])
    found = silhouette(np.abs(points[:, None] - points), np.array([0, 0, 1]))
    assert found == pytest.approx((4 / 5 + 3 / 4 + 0) / 3)


def test_symbols_have_names_and_kinds() -> None:
    vocabulary = learn("jamo", ["각 ㅋA\n\té3.♥b"], 1)
    known = dict(zip(symbol_names(vocabulary), symbol_kinds(vocabulary), strict=True))
    assert len(known) == len(vocabulary)
    assert {
        "ㄱ": "initial",
        "ㅏ": "medial",
        "-ㄱ": "final",
        "(ㅋ)": "single jamo",
        "space": "space",
        "line break": "space",
        "tab": "space",
        "A": "capital",
        "é": "vowel",
        "b": "consonant",
        "3": "digit",
        ".": "punctuation",
        "♥": "punctuation",
    }.items() <= known.items()


def test_syllables_and_bytes_have_kinds() -> None:
    vocabulary = learn("char", ["가각"], 1, unknown=True)
    assert symbol_names(vocabulary) == ["<unk>", "가", "각"]
    assert symbol_kinds(vocabulary) == ["other", "open syllable", "closed syllable"]
    of_bytes = learn("byte", [], 1)
    names, kinds = symbol_names(of_bytes), symbol_kinds(of_bytes)
    assert len(set(names)) == 256
    assert (names[0x0A], names[0x61], names[0xEA], kinds[0xEA]) == (
        "line break", "a", "ea", "first byte",
    )  # fmt: skip
    assert kinds[0x80] == "continuation byte"


def test_a_symbol_is_found_by_its_name_and_as_in_a_text() -> None:
    space = _model("각 a\n", "jamo").inspect.embeddings(symbols=["space", " ", "-ㄱ", "ㄱ", "\n"])
    names = [each.symbol.name for each in space.neighbors]
    assert names == ["space", "space", "-ㄱ", "ㄱ", "line break"]
    of_bytes = _model("a", "byte").inspect.embeddings(symbols=["\n", "a", "ea"])
    assert [each.symbol.name for each in of_bytes.neighbors] == ["line break", "a", "ea"]


def test_without_a_text_the_order_is_that_of_the_vocabulary() -> None:
    space = _model(_LETTERS).inspect.embeddings(count=4)
    assert not space.has_counts
    assert [each.name for each in space.symbols] == list("abcd")
    lines = "\n".join(space.lines())
    assert "the first 4 of 6 symbols" in lines
    assert "counts are not known" in lines
    assert json.loads(json.dumps(space.to_dict()))["symbols"][0]["count"] is None


def test_bad_arguments_are_refused() -> None:
    inspect = _model(_LETTERS).inspect
    with pytest.raises(ConfigError, match="count must be from 3 to 500; got 2"):
        inspect.embeddings(count=2)
    with pytest.raises(UnknownSymbolsError, match=r"'A' is not among the 6 symbols.*'a'"):
        inspect.embeddings(symbols=["A"])
    with pytest.raises(ConfigError, match="at least 3 symbols; the run has 2"):
        _model("ab").inspect.embeddings()


@pytest.mark.parametrize("kind", ["char", "jamo", "byte"])
def test_names_in_the_picture_do_not_overlap(kind: VocabularyKind) -> None:
    space = _model(korean(3000) + "the dog, THE CAT\n\t12", kind).inspect.embeddings()
    figure = space.plot()
    canvas = importlib.import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        canvas.draw()
    texts = [text for axes in figure.get_axes() for text in axes.texts if text.get_gid() == "label"]
    assert len(texts) > 0.8 * len(space.symbols)
    boxes = np.array([each.get_window_extent().extents for each in texts])
    low, high = boxes[:, :2] + 0.5, boxes[:, 2:] - 0.5
    hits = np.asarray(((low[:, None] < high) & (high[:, None] > low)).all(axis=2))
    np.fill_diagonal(hits, val=False)
    assert [(texts[a].get_text(), texts[b].get_text()) for a, b in np.argwhere(hits)] == []
