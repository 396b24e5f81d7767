"""Folds of a text: equal pieces of characters, and a vocabulary that knows nothing of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextchar.config import TextConfig, VocabularyKind
from nextchar.errors import TextError
from nextchar.text import reading
from nextchar.text.folds import Fold, Segment, learn_vocabulary, text_folds
from nextchar.text.reading import open_text


def test_a_segment_is_read_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_BYTES", 4)
    (tmp_path / "text.txt").write_text("각나다라abcdefg", encoding="utf-8")
    with open_text([tmp_path / "text.txt"], TextConfig()) as source:
        assert len(list(source.chunks())) > 3
        for start in range(11):
            for end in range(start, 12):
                pieces = list(Segment(source, start, end).chunks())
                assert "".join(pieces) == "각나다라abcdefg"[start:end]
                assert all(pieces)


def test_a_fold_leaves_what_stands_around_it(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("abcdefghi")
    around = {1: ["defghi"], 2: ["abc", "ghi"], 3: ["abcdef"]}
    for number, expected in around.items():
        config = TextConfig(folds=3, fold=number, validation_fraction=0)
        with open_text([tmp_path / "text.txt"], config) as source:
            fold = Fold.of(source, config)
            assert ["".join(each.chunks()) for each in fold.training] == expected
            assert "".join(fold.training_chunks()) == "".join(expected)


@pytest.mark.parametrize("kind", ["char", "jamo"])
@pytest.mark.parametrize("held_out", ["abab", "xy가b"])
def test_a_vocabulary_is_the_same_whatever_the_fold_holds(
    tmp_path: Path, kind: VocabularyKind, held_out: str
) -> None:
    config = TextConfig(vocabulary=kind, folds=2, fold=2, validation_fraction=0)
    (tmp_path / "text.txt").write_text("abba" + held_out, encoding="utf-8")
    with open_text([tmp_path / "text.txt"], config) as source:
        vocabulary = learn_vocabulary(source, config)
    assert vocabulary.unknown_id == 0
    assert not vocabulary.knows("x")
    assert [each for each in vocabulary.symbols if each.isascii()] == ["<unk>", "a", "b"]


def test_a_text_is_cut_into_folds_that_can_be_measured() -> None:
    assert text_folds(7, 3) == [(0, 2), (2, 4), (4, 7)]
    with pytest.raises(TextError, match="too short for 4 folds: it has 7 characters, they need 8"):
        text_folds(7, 4)
