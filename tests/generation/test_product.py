"""The product by two threads: the same sums, whoever helps, is late or stays away."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest
import torch

from nextchar.config import NetworkConfig
from nextchar.generation.compiled import RETRY, SHORT_PIECE, SingleLoop
from nextchar.generation.engine import Writer
from nextchar.generation.product import (
    ANSWERED,
    ASKED,
    SHARED_BYTES,
    Desk,
    Rows,
    close_desk,
    help_out,
    make_desk,
    open_desk,
    product,
)
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network

N, C = 1030, 80
FIRST, COUNT = 3, 1021
SECONDS = 30


def rows() -> Rows:
    generator = np.random.default_rng(0)
    values = generator.standard_normal((N, C)).astype(np.float32)
    return Rows(values, generator.standard_normal(N).astype(np.float32))


def sums(of: Rows, desk: Desk) -> np.ndarray:
    vector, result = np.linspace(-1, 1, C, dtype=np.float32), np.ones(COUNT, np.float32)
    assert product(of, desk, FIRST, vector, result) == FIRST + COUNT
    return result


def test_a_product_adds_what_rows_scales_and_vector_give() -> None:
    some = rows()
    expected = 1 + (some.values @ np.linspace(-1, 1, C, dtype=np.float32)) * some.scales
    assert np.allclose(sums(some, make_desk(some)), expected[FIRST : FIRST + COUNT], atol=1e-4)
    assert some.values[:COUNT].nbytes >= SHARED_BYTES


def test_a_helper_changes_no_bit() -> None:
    some = rows()
    alone, desk = sums(some, make_desk(some)), make_desk(some)
    open_desk(desk)
    helper = Thread(target=help_out, args=(some, desk))
    helper.start()
    try:
        assert all(np.array_equal(sums(some, desk), alone) for _ in range(300))
    finally:
        close_desk(desk)
        helper.join(SECONDS)
    assert not helper.is_alive()
    assert np.array_equal(sums(some, desk), alone)


def test_nobody_waits_for_a_helper_that_does_not_answer() -> None:
    some = rows()
    alone, desk = sums(some, make_desk(some)), make_desk(some)
    open_desk(desk)
    assert np.array_equal(sums(some, desk), alone)
    assert desk.signals[ASKED] == 0  # it has not come: it was not asked
    desk.signals[ANSWERED] = 0
    for _ in range(3):
        assert np.array_equal(sums(some, desk), alone)
        assert desk.signals[ASKED] == 1  # it was asked once, and no more


def loop(threads: int) -> SingleLoop:
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    config = NetworkConfig(hidden_size=160, embedding_size=8)
    network = Network(9, config, generator=torch.Generator().manual_seed(0))
    writer = Writer(network, torch.tensor([1]), Sampling(), [1], engine="compiled")
    writer.write(1)
    torch.set_num_threads(usual)
    made = writer._loop
    assert isinstance(made, SingleLoop)
    return made


def test_a_text_by_two_threads_is_the_text_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, together = loop(1), loop(2)
    monkeypatch.setattr(together, "_shares_next", lambda: True)
    assert np.array_equal(alone.write(700, []), together.write(700, []))


def test_the_faster_way_is_taken_and_the_other_tried_now_and_then() -> None:
    single = loop(2)
    seen = []
    for _ in range(3 * RETRY):
        shared = single._shares_next()
        single._seconds[shared] = 1.0 if shared else 2.0
        seen.append(shared)
    assert seen.count(False) == 1 + 3
    single._seconds = {True: 2.0, False: 1.0}
    assert [single._shares_next() for _ in range(RETRY)].count(True) == 1


def test_where_torch_may_use_one_core_there_is_no_helper() -> None:
    single = loop(1)
    single.write(10 * SHORT_PIECE, [])
    assert single._seconds[True] == 0
