"""Beginning a run from another: its vocabulary and its network grow by the new text's symbols.

What the old run knows is kept bit for bit. Every weight that has a part for each symbol (the
embedding, or the input weights of one-hot symbols, and the head with its bias) gets parts for the
new ones, which begin as those of a new network do. Drawing them like the old ones, or setting the
head's biases by frequency, was tried and is worse (docs/benchmarks.md, "Transfer").

Legend: V symbols.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nextchar.config import NetworkConfig
from nextchar.errors import ConfigError, as_option
from nextchar.nn.network import Network
from nextchar.nn.parameters import load_parameters, named_tensors
from nextchar.run_files.model_files import load_config, load_vocabulary, load_weights, weights_file
from nextchar.run_files.origin import Origin
from nextchar.text.vocabulary import Vocabulary

SET_ANEW = (
    "input_dropout",
    "dropout",
    "output_dropout",
    "locked_dropout",
    "embedding_dropout",
    "weight_dropout",
    "zoneout",
    "zoneout_cell",
)


class PretrainedRun:
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
        self.network = Network(len(self.vocabulary), self.config.network, generator=None)
        load_parameters(self.network, load_weights(folder))
        self._sha256 = hashlib.sha256(weights_file(folder).read_bytes()).hexdigest()

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete options by what the old weights and symbols are.

        Raises
        ------
        ConfigError
            An option contradicts that; dropout and zoneout alone may be set anew.
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
                f"{as_option('from_run', self.run, flag='from')} keeps the network and the "
                "kind of symbols of that run: "
                f"{', '.join(differing)}"
            )
        return {"normalization": self.config.text.normalization, **given, **kept}

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
        self, config: NetworkConfig, known: range, symbols: int, seed: int
    ) -> Network:
        """Give the old network with parts for new symbols.

        Parameters
        ----------
        config
            The old network's, but for its dropout.
        known
            Ids of the old symbols among the new ones.
        symbols
            Size V of the new vocabulary.
        seed
            Draws what is new.
        """
        generator = torch.Generator().manual_seed(seed)
        grown = Network(symbols, config, generator=generator)
        dimensions, tensors = grown.symbol_weights, named_tensors(grown)
        for name, old in named_tensors(self.network).items():
            new = tensors[name]
            if name in dimensions:
                new = new.narrow(dimensions[name], known.start, len(known))
            new.copy_(old)
        return grown
