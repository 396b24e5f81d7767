"""The product by two threads: the same sums, whoever helps, is late or stays away."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest
import torch

from nextchar.config import NetworkConfig
from nextchar.generation.compiled.loop import RETRY, SHORT_PIECE, CompiledLoop
from nextchar.generation.compiled.matvec import (
    COLUMNS,
    REQUEST,
    RESPONSE,
    SHARED_VALUES,
    Blocks,
    Panels,
    WorkQueue,
    close_queue,
    help_out,
    make_queue,
    open_queue,
    product,
)
from nextchar.generation.engine import TextGenerator
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network

PANELS, H = 20, 80
FIRST, COUNT = 3, 1020  # in 3 blocks, in 16 panels
END = FIRST + 16
SECONDS = 30


def panels() -> Panels:
    generator = np.random.default_rng(0)
    values = generator.standard_normal((PANELS, H * COLUMNS)).astype(np.float32)
    scales = generator.standard_normal((PANELS, COLUMNS)).astype(np.float32)
    return Panels(values, scales, np.zeros(PANELS, np.int8))


def queue_of(samples: int) -> WorkQueue:
    vectors = np.random.default_rng(1).standard_normal((2, samples, H)).astype(np.float32)
    return make_queue(vectors, END - FIRST)


def sums(of: Panels, queue: WorkQueue) -> Blocks:
    result = np.ones((3, queue.vectors.shape[1], COUNT // 3), np.float32)
    assert product(of, queue, 1, FIRST, result) == END
    return result


@pytest.mark.parametrize("samples", [1, 3, 4, 70])
def test_a_product_adds_what_panels_scales_and_vectors_give(samples: int) -> None:
    some, queue = panels(), queue_of(samples)
    rows = some.values.reshape(PANELS, H, COLUMNS).transpose(0, 2, 1) * some.scales[:, :, None]
    expected = 1 + queue.vectors[1] @ rows[FIRST:END].reshape(-1, H)[:COUNT].T
    found = sums(some, queue).transpose(1, 0, 2).reshape(samples, COUNT)
    assert np.allclose(found, expected, atol=1e-4)
    assert COUNT * H >= SHARED_VALUES


def test_a_helper_changes_no_bit() -> None:
    some = panels()
    alone, queue = sums(some, queue_of(3)), queue_of(3)
    open_queue(queue)
    helper = Thread(target=help_out, args=(some, queue))
    helper.start()
    try:
        assert all(np.array_equal(sums(some, queue), alone) for _ in range(300))
    finally:
        close_queue(queue)
        helper.join(SECONDS)
    assert not helper.is_alive()
    assert np.array_equal(sums(some, queue), alone)


def test_nobody_waits_for_a_helper_that_does_not_answer() -> None:
    some = panels()
    alone, queue = sums(some, queue_of(3)), queue_of(3)
    open_queue(queue)
    assert np.array_equal(sums(some, queue), alone)
    assert queue.signals[REQUEST] == 0  # it has not come: it was not asked
    queue.signals[RESPONSE] = 0
    for _ in range(3):
        assert np.array_equal(sums(some, queue), alone)
        assert queue.signals[REQUEST] == 1  # it was asked once, and no more


def loop(threads: int, samples: int = 1) -> CompiledLoop:
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    config = NetworkConfig(hidden_size=160, embedding_size=8)
    network = Network(9, config, generator=torch.Generator().manual_seed(0))
    writer = TextGenerator(
        network, torch.tensor([1]), Sampling(), range(samples), engine="compiled"
    )
    writer.write(1)
    torch.set_num_threads(usual)
    made = writer._loop
    assert isinstance(made, CompiledLoop)
    return made


@pytest.mark.parametrize("samples", [1, 6])
def test_texts_by_two_threads_are_those_of_one(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = loop(1, samples), loop(2, samples)
    monkeypatch.setattr(together, "_shares_next", lambda: True)
    assert np.array_equal(alone.write(700, []), together.write(700, []))


def test_the_faster_way_is_taken_and_the_other_tried_now_and_then() -> None:
    single = loop(2)
    seen = []
    for _ in range(3 * RETRY):
        shared = single._shares_next()
        single._measured(shared, 1.0 if shared else 2.0)
        seen.append(shared)
    assert seen.count(False) == 1 + 3
    single._seconds = {True: 2.0, False: 1.0}
    assert [single._shares_next() for _ in range(RETRY)].count(True) == 1


def test_one_slow_piece_does_not_hide_which_way_is_faster() -> None:
    single = loop(2)
    for _ in range(RETRY - 2):
        shared = single._shares_next()
        single._measured(shared, 1.0 if shared else 2.0)
    single._measured(True, 4.0)
    assert single._shares_next()
    single._measured(True, 50.0)
    assert not any(single._shares_next() for _ in range(RETRY - single._pieces % RETRY - 1))
    assert single._shares_next()
    single._measured(True, 1.0)
    assert single._shares_next()


def test_where_torch_may_use_one_core_there_is_no_helper() -> None:
    single = loop(1)
    single.write(10 * SHORT_PIECE, [])
    assert single._seconds[True] == 0
