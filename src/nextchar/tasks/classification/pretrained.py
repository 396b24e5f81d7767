"""Initialisation of a classifier from a language model: vocabulary, embedding, forward layers.

The vocabulary is extended by the symbols of the texts and by the two markers. The pretrained
weights are copied unchanged. In a bidirectional classifier too, the forward layers initially return
exactly the outputs of the language model, because the weights for the backward outputs of the layer
below start at zero.

Legend: V symbols, H hidden.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from nextchar.config import ClassifierRunConfig
from nextchar.errors import ConfigError, as_option
from nextchar.nn.cell import Cell
from nextchar.nn.network import Network
from nextchar.nn.parameters import named_tensors
from nextchar.run_files.origin import Origin
from nextchar.tasks.classification.network import ClassifierNetwork
from nextchar.tasks.language_modeling.transfer import PretrainedRun
from nextchar.text import vocabulary as vocabularies
from nextchar.text.vocabulary import Vocabulary


class LanguageModelSource:
    """A pretrained language model for the initialisation of a classifier.

    Parameters
    ----------
    run
        The run directory of the language model.

    Raises
    ------
    RunError
        The directory has no run of a language model, the run is damaged, or it is from a newer
        version of nextchar.
    ConfigError
        The network has batch normalisation, which classifiers do not support.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        self._source = PretrainedRun(run)
        self.run = self._source.run
        if self._source.config.network.batch_norm:
            raise ConfigError(
                f"{as_option('from_run', self.run, flag='from')} has batch_norm, "
                "which classifiers do not support"
            )

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete options from the pretrained run; see ``PretrainedRun.options``."""
        known = ClassifierRunConfig.options()
        return {n: v for n, v in self._source.options(given).items() if n in known}

    def vocabulary(self, texts: Iterable[str], min_count: int) -> tuple[Vocabulary, Origin]:
        """Return the vocabulary extended by the symbols of texts and ``<unk>``, and its origin."""
        grown = vocabularies.grow(self._source.vocabulary, texts, min_count, unknown=True)
        return grown, self._source.origin(grown)

    def fill(self, network: ClassifierNetwork, known: range) -> None:
        """Copy the pretrained weights into a network, in place.

        Parameters
        ----------
        network
            An initialised network with the options that ``options`` returned.
        known
            The ids of the pretrained symbols.
        """
        old: Network = self._source.network
        encoder = network.encoder
        with torch.no_grad():
            if old.embedding is not None and encoder.embedding is not None:
                encoder.embedding.weight[known.start : known.stop] = old.embedding.weight
            for number, (cell, new) in enumerate(
                zip(old.stack.cells, encoder.forward_cells, strict=True)
            ):
                one_hot = known if number == 0 and old.embedding is None else None
                _fill_cell(new, cell, one_hot)


def _fill_cell(new: Cell, old: Cell, symbols: range | None) -> None:
    """Copy a cell into one with more inputs: more symbols, or the outputs of a backward layer."""
    target = named_tensors(new)
    for name, tensor in named_tensors(old).items():
        if name != "weight_ih":
            target[name].copy_(tensor)
        elif symbols is not None:
            target[name][:, symbols.start : symbols.stop] = tensor
        else:
            target[name].zero_()
            target[name][:, : tensor.shape[1]] = tensor
