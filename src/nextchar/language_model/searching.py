"""Search for the most probable continuations of a text: beam search and word completion.

Shapes: V vocabulary size, n symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nextchar.errors import ConfigError
from nextchar.generation.completion import complete_words
from nextchar.generation.engine import MixtureUse
from nextchar.generation.prompts import excluded_of, start_of
from nextchar.generation.search import Beam, Symbols, beam_search
from nextchar.language_model.generating import Ending, constraint_of, end_of
from nextchar.nn.network import Network
from nextchar.text.vocabulary import Unknown, Vocabulary
from nextchar.text.words import word_symbols


@dataclass(frozen=True, kw_only=True)
class Continuation:
    """A continuation of a prompt.

    Attributes
    ----------
    text
        The text after the prompt.
    log_probability
        Log-probability in nats of exactly this text and its end, given the prompt.
    score
        The score that ranked it: the log-probability, unless there is a length penalty.
    """

    text: str
    log_probability: float
    score: float


def search_text(
    network: Network,
    vocabulary: Vocabulary,
    prompt: str,
    beam: Beam,
    ending: Ending,
    *,
    match: str | None = None,
    forbid: Sequence[str] = (),
    unknown: Unknown = "error",
    mixture: MixtureUse = (None, "none"),
) -> list[Continuation]:
    """Find probable continuations of a prompt by beam search; see ``LanguageModel.search``."""
    if ending.length is None:
        raise ConfigError("a beam search needs a length; got None")
    start = start_of(vocabulary, prompt, unknown)
    found = beam_search(
        network,
        torch.from_numpy(start.context.astype(np.int64)),
        beam,
        length=ending.length,
        starts=vocabulary.starts_character,
        excluded=excluded_of(vocabulary),
        excluded_first=start.inside,
        constraint=constraint_of(vocabulary, start, match, forbid),
        is_finished=_finish_predicate(vocabulary, ending),
        mixture=mixture,
    )
    texts: dict[str, Continuation] = {}
    for each in found:
        text = vocabulary.decode(np.array(each.symbols, np.int64))[: ending.length]
        text = text[: end_of(text, ending.stop, ending.lines)]
        # Of several encodings of the same text, keep the most probable, which comes first.
        texts.setdefault(
            text,
            Continuation(text=text, log_probability=each.log_probability, score=each.score),
        )
    return list(texts.values())


def complete_text(
    network: Network,
    vocabulary: Vocabulary,
    prompt: str,
    *,
    count: int,
    words: int,
    unknown: Unknown,
    mixture: MixtureUse,
) -> list[Continuation]:
    """Find the most probable word completions; see ``LanguageModel.complete``."""
    for name, value in (("count", count), ("words", words)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1; got {value}")
    start = start_of(vocabulary, prompt, unknown)
    is_word = word_symbols(vocabulary)
    found = complete_words(
        network,
        torch.from_numpy(start.context.astype(np.int64)),
        count=count,
        words=words,
        in_word=len(start.shown) > 0 and bool(is_word[start.shown[-1]]),
        is_word=is_word,
        excluded=excluded_of(vocabulary),
        excluded_first=start.inside,
        mixture=mixture,
    )
    return [
        Continuation(
            text=vocabulary.decode(np.array(symbols, np.int64)),
            log_probability=log_probability,
            score=log_probability,
        )
        for symbols, log_probability in found
    ]


def _finish_predicate(vocabulary: Vocabulary, ending: Ending) -> Callable[[Symbols], bool]:
    """Return a predicate for symbols whose text certainly satisfies an end condition."""
    if not ending.stop and not ending.lines:
        return lambda _symbols: False

    def is_finished(symbols: Symbols) -> bool:
        text = vocabulary.decoder().feed(np.array(symbols, np.int64))
        return end_of(text, ending.stop, ending.lines) is not None

    return is_finished
