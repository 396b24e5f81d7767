"""The loops that write: reproducible, independent samples, and the network's own numbers."""

from __future__ import annotations

import os
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import NetworkConfig
from nextchar.errors import ConfigError, NextcharError
from nextchar.generation import engine as engine_module
from nextchar.generation import warmup
from nextchar.generation.compiled import loop as compiled
from nextchar.generation.compiled.loop import CompiledLoop
from nextchar.generation.engine import PLAIN_SYMBOLS, Engine, TextGenerator
from nextchar.generation.plain import PlainLoop, Symbols
from nextchar.generation.sampling import Sampling
from nextchar.generation.uniforms import Uniforms
from nextchar.nn.network import Network

PROMPT = torch.tensor([1, 2, 3])
SAMPLINGS = [
    Sampling(),
    Sampling(temperature=0.7, top_k=5),
    Sampling(top_p=0.8, min_p=0.05, repetition_penalty=1.3, repetition_window=5),
    Sampling(temperature=0),
]


def network(**options: object) -> Network:
    generator = torch.Generator().manual_seed(3)
    config = NetworkConfig.from_dict({"hidden_size": 12, "embedding_size": 8, **options})
    made = Network(9, config, generator=generator)
    with torch.no_grad():
        made.head.weight.mul_(6)  # A fresh network is nearly flat; this one has opinions.
    return made


def write(
    model: Network,
    sampling: Sampling,
    seeds: list[int],
    length: int = 40,
    *,
    engine: Engine = "auto",
) -> Symbols:
    return TextGenerator(model, PROMPT, sampling, seeds, engine=engine).write(length)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_argmax_follows_the_most_probable_symbol_of_the_whole_network(
    cell: str, engine: Engine
) -> None:
    model = network(cell=cell, layers=2)
    written = torch.from_numpy(write(model, Sampling(temperature=0), [0], engine=engine)[:, 0])
    text = torch.cat([PROMPT, written])
    with torch.no_grad():
        logits, _ = model(text[:-1].unsqueeze(1), model.initial_state(1))
    assert torch.equal(logits[len(PROMPT) - 1 :, 0].argmax(-1), written)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seeds", [[4], [4, 5, 6]])
def test_the_loops_write_the_same(sampling: Sampling, seeds: list[int]) -> None:
    plain, compiled = (
        write(network(), sampling, seeds, 150, engine=engine) for engine in ("plain", "compiled")
    )
    assert np.array_equal(plain, compiled)


@pytest.mark.parametrize("engine", ["plain", "compiled", "auto"])
@pytest.mark.parametrize("seeds", [[4], [4, 5, 6]])
def test_a_text_does_not_hang_on_the_pieces_in_which_it_is_written(
    engine: Engine, seeds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "PLAIN_SYMBOLS", 20)
    sampling = Sampling(repetition_penalty=1.2, repetition_window=7)
    options = {"excluded": [2], "excluded_first": [0, 1], "engine": engine}
    whole = TextGenerator(network(), PROMPT, sampling, seeds, **options).write(300)  # type: ignore[arg-type]
    writer = TextGenerator(network(), PROMPT, sampling, seeds, **options)  # type: ignore[arg-type]
    pieces = [writer.write(count) for count in (0, 1, 2, 18, 30, 7, 242)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert not np.isin(whole, [2]).any()
    assert not np.isin(whole[0], [0, 1]).any()
    assert np.isin(whole, [0, 1]).any()


def test_auto_is_plain_at_first_and_compiled_after(monkeypatch: pytest.MonkeyPatch) -> None:
    write(network(), Sampling(), [1], 1, engine="compiled")  # so that the code is there
    asked: list[int] = []
    plain = PlainLoop.write

    def noted(self: PlainLoop, count: int, excluded: list[int]) -> Symbols:
        asked.append(count)
        return plain(self, count, excluded)

    monkeypatch.setattr(PlainLoop, "write", noted)
    writer = TextGenerator(network(), PROMPT, Sampling(), [1])
    writer.write(PLAIN_SYMBOLS + 100)
    writer.write(100)
    assert asked == [1, PLAIN_SYMBOLS - 1]


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """An installation in which nothing is compiled, until ``ready`` is set.

    A process compiles beside as long as ``under_way`` is set.
    """
    state = {"ready": False, "under_way": False}
    monkeypatch.setattr(CompiledLoop, "is_ready", property(lambda _: state["ready"]))
    monkeypatch.setattr(warmup, "compile_in_background", lambda _: None)
    monkeypatch.setattr(warmup, "is_compiling", lambda: state["under_way"])
    return state


def test_auto_writes_plainly_until_the_code_is_compiled(uncompiled: dict[str, bool]) -> None:
    uncompiled["under_way"] = True
    writer = TextGenerator(network(), PROMPT, Sampling(), [4, 5])
    parts = [writer.write(PLAIN_SYMBOLS + 200)]
    assert isinstance(writer._loop, PlainLoop)
    uncompiled.update(ready=True, under_way=False)
    parts.append(writer.write(200))
    assert isinstance(writer._loop, CompiledLoop)
    whole = write(network(), Sampling(), [4, 5], PLAIN_SYMBOLS + 400, engine="plain")
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("length", "under_way", "compiles"),
    [
        (PLAIN_SYMBOLS + 200, False, False),  # where the other process has stored nothing
        (10**12, False, True),
        (10**12, True, False),
    ],
)
def test_only_a_long_text_waits_for_a_compilation_and_only_where_none_is_done_beside(
    uncompiled: dict[str, bool], length: int, under_way: bool, compiles: bool
) -> None:
    uncompiled["under_way"] = under_way
    writer = TextGenerator(network(), PROMPT, Sampling(), [4], length=length)
    writer.write(PLAIN_SYMBOLS + 200)
    assert isinstance(writer._loop, CompiledLoop if compiles else PlainLoop)


def test_nothing_is_packed_while_the_code_is_compiled_beside(
    uncompiled: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: object) -> None:
        raise AssertionError

    uncompiled["under_way"] = True
    monkeypatch.setattr(CompiledLoop, "__init__", unwanted)
    writer = TextGenerator(network(), PROMPT, Sampling(), [4])
    assert len(writer.write(PLAIN_SYMBOLS + 200)) == PLAIN_SYMBOLS + 200


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder for code; the process that compiles waits for a line and does no more."""
    monkeypatch.setattr(warmup, "cache_folder", lambda _: tmp_path)
    popen = subprocess.Popen

    def short(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        stubbed = [*command[:2], "input()"]
        return popen(stubbed, **{**options, "stdin": subprocess.PIPE})

    monkeypatch.setattr(subprocess, "Popen", short)
    warmup.compile_in_background.cache_clear()
    yield tmp_path
    warmup.compile_in_background.cache_clear()


def test_one_process_of_an_installation_compiles_at_a_time(beside: Path) -> None:
    assert not warmup.is_compiling()
    assert list(beside.iterdir()) == []
    process = warmup.compile_in_background("float32")
    assert process is not None
    assert warmup.is_compiling()
    assert warmup.compile_in_background("float32") is process
    assert warmup.compile_in_background("int8") is None  # as for another program
    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)  # no Ctrl-C of the terminal
    # In a session of its own, Linux would weigh it like all programs of this one together.
    assert os.getsid(process.pid) == os.getsid(0)
    process.communicate(b"\n")
    assert not warmup.is_compiling()


def test_all_that_writes_is_loaded_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    loaded: list[str] = []
    for name in ("write", "help_out", "close_queue"):
        monkeypatch.setattr(compiled, name, lambda *_, name=name: loaded.append(name))
    position = TextGenerator(network(), PROMPT, Sampling(), [4], engine="plain").position
    CompiledLoop(network(), Sampling(), position, "float32", None).load()
    assert loaded == ["write", "help_out", "close_queue"]


def test_a_process_that_can_store_nothing_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup, "_lower_priority", lambda: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(warmup, "compile_generation", lambda _: None)
    monkeypatch.setattr(warmup, "storing_problem", lambda: "the disk is full")
    with pytest.raises(SystemExit) as ended:
        warmup.compile_and_store("float32")
    assert ended.value.code == 1


def test_where_nothing_can_be_stored_nothing_is_compiled_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warmup, "cache_folder", lambda _: None)
    warmup.compile_in_background.cache_clear()
    assert warmup.compile_in_background("float32") is None
    assert not warmup.is_compiling()
    warmup.compile_in_background.cache_clear()


@pytest.mark.parametrize("seeds", [[4], [4, 5]])
def test_a_network_of_float64_is_written_plainly(seeds: list[int]) -> None:
    model = network().double()
    assert write(model, Sampling(), seeds, PLAIN_SYMBOLS + 10).shape == (
        PLAIN_SYMBOLS + 10,
        len(seeds),
    )
    with pytest.raises(ConfigError, match="float64"):
        write(model, Sampling(), seeds, engine="compiled")


@pytest.mark.parametrize(
    ("seeds", "options", "what"),
    [
        ([1], {"engine": "fast"}, "engine must be one of auto, compiled, plain, captured"),
        ([1], {"engine": "captured"}, "needs float32 weights on a GPU; got float32 on cpu"),
        ([1], {"weights": "int4"}, "weights must be one of float32, int8"),
        ([1], {"engine": "plain", "weights": "int8"}, "got engine 'plain'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    seeds: list[int], options: dict[str, str], what: str
) -> None:
    with pytest.raises(ConfigError, match=what):
        TextGenerator(network(), PROMPT, Sampling(), seeds, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("engine", ["plain", "compiled"])
@pytest.mark.parametrize("seeds", [[4], [4, 5]])
def test_a_diverged_network_is_one_line_and_no_text(
    sampling: Sampling, engine: Engine, seeds: list[int]
) -> None:
    model = network()
    with torch.no_grad():
        model.stack.cells[0].bias[3] = torch.nan
    with pytest.raises(NextcharError, match="not finite numbers"):
        write(model, sampling, seeds, engine=engine)


def test_int8_weights_write_from_the_first_symbol() -> None:
    writer = TextGenerator(network(), PROMPT, Sampling(), [1, 2], weights="int8")
    assert writer.write(50).shape == (50, 2)


def test_a_long_text_takes_no_more_memory_than_a_short_one() -> None:
    writer = TextGenerator(
        network(), PROMPT, Sampling(repetition_penalty=1.1), [1], engine="compiled"
    )
    writer.write(1000)
    tracemalloc.start()
    for _ in range(50):
        writer.write(1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000


def test_the_same_seed_writes_the_same_and_another_seed_something_else() -> None:
    model = network()
    first, again, other = (write(model, Sampling(), [seed]) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_sample_does_not_depend_on_those_beside_it() -> None:
    model = network(cell="gru")
    together = write(model, Sampling(temperature=0.9, top_k=6), [5, 6, 7])
    for column, seed in enumerate((5, 6, 7)):
        alone = write(model, Sampling(temperature=0.9, top_k=6), [seed])
        assert np.array_equal(together[:, column], alone[:, 0])


def test_excluded_symbols_are_never_written() -> None:
    model = network()
    writer = TextGenerator(model, PROMPT, Sampling(temperature=3.0), [1], excluded=[0, 4, 8])
    assert set(writer.write(300)[:, 0].tolist()) == {1, 2, 3, 5, 6, 7}


def test_a_strong_penalty_stops_an_argmax_loop() -> None:
    model = network()
    loop = write(model, Sampling(temperature=0), [0], 60)
    free = write(model, Sampling(temperature=0, repetition_penalty=50.0, repetition_window=4), [0])
    assert len(set(loop[-20:, 0].tolist())) < len(set(free[-20:, 0].tolist()))
    windows = np.lib.stride_tricks.sliding_window_view(free[:, 0], 5)
    assert all(len(set(window.tolist())) == 5 for window in windows)


def test_uniforms_of_a_seed_are_the_same_whatever_stands_beside_it() -> None:
    alone, together = Uniforms([7]), Uniforms([3, 7])
    whole = alone.draw(600)[:, 0]
    assert np.array_equal(np.concatenate([together.draw(n)[:, 1] for n in (1, 300, 0, 299)]), whole)


def test_writing_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    write(network(), Sampling(), [1])
    assert torch.equal(before, torch.get_rng_state())
