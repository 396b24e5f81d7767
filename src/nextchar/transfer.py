"""Beginning a run from another: its vocabulary and its network grow by the new text's symbols.

What the old run knows is kept bit for bit. Every weight that has a part for each symbol (the
embedding, or the input weights of one-hot symbols, and the head with its bias) gets parts for the
new ones. How those begin was measured (docs/training.md, "Transfer"):

- input and output weights are drawn around the mean of the old ones, with their deviation, so
  that a new symbol enters and leaves as a typical one;
- the head's biases stand to the mean of the old ones as the symbols' log-frequencies in the new
  text to their mean.

``origin.json`` in the new run says where it came from.

Legend: V symbols.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.config import Config, NetworkConfig
from nextchar.errors import ConfigError, RunError
from nextchar.model_files import load_config, load_vocabulary, load_weights, weights_file
from nextchar.nn.network import Network
from nextchar.nn.parameters import load_parameters
from nextchar.storage import read_json, write_json
from nextchar.text.vocabulary import Vocabulary, grow

FORMAT_VERSION = 1
ORIGIN_FILE = "origin.json"
SET_ANEW = ("dropout", "embedding_dropout", "weight_dropout")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a run came from.

    Attributes
    ----------
    run
        The old run, as it was named.
    sha256
        Of the file of its weights, hexadecimal.
    first_known, symbols_known
        The ids of the old symbols in the new vocabulary: the first, and how many.
    """

    run: str
    sha256: str
    first_known: int
    symbols_known: int

    @property
    def known(self) -> range:
        """The ids of the old symbols."""
        return range(self.first_known, self.first_known + self.symbols_known)

    def save(self, folder: Path) -> None:
        """Write ``origin.json``."""
        values = dataclasses.asdict(self)
        write_json(folder / ORIGIN_FILE, {"format_version": FORMAT_VERSION, **values})


def load_origin(folder: Path) -> Origin | None:
    """Read ``origin.json``; ``None`` for a run that was begun from nothing.

    Raises
    ------
    RunError
        The file is damaged, or a newer nextchar wrote it.
    """
    path = folder / ORIGIN_FILE
    if not path.exists():
        return None
    values = read_json(path, RunError)
    version = values.pop("format_version", None)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RunError(f"{path} has format {version}, this nextchar reads up to {FORMAT_VERSION}")
    kinds = {"run": str, "sha256": str, "first_known": int, "symbols_known": int}
    if version != FORMAT_VERSION or {k: type(v) for k, v in values.items()} != kinds:
        expected = ", ".join(["format_version", *kinds])
        raise RunError(f"{path} is damaged: it must have {expected}; got {values!r:.200}")
    return Origin(**values)


class Source:
    """A run that another begins from.

    Parameters
    ----------
    run
        Its directory; its best weights are taken, or the newest if none is best yet.

    Raises
    ------
    RunError
        No run is there, it is damaged, or a newer nextchar wrote it.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        folder = Path(run)
        self.run = str(run)
        self.config = load_config(folder)
        self.vocabulary = load_vocabulary(folder)
        self._network = Network(len(self.vocabulary), self.config.network, generator=None)
        load_parameters(self._network, load_weights(folder))
        self._sha256 = hashlib.sha256(weights_file(folder).read_bytes()).hexdigest()

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete options by what the old weights and symbols are.

        Raises
        ------
        ConfigError
            An option contradicts that; dropout alone may be set anew.
        """
        network = dataclasses.asdict(self.config.network)
        kept = {name: value for name, value in network.items() if name not in SET_ANEW}
        kept["vocabulary"] = self.config.text.vocabulary
        differing = [
            f"{name} is {kept[name]!r} there, got {value!r}"
            for name, value in given.items()
            if name in kept and value != kept[name]
        ]
        if differing:
            raise ConfigError(
                f"--from {self.run} keeps the network and the kind of symbols of that run: "
                f"{', '.join(differing)}"
            )
        return {"normalization": self.config.text.normalization, **given, **kept}

    def grown_vocabulary(self, chunks: Iterable[str], min_count: int) -> Vocabulary:
        """Give the old symbols and, after them, those of a new text; see ``vocabulary.grow``."""
        return grow(self.vocabulary, chunks, min_count)

    def origin(self, vocabulary: Vocabulary) -> Origin:
        """Say where a run with this grown vocabulary came from."""
        moved = vocabulary.unknown_id is not None and self.vocabulary.unknown_id is None
        return Origin(
            run=self.run,
            sha256=self._sha256,
            first_known=int(moved),
            symbols_known=len(self.vocabulary),
        )

    def grown_network(
        self, config: NetworkConfig, known: range, counts: NDArray[np.int64], seed: int
    ) -> Network:
        """Give the old network with parts for new symbols.

        Parameters
        ----------
        config
            The old network's, but for its dropout.
        known
            Ids of the old symbols among the new V.
        counts
            How often each symbol occurs in the new text to learn from, int64[V].
        seed
            Draws what is new.
        """
        generator = torch.Generator().manual_seed(seed)
        grown = Network(len(counts), config, generator=None)
        old = dict(self._network.named_parameters())
        tensors = dict(old)
        for name, dimension in grown.symbol_weights.items():
            tensors[name] = _with_new(old[name].detach(), dimension, known, len(counts), generator)
        head_bias = tensors["head.bias"]
        is_new = torch.ones(len(counts), dtype=torch.bool)
        is_new[known.start : known.stop] = False
        head_bias[is_new] = _biases(old["head.bias"].detach(), counts)[is_new]
        load_parameters(grown, tensors)
        return grown


def _with_new(
    old: Tensor, dimension: int, known: range, size: int, generator: torch.Generator
) -> Tensor:
    """Draw a weight with ``size`` parts along a dimension like the old ones, and put those in."""
    deviation, mean = torch.std_mean(old, dim=dimension, correction=0, keepdim=True)
    shape = list(old.shape)
    shape[dimension] = size
    grown = mean + deviation * torch.randn(shape, generator=generator)
    grown.narrow(dimension, known.start, len(known)).copy_(old)
    return grown


def _biases(old: Tensor, counts: NDArray[np.int64]) -> Tensor:
    """Give every symbol [V] a bias around the old mean, by its log-frequency in the new text."""
    log_counts = torch.from_numpy(np.log(counts + 1.0)).to(old.dtype)
    return old.mean() + log_counts - log_counts.mean()
