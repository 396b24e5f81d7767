"""Measurement of the training cost of a configuration on this machine."""

from __future__ import annotations

import math
import time

import torch

from nextchar.config import Config
from nextchar.evaluation import nats_parallel
from nextchar.language_model.model import LanguageModel
from nextchar.nn.network import Network
from nextchar.nn.precision import Arithmetic, arithmetic_of
from nextchar.tasks.language_modeling.data import training_streams
from nextchar.text.corpus import Corpus
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.objective import StreamObjective
from nextchar.training.planning import Cost
from nextchar.training.stepper import Stepper

PROBE_SECONDS = 1.0
PROBE_STEPS = 3
UNDISTURBED = 1.2  # the largest quicker quartile on a quiet machine, relative to the quickest step
VALIDATED_SYMBOLS = 1 << 15


def measure_cost(
    config: Config,
    corpus: Corpus,
    vocabulary: Vocabulary,
    device: torch.device,
    *,
    world: int = 1,
    seconds: float = PROBE_SECONDS,
) -> Cost:
    """Return the cost of a training step and a validation, measured on a temporary network.

    The network is trained for ``seconds`` on the batch share of one process out of ``world``.
    """
    model = LanguageModel.create(config, vocabulary)
    model.network.to(device)
    streams = training_streams(corpus, config, world=world)
    objective = StreamObjective(model.network, streams, config.training)
    stepper = Stepper(model.network.train(), objective, config.training)
    return Cost(
        weights=model.parameters,
        step_seconds=_step_seconds(stepper, device, seconds),
        validation_seconds=_validation_seconds(
            model.network, corpus, arithmetic_of(config.training.precision)
        ),
    )


def _step_seconds(stepper: Stepper, device: torch.device, seconds: float) -> float:
    """Return the duration of a step without disturbance, measured for a time."""
    times: list[float] = []
    began = time.monotonic()
    while time.monotonic() - began < seconds or len(times) < PROBE_STEPS:
        before = time.monotonic()
        stepper.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.monotonic() - before)
    # The first steps are slower, and other work on the machine may delay any of them.
    # ``training.pacing`` corrects the number of steps later.
    usual = sorted(times[len(times) // 3 :])
    return min(usual[len(usual) // 4], UNDISTURBED * usual[0])


def _validation_seconds(network: Network, corpus: Corpus, arithmetic: Arithmetic) -> float:
    part = corpus.validation[:VALIDATED_SYMBOLS]
    if len(part) < 2:
        return 0.0
    seconds = math.inf
    for _ in range(3):  # The first run is a warm-up.
        began = time.monotonic()
        nats_parallel(network, [part], arithmetic=arithmetic)
        seconds = min(seconds, time.monotonic() - began)
    return seconds * len(corpus.validation) / len(part)
