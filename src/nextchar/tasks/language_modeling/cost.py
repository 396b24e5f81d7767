"""Measurement of the training cost of a configuration on this machine."""

from __future__ import annotations

import statistics
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
    times: list[float] = []
    began = time.monotonic()
    while time.monotonic() - began < seconds or len(times) < PROBE_STEPS:
        before = time.monotonic()
        stepper.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.monotonic() - before)
    # The first steps are slower. The median of the others is robust to outliers.
    step_seconds = statistics.median(times[len(times) // 3 :])
    return Cost(
        weights=model.parameters,
        step_seconds=step_seconds,
        validation_seconds=_validation_seconds(
            model.network, corpus, arithmetic_of(config.training.precision)
        ),
    )


def _validation_seconds(network: Network, corpus: Corpus, arithmetic: Arithmetic) -> float:
    part = corpus.validation[:VALIDATED_SYMBOLS]
    if len(part) < 2:
        return 0.0
    seconds = 0.0
    for _ in range(2):  # The first run is a warm-up.
        began = time.monotonic()
        nats_parallel(network, [part], arithmetic=arithmetic)
        seconds = time.monotonic() - began
    return seconds * len(corpus.validation) / len(part)
