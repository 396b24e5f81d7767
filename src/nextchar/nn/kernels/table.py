"""The cells with compiled code for training, by name.

A new one is a file of its own, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from nextchar.nn.kernels.autograd import SequenceInputs, SequenceOutputs
from nextchar.nn.kernels.gru_reset_after import run_gru_reset_after
from nextchar.nn.kernels.gru_reset_before import run_gru_reset_before
from nextchar.nn.kernels.lstm import run_lstm
from nextchar.nn.kernels.rnn import run_rnn

Kernel = Callable[[SequenceInputs], SequenceOutputs]

KERNELS: Mapping[str, Kernel] = {
    "rnn_tanh": partial(run_rnn, activation="tanh"),
    "rnn_relu": partial(run_rnn, activation="relu"),
    "rnn_sigmoid": partial(run_rnn, activation="sigmoid"),
    "lstm": run_lstm,
    "gru_reset_after": run_gru_reset_after,
    "gru_reset_before": run_gru_reset_before,
}
