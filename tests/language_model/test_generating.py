"""Where a text ends: lengths, stops and lines, in pieces of any size and every vocabulary."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config
from nextchar.errors import ConfigError
from nextchar.generation.automaton import ENDED
from nextchar.generation.engine import TextGenerator
from nextchar.generation.prompts import start_of
from nextchar.language_model.generating import Ending, write_texts
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import learn

TEXT = "가각 나낙닭\nab cab\n값 다"
SAMPLE = "ab가각ab\n값 cab나ab\n닭ab"


class Recited(TextGenerator):
    """Writes given symbols, as a network would, and nothing after them but the first again."""

    def __init__(self, symbols: list[int]) -> None:
        self._symbols = iter(symbols)
        self.asked = 0

    def write(self, count: int) -> Any:
        self.asked += count
        return np.array([[next(self._symbols, ENDED)] for _ in range(count)])


def recite(kind: str, ending: Ending, sample: str = SAMPLE, prompt: str = "") -> tuple[str, int]:
    vocabulary = learn(kind, [TEXT], 1)  # type: ignore[arg-type]
    writer = Recited(vocabulary.encode(sample).tolist())
    shown = start_of(vocabulary, prompt, "error").shown
    pieces = list(write_texts(writer, vocabulary, shown, ending, 1))
    return "".join(piece for (piece,) in pieces), writer.asked


KINDS = st.sampled_from(["char", "jamo", "byte"])


def ended(text: str, ending: Ending) -> str:
    """Say where a text ends, looking at all of it."""
    text = text if ending.length is None else text[: ending.length]
    ends = [(at + len(stop), at) for stop in ending.stop if (at := text.find(stop)) >= 0]
    breaks = [place + 1 for place, character in enumerate(text) if character == "\n"]
    if 0 < ending.lines <= len(breaks):
        ends.append((breaks[ending.lines - 1],) * 2)
    return text[: min(ends)[1]] if ends else text


@given(
    KINDS,
    st.one_of(st.none(), st.integers(0, 25)),
    st.lists(st.sampled_from(["ab", "b가", "각a", "\n값", "ab\n닭", "x", "가각ab"]), max_size=2),
    st.integers(0, 3),
    st.sampled_from(["", "ab", "닭"]),
)
def test_a_text_ends_where_all_of_it_would(
    kind: str, length: int | None, stop: list[str], lines: int, prompt: str
) -> None:
    ending = Ending(length=length, stop=tuple(stop), lines=lines)
    text, _ = recite(kind, ending, prompt=prompt)
    assert text == prompt + ended(SAMPLE, ending)


def test_no_more_is_written_than_is_needed() -> None:
    _, asked = recite("char", Ending(length=1000, lines=1), sample="ab\n" * 400)
    assert asked <= 7  # 1, 2 and 4 symbols at once
    _, asked = recite("char", Ending(length=5))
    assert asked == 5


@pytest.mark.parametrize("kind", ["char", "jamo", "byte"])
def test_stops_of_a_model_hold_streamed_and_in_batches(kind: str) -> None:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4})
    made = LanguageModel.create(config, learn(kind, [TEXT], 1))  # type: ignore[arg-type]
    free = made.generate_batch("닭", samples=4, length=60, seed=1)
    stops = [free[0][20:22], "a"]
    together = made.generate_batch("닭", samples=4, length=60, seed=1, stop=stops)
    for text, whole in zip(together, free, strict=True):
        assert text == "닭" + ended(whole[1:], Ending(stop=tuple(stops)))
    assert together[2] == "".join(made.stream("닭", length=60, seed=3, stop=stops))


def test_a_text_without_end_flows_in_constant_memory() -> None:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4})
    made = LanguageModel.create(config, learn("char", [TEXT], 1))
    pieces = made.stream(length=None, seed=1, engine="compiled")
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        written = sum(map(len, itertools.islice(pieces, 60)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert written > 1000
    assert peaks[1] < peaks[0] + 200_000


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"length": -1}, "length must be at least 0; got -1"),
        ({"lines": -1}, "lines must be at least 0"),
        ({"stop": ("a", "")}, "at least one character"),
    ],
)
def test_an_ending_that_cannot_be_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Ending(**options)


def test_what_has_no_end_is_not_written_at_once() -> None:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4})
    made = LanguageModel.create(config, learn("char", [TEXT], 1))
    with pytest.raises(ConfigError, match="length must be an integer; got None"):
        made.generate(length=None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="can only be streamed"):
        made.generate_batch(samples=2, length=None, stop="\n")


def test_a_prompt_of_bytes_that_are_no_text_changes_neither_length_nor_stops() -> None:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4})
    made = LanguageModel.create(config, learn("byte", [TEXT], 1))
    prompt = "\udc80" * 3
    text = made.generate(prompt, length=50, seed=1)
    assert len(text) == 53
    stopped = made.generate(prompt, length=50, seed=1, stop=text[20:22])
    assert stopped == text[: text.index(text[20:22], 3)]
