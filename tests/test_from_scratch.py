"""The example from scratch: its gradients are the library's, and it learns within seconds."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from nextchar.config import NetworkConfig
from nextchar.config.network import CellName
from nextchar.nn.network import Network
from nextchar.nn.recurrent import Path as CellPath

SCRIPT = Path(__file__).parents[1] / "examples" / "from_scratch.py"
MOST_LINES = 150
V, H = 7, 5
CELLS: tuple[CellName, ...] = ("rnn", "lstm")
PATHS: tuple[CellPath, ...] = ("stepwise", "own", "fused")
WEIGHTS = ("W", "U", "b", "W_out", "b_out")

scratch: Any = importlib.import_module("examples.from_scratch")


def network_with(cell: CellName, weights: tuple[np.ndarray, ...]) -> Network:
    """Build the library's network with these weights, in float64."""
    config = NetworkConfig(cell=cell, hidden_size=H, input="onehot")
    network = Network(V, config, generator=None).double()
    with torch.no_grad():
        for parameter, array in zip(parameters_of(network), weights, strict=True):
            parameter.copy_(torch.from_numpy(array))
    return network


def parameters_of(network: Network) -> list[torch.Tensor]:
    """List the parameters in the order of the example."""
    layer = dict(network.stack.cells[0].named_parameters())
    recurrent = [layer.pop(name) for name in ("weight_ih", "weight_hh", "bias")]
    assert not layer
    return [*recurrent, network.head.weight, network.head.bias]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 40])
@pytest.mark.parametrize("cell", CELLS)
def test_the_loss_the_state_and_every_gradient_are_those_of_the_library(
    cell: CellName, steps: int, path: CellPath
) -> None:
    draw = np.random.default_rng(steps)
    _, _, blocks, parts = scratch.CELLS[cell]
    shapes = [(blocks * H, V), (blocks * H, H), (blocks * H,), (V, H), (V,)]
    weights = tuple(draw.normal(size=shape) for shape in shapes)
    ids = draw.integers(V, size=steps + 1).tolist()
    state = tuple(draw.normal(size=(parts, H)))

    loss, gradients, after = scratch.bptt(cell, weights, ids, state)

    network = network_with(cell, weights)
    before = (tuple(torch.from_numpy(part)[None] for part in state),)
    logits, new = network(torch.tensor(ids[:-1])[:, None], before, path=path)
    expected = functional.cross_entropy(logits[:, 0], torch.tensor(ids[1:]))
    true_gradients = torch.autograd.grad(expected, parameters_of(network))
    assert loss == pytest.approx(expected.item(), abs=1e-10)
    for part, new_part in zip(after, new[0], strict=True):
        np.testing.assert_allclose(part, new_part[0].detach(), rtol=0, atol=1e-10)
    for name, gradient, true in zip(WEIGHTS, gradients, true_gradients, strict=True):
        np.testing.assert_allclose(gradient, true, rtol=0, atol=1e-10, err_msg=name)


@pytest.mark.parametrize(("cell", "rate"), [("rnn", 0.3), ("lstm", 2.0)])
def test_the_loss_falls_until_the_line_is_known_by_heart(
    cell: str, rate: float, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch.train(cell, "hello pytorch", H=16, T=12, steps=200, rate=rate)

    out = capsys.readouterr().out
    losses = [float(found) for found in re.findall(r"loss (\S+)", out)]
    assert losses[0] == pytest.approx(np.log(10), abs=0.05)  # 10 symbols, equally probable
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.05
    assert out.splitlines()[-1] == "hello pytorch"


def test_a_window_begins_with_the_state_at_the_end_of_the_one_before() -> None:
    w = scratch.new_weights(4 * H, V, H, np.random.default_rng(1))
    ids, zeros = [0, 1, 2, 3, 4, 5, 6], (np.zeros(H), np.zeros(H))

    whole, _, after = scratch.bptt("lstm", w, ids, zeros)
    first, _, between = scratch.bptt("lstm", w, ids[:4], zeros)
    second, _, end = scratch.bptt("lstm", w, ids[3:], between)

    assert (first + second) / 2 == pytest.approx(whole, abs=1e-12)
    np.testing.assert_allclose(end, after, rtol=0, atol=1e-12)


def test_a_long_gradient_is_clipped_and_a_short_one_is_not() -> None:
    for length, moved in ((8.0, 0.5 * 1.0), (0.25, 0.5 * 0.25)):
        w, dw = (np.zeros(2), np.zeros((1, 2))), (np.array([length, 0]), np.zeros((1, 2)))
        scratch.sgd(w, dw, rate=0.5, limit=1.0)
        np.testing.assert_allclose(w[0], [-moved, 0], rtol=1e-15)


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_allclose(scratch.softmax(np.array([1e4, 1e4, 0])), [0.5, 0.5, 0])


def test_a_text_of_one_symbol_has_the_loss_0(capsys: pytest.CaptureFixture[str]) -> None:
    scratch.train("lstm", "aaaa", H=2, T=2, steps=5, rate=1.0)
    assert capsys.readouterr().out.endswith("step    5  loss 0.0000\naaaa\n")


def test_it_needs_numpy_alone_and_fits_in_a_lecture() -> None:
    source = SCRIPT.read_text(encoding="utf-8")
    tree = ast.parse(source)
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    packages = {str(name).partition(".")[0] for name in imported}
    assert packages - sys.stdlib_module_names == {"numpy"}
    assert len(source.splitlines()) <= MOST_LINES


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def test_it_runs_as_a_script_on_a_text_of_the_reader(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("나랏말싸미", encoding="utf-8")

    ended = run(text)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("hello pytorch") == len(CELLS)
    assert ended.stdout.count("나랏말싸미") == len(CELLS)


def test_a_text_without_two_characters_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a", encoding="utf-8")

    ended = run(text)

    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith("must have at least 2 characters, got 1")
