"""Compression as a whole: what comes back, how large it is, and when nothing may come back."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.compression import compress, decompress, lossless, predictor
from nextchar.compression.container import OVERHEAD_BYTES
from nextchar.config import Config, ExpertUse, NetworkConfig, VocabularyKind
from nextchar.errors import ConfigError, NextcharError, TextError
from nextchar.generation.compiled.packing import pack
from nextchar.generation.compiled.step import Weights
from nextchar.language_model.model import LanguageModel
from nextchar.nn.network import Network
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary, learn
from tests.conftest import english, korean

KINDS: tuple[VocabularyKind, ...] = ("char", "byte", "jamo")
CELLS = ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"]
ALPHABET = "가각힣한ㄱㅏᄀ각 a\r\n\0é\ufeff😀"
DATA = english(700).encode()


def model(vocabulary: Vocabulary, **options: object) -> LanguageModel:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4, **options})
    return LanguageModel.create(config, vocabulary)


MODELS = {kind: model(learn(kind, [ALPHABET], 1)) for kind in KINDS}
BYTES = MODELS["byte"]


@pytest.fixture
def many_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lossless, "SYMBOLS_PER_STREAM", 40)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(text=st.text(st.sampled_from(ALPHABET)), symbols_per_stream=st.integers(1, 20))
def test_every_text_of_the_vocabulary_comes_back(
    kind: VocabularyKind, text: str, symbols_per_stream: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lossless, "SYMBOLS_PER_STREAM", symbols_per_stream)
        assert decompress(MODELS[kind], compress(MODELS[kind], text.encode())) == text.encode()


@settings(max_examples=25)
@given(st.binary(max_size=300))
def test_a_byte_model_gives_any_bytes_back(data: bytes) -> None:
    assert decompress(BYTES, compress(BYTES, data)) == data


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.usefixtures("many_streams")
def test_every_cell_gives_a_text_back(cell: str) -> None:
    made = model(ByteVocabulary(), cell=cell, layers=2)
    assert decompress(made, compress(made, DATA)) == DATA


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_is_a_header(kind: VocabularyKind) -> None:
    compressed = compress(MODELS[kind], b"")
    assert len(compressed) == OVERHEAD_BYTES <= 64
    assert decompress(MODELS[kind], compressed) == b""


def test_a_vocabulary_of_one_symbol_needs_few_bits() -> None:
    made = model(CharVocabulary(["x"]))
    compressed = compress(made, b"x" * 1000)
    assert decompress(made, compressed) == b"x" * 1000
    assert len(compressed) <= OVERHEAD_BYTES + 8


@pytest.mark.usefixtures("many_streams")
def test_streams_cost_little(finished: Path) -> None:
    trained = LanguageModel.load(finished)
    data = english(2000, seed=3).encode()
    many = compress(trained, data)
    assert decompress(trained, many) == data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lossless, "SYMBOLS_PER_STREAM", len(data))
        one = compress(trained, data)
    assert one != many
    assert len(many) <= len(one) + 16 * 3


@pytest.mark.parametrize("experts", ["none", "fixed", "learning", "adaptive"])
def test_the_size_is_what_evaluation_says(finished: Path, experts: ExpertUse) -> None:
    trained = LanguageModel.load(finished)
    text = english(5000, seed=3)
    # Every text begins as after a line break.
    measured = trained.evaluate("\n" + text, exact=True, experts=experts)
    said = measured.bits_per_char * measured.characters / 8
    size = len(compress(trained, text.encode(), experts=experts))
    assert said <= size <= 1.005 * said + 64


def test_korean_letters_take_the_bits_that_evaluation_says() -> None:
    text = korean(1500)
    made = model(learn("jamo", [text], 1))
    measured = made.evaluate("\n" + text, exact=True)
    said = measured.bits_per_char * measured.characters / 8
    assert len(compress(made, text.encode())) == pytest.approx(said + 60, abs=0.005 * said + 8)


@pytest.mark.usefixtures("many_streams")
def test_a_file_cut_off_anywhere_is_refused() -> None:
    compressed = compress(BYTES, DATA)
    for length in range(len(compressed)):
        with pytest.raises(TextError, match=r"damaged|not a file"):
            decompress(BYTES, compressed[:length])


@pytest.mark.usefixtures("many_streams")
def test_a_flipped_bit_is_refused_wherever_it_is() -> None:
    compressed = compress(BYTES, DATA)
    draw = random.Random(0)
    for _ in range(1000):
        damaged = bytearray(compressed)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        with pytest.raises(TextError, match=r"damaged|not a file"):
            decompress(BYTES, bytes(damaged))


def test_something_after_the_end_is_refused() -> None:
    with pytest.raises(TextError, match="damaged"):
        decompress(BYTES, compress(BYTES, DATA) + b"\0")


def test_another_model_is_refused() -> None:
    compressed = compress(BYTES, DATA)
    with pytest.raises(TextError, match="another model"):
        decompress(model(ByteVocabulary(), seed=7), compressed)


def test_the_same_weights_with_another_vocabulary_are_refused() -> None:
    one, other = (model(CharVocabulary(list(symbols))) for symbols in ("abc", "abd"))
    with pytest.raises(TextError, match="another model"):
        decompress(other, compress(one, b"ab"))


@pytest.fixture
def other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute as another processor would: a sum differs in its last bit."""

    def packed(network: Network) -> Weights:
        weights = pack(network)
        weights.panels.values[0, 0] = np.nextafter(weights.panels.values[0, 0], np.float32(1))
        return weights

    monkeypatch.setattr(predictor, "pack", packed)


def test_a_file_from_where_numbers_are_others_is_refused(request: pytest.FixtureRequest) -> None:
    compressed = compress(BYTES, DATA)
    request.getfixturevalue("other_numbers")
    with pytest.raises(TextError, match="predictions differ"):
        decompress(BYTES, compressed)


@pytest.mark.parametrize("scale", [1.01, 30])
def test_a_difference_that_no_fingerprint_shows_gives_no_wrong_text(
    monkeypatch: pytest.MonkeyPatch, scale: float
) -> None:
    monkeypatch.setattr(lossless, "fingerprint", lambda _predictor: bytes(8))
    compressed = compress(BYTES, DATA)

    def packed(network: Network) -> Weights:
        weights = pack(network)
        weights.panels.values[:] *= scale
        return weights

    monkeypatch.setattr(predictor, "pack", packed)
    with pytest.raises(TextError, match="predictions differ"):
        decompress(BYTES, compressed)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_no_bit(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model(ByteVocabulary(), hidden_size=160, embedding_size=96, layers=2)
    compressed = compress(made, DATA)
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert compress(made, DATA) == compressed
        assert decompress(made, compressed) == DATA
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(usual)


def test_unknown_symbols_are_named_and_a_way_out() -> None:
    made = model(CharVocabulary(["a", "b"]))
    with pytest.raises(TextError, match=r"unknown symbols 'c', 'é': .*2 symbols.*byte"):
        compress(made, "abéc".encode())
    many = "".join(map(chr, range(0xAC00, 0xAC00 + 15)))
    with pytest.raises(TextError, match="and 5 more"):
        compress(made, many.encode())


def test_bytes_that_are_no_text_need_a_byte_model() -> None:
    with pytest.raises(TextError, match=r'offset 2, .*"byte" accepts any file'):
        compress(MODELS["char"], b"a \xff")


def test_a_text_that_would_come_back_differently_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CharVocabulary, "decode", lambda _self, _ids: "a")
    with pytest.raises(TextError, match="does not restore this text exactly"):
        compress(MODELS["char"], b"a a")


def test_a_rare_symbol_is_unknown_and_not_replaced() -> None:
    made = model(learn("char", ["aab"], 2))
    assert made.vocabulary.unknown_id == 0
    assert decompress(made, compress(made, b"aaa")) == b"aaa"
    with pytest.raises(TextError, match="'b'"):
        compress(made, b"ab")


def test_a_network_that_has_diverged_compresses_nothing() -> None:
    made = model(ByteVocabulary())
    with torch.no_grad():
        made.network.head.bias[3] = torch.nan
    with pytest.raises(NextcharError, match="not finite"):
        compress(made, DATA)


def test_a_network_of_another_type_is_refused() -> None:
    made = model(ByteVocabulary())
    made.network.double()
    with pytest.raises(ConfigError, match=r"float32 network on the CPU; got torch\.float64"):
        compress(made, DATA)


@pytest.mark.parametrize("name", ["zoneout", "layer_norm", "batch_norm"])
def test_a_network_with_regularisers_inside_compresses_too(name: str) -> None:
    value = 0.1 if name == "zoneout" else True
    config = NetworkConfig.from_dict({"hidden_size": 8, "embedding_size": 8, name: value})
    made = LanguageModel.create(Config(network=config), ByteVocabulary())
    assert decompress(made, compress(made, DATA)) == DATA


def test_without_the_entropy_coder_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(NextcharError, match=r"pip install 'nextchar\[compression\]'"):
        compress(BYTES, DATA)


def test_progress_grows_to_the_whole() -> None:
    for convert in (compress, decompress):
        told: list[float] = []
        data = DATA if convert is compress else compress(BYTES, DATA)
        convert(BYTES, data, progress=told.append)
        assert told == sorted(told)
        assert told[-1] == 1
