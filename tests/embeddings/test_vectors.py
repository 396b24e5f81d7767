"""Vectors of symbols: nearest ones, analogies, the folder, and the format of word2vec."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config.embeddings import EmbeddingConfig
from nextchar.embeddings import SymbolVectors
from nextchar.embeddings.plots import embedding_map
from nextchar.embeddings.word2vec import escape_symbol, unescape_symbol, word2vec_text
from nextchar.errors import ConfigError, InputError, RunError, UnknownSymbolsError
from nextchar.rendering.projection import principal_components
from nextchar.text.vocabulary import JamoVocabulary, Vocabulary, WordVocabulary, learn
from nextchar.training.checkpoint import load_tensors, save_tensors

WORDS = ["man", "woman", "king", "queen", "apple", "\n", "Rare"]


def made(vocabulary: Vocabulary, vectors: Any, counts: list[int]) -> SymbolVectors:
    array = np.asarray(vectors, np.float32)
    config = EmbeddingConfig.from_dict({"vocabulary": vocabulary.kind, "size": array.shape[1]})
    return SymbolVectors(
        vocabulary=vocabulary,
        vectors=array,
        counts=np.asarray(counts),
        config=config,
        sources=("text.txt",),
    )


@pytest.fixture
def vectors() -> SymbolVectors:
    """Sex is the first number, rank the second, fruit the third; <unk> is near the king."""
    rows = [[1, 1, 0], [1, 0, 0], [-1, 0, 0], [1, 1, 0], [-1, 1, 0], [0, 0, 3], [0] * 3, [1, 2, 0]]
    return made(WordVocabulary(WORDS, unknown=True), rows, [9, 8, 7, 6, 5, 4, 0, 1])


def test_the_nearest_are_those_of_the_smallest_angle(vectors: SymbolVectors) -> None:
    found = vectors.nearest("king")
    assert [each.symbol for each in found] == ["Rare", "man", "queen", "apple", "woman"]
    cosines = [3 / np.sqrt(10), 1 / np.sqrt(2), 0, 0, -1 / np.sqrt(2)]
    assert [each.cosine for each in found] == pytest.approx(cosines, abs=1e-6)
    assert [each.count for each in found] == [1, 8, 5, 4, 7]
    assert vectors.nearest("king", 2) == found[:2]


def test_an_analogy_is_found_by_the_difference(vectors: SymbolVectors) -> None:
    assert vectors.analogy("man", "woman", "king", 1)[0].symbol == "queen"
    assert vectors.analogy("man", "king", "woman", 1)[0].symbol == "queen"


@pytest.mark.parametrize(
    ("symbol", "hint"),
    [("KING", "did you mean 'king'"), ("aple", "did you mean 'apple'"), ("rare", "mean 'Rare'"),
     ("\n", "not among the 7 symbols"), ("\\n", "not among"), ("zzz", "in the training text$")],
)  # fmt: skip
def test_a_symbol_without_a_vector_is_refused_and_the_nearest_named(
    symbol: str, hint: str, vectors: SymbolVectors
) -> None:
    with pytest.raises(UnknownSymbolsError, match=hint):
        vectors.nearest(symbol)


def test_a_letter_of_the_keyboard_leads_to_that_of_a_syllable(vectors: SymbolVectors) -> None:
    jamo = learn("jamo", ["가"], 1)
    assert isinstance(jamo, JamoVocabulary)
    letters = made(jamo, np.ones((len(jamo), 2)), [1] * len(jamo))
    with pytest.raises(UnknownSymbolsError, match="did you mean 'ᄀ'"):
        letters.number("ㄱ")
    assert letters.number("ᆨ") != letters.number("ᄀ")
    with pytest.raises(ConfigError, match="count must be at least 1; got 0"):
        vectors.nearest("king", 0)


def test_a_folder_gives_back_what_was_saved_and_is_not_overwritten(
    vectors: SymbolVectors, tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "vectors"
    vectors.save(folder)
    again = SymbolVectors.load(folder)
    assert np.array_equal(again.vectors, vectors.vectors)
    assert again.counts.tolist() == vectors.counts.tolist()
    assert again.vocabulary == vectors.vocabulary
    assert (again.config, again.sources) == (vectors.config, ("text.txt",))
    with pytest.raises(RunError, match="exists already and is not overwritten"):
        vectors.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "embeddings.json",
        "vectors.safetensors",
        "vocabulary.json",
    ]


def damage_tensors(folder: Path) -> None:
    tensors, _ = load_tensors(folder / "vectors.safetensors")
    tensors["vectors"] = torch.zeros(2, 3)
    save_tensors(folder / "vectors.safetensors", tensors, {})


def damage_header(folder: Path, **values: Any) -> None:
    path = folder / "embeddings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda f: (f / "vectors.safetensors").unlink(), "vectors.safetensors is missing"),
        (lambda f: (f / "vectors.safetensors").write_bytes(b"x" * 99), "is damaged"),
        (damage_tensors, r"must have vectors \[8, 3\] and counts \[8\], got .*vectors \[2, 3\]"),
        (lambda f: (f / "vocabulary.json").unlink(), "cannot read"),
        (lambda f: (f / "vocabulary.json").write_text("{}"), "kind must be"),
        (lambda f: (f / "embeddings.json").unlink(), "has no embeddings.json"),
        (lambda f: (f / "embeddings.json").write_text("["), "not JSON"),
        (lambda f: damage_header(f, format_version=2), "has format 2, but this version"),
        (lambda f: damage_header(f, format_version="1"), "damaged: format_version"),
        (lambda f: damage_header(f, config={"size": -1}), "size must be at least 1"),
        (lambda f: damage_header(f, config=3), "damaged"),
        (lambda f: damage_header(f, sources=None), "damaged"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(
    damage: Any, problem: str, vectors: SymbolVectors, tmp_path: Path
) -> None:
    vectors.save(tmp_path / "vectors")
    damage(tmp_path / "vectors")
    with pytest.raises(RunError, match=problem) as raised:
        SymbolVectors.load(tmp_path / "vectors")
    assert "\n" not in str(raised.value)


def test_what_is_no_folder_of_vectors_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist: vectors are a folder made by"):
        SymbolVectors.load(tmp_path / "gone")


@given(st.text(st.sampled_from("\\nxuU0 </s>\u3000\x85\n\t") | st.characters(codec="utf-8")))
def test_an_escaped_symbol_is_one_word_and_comes_back(symbol: str) -> None:
    name = escape_symbol(symbol)
    assert unescape_symbol(name) == symbol
    assert len(name.split()) == bool(symbol)
    assert name.isprintable()
    assert name != "</s>"


@pytest.mark.parametrize(
    ("symbol", "name"),
    [("a", "a"), (" ", r"\x20"), ("\n", r"\n"), ("\\", r"\\"), ("</s>", r"\x3c/s>"),
     ("\u3000", r"\u3000"), ("literal ᄀ", r"literal\x20ᄀ"), ("가", "가"), ("<unk>", "<unk>")],
)  # fmt: skip
def test_the_escapes_are_those_of_the_documentation(symbol: str, name: str) -> None:
    assert escape_symbol(symbol) == name


def test_the_format_is_that_of_word2vec() -> None:
    written = word2vec_text([" ", "가"], np.array([[1, -0.1], [1e-9, 3]], np.float32))
    assert written == "2 2\n\\x20 1.0 -0.1\n가 1e-09 3.0\n".encode()


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
@pytest.mark.parametrize("kind", ["char", "byte", "jamo", "word"])
def test_gensim_reads_what_was_exported(kind: Any, name: str, tmp_path: Path) -> None:
    models = pytest.importorskip("gensim.models")
    vocabulary = learn(kind, ["a 가\n\\ \u3000ᄀ\tb\x85\u2028\x00é", "<\\/s>"], 1)
    draw = np.random.default_rng(1)
    counts = [int(n % 5 > 0) * (n + 1) for n in range(len(vocabulary))]
    vectors = made(vocabulary, draw.normal(size=(len(vocabulary), 4)), counts)
    count = vectors.export(tmp_path / name)
    read = models.KeyedVectors.load_word2vec_format(str(tmp_path / name))
    assert count == len(read) == sum(number > 0 for number in counts)
    for key in read.index_to_key:
        number = vocabulary.keys.index(unescape_symbol(key))
        assert np.array_equal(read[key], vectors.vectors[number])
    assert unescape_symbol(read.index_to_key[0]) == vocabulary.keys[int(np.argmax(counts))]
    with pytest.raises(RunError, match="exists already"):
        vectors.export(tmp_path / name)


@given(st.integers(3, 9), st.integers(1, 5), st.integers(0, 99))
def test_principal_components_keep_the_most_of_the_variance(n: int, size: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(n, size)).astype(np.float32)
    places, shares = principal_components(vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    variances = np.sort(np.linalg.eigvalsh(np.atleast_2d(np.cov(unit.T))))[::-1][:2]
    assert places.shape == (n, 2)
    assert np.allclose(places.var(axis=0, ddof=1)[: len(variances)], variances, atol=1e-5)
    assert 0 <= shares.sum() <= 1 + 1e-6
    assert np.array_equal(places, principal_components(vectors)[0])


def test_a_map_is_drawn_also_of_symbols_that_are_no_letters(tmp_path: Path) -> None:
    vocabulary = learn("char", ["$a_^{ 가\n\\\U00013000"], 1)
    draw = np.random.default_rng(1)
    vectors = made(vocabulary, draw.normal(size=(len(vocabulary), 4)), [1] * len(vocabulary))
    assert embedding_map(vectors, "png").startswith(b"\x89PNG")
    with pytest.raises(InputError, match="at least 3 symbols, got 2"):
        embedding_map(vectors, "png", 2)
