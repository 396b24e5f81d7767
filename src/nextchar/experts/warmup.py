"""Compilation of the loops of experts ahead of time."""

from __future__ import annotations

import numpy as np

from nextchar.experts.experts import Experts
from nextchar.experts.fitting import Slice
from nextchar.experts.streams import MixedStreams
from nextchar.experts.texts import append_each, predict_each, texts_after
from nextchar.text.vocabulary import learn


def compile_experts() -> None:
    """Compile or load all code of the experts."""
    text = "ab ba"
    vocabulary = learn("char", [text], 1)
    ids, V = vocabulary.encode(text), len(vocabulary)
    Experts.count(ids.astype(np.uint16), vocabulary, 1, most_bytes=1 << 20)
    experts = Experts.count(ids, vocabulary, 1, most_bytes=1 << 20)
    ends, logits = np.arange(1, len(ids)), np.zeros((len(ids) - 1, V), np.float32)
    experts = experts.fitted([Slice(ids, logits)])
    reader = experts.reader("adaptive")
    reader.nats(ids, ends, logits)
    reader.predictions(ids, ends, logits)
    streams = MixedStreams(experts, np.zeros(1, np.int64), "adaptive")
    streams.predict(logits[:1])
    streams.read(np.zeros(1, np.int64))
    texts = texts_after(experts.reader().mixture, ids.astype(np.int64), 1)
    predict_each(texts, logits[:1])
    append_each(texts, np.zeros(1, np.int64))
