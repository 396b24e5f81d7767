"""Texts between their boundaries, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config.condition import ConditionRunConfig
from nextchar.tasks.conditioning.data import prepare
from nextchar.tasks.conditioning.items import Items
from nextchar.tasks.conditioning.symbols import LINE_BREAK, SEPARATOR, TextCodec, boundary_of
from tests.tasks.conditioning.items import untrained

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters=[SEPARATOR])
TEXTS = st.lists(
    st.text(CHARACTERS, min_size=1, max_size=8).filter(str.strip), min_size=2, max_size=6
)


@pytest.mark.parametrize("vocabulary", ["char", "jamo", "byte"])
@settings(max_examples=25)
@given(texts=TEXTS)
def test_any_texts_come_back_from_between_their_boundaries(
    vocabulary: str, texts: list[str]
) -> None:
    items = Items.of(texts, features=np.arange(len(texts))[:, None])
    config = ConditionRunConfig.from_options({"vocabulary": vocabulary, "validation_fraction": 0})
    symbols = prepare(items, config).model.symbols
    edge = symbols.boundary
    assert edge == (SEPARATOR if "\n" in "".join(texts) else LINE_BREAK)
    encoded = symbols.encoded(texts)
    decoded = [symbols.vocabulary.decode(encoded[number]) for number in range(len(texts))]
    assert decoded == [f"{edge}{text}{edge}" for text in texts]
    assert symbols.characters(encoded).tolist() == [len(text) + 1 for text in texts]


def test_a_line_break_in_one_text_moves_the_boundary_of_all() -> None:
    assert boundary_of(Items.of(["a", "b"], labels="xy")) == LINE_BREAK
    assert boundary_of(Items.of(["a", "b\nc"], labels="xy")) == SEPARATOR


def test_symbols_are_saved_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    symbols = untrained(Items.of(["a", "b\nc"], labels="xy")).symbols
    symbols.save(folder)
    assert TextCodec.load(folder) == symbols
