"""Beginning a classifier from a language model: its symbols, its embedding, its forward layers.

The vocabulary grows by the symbols of the texts and by the two borders. What the language model
knows is kept bit for bit: in both directions, the forward layers give at first exactly what they
gave there, for a layer above the first begins without what the backward one below says.

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
    """A language model that a classifier begins from.

    Parameters
    ----------
    run
        Its directory.

    Raises
    ------
    RunError
        No run of a language model is there, it is damaged, or a newer nextchar wrote it.
    ConfigError
        It has batch normalisation, which is of running text alone.
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
        """Give the grown vocabulary, with ``<unk>``, and where it came from."""
        grown = vocabularies.grow(self._source.vocabulary, texts, min_count, unknown=True)
        return grown, self._source.origin(grown)

    def fill(self, network: ClassifierNetwork, known: range) -> None:
        """Put the old weights into a network, in place.

        Parameters
        ----------
        network
            Drawn, with the options that ``options`` gave.
        known
            The ids of the old symbols.
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
    """Copy a cell into one that may read more: more symbols, or a backward layer's outputs."""
    target = named_tensors(new)
    for name, tensor in named_tensors(old).items():
        if name != "weight_ih":
            target[name].copy_(tensor)
        elif symbols is not None:
            target[name][:, symbols.start : symbols.stop] = tensor
        else:
            target[name].zero_()
            target[name][:, : tensor.shape[1]] = tensor
