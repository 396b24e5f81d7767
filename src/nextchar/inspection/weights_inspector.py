"""The questions about a model that need no text: the inspector's base class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nextchar.config import Config
from nextchar.config.arguments import checked
from nextchar.inspection.embedding_space import SHOWN, EmbeddingSpace, Side, embedding_space
from nextchar.nn.network import Network
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
