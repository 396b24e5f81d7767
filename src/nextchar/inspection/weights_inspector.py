"""The questions about a model that need no text: the inspector's base class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nextchar.config import Config
from nextchar.config.arguments import checked
from nextchar.errors import ConfigError
from nextchar.inspection.embedding_space import SHOWN, EmbeddingSpace, Side, embedding_space
from nextchar.inspection.temperature import (
    LENGTH,
    TEMPERATURES,
    TemperatureReport,
    report_temperatures,
)
from nextchar.inspection.training import TrainingCourse, inspect_training
from nextchar.nn.network import Network
from nextchar.text.normal_forms import NormalForm
from nextchar.text.vocabulary import Vocabulary


class WeightsInspector:
    """Answers questions about the weights of a language model; see ``Inspector``."""

    def __init__(
        self, network: Network, vocabulary: Vocabulary, config: Config, *, run: Path | None = None
    ) -> None:
        self.network = network
        self.vocabulary = vocabulary
        self.config = config
        self.run = run
        self._form = NormalForm(vocabulary, config.text.normalization)

    @checked
    def embeddings(
        self, *, of: Side = "input", symbols: Sequence[str] = (), count: int = SHOWN
    ) -> EmbeddingSpace:
        """Measure which symbols the network treats alike, beside one-hot vectors.

        Parameters
        ----------
        of
            The vectors of the symbols read, or ``"output"``: the output weights, the vectors of the
            symbols predicted. With tied weights they are the same.
        symbols
            The symbols whose neighbours are listed, by name or as in a text; by default the ten
            most frequent ones.
        count
            The number of the most frequent symbols to measure, from 3 to 500.

        Raises
        ------
        ConfigError
            The count is out of range, or the run has less than three symbols.
        UnknownSymbolsError
            The vocabulary lacks a symbol.
        CorpusError
            The text of the run is damaged.
        """
        return embedding_space(
            self.network, self.vocabulary, run=self.run, of=of, symbols=symbols, count=count
        )

    @checked
    def temperature(
        self,
        prompt: str = "",
        *,
        temperatures: Sequence[float] = TEMPERATURES,
        length: int = LENGTH,
        seed: int = 0,
    ) -> TemperatureReport:
        """Continue a prompt at several temperatures, and compare what follows it.

        Parameters
        ----------
        prompt
            The beginning of the text.
        temperatures
            The temperatures; 0 is argmax.
        length
            Number of symbols to write at each.
        seed
            Seed of all texts.

        Raises
        ------
        ConfigError
            A temperature or the length is out of range.
        UnknownSymbolsError
            The vocabulary lacks symbols of the prompt.
        """
        return report_temperatures(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            temperatures=temperatures,
            length=length,
            seed=seed,
        )

    def training(self) -> TrainingCourse:
        """Read the course of the run's training, and name what is wrong.

        Raises
        ------
        ConfigError
            The model was not loaded from a run.
        RunError, CorpusError
            The run is damaged.
        """
        if self.run is None:
            raise ConfigError(
                "the model was not loaded from a run, so it has no training on record"
            )
        return inspect_training(self.run)
