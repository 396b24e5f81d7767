"""How well a network predicts a text: in order and exactly, or near that and in parallel."""

from nextchar.evaluation.exact import nats_sequential, nats_windowed
from nextchar.evaluation.parallel import nats_parallel
from nextchar.evaluation.result import Evaluation, perplexity

__all__ = ["Evaluation", "nats_parallel", "nats_sequential", "nats_windowed", "perplexity"]
