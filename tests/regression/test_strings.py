"""Strings of every kind, through every vocabulary and through files: the same again, or one error.

The characters are of all planes: combining marks, jamo, private use, noncharacters, controls,
bidirectional controls, NUL, every line end, and surrogates, which a text may hold as the escapes of
bytes.
"""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest

from nextchar.config import SymbolKind, TextConfig
from nextchar.errors import CharacterError, TextError
from nextchar.text.reading import open_text
from nextchar.text.vocabulary import from_dict, learn

BATCH = 500
KINDS: tuple[SymbolKind, ...] = ("char", "byte", "jamo", "word")
CHARACTERS = {
    "letters": [*map(chr, range(0x20, 0x7F)), *"éßİıſÅΩЖאعक가힣あ漢"],
    "controls": [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\0"],
    "ends": ["\r", "\n", "\r\n", "\n\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"],
    "combining": [*map(chr, range(0x300, 0x370)), "\u20dd", "\u3099", "\U000e0100", "\ufe0f"],
    "jamo": [*map(chr, range(0x1100, 0x1200)), *map(chr, range(0xA960, 0xA97D)), "가", "힣", "갃"],
    "compatibility": [*map(chr, range(0x3131, 0x318F)), "ﬁ", "Ａ", "㎏", "①"],
    "bidirectional": ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2069", "א"],
    "invisible": ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u115f", "\u3164"],
    "private": ["\ue000", "\uf8ff", "\U000f0000", "\U0010fffd"],
    "noncharacters": [*map(chr, range(0xFDD0, 0xFDF0)), "\ufffe", "\uffff", "\U0001fffe"],
    "astral": ["😀", "👩\u200d🔬", "🇰🇷", "\U00010000", "\U0010ffff", "\U000e0001", "𝔸", "𒀀"],
    "replacement": ["\ufffd", "<unk>", "\\x00", "\\n", "\x1a"],
}
ESCAPES = [*map(chr, range(0xDC80, 0xDD00))]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udc7f", "\udfff"]


def string(draw: random.Random) -> str:
    """Make up a string of one kind of characters, of several, or of any code points."""
    length = draw.choice([1, 1, 2, 3, 5, 8, 20, 60])
    if draw.random() < 0.2:
        codes = (draw.randrange(0x110000) for _ in range(length))
        return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000) or "a"
    kinds = draw.sample([*CHARACTERS.values()], draw.randint(1, 4))
    return "".join(draw.choice(draw.choice(kinds)) for _ in range(length))


def require_same(texts: list[str], kind: SymbolKind) -> None:
    """Require that a vocabulary, also after it was saved, gives texts back, whole and in parts."""
    vocabulary = learn(kind, [f"{text}\n" for text in texts], 1)
    again = from_dict(vocabulary.to_dict())
    assert all(each.isprintable() for each in vocabulary.symbols)
    decoder = again.decoder()
    for text in texts:
        ids = vocabulary.encode(text)
        assert vocabulary.decode(ids) == text
        assert again.encode(text).tolist() == ids.tolist()
        assert "".join([*(decoder.feed([each]) for each in ids), decoder.flush()]) == text
        cut = len(text) // 2
        if kind != "word":  # A word that is cut is two.
            parts = [*again.encode(text[:cut]), *again.encode(text[cut:])]
            assert [*map(int, parts)] == ids.tolist()


def require_strings(count: int, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(0, count, BATCH):
        texts = [string(draw) for _ in range(BATCH)]
        for kind in KINDS:
            require_same(texts, kind)


def test_strings_pass_every_vocabulary() -> None:
    require_strings(2000, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_hundred_thousand_strings_pass_every_vocabulary(seed: int) -> None:
    require_strings(10_000, seed)


def test_bytes_that_are_not_utf8_pass_a_byte_vocabulary_and_no_other() -> None:
    draw = random.Random(0)
    vocabulary = learn("byte", ["any"], 1)
    for _ in range(1000):
        data = draw.randbytes(draw.randint(1, 20))
        text = data.decode("utf-8", "surrogateescape")
        assert bytes(vocabulary.encode(text).tolist()) == data
        if text.isascii() or not set(text) & set(ESCAPES):
            continue
        for kind in KINDS:
            if kind != "byte":
                with pytest.raises(CharacterError, match=r"^lone surrogate U\+DC[8-F]. at line "):
                    learn(kind, [text], 1).encode(text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_surrogate_alone_is_one_clear_error(kind: SymbolKind) -> None:
    vocabulary = learn(kind, ["some text, in a line\n"], 1, unknown=kind != "byte")
    for surrogate in SURROGATES:
        for text in (surrogate, f"some\n{surrogate}", f"{surrogate}\ud83d", f"a{surrogate}a" * 9):
            for treatment in ("error", "skip", "replace"):
                with pytest.raises(CharacterError) as caught:
                    vocabulary.encode(text, unknown=treatment)
                assert f"lone surrogate U+{ord(surrogate):04X} at line " in str(caught.value)
                assert "\n" not in str(caught.value)


def test_an_unknown_symbol_is_told_and_nothing_else_is_lost() -> None:
    draw = random.Random(1)
    for kind in ("char", "jamo", "word"):
        vocabulary = learn(kind, ["known"], 1, unknown=True)
        for _ in range(300):
            text = string(draw)
            if all(map(vocabulary.knows, text)):
                continue
            with pytest.raises(TextError) as caught:
                vocabulary.encode(text)
            assert str(caught.value).splitlines() == [str(caught.value)]
            assert "the first at line " in str(caught.value)
            assert 'unknown="skip"' in str(caught.value)
            assert len(vocabulary.encode(text, unknown="replace")) >= 1


def require_files(count: int, seed: int, folder: Path) -> None:
    """Require that files give their strings back, in every encoding of Unicode."""
    draw = random.Random(seed)
    encodings = ["utf-8", "utf-16", "utf-32", "utf-16-le", "utf-32-be", "utf-8-sig", "gb18030"]
    path = folder / "text"
    for _ in range(count):
        text = "a" + string(draw)  # never a byte order mark
        encoding = draw.choice(encodings)
        path.write_bytes(text.encode(encoding))
        normal = draw.random() < 0.5
        config = TextConfig(encoding=encoding, normalization="nfc" if normal else "none")
        with open_text([path], config) as source:
            read = "".join(source.chunks())
        assert read == (unicodedata.normalize("NFC", text) if normal else text)


def test_strings_pass_files(tmp_path: Path) -> None:
    require_files(500, 0, tmp_path)


@pytest.mark.slow
def test_many_strings_pass_files(tmp_path: Path) -> None:
    require_files(20_000, 1, tmp_path)
