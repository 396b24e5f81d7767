"""Recurrent networks in NumPy alone; docs/tutorials/from-scratch.md walks through this file.

V symbols, H hidden units, T steps; n = H rows of weights (rnn) or 4H (lstm: i, f, c̃, o).
h_prev, c_prev and c_new are h₋, c₋ and c̃. dA is ∂loss/∂A, and has the shape of A.
"""

from __future__ import annotations

import argparse
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
from numpy.random import Generator, default_rng

PAGE = """Alice was beginning to get very tired of sitting by her sister on the bank, and of having
nothing to do: once or twice she had peeped into the book her sister was reading, but it had no
pictures or conversations in it, 'and what is the use of a book,' thought Alice 'without pictures
or conversations?' So she was considering in her own mind (as well as she could, for the hot day
made her feel very sleepy and stupid), whether the pleasure of making a daisy-chain would be worth
the trouble of getting up and picking the daisies, when suddenly a White Rabbit with pink eyes ran
close by her."""  # Lewis Carroll, Alice's Adventures in Wonderland, 1865
Weights = tuple[np.ndarray, ...]  # W [n, V], U [n, H], b [n], W_out [V, H], b_out [V]
State = tuple[np.ndarray, ...]  # (h,) of the rnn, (h, c) of the lstm; each [H]


def new_weights(n: int, V: int, H: int, draw: Generator) -> Weights:
    W, U, W_out = (0.1 * draw.normal(size=shape) for shape in [(n, V), (n, H), (V, H)])
    b = np.zeros(n)
    b[H : 2 * H] = 1  # the forget gates of the lstm start open; the rnn has no such rows
    return W, U, b, W_out, np.zeros(V)


def one_hot(k: int, V: int) -> np.ndarray:
    return np.eye(V)[k]  # [V]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def softmax(y: np.ndarray) -> np.ndarray:
    e = np.exp(y - y.max())  # [V]; minus the maximum, so that exp cannot overflow
    return e / e.sum()  # [V]; positive, and the sum is 1


def cross_entropy(p: np.ndarray, target: int) -> float:
    return -float(np.log(p[target]))


def rnn(w: Weights, x: np.ndarray, state: State) -> tuple[State, State]:
    (W, U, b, *_), (h_prev,) = w, state
    h = np.tanh(W @ x + U @ h_prev + b)  # [H] = tanh([H, V] [V] + [H, H] [H] + [H])
    return (h,), (h,)  # the new state, and the values that rnn_back needs


def rnn_back(kept: State, d_state: State) -> tuple[np.ndarray, State]:
    (h,), (dh,) = kept, d_state
    return dh * (1 - h**2), ()  # dz [H]; tanh' = 1 - tanh²


def lstm(w: Weights, x: np.ndarray, state: State) -> tuple[State, State]:
    (W, U, b, *_), (h_prev, c_prev) = w, state
    z_i, z_f, z_c, z_o = np.split(W @ x + U @ h_prev + b, 4)  # z [4H], in four blocks [H]
    i, f, c_new, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_c), sigmoid(z_o)
    c = f * c_prev + i * c_new  # [H]
    h = o * np.tanh(c)  # [H]
    return (h, c), (i, f, c_new, o, c_prev, np.tanh(c))


def lstm_back(kept: State, d_state: State) -> tuple[np.ndarray, State]:
    (i, f, c_new, o, c_prev, tanh_c), (dh, dc) = kept, d_state
    dc = dc + dh * o * (1 - tanh_c**2)  # [H]; c acts on h and on the next c
    dz_i = dc * c_new * i * (1 - i)  # [H]; σ' = σ (1 - σ)
    dz_f = dc * c_prev * f * (1 - f)
    dz_c = dc * i * (1 - c_new**2)
    dz_o = dh * tanh_c * o * (1 - o)
    return np.concatenate([dz_i, dz_f, dz_c, dz_o]), (dc * f,)  # dz [4H], dc₋ [H]


CELLS = {"rnn": (rnn, rnn_back, 1, 1), "lstm": (lstm, lstm_back, 4, 2)}  # n / H, parts of the state


def bptt(cell: str, w: Weights, ids: list[int], state: State) -> tuple[float, Weights, State]:
    """Backpropagate through time: return the mean loss, all gradients, and the new state."""
    step, step_back, *_ = CELLS[cell]
    _, U, _, W_out, b_out = w
    V, T, loss, trace = len(b_out), len(ids) - 1, 0.0, []
    for k, target in pairwise(ids):  # forward, t = 1 … T
        x, h_prev = one_hot(k, V), state[0]
        state, kept = step(w, x, state)
        h = state[0]
        p = softmax(W_out @ h + b_out)  # [V] = softmax([V, H] [H] + [V])
        loss += cross_entropy(p, target) / T
        trace.append((x, h_prev, kept, h, p, target))
    dw, d_state = tuple(map(np.zeros_like, w)), tuple(map(np.zeros_like, state))
    for x, h_prev, kept, h, p, target in reversed(trace):  # backward through time, t = T … 1
        dy = (p - one_hot(target, V)) / T  # [V]; through cross-entropy and softmax at once
        dh = W_out.T @ dy + d_state[0]  # [H] = [H, V] [V] + [H]; h acts on y and on the next z
        dz, d_rest = step_back(kept, (dh, *d_state[1:]))  # [n]
        d_state = (U.T @ dz, *d_rest)  # dh₋ [H] = [H, n] [n]
        shares = np.outer(dz, x), np.outer(dz, h_prev), dz, np.outer(dy, h), dy
        for da, share in zip(dw, shares, strict=True):
            da += share  # all steps use the same weights: their gradients add up
    return loss, dw, state


def sgd(w: Weights, dw: Weights, rate: float, limit: float = 1.0) -> None:
    norm = np.sqrt(sum(np.sum(da**2) for da in dw))
    for a, da in zip(w, dw, strict=True):
        a -= rate * da * limit / max(norm, limit)  # clipping: a longer gradient gets this length


def sample(cell: str, w: Weights, state: State, k: int, T: int, draw: Generator) -> list[int]:
    (*_, W_out, b_out), ids = w, [k]
    while len(ids) < T:
        state, _ = CELLS[cell][0](w, one_hot(ids[-1], len(b_out)), state)
        p = softmax((W_out @ state[0] + b_out) / 0.5)  # 0.5 is the temperature
        ids.append(int(draw.choice(len(p), p=p)))
    return ids


def train(cell: str, text: str, H: int, T: int, steps: int, rate: float) -> None:
    draw, symbols, losses = default_rng(1), sorted(set(text)), []
    ids = [symbols.index(symbol) for symbol in text]
    *_, blocks, parts = CELLS[cell]
    w = new_weights(blocks * H, len(symbols), H, draw)
    print(f"\n{cell}: {len(text)} symbols, V = {len(symbols)}, {sum(a.size for a in w)} weights")
    state = zeros = tuple(np.zeros((parts, H)))
    starts = range(0, len(ids) - 1, T)  # of windows of T steps, one after the other
    for step, start in zip(range(1, steps + 1), cycle(starts), strict=False):
        state = state if start else zeros
        loss, dw, state = bptt(cell, w, ids[start : start + T + 1], state)
        sgd(w, dw, rate)
        losses.append(loss)
        if step == 1 or step % (steps // 5) == 0:
            print(f"step {step:4}  loss {np.mean(losses[-len(starts) :]):.4f}")
    print("".join(symbols[k] for k in sample(cell, w, zeros, ids[0], min(200, len(ids)), draw)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train on 'hello pytorch' and on a page of text.")
    parser.add_argument("file", type=Path, nargs="?", help="a text instead of the page")
    given = parser.parse_args()
    page = given.file.read_text(encoding="utf-8") if given.file else PAGE
    if len(page) < 2:
        parser.error(f"{given.file} must have at least 2 characters, got {len(page)}")
    for cell, rate in {"rnn": 0.3, "lstm": 2.0}.items():
        train(cell, "hello pytorch", H=16, T=12, steps=200, rate=rate)
        train(cell, page, H=64, T=25, steps=1200, rate=rate)
