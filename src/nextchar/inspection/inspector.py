"""The inspector of a model: one method for each question about its inside.

Every method takes a text, or a ``Sample`` of one. Results are arrays and numbers, with
``to_dict()`` for JSON, ``lines()`` for a terminal, and ``plot()`` where there is a picture.
"""

from __future__ import annotations

from pathlib import Path

from nextchar.config import Config
from nextchar.inspection.recording import Recording, record
from nextchar.inspection.sample import LIMIT, Sample, sample_of_text
from nextchar.nn.network import Network
from nextchar.text.normal_forms import NormalForm
from nextchar.text.vocabulary import Vocabulary


class Inspector:
    """Answers questions about the inside of a language model.

    Parameters
    ----------
    network, vocabulary
        The network, switched to evaluation mode when it reads, and its vocabulary.
    config
        The configuration of the run.
    run
        The run directory; ``None`` for a model that was not loaded.
    """

    def __init__(
        self, network: Network, vocabulary: Vocabulary, config: Config, *, run: Path | None = None
    ) -> None:
        self.network = network
        self.vocabulary = vocabulary
        self.config = config
        self.run = run
        self._form = NormalForm(vocabulary, config.text.normalization)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.config.network.summary}>"

    def sample(self, text: str | Sample, *, limit: int = LIMIT) -> Sample:
        """Return the first symbols of a text, at most ``limit``; a sample is returned as it is."""
        if isinstance(text, Sample):
            return text
        form, vocabulary = self._form, self.vocabulary
        return sample_of_text([text], vocabulary, form, name="the text", limit=limit)

    def record(self, text: str | Sample, *, gates: bool = True, logits: bool = False) -> Recording:
        """Read a text, and keep the state of every layer, and its gates; see ``recording``."""
        return record(self.network, self.sample(text).ids, gates=gates, logits=logits)
