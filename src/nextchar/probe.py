"""What a configuration costs on this machine, found by trying it for a moment."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch

from nextchar.config import Config
from nextchar.evaluation import nats_parallel
from nextchar.model import LanguageModel
from nextchar.nn.network import Network
from nextchar.parts import VALIDATION_STREAMS, VALIDATION_WARM_UP, training_streams
from nextchar.text.corpus import Corpus
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.planning import Cost
from nextchar.training.trainer import Trainer

PROBE_SECONDS = 1.0
PROBE_STEPS = 3


def measure_cost(
    config: Config, corpus: Corpus, vocabulary: Vocabulary, device: torch.device
) -> Cost:
    """Train a throwaway network for a moment, and time one validation by a part of it."""
    model = LanguageModel.create(config, vocabulary)
    model.network.to(device)
    trainer = Trainer(
        model.network, training_streams(corpus, config.training), config.training, Path()
    )
    times: list[float] = []
    began = time.monotonic()
    while time.monotonic() - began < PROBE_SECONDS or len(times) < PROBE_STEPS:
        before = time.monotonic()
        trainer.step()
        times.append(time.monotonic() - before)
    # The first steps are slower than all that follow, and the median does not mind a hiccup.
    step_seconds = statistics.median(times[len(times) // 3 :])
    return Cost(
        weights=model.parameters,
        step_seconds=step_seconds,
        validation_seconds=_validation_seconds(model.network, corpus),
    )


def _validation_seconds(network: Network, corpus: Corpus) -> float:
    ids = corpus.validation
    corpus.check()
    part = ids[: 2 * VALIDATION_STREAMS * VALIDATION_WARM_UP]
    if len(part) < 2:
        return 0.0
    seconds = 0.0
    for _ in range(2):  # The first time, torch prepares what every later time has ready.
        began = time.monotonic()
        nats_parallel(network, part, streams=VALIDATION_STREAMS, warm_up=VALIDATION_WARM_UP)
        seconds = time.monotonic() - began
    overlap = VALIDATION_STREAMS * VALIDATION_WARM_UP
    return seconds * (len(ids) + overlap) / (len(part) + overlap)


def faster_precision(config: Config, device: torch.device) -> str:
    """Time the recurrent product in both precisions; bfloat16 must win clearly."""
    batch, hidden = config.training.batch_size, config.network.hidden_size

    def seconds(dtype: torch.dtype) -> float:
        left = torch.ones(batch, hidden, dtype=dtype, device=device)
        right = torch.ones(hidden, 4 * hidden, dtype=dtype, device=device)
        times: list[float] = []
        ends = time.perf_counter() + 0.1
        while not times or time.perf_counter() < ends:
            began = time.perf_counter()
            left @ right
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
        return min(times)

    faster = seconds(torch.bfloat16) * 1.2 < seconds(torch.float32)
    return "bfloat16" if faster else "float32"
