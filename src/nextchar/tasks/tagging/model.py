"""What people load of a tagger's run, in numbers: a network, symbols and labels.

Shapes: T symbols of the longest piece, B pieces, n places of the longest piece, K labels. Time
first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.config import TaggerRunConfig
from nextchar.errors import RunError
from nextchar.following import each_a_part
from nextchar.run_files.model_files import load_vocabulary, save_vocabulary
from nextchar.storage import read_json, write_json
from nextchar.tasks.examples import Batch, Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.tagging.encoding import START_CODE
from nextchar.tasks.tagging.labels import TagSet
from nextchar.tasks.tagging.network import TagNetwork
from nextchar.tasks.tagging.restoration import START
from nextchar.tasks.tagging.scores import ConfusionCounts, Scores
from nextchar.tasks.tagging.viterbi import FORBIDDEN, viterbi
from nextchar.text.batches import by_length
from nextchar.text.streams import NO_TARGET
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.loss import Loss
from nextchar.training.objective import Measured, on_device

LABELS_FILE = "labels.json"
_SYMBOLS_AT_ONCE = 1 << 13
_SYMBOLS_IN_MEMORY = 1 << 17


class TagModel(ItemModel[TaggerRunConfig]):
    """A network that labels characters.

    Parameters
    ----------
    config
        What it is.
    vocabulary, labels
        What its numbers mean.
    """

    task = "tag"
    config_type = TaggerRunConfig
    unit = "label"
    network: TagNetwork

    def __init__(self, config: TaggerRunConfig, vocabulary: Vocabulary, labels: TagSet) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.labels = labels
        self.grammar = labels.grammar(config.tagging.transitions)
        self.network = TagNetwork(
            len(vocabulary),
            vocabulary.unknown_id,
            len(labels),
            config.network,
            config.tagging,
            generator=torch.Generator().manual_seed(config.training.seed),
        )

    @classmethod
    def untrained(cls, folder: Path, config: Any) -> Self:  # noqa: ANN401
        """Make the model of a run as it was before its training."""
        labels = TagSet.from_dict(read_json(folder / LABELS_FILE, RunError), config.tagging)
        return cls(config, load_vocabulary(folder), labels)

    @property
    def summary(self) -> str:
        """The kinds of marks that it restores, and the numbers of symbols and labels."""
        restored = "+".join(self.config.tagging.kinds)
        restores = f"restores {restored}, " if restored else ""
        symbols = f"{len(self.vocabulary):,} symbols ({self.vocabulary.kind})"
        return f"{restores}{symbols}, {len(self.labels):,} labels"

    def save_symbols(self, folder: Path) -> None:
        """Write the vocabulary and the labels."""
        save_vocabulary(folder, self.vocabulary)
        write_json(folder / LABELS_FILE, self.labels.to_dict())

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Give the symbols of each piece."""
        return examples.texts["symbols"].lengths

    def compute_loss(self, examples: Examples, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the cross-entropy of the labels in these pieces."""
        logits = self._logits(examples, batch, generator).flatten(0, 1)
        targets = on_device(torch.from_numpy(_targets(examples, batch)), self.device).flatten()
        smoothing = self.config.training.label_smoothing
        minimized = functional.cross_entropy(
            logits, targets, ignore_index=NO_TARGET, label_smoothing=smoothing
        )
        nats = minimized.detach()
        if smoothing > 0:
            nats = functional.cross_entropy(logits.detach(), targets, ignore_index=NO_TARGET)
        return Loss(minimized, nats)

    def loss_counts(self, examples: Examples, items: NDArray[np.int64]) -> tuple[int, int]:
        """Return the number of labels of some pieces, twice."""
        labels = int(examples.texts["labels"].lengths[items].sum())
        return labels, labels

    def _measured(self, examples: Examples) -> Measured:
        """Measure nats per label, and the scores of the labels that would be given."""
        nats, scores = self.score(examples)
        return Measured(nats=nats, figures=scores.figures(), decides=1 - scores.overall.f1)

    def score(self, examples: Examples, strangers: Sequence[str] = ()) -> tuple[float, Scores]:
        """Measure the network on pieces of items, which stand in order.

        Parameters
        ----------
        examples
            As ``encoding.encode_items`` gives them; labels from K on are those of ``strangers``.
        strangers
            TagSet that only these items have.

        Returns
        -------
        float, Scores
            Nats per label, without those of strangers; and what the labels came to.
        """
        labels = self.labels
        tally = ConfusionCounts([labels.parts(name) for name in (*labels.names, *strangers)])
        nats, count = 0.0, 0
        wanted: list[NDArray[np.integer]] = []
        given: list[NDArray[np.integer]] = []
        for index, scores, chosen in self.label(examples):
            right = examples.texts["labels"][index].astype(np.int64)
            known = right < len(labels)
            nats -= float(scores[known, right[known]].sum())
            count += int(known.sum())
            wanted.append(right)
            given.append(chosen)
            if examples.arrays["is_last"][index]:
                tally.add(np.concatenate(wanted), np.concatenate(given))
                wanted, given = [], []
        return nats / max(1, count), tally.scores()

    def label(
        self,
        examples: Examples,
        *,
        before: int | None = None,
        possible: Sequence[NDArray[np.bool_]] | None = None,
    ) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.int64]]]:
        """Label pieces of items, which stand in order.

        Parameters
        ----------
        examples
            As ``encoding.encode`` gives them.
        before
            The last label of the piece before, where the first goes on with its item.
        possible
            For each piece, which labels may be given at the places that are labelled in it.

        Yields
        ------
        int, NDArray, NDArray
            The number of the piece; of the places that are labelled in it, log-probabilities of
            the labels, [n, K], and the labels that are given, int64[n].
        """
        arrays = examples.arrays
        for index, scores in self._scores(examples):
            first, end = int(arrays["first"][index]), int(arrays["end"][index])
            scores = scores[first:end]
            codes = examples.texts["characters"][index][first:end].tolist()
            allowed = self.labels.allowed(START if c == START_CODE else chr(c) for c in codes)
            if possible is not None:
                allowed &= possible[index]
            chosen = viterbi(
                np.where(allowed, scores, np.minimum(scores, 0) + FORBIDDEN),
                self.grammar,
                before=None if first == 0 else before,
                ends=bool(arrays["is_last"][index]),
            )
            before = int(chosen[-1]) if len(chosen) else before
            yield index, scores, chosen

    def _scores(self, examples: Examples) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Give the log-probabilities at all places of each piece, [n, K], in order."""
        lengths = self.lengths(examples)
        blocks = np.cumsum(lengths) // _SYMBOLS_IN_MEMORY
        for block in each_a_part(np.unique(blocks).tolist()):
            members = np.flatnonzero(blocks == block)
            scores: dict[int, NDArray[np.float64]] = {}
            for batch in by_length(lengths[members], _SYMBOLS_AT_ONCE):
                indices = members[batch]
                with torch.no_grad():
                    logits = self._logits(examples, Batch.share(indices), None)
                    logs = logits.double().log_softmax(-1)
                places = examples.texts["places"].lengths[indices].tolist()
                for column, (index, count) in enumerate(zip(indices, places, strict=True)):
                    scores[int(index)] = logs[:count, column].cpu().numpy()
            yield from sorted(scores.items())

    def _logits(
        self, examples: Examples, batch: Batch, generator: torch.Generator | None
    ) -> Tensor:
        symbols, places = examples.texts["symbols"], examples.texts["places"]
        ids, lengths, ends = (
            on_device(torch.from_numpy(values), self.device)
            for values in (
                batch.padded(symbols, 0),
                symbols.lengths[batch.own],
                batch.padded(places, 0),
            )
        )
        logits: Tensor = self.network(ids, lengths, ends, generator=generator)
        return logits


def _targets(examples: Examples, batch: Batch) -> NDArray[np.int64]:
    """Return the label at each place, int64[n, b]; none at the places that are context."""
    labels, first = examples.texts["labels"], examples.arrays["first"][batch.own]
    places = int(examples.texts["places"].lengths[batch.items].max())
    targets = np.full((places, len(batch.own)), NO_TARGET, dtype=np.int64)
    for column, (index, start) in enumerate(zip(batch.own, first, strict=True)):
        given = labels[int(index)]
        targets[start : start + len(given), column] = given
    return targets
