"""Initialisation of a run from a pretrained one, with new symbols.

The pretrained weights are copied unchanged. Weights with a row or column per symbol (the embedding
or the one-hot input weights, and the output layer with its bias) are extended for new symbols, with
the initial values of a new network. Sampling these values from the distribution of the pretrained
ones, or setting output biases by frequency, gave worse results (docs/benchmarks.md, "Transfer").

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
from nextchar.run_files.origin import Origin, name_of
from nextchar.storage import open_regular
from nextchar.text.vocabulary import Vocabulary

RESETTABLE = (
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
    """A pretrained run for the initialisation of another.

    Parameters
    ----------
    run
        The run directory. The best weights are used, or the newest if there are none yet.

    Raises
    ------
    RunError
        The directory has no run, the run is damaged, or it is from a newer version of nextchar.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        folder = Path(run)
        self.run = str(run)
        self.config = load_config(folder)
        self.vocabulary = load_vocabulary(folder)
        weights = load_weights(folder, self._new_network)
        self.network = self._new_network()
        load_parameters(self.network, weights)
        with open_regular(weights_file(folder)) as file:
            self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()

    def _new_network(self) -> Network:
        return Network(len(self.vocabulary), self.config.network, generator=None)

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete options from the architecture and vocabulary of the pretrained run.

        Raises
        ------
        ConfigError
            An option differs from the pretrained run. Only dropout and zoneout may differ.
        """
        network = dataclasses.asdict(self.config.network)
        kept = {name: value for name, value in network.items() if name not in RESETTABLE}
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
        """Return the origin of a run with this extended vocabulary."""
        moved = vocabulary.unknown_id is not None and self.vocabulary.unknown_id is None
        return Origin(
            run=name_of(self.run),
            sha256=self._sha256,
            first_known=int(moved),
            symbols_known=len(self.vocabulary),
        )

    def grown_network(
        self, config: NetworkConfig, known: range, symbols: int, seed: int
    ) -> Network:
        """Return the pretrained network, extended for new symbols.

        Parameters
        ----------
        config
            The configuration of the pretrained network, possibly with other dropout.
        known
            Ids of the pretrained symbols in the new vocabulary.
        symbols
            Size V of the new vocabulary.
        seed
            Seed of the new weights.
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
