"""The same prompt at several temperatures: the distribution of the next symbol, and a text each.

The texts share one seed, so they differ by the temperature alone. The network writes without
experts.

Shapes: V vocabulary size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.errors import ConfigError, as_option
from nextchar.generation.engine import TextGenerator
from nextchar.generation.prompts import EncodedPrompt, excluded_of, start_of
from nextchar.generation.sampling import Sampling, filtered_logits
from nextchar.inspection.symbol_kinds import JAMO_KINDS, symbol_kinds, symbol_names
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread
from nextchar.rendering.characters import symbol_name
from nextchar.text.vocabulary import Vocabulary

TEMPERATURES = (0.2, 0.5, 0.8, 1.0, 1.2, 1.5)
LENGTH = 150  # symbols
MAX_LENGTH = 10_000
_TOP = 5  # symbols


@dataclass(frozen=True, kw_only=True, eq=False)
class TemperedText:
    """A prompt continued at one temperature.

    Attributes
    ----------
    temperature
        The temperature; 0 is argmax.
    probabilities
        Of each symbol right after the prompt, float64[V].
    text
        The text that follows the prompt.
    """

    temperature: float
    probabilities: NDArray[np.float64]
    text: str

    @property
    def entropy_bits(self) -> float:
        """The entropy of the distribution after the prompt, in bits."""
        some = self.probabilities[self.probabilities > 0]
        return abs(float(-(some * np.log2(some)).sum()))

    def top(self, count: int) -> list[int]:
        """Return the ids of the most probable symbols, in order."""
        order: list[int] = np.argsort(-self.probabilities, kind="stable")[:count].tolist()
        return order


@dataclass(frozen=True, kw_only=True, eq=False)
class TemperatureReport:
    """A prompt continued at several temperatures.

    Attributes
    ----------
    prompt
        The prompt.
    symbols, names
        All symbols, V, and what they are called in the table and the picture: a Hangul letter of a
        jamo vocabulary is ``ㅈ`` at the beginning of a syllable, and ``-ㄴ`` at its end.
    texts
        One for each temperature.
    """

    prompt: str
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    texts: tuple[TemperedText, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the texts, and the most probable symbols after the prompt."""
        return {
            "prompt": self.prompt,
            "temperatures": [
                {
                    "temperature": each.temperature,
                    "entropy_bits": each.entropy_bits,
                    "next_symbols": [
                        {"symbol": self.symbols[i], "probability": float(each.probabilities[i])}
                        for i in each.top(_TOP)
                    ],
                    "text": each.text,
                }
                for each in self.texts
            ],
        }

    def lines(self) -> list[str]:
        """Return a table of the distributions, and the texts, for a terminal."""
        from nextchar.inspection.temperature_words import temperature_lines

        return temperature_lines(self, _TOP)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the distribution of the next symbol at each temperature.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.temperature_words import plot_temperatures

        return plot_temperatures(self)


def report_temperatures(
    network: Network,
    vocabulary: Vocabulary,
    prompt: str,
    *,
    temperatures: Sequence[float],
    length: int,
    seed: int,
) -> TemperatureReport:
    """Continue a prompt at several temperatures; see ``Inspector.temperature``."""
    if not temperatures:
        named = as_option("temperatures", flag="temperature")
        raise ConfigError(f"{named} must have at least one number; got none")
    if not 0 <= length <= MAX_LENGTH:
        raise ConfigError(f"{as_option('length')} must be from 0 to {MAX_LENGTH:,}; got {length}")
    start = start_of(vocabulary, prompt, "error")
    samplings = [Sampling(temperature=float(each)) for each in temperatures]
    with one_thread():
        texts = [_continued(network, vocabulary, start, each, length, seed) for each in samplings]
    return TemperatureReport(
        prompt=prompt,
        symbols=tuple(vocabulary.symbols),
        names=tuple(
            name if kind in JAMO_KINDS else symbol_name(symbol)
            for symbol, name, kind in zip(
                vocabulary.symbols, symbol_names(vocabulary), symbol_kinds(vocabulary), strict=True
            )
        ),
        texts=tuple(texts),
    )


def _continued(
    network: Network,
    vocabulary: Vocabulary,
    start: EncodedPrompt,
    sampling: Sampling,
    length: int,
    seed: int,
) -> TemperedText:
    excluded = excluded_of(vocabulary)
    writer = TextGenerator(
        network,
        torch.from_numpy(start.context.astype(np.int64)),
        sampling,
        [seed],
        excluded=excluded,
        excluded_first=start.inside,
        engine="plain",
    )
    probabilities = _probabilities(writer.position.logits, sampling, [*excluded, *start.inside])
    decoder = vocabulary.decoder()
    before = decoder.feed(start.shown)
    # An unfinished character at the end is withheld.
    whole = before + decoder.feed(writer.write(length)[:, 0].astype(vocabulary.dtype))
    shown = len(vocabulary.decode(start.shown)) if len(start.shown) else 0
    return TemperedText(
        temperature=sampling.temperature, probabilities=probabilities, text=whole[shown:]
    )


def _probabilities(
    logits: Tensor, sampling: Sampling, excluded: Sequence[int]
) -> NDArray[np.float64]:
    """Return the probabilities after the prompt, [V], from logits [1, V]."""
    allowed = logits.double().clone()
    allowed[:, list(excluded)] = -math.inf
    if sampling.temperature == 0:
        allowed = torch.where(allowed == allowed.amax(), 0.0, -math.inf)
    found: NDArray[np.float64] = filtered_logits(allowed, sampling).softmax(-1)[0].cpu().numpy()
    return found
