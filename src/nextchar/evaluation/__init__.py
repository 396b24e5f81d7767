"""Evaluation of a network on a text: exactly in order, or approximately in parallel streams."""

from nextchar.evaluation.exact import nats_sequential, nats_windowed
from nextchar.evaluation.parallel import nats_parallel
from nextchar.evaluation.result import Evaluation, perplexity

__all__ = ["Evaluation", "nats_parallel", "nats_sequential", "nats_windowed", "perplexity"]
