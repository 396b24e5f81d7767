"""Compressed files whose checksum is right and whose content is not: one error, little memory."""

from __future__ import annotations

import random
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextchar.compression import compress, decompress, lossless
from nextchar.compression.coding import fingerprint
from nextchar.compression.container import OVERHEAD_BYTES, Header, join, split
from nextchar.config import Config
from nextchar.errors import TextError
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary
from tests.conftest import Run, english

MOST_SECONDS, MOST_BYTES = 5, 64 << 20
DATA = english(400).encode()
Change = Callable[[Header, bytes], tuple[Header, bytes]]


def model(vocabulary: Vocabulary) -> LanguageModel:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4})
    return LanguageModel.create(config, vocabulary)


MODEL = model(ByteVocabulary())


@pytest.fixture(scope="module")
def compressed() -> bytes:
    return compress(MODEL, DATA)


def header(**values: int | bytes) -> Change:
    return lambda head, words: (head._replace(**values), words)  # type: ignore[arg-type]


def body(change: Callable[[bytes], bytes]) -> Change:
    return lambda head, words: (head, change(words))


def both(*changes: Change) -> Change:
    def changed(head: Header, words: bytes) -> tuple[Header, bytes]:
        for change in changes:
            head, words = change(head, words)
        return head, words

    return changed


CHANGES: dict[str, Change] = {
    "no streams": header(streams=0),
    "more streams": header(streams=2),
    "most streams": header(streams=65535),
    "no symbols": header(symbols=0),
    "a symbol less": header(symbols=len(DATA) - 1),
    "a symbol more": header(symbols=len(DATA) + 1),
    "all streams of more symbols": header(symbols=10**7, streams=16),
    "2**31 symbols": header(symbols=2**31, streams=16),
    "2**63 symbols": header(symbols=2**63, streams=16),
    "2**64 - 1 symbols": header(symbols=2**64 - 1, streams=16),
    "another model": header(model=bytes(8)),
    "other numbers": header(numbers=bytes(8)),
    "other content": header(content=bytes(16)),
    "no words": body(lambda _words: b""),
    "a word less": body(lambda words: words[:-4]),
    "a word less in front": body(lambda words: words[4:]),
    "half a word": body(lambda words: words[:-2]),
    "a byte more": body(lambda words: words + b"\0"),
    "a word of zeros more": body(lambda words: words + bytes(4)),
    "a word of ones more": body(lambda words: words + b"\xff" * 4),
    "many words more": body(lambda words: words + bytes(1 << 20)),
    "words of zeros": body(lambda words: bytes(len(words))),
    "words of ones": body(lambda words: b"\xff" * len(words)),
    "words and no symbols": both(header(symbols=0), body(lambda _words: bytes(8))),
    "a word and no symbols": both(
        header(symbols=0, content=lossless._content_digest(b"")), body(lambda _words: bytes(4))
    ),
    "no words and many symbols": both(
        header(symbols=10**6, streams=16), body(lambda _words: b"")
    ),
}  # fmt: skip


@pytest.fixture
def bounded() -> Iterator[None]:
    tracemalloc.start()
    began = time.monotonic()
    yield
    seconds, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < MOST_SECONDS
    assert peak < MOST_BYTES


def refuse(made: LanguageModel, data: bytes) -> None:
    with pytest.raises(TextError) as caught:
        decompress(made, data)
    assert "\n" not in caught.value.for_command_line
    assert len(caught.value.for_command_line) < 300


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.usefixtures("bounded")
def test_a_signed_file_with_a_changed_part_is_refused(compressed: bytes, change: Change) -> None:
    head, words = split(compressed)
    refuse(MODEL, join(*change(head, bytes(words))))


def test_a_file_as_written_is_read(compressed: bytes) -> None:
    head, words = split(compressed)
    assert decompress(MODEL, join(head, bytes(words))) == DATA


@pytest.mark.parametrize("symbols", [1, 10**6, 2**63])
@pytest.mark.usefixtures("bounded")
def test_a_symbol_that_the_vocabulary_lacks_is_refused(symbols: int) -> None:
    one = model(CharVocabulary(["x"]))
    head, words = split(compress(one, b"x" * 1000))
    claimed = head._replace(symbols=symbols, streams=lossless._streams_for(symbols))
    fitting = claimed._replace(numbers=fingerprint(lossless._predictor(one, claimed.streams)))
    refuse(one, join(fitting, b"\xff" * max(4, len(words))))


@pytest.mark.usefixtures("bounded")
def test_symbols_that_no_coder_puts_in_so_few_words_are_counted_first(compressed: bytes) -> None:
    head, words = split(compressed)
    claimed = head._replace(symbols=2**40, streams=16)
    fitting = claimed._replace(numbers=fingerprint(lossless._predictor(MODEL, 16)))
    with pytest.raises(TextError, match=r"1,099,511,627,776 symbols.*encode at most"):
        decompress(MODEL, join(fitting, bytes(words)))


@pytest.mark.usefixtures("bounded")
def test_decoding_ends_where_the_words_do(compressed: bytes) -> None:
    head, words = split(compressed)
    claimed = head._replace(symbols=10**8, streams=16)
    fitting = claimed._replace(numbers=fingerprint(lossless._predictor(MODEL, 16)))
    with pytest.raises(TextError, match=r"decoding failed 99,9\d\d,\d\d\d symbols before the end"):
        decompress(MODEL, join(fitting, bytes(words)))


def test_very_probable_symbols_share_a_word_and_come_back() -> None:
    one = model(CharVocabulary(["x"]))
    data = b"x" * 200_000
    file = compress(one, data)
    assert len(file) <= OVERHEAD_BYTES + 8
    assert decompress(one, file) == data


def _mutated(data: bytes, draw: random.Random) -> bytes:
    """Return a signed file with a random change of the header, the words or both."""
    head, words = split(data)
    changed = bytearray(words)
    values: list[Any] = list(head)
    for _ in range(draw.randint(1, 3)):
        kind = draw.randrange(7)
        if kind == 0:
            values[1] = draw.choice([0, 1, 2, 16, 17, 255, draw.randrange(1 << 16)])
        elif kind == 1:
            near = len(DATA) + draw.randint(-20, 20)
            values[2] = draw.choice([near, 1 << draw.randrange(64), draw.randrange(1 << 64)])
            values[1] = draw.choice([values[1], lossless._streams_for(values[2])])
        elif kind == 2:
            place = draw.randrange(3, 6)
            values[place] = draw.randbytes(len(head[place]))  # type: ignore[arg-type]
        elif kind == 6:
            values[0] = draw.choice(["none", "fixed", "adaptive"])
        elif kind == 3 and changed:
            for _ in range(draw.choice([1, 4, 64])):
                changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        elif kind == 4:
            del changed[draw.randrange(len(changed) + 1) :]
        else:
            changed += draw.randbytes(draw.choice([1, 2, 4, 8, 400]))
    return join(Header(*values), bytes(changed))


def _fuzz(data: bytes, seed: int, count: int, patch: pytest.MonkeyPatch) -> None:
    # Without this check nearly every change is refused before the decoder reads a word.
    patch.setattr(lossless, "fingerprint", lambda _predictor: split(data)[0].numbers)
    draw = random.Random(seed)
    for _ in range(count):
        file = _mutated(data, draw)
        if file != data:
            began = time.monotonic()
            refuse(MODEL, file)
            assert time.monotonic() - began < MOST_SECONDS


def test_five_hundred_signed_mutations_are_refused(
    compressed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fuzz(compressed, 1, 500, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_more_signed_mutations_are_refused(
    compressed: bytes, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fuzz(compressed, seed, 1000, monkeypatch)


@pytest.mark.parametrize("name", ["no streams", "most streams", "a word of zeros more"])
def test_the_command_refuses_in_one_line(
    nextchar: Run, finished: Path, tmp_path: Path, name: str
) -> None:
    trained = LanguageModel.load(finished)
    head, words = split(compress(trained, DATA))
    (tmp_path / "hostile.nxc").write_bytes(join(*CHANGES[name](head, bytes(words))))
    problem = nextchar(
        "decompress", finished, tmp_path / "hostile.nxc", tmp_path / "back.txt"
    ).problem(2)
    assert re.search(r"hostile\.nxc: .*damaged", problem)
    assert not (tmp_path / "back.txt").exists()


def test_words_are_read_without_a_copy(compressed: bytes) -> None:
    _, words = split(compressed)
    assert np.shares_memory(np.frombuffer(words, np.uint8), np.frombuffer(compressed, np.uint8))
