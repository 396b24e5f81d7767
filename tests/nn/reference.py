"""The recurrences and their gradients again, in NumPy float64, straight from the equations.

Independent of the library: nothing of it is imported, each gate has its own small matrices, and
the gradients are derived by hand, step by step, for one loss: the sum of the outputs and of the
last state, each element with a weight of its own.

Parameters are a dictionary of arrays named and laid out as the cells': weight_ih [G·H, I],
weight_hh [G·H, H], bias [G·H], the gates one below the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = dict[str, Array]
State = tuple[Array, ...]
Forward = Callable[[Parameters, Array, State], tuple[State, Any]]
Backward = Callable[[Parameters, Any, State, Parameters], tuple[Array, State]]


@dataclass(frozen=True)
class Equations:
    """One step forward, which also gives what the step back needs, and the step back."""

    gate_count: int
    forward: Forward
    backward: Backward


@dataclass(frozen=True)
class Result:
    outputs: Array
    state: State
    d_inputs: Array
    d_state: State
    d_parameters: Parameters


def run(
    equations: Equations,
    parameters: Parameters,
    inputs: Array,
    state: State,
    d_outputs: Array,
    d_last: State,
) -> Result:
    """Go forward over inputs [T, B, I] and back."""
    outputs, notes = [], []
    for x in inputs:
        state, note = equations.forward(parameters, x, state)
        outputs.append(state[0])
        notes.append(note)
    gradients = {name: np.zeros_like(value) for name, value in parameters.items()}
    d_state, d_inputs = d_last, []
    for note, d_output in zip(reversed(notes), d_outputs[::-1], strict=True):
        d_state = (d_state[0] + d_output, *d_state[1:])
        d_x, d_state = equations.backward(parameters, note, d_state, gradients)
        d_inputs.append(d_x)
    return Result(np.array(outputs), state, np.array(d_inputs[::-1]), d_state, gradients)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def affine(parameters: Parameters, gate: int, gates: int, x: Array, h: Array | None) -> Array:
    """W x + U h + b of one gate."""
    W = np.split(parameters["weight_ih"], gates)[gate]
    total = x @ W.T + np.split(parameters["bias"], gates)[gate]
    if h is not None:
        total = total + h @ np.split(parameters["weight_hh"], gates)[gate].T
    return np.asarray(total)


def affine_back(
    parameters: Parameters, gradients: Parameters, gate: int, gates: int, x: Array,
    h: Array | None, d: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Add one gate's gradients; give those of x and h."""
    np.split(gradients["weight_ih"], gates)[gate][...] += d.T @ x
    np.split(gradients["bias"], gates)[gate][...] += d.sum(0)
    d_x = d @ np.split(parameters["weight_ih"], gates)[gate]
    if h is None:
        return d_x, np.zeros(())
    np.split(gradients["weight_hh"], gates)[gate][...] += d.T @ h
    return d_x, d @ np.split(parameters["weight_hh"], gates)[gate]


# --- rnn


def rnn(activation: str) -> Equations:
    def forward(p: Parameters, x: Array, state: State) -> tuple[State, Any]:
        (h,) = state
        a = affine(p, 0, 1, x, h)
        after = {"tanh": np.tanh(a), "sigmoid": sigmoid(a), "relu": np.maximum(a, 0)}
        return (after[activation],), (x, h, a)

    def backward(p: Parameters, note: Any, d_state: State, g: Parameters) -> tuple[Array, State]:
        x, h, a = note
        slope = {
            "tanh": 1 / np.cosh(a) ** 2,
            "sigmoid": sigmoid(a) * sigmoid(-a),
            "relu": np.where(a > 0, 1.0, 0.0),
        }
        d_x, d_h = affine_back(p, g, 0, 1, x, h, d_state[0] * slope[activation])
        return d_x, (d_h,)

    return Equations(1, forward, backward)


# --- lstm, with the peepholes that the parameters hold: none, vectors or matrices


def peek(parameters: Parameters, name: str, c: Array) -> Array:
    if f"peephole_{name}" not in parameters:
        return np.zeros_like(c)
    p = parameters[f"peephole_{name}"]
    return np.asarray(c * p if p.ndim == 1 else c @ p.T)


def peek_back(
    parameters: Parameters, gradients: Parameters, name: str, c: Array, d: Array
) -> Array:
    if f"peephole_{name}" not in parameters:
        return np.zeros_like(c)
    p = parameters[f"peephole_{name}"]
    if p.ndim == 1:
        gradients[f"peephole_{name}"] += (d * c).sum(0)
        return np.asarray(d * p)
    gradients[f"peephole_{name}"] += d.T @ c
    return np.asarray(d @ p)


def lstm_forward(p: Parameters, x: Array, state: State) -> tuple[State, Any]:
    h, c = state
    i = sigmoid(affine(p, 0, 4, x, h) + peek(p, "i", c))
    f = sigmoid(affine(p, 1, 4, x, h) + peek(p, "f", c))
    candidate = np.tanh(affine(p, 2, 4, x, h))
    new_c = f * c + i * candidate
    o = sigmoid(affine(p, 3, 4, x, h) + peek(p, "o", new_c))
    return (o * np.tanh(new_c), new_c), (x, h, c, i, f, candidate, new_c, o)


def lstm_backward(p: Parameters, note: Any, d_state: State, g: Parameters) -> tuple[Array, State]:
    x, h, c, i, f, candidate, new_c, o = note
    d_h, d_c = d_state
    d_o = d_h * np.tanh(new_c) * o * (1 - o)
    d_c = d_c + d_h * o * (1 - np.tanh(new_c) ** 2) + peek_back(p, g, "o", new_c, d_o)
    d_i = d_c * candidate * i * (1 - i)
    d_f = d_c * c * f * (1 - f)
    d_candidate = d_c * i * (1 - candidate**2)
    d_c_before = d_c * f + peek_back(p, g, "i", c, d_i) + peek_back(p, g, "f", c, d_f)
    pairs = [
        affine_back(p, g, gate, 4, x, h, d) for gate, d in enumerate((d_i, d_f, d_candidate, d_o))
    ]
    return (
        np.asarray(sum(d_x for d_x, _ in pairs)),
        (np.asarray(sum(d_before for _, d_before in pairs)), d_c_before),
    )


LSTM = Equations(4, lstm_forward, lstm_backward)


# --- gru, reset after the product


def gru_after_forward(p: Parameters, x: Array, state: State) -> tuple[State, Any]:
    (h,) = state
    r, z = sigmoid(affine(p, 0, 3, x, h)), sigmoid(affine(p, 1, 3, x, h))
    q = h @ np.split(p["weight_hh"], 3)[2].T + p["bias_hh"]
    n = np.tanh(affine(p, 2, 3, x, None) + r * q)
    return ((1 - z) * n + z * h,), (x, h, r, z, q, n)


def gru_after_backward(
    p: Parameters, note: Any, d_state: State, g: Parameters
) -> tuple[Array, State]:
    x, h, r, z, q, n = note
    (d_new,) = d_state
    d_n = d_new * (1 - z) * (1 - n**2)
    d_z = d_new * (h - n) * z * (1 - z)
    d_r = d_n * q * r * (1 - r)
    d_q = d_n * r
    g["bias_hh"] += d_q.sum(0)
    np.split(g["weight_hh"], 3)[2][...] += d_q.T @ h
    x_r, h_r = affine_back(p, g, 0, 3, x, h, d_r)
    x_z, h_z = affine_back(p, g, 1, 3, x, h, d_z)
    x_n, _ = affine_back(p, g, 2, 3, x, None, d_n)
    d_h = d_new * z + h_r + h_z + d_q @ np.split(p["weight_hh"], 3)[2]
    return x_r + x_z + x_n, (d_h,)


GRU_AFTER = Equations(3, gru_after_forward, gru_after_backward)


# --- gru, reset before the product


def gru_before_forward(p: Parameters, x: Array, state: State) -> tuple[State, Any]:
    (h,) = state
    r, z = sigmoid(affine(p, 0, 3, x, h)), sigmoid(affine(p, 1, 3, x, h))
    n = np.tanh(affine(p, 2, 3, x, r * h))
    return ((1 - z) * n + z * h,), (x, h, r, z, n)


def gru_before_backward(
    p: Parameters, note: Any, d_state: State, g: Parameters
) -> tuple[Array, State]:
    x, h, r, z, n = note
    (d_new,) = d_state
    x_n, d_rh = affine_back(p, g, 2, 3, x, r * h, d_new * (1 - z) * (1 - n**2))
    x_r, h_r = affine_back(p, g, 0, 3, x, h, d_rh * h * r * (1 - r))
    x_z, h_z = affine_back(p, g, 1, 3, x, h, d_new * (h - n) * z * (1 - z))
    return x_n + x_r + x_z, (d_new * z + d_rh * r + h_r + h_z,)


GRU_BEFORE = Equations(3, gru_before_forward, gru_before_backward)


# --- minimal gru and lstm


def min_gru_forward(p: Parameters, x: Array, state: State) -> tuple[State, Any]:
    (h,) = state
    z, candidate = sigmoid(affine(p, 0, 2, x, None)), affine(p, 1, 2, x, None)
    return ((1 - z) * h + z * candidate,), (x, h, z, candidate)


def min_gru_backward(
    p: Parameters, note: Any, d_state: State, g: Parameters
) -> tuple[Array, State]:
    x, h, z, candidate = note
    (d_new,) = d_state
    x_z, _ = affine_back(p, g, 0, 2, x, None, d_new * (candidate - h) * z * (1 - z))
    x_c, _ = affine_back(p, g, 1, 2, x, None, d_new * z)
    return x_z + x_c, (d_new * (1 - z),)


MIN_GRU = Equations(2, min_gru_forward, min_gru_backward)


def min_lstm_forward(p: Parameters, x: Array, state: State) -> tuple[State, Any]:
    (h,) = state
    f, i = sigmoid(affine(p, 0, 3, x, None)), sigmoid(affine(p, 1, 3, x, None))
    candidate = affine(p, 2, 3, x, None)
    return (f / (f + i) * h + i / (f + i) * candidate,), (x, h, f, i, candidate)


def min_lstm_backward(
    p: Parameters, note: Any, d_state: State, g: Parameters
) -> tuple[Array, State]:
    x, h, f, i, candidate = note
    (d_new,) = d_state
    # d(f/(f+i))/df = i/(f+i)², and the two shares sum to one
    d_share = d_new * (h - candidate)
    x_f, _ = affine_back(p, g, 0, 3, x, None, d_share * i / (f + i) ** 2 * f * (1 - f))
    x_i, _ = affine_back(p, g, 1, 3, x, None, -d_share * f / (f + i) ** 2 * i * (1 - i))
    x_c, _ = affine_back(p, g, 2, 3, x, None, d_new * i / (f + i))
    return x_f + x_i + x_c, (d_new * f / (f + i),)


MIN_LSTM = Equations(3, min_lstm_forward, min_lstm_backward)
