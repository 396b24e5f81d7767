"""The compiled choice is the one of the pure functions, with every filter and at every edge."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.generation.compiled.sampling import NOT_A_NUMBER, choose_each, make_chooser
from nextchar.generation.sampling import Sampling, argmax, filtered_logits

# Whole numbers make ties; the others differ by more than rounding can undo.
scores = st.integers(-5, 5).map(float) | st.integers(-500, 500).map(lambda n: n / 7)
filters = st.builds(
    Sampling,
    temperature=st.sampled_from([1e-30, 1e-3, 0.5, 1.0, 1.0, 2.5, 1e6]),
    top_k=st.integers(0, 14),
    top_p=st.floats(0.05, 1) | st.just(1.0),
    min_p=st.floats(0, 0.9) | st.just(0.0),
    repetition_penalty=st.floats(0.5, 2) | st.just(1.0),
    repetition_window=st.integers(1, 6),
)


def choose(
    logits: torch.Tensor, sampling: Sampling, recent: torch.Tensor, uniforms: list[float],
    masked: list[int],
) -> list[int]:  # fmt: skip
    chooser = make_chooser(sampling, logits.shape[1], recent.numpy())
    chooser.masked[masked] = True
    symbols = np.empty(len(uniforms), np.int64)
    choose_each(logits.numpy(), chooser, np.array(uniforms), symbols)
    written: list[int] = symbols.tolist()
    return written


@settings(max_examples=400)
@given(st.lists(scores, min_size=1, max_size=12), filters, st.data())
def test_the_choice_is_that_of_the_pure_functions(
    row: list[float], sampling: Sampling, data: st.DataObject
) -> None:
    V = len(row)
    masked = data.draw(st.lists(st.integers(0, V - 1), max_size=V - 1, unique=True))
    recent = torch.tensor([data.draw(st.lists(st.integers(0, V - 1), min_size=1, max_size=9))])
    uniform = data.draw(st.floats(0, 1, exclude_max=True))
    logits = torch.tensor([row])
    (chosen,) = choose(logits, sampling, recent, [uniform], masked)

    logits[0, masked] = -math.inf
    shares = filtered_logits(logits, sampling, recent).double().softmax(-1)[0]
    cumulative = shares.cumsum(0)
    assert chosen not in masked
    assert shares[chosen] > 0 or uniform < 1e-9
    # The uniform number lies on the symbol's part of the distribution, up to rounding.
    assert cumulative[chosen] >= uniform - 1e-6
    assert cumulative[chosen] - shares[chosen] <= uniform + 1e-6


@given(st.lists(scores, min_size=1, max_size=12), st.data())
def test_argmax_is_that_of_the_pure_functions(row: list[float], data: st.DataObject) -> None:
    recent = torch.tensor([data.draw(st.lists(st.integers(0, len(row) - 1), max_size=9))])
    sampling = Sampling(temperature=0, repetition_penalty=1.7, repetition_window=3)
    logits = torch.tensor([row])
    chosen = choose(logits, sampling, recent.long(), [0.3], [])
    assert chosen == argmax(filtered_logits(logits, sampling, recent.long())).tolist()


def test_the_window_of_the_penalty_moves_with_what_is_chosen() -> None:
    sampling = Sampling(temperature=0, repetition_penalty=100.0, repetition_window=2)
    chooser = make_chooser(sampling, 3, np.array([[2, 2, 1]]))
    symbols = np.empty(1, np.int64)
    written = []
    for _ in range(6):
        choose_each(np.array([[0.3, 0.2, 0.1]], np.float32), chooser, np.zeros(1), symbols)
        written.append(int(symbols[0]))
    assert written == [0, 2, 1, 0, 2, 1]


def test_samples_are_chosen_each_by_its_own_row_number_and_window() -> None:
    sampling = Sampling(top_k=3, repetition_penalty=1.5)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 9, generator=generator)
    recent = torch.randint(9, (5, 4), generator=generator)
    uniforms = [0.1, 0.9, 0.5, 0.3, 0.7]
    together = choose(logits, sampling, recent, uniforms, [4])
    alone = [
        choose(logits[[row]], sampling, recent[[row]], [uniforms[row]], [4])[0] for row in range(5)
    ]
    assert together == alone


def test_what_is_no_number_is_told() -> None:
    recent = torch.zeros(1, 1, dtype=torch.long)
    for row in ([0.0, math.nan], [math.inf, 0.0], [-math.inf, -math.inf]):
        for sampling in (Sampling(), Sampling(temperature=0), Sampling(top_k=1, min_p=0.5)):
            assert choose(torch.tensor([row]), sampling, recent, [0.5], []) == [NOT_A_NUMBER]
