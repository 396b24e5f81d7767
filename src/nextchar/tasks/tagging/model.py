"""The tagging model: a network with its vocabulary and label set.

Shapes: T symbols of the longest piece, B pieces, n positions of the longest piece, K labels. Time
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
from nextchar.following import each_a_part
from nextchar.nn.initialization import initial_generator
from nextchar.run_files.model_files import load_vocabulary, save_vocabulary
from nextchar.run_files.seals import sealed_json
from nextchar.storage import write_json
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.schema import Schema
from nextchar.tasks.tagging.encoding import START_CODE, require_consistent, schema_of
from nextchar.tasks.tagging.labels import TagSet
from nextchar.tasks.tagging.network import TagNetwork
from nextchar.tasks.tagging.restoration import START
from nextchar.tasks.tagging.scores import ConfusionCounts, Scores
from nextchar.tasks.tagging.viterbi import FORBIDDEN, viterbi
from nextchar.text.batches import by_length
from nextchar.text.streams import NO_TARGET
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.loss import Loss
from nextchar.training.objective import ValidationResult, on_device

LABELS_FILE = "labels.json"
_SYMBOLS_AT_ONCE = 1 << 13
_SYMBOLS_IN_MEMORY, _SCORES_IN_MEMORY = 1 << 17, 1 << 24


class TagModel(ItemModel[TaggerRunConfig]):
    """A network that labels characters.

    Parameters
    ----------
    config
        The configuration of the run.
    vocabulary, labels
        The symbols and the labels, by id.
    """

    task = "tag"
    config_type = TaggerRunConfig
    unit = "label"
    network: TagNetwork

    def __init__(
        self,
        config: TaggerRunConfig,
        vocabulary: Vocabulary,
        labels: TagSet,
        *,
        drawn: bool = True,
    ) -> None:
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
            generator=initial_generator(config.training.seed) if drawn else None,
        )

    @classmethod
    def untrained(cls, folder: Path, config: Any, *, drawn: bool = True) -> Self:  # noqa: ANN401
        """Return the model of a run in its initial state."""
        with sealed_json(folder, LABELS_FILE) as values:
            labels = TagSet.from_dict(values, config.tagging)
        return cls(config, load_vocabulary(folder), labels, drawn=drawn)

    @property
    def summary(self) -> str:
        """The restored kinds of marks, and the numbers of symbols and labels."""
        restored = "+".join(self.config.tagging.kinds)
        restores = f"restores {restored}, " if restored else ""
        symbols = f"{len(self.vocabulary):,} symbols ({self.vocabulary.kind})"
        return f"{restores}{symbols}, {len(self.labels):,} labels"

    def save_symbols(self, folder: Path) -> None:
        """Write the vocabulary and the labels."""
        save_vocabulary(folder, self.vocabulary)
        write_json(folder / LABELS_FILE, self.labels.to_dict())

    @property
    def schema(self) -> Schema:
        """The columns of ``encoding.encode_items``."""
        return schema_of(len(self.vocabulary), len(self.labels))

    def require_items(self, examples: Examples) -> None:
        """Raise ``CorpusError`` unless items can be those of this model."""
        super().require_items(examples)
        require_consistent(examples)

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Return the number of symbols of each piece."""
        return examples.texts["symbols"].lengths

    def compute_loss(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator
    ) -> Loss:
        """Return the cross-entropy of the labels of these pieces."""
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

    def _measured(self, examples: Examples) -> ValidationResult:
        """Return the nats per label and the scores of the predicted labels."""
        nats, scores = self.score(examples)
        return ValidationResult(nats=nats, figures=scores.figures(), decides=1 - scores.overall.f1)

    def score(self, examples: Examples, unseen: Sequence[str] = ()) -> tuple[float, Scores]:
        """Return the loss and the scores on pieces of items, in order.

        Parameters
        ----------
        examples
            Pieces encoded by ``encoding.encode_items``. Labels from K on are those of ``unseen``.
        unseen
            Labels of these items that did not occur in training.

        Returns
        -------
        float, Scores
            Nats per label, without unseen labels, and the scores of the predicted labels.
        """
        labels = self.labels
        counts = ConfusionCounts([labels.parts(name) for name in (*labels.names, *unseen)])
        nats, count = 0.0, 0
        actual: list[NDArray[np.integer]] = []
        predicted: list[NDArray[np.integer]] = []
        for index, scores, chosen in self.label(examples):
            targets = examples.texts["labels"][index].astype(np.int64)
            known = targets < len(labels)
            nats -= float(scores[known, targets[known]].sum())
            count += int(known.sum())
            actual.append(targets)
            predicted.append(chosen)
            if examples.arrays["is_last"][index]:
                counts.add(np.concatenate(actual), np.concatenate(predicted))
                actual, predicted = [], []
        return nats / max(1, count), counts.scores()

    def label(
        self,
        examples: Examples,
        *,
        before: int | None = None,
        possible: Sequence[NDArray[np.bool_]] | None = None,
    ) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.int64]]]:
        """Predict the labels of pieces of items, in order.

        Parameters
        ----------
        examples
            Pieces encoded by ``encoding.encode``.
        before
            The last label of the previous piece, if the first piece continues an item.
        possible
            For each piece, the allowed labels at its labelled positions.

        Yields
        ------
        int, NDArray, NDArray
            The index of the piece and, for its labelled positions, the log-probabilities of the
            labels, [n, K], and the predicted labels, int64[n].
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
        """Yield each piece's index and log-probabilities at all positions, [n, K], in order."""
        lengths = self.lengths(examples)
        kept = max(1, min(_SYMBOLS_IN_MEMORY, _SCORES_IN_MEMORY // len(self.labels)))
        blocks = np.cumsum(lengths) // kept
        for block in each_a_part(np.unique(blocks).tolist()):
            members = np.flatnonzero(blocks == block)
            scores: dict[int, NDArray[np.float64]] = {}
            for batch in by_length(lengths[members], min(_SYMBOLS_AT_ONCE, kept)):
                indices = members[batch]
                with torch.no_grad():
                    logits = self._logits(examples, ItemBatch.share(indices), None)
                    logs = logits.double().log_softmax(-1)
                places = examples.texts["places"].lengths[indices].tolist()
                for column, (index, count) in enumerate(zip(indices, places, strict=True)):
                    scores[int(index)] = logs[:count, column].cpu().numpy()
            yield from sorted(scores.items())

    def _logits(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator | None
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


def _targets(examples: Examples, batch: ItemBatch) -> NDArray[np.int64]:
    """Return the label at each position, int64[n, b], and ``NO_TARGET`` for context."""
    labels, first = examples.texts["labels"], examples.arrays["first"][batch.own]
    places = int(examples.texts["places"].lengths[batch.items].max())
    targets = np.full((places, len(batch.own)), NO_TARGET, dtype=np.int64)
    for column, (index, start) in enumerate(zip(batch.own, first, strict=True)):
        own = labels[int(index)]
        targets[start : start + len(own), column] = own
    return targets
