"""The text classifier, as loaded from a run of ``nextchar classify``.

Legend: N texts, C labels, T symbols, B items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.config import ClassifierRunConfig
from nextchar.config.arguments import checked
from nextchar.config.options import ClassifierOptions
from nextchar.nn.dropout import drop_symbols
from nextchar.nn.initialization import initial_generator
from nextchar.nn.trainable import evaluating
from nextchar.run_files.model_files import load_vocabulary, save_vocabulary
from nextchar.run_files.origin import Origin, load_origin
from nextchar.runs import train
from nextchar.tasks.classification.labels import LabelSet
from nextchar.tasks.classification.losses import divergence, label_weights, weighted
from nextchar.tasks.classification.network import Ensemble
from nextchar.tasks.classification.symbols import encode_texts, symbol_count
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.labelled.figures import ClassificationFigures, Predictions
from nextchar.tasks.labelled.items import (
    LabelledData,
    checked_lengths,
    in_known_form,
    known_items,
    labelled_items,
    tell_unknown,
)
from nextchar.tasks.result import ItemResult
from nextchar.tasks.schema import Numbers, Schema, Texts
from nextchar.text.batches import by_length
from nextchar.text.files import Input
from nextchar.text.labelled import Layout
from nextchar.text.normal_forms import NormalForm
from nextchar.text.sequences import Sequences
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.events import Listener, noting
from nextchar.training.freezing import GrownWeight
from nextchar.training.loss import Loss
from nextchar.training.objective import ValidationResult, on_device

TEXT, LABEL, LINEAR, WEIGHT = "text", "label", "linear", "weight"
SYMBOLS_AT_ONCE, LOGITS_AT_ONCE = 1 << 15, 1 << 22


class Classifier(ItemModel[ClassifierRunConfig]):
    """A text classifier: an ensemble of networks, a vocabulary and labels.

    Parameters
    ----------
    config
        The configuration of the run.
    vocabulary, labels
        The symbols and the labels, by id. Texts are converted to the normal form of the vocabulary.
    origin
        The pretrained language model, if any.
    """

    task = "classify"
    config_type = ClassifierRunConfig
    unit = "item"

    def __init__(
        self,
        config: ClassifierRunConfig,
        vocabulary: Vocabulary,
        labels: LabelSet,
        *,
        origin: Origin | None = None,
        drawn: bool = True,
    ) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.labels = labels
        self.form = NormalForm(vocabulary, config.items.normalization)
        self.origin = origin
        generator = initial_generator(config.training.seed) if drawn else None
        self.network: Ensemble = Ensemble(
            symbol_count(vocabulary), len(labels), config, generator=generator
        )
        self._label_weights = torch.from_numpy(label_weights(labels, config))

    @classmethod
    @checked
    def train(
        cls,
        data: LabelledData,
        out: Input,
        *,
        labels: Sequence[object] | None = None,
        text: str = "text",
        label: str = "label",
        layout: Layout = "auto",
        from_run: Input | None = None,
        listeners: Sequence[Listener] = (),
        **options: Unpack[ClassifierOptions],
    ) -> ItemResult:
        """Train a classifier on labelled texts.

        Parameters
        ----------
        data
            Files, folders or glob patterns; or texts, with ``labels``.
        out
            The run directory to create. It must not exist, or must be empty.
        labels
            The label of each text in memory.
        text, label
            The table columns: names, or numbers from 1.
        layout
            The file layout; see ``text.labelled.read_labelled``.
        from_run
            The run of a language model to initialise from. New symbols are added to its vocabulary.
            The classifier is then unidirectional, unless ``bidirectional`` is set.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar classify train``.

        Raises
        ------
        ConfigError, TextError, RunError
            The data or an option is invalid. Nothing was written.
        """
        result: ItemResult = train(
            cls.task,
            data,
            out,
            labels=labels,
            text=text,
            label=label,
            layout=layout,
            from_run=from_run,
            listeners=listeners,
            **options,
        )
        return result

    @classmethod
    def untrained(cls, folder: Path, config: ClassifierRunConfig, *, drawn: bool = True) -> Self:
        """Return the model of a run in its initial state."""
        vocabulary, labels = load_vocabulary(folder), LabelSet.load(folder)
        return cls(config, vocabulary, labels, origin=load_origin(folder), drawn=drawn)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The C labels."""
        return self.labels.names

    @property
    def summary(self) -> str:
        """The numbers of symbols and labels, as text."""
        symbols = f"{len(self.vocabulary):,} symbols ({self.vocabulary.kind})"
        return f"{symbols}, {len(self.labels):,} labels"

    def save_symbols(self, folder: Path) -> None:
        """Write ``vocabulary.json``, ``labels.json`` and, if pretrained, ``origin.json``."""
        save_vocabulary(folder, self.vocabulary)
        self.labels.save(folder)
        if self.origin is not None:
            self.origin.save(folder)

    @property
    def grown(self) -> GrownWeight | None:
        """The input weights extended for new symbols, at least for the two markers."""
        if self.origin is None:
            return None
        encoder = self.network.networks[0].encoder
        embedded = encoder.embedding is not None
        name = "embedding.weight" if embedded else "forwards.0.layers.0.weight_ih"
        weight = encoder.get_parameter(name)
        return GrownWeight(weight, 0 if embedded else 1, self.origin.known)

    @property
    def schema(self) -> Schema:
        """The texts with their labels, the logits of the linear part, and weights if any."""
        labels = len(self.labels)
        linear = {} if self.network.linear is None else {LINEAR: Numbers(np.float32, width=labels)}
        return Schema(
            {TEXT: Texts(symbol_count(self.vocabulary))},
            {
                LABEL: Numbers(np.int64, 0, labels),
                WEIGHT: Numbers(np.float32, float(np.finfo(np.float32).tiny), optional=True),
                **linear,
            },
        )

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Return the number of symbols of each item, both markers included, int64[N]."""
        return examples.texts[TEXT].lengths

    def encoded(self, texts: Sequence[str], labels: Sequence[str]) -> Examples:
        """Encode items with known labels, without the logits of the linear part."""
        arrays = {LABEL: self.labels.numbers(labels)}
        return Examples({TEXT: encode_texts(self.vocabulary, texts)}, arrays)

    def examples(self, texts: Sequence[str], labels: Sequence[str]) -> Examples:
        """Encode items with known labels."""
        encoded = self.encoded(texts, labels)
        if self.network.linear is None:
            return encoded
        logits = self.network.linear.logits(texts)
        return Examples(encoded.texts, {**encoded.arrays, LINEAR: logits})

    def count_ngrams(self, examples: Examples) -> None:
        """Count the n-grams of the training items by label, if the network uses the counts.

        See ``NgramEvidence``.
        """
        evidence = self.network.evidence
        if evidence is None:
            return
        texts, labels = examples.texts[TEXT], examples.arrays[LABEL]
        counts = torch.zeros_like(evidence.table)
        for indices in self._batches(texts):
            targets = torch.from_numpy(labels[indices]).to(self.device)
            weights = self._column(examples, WEIGHT, indices)
            counts += evidence.counts(*self._batch(texts, indices), targets, weights)
        evidence.count(counts)

    def compute_loss(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator
    ) -> Loss:
        """Return the weighted, label-smoothed cross-entropy of a batch, plus the R-Drop term.

        R-Drop adds the symmetric KL divergence between two forward passes over each item with
        different dropout masks (Liang et al. 2021).
        """
        ids, lengths = self._read(examples.texts[TEXT], batch)
        targets = torch.from_numpy(examples.arrays[LABEL][batch.own]).to(self.device)
        given = self._column(examples, LINEAR, batch.own)
        classifier = self.config.classifier
        if classifier.consistency > 0:
            ids, lengths, targets = (
                torch.cat([part, part], -1) for part in (ids, lengths, targets)
            )
            given = None if given is None else torch.cat([given, given])
        read = self._with_unknown(ids, generator)
        logits = self.network(ids, lengths, read=read, given=given, generator=generator)
        members, everyone = len(logits), targets.repeat(len(logits))
        losses = functional.cross_entropy(
            logits.flatten(0, 1),
            everyone,
            weight=self._label_weights.to(logits),
            label_smoothing=self.config.training.label_smoothing,
            reduction="none",
        ).view(members, len(targets))
        shares = self._column(examples, WEIGHT, batch.own)
        if shares is not None:
            shares = shares / float(examples.arrays[WEIGHT].mean())
        minimized = weighted(losses, shares).sum() / len(targets)
        if classifier.consistency > 0:
            minimized = minimized + classifier.consistency * divergence(logits, shares)
        nats = functional.cross_entropy(
            logits.detach().flatten(0, 1), everyone, reduction="none"
        ).view_as(losses)
        nats = weighted(nats, shares).mean()
        return Loss(minimized / members, nats)

    def _measured(self, examples: Examples) -> ValidationResult:
        """Return loss, accuracy and macro F1 on validation items.

        The scales of the linear part and of the network are fitted on these items first.
        """
        self._fit_scales(examples)
        figures = self.figures(examples)
        values = {"accuracy": figures.accuracy, "macro_f1": figures.macro_f1}
        kept_by = self.config.classifier.keep_by
        decides = None if kept_by == "loss" else 1 - values[kept_by]
        return ValidationResult(nats=figures.nats, figures=values, decides=decides)

    def figures(self, examples: Examples) -> ClassificationFigures:
        """Return the metrics of the classifier on encoded items, at least one."""
        parts, order = [], []
        for indices, logs in self._log_probabilities(examples):
            parts.append(Predictions.of(logs, examples.arrays[LABEL][indices]))
            order.append(indices)
        found = Predictions.joined(parts, np.concatenate(order))
        return found.figures(self.labels.names, examples.arrays.get(WEIGHT))

    @checked
    def evaluate(
        self,
        data: LabelledData,
        *,
        labels: Sequence[object] | None = None,
        text: str = "text",
        label: str = "label",
        layout: Layout = "auto",
        skip_unseen: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> ClassificationFigures:
        """Evaluate the classifier on labelled texts.

        Empty texts count. Items without a label are omitted.

        Parameters
        ----------
        data, labels, text, label, layout
            As in ``train``.
        skip_unseen
            Omit items with labels not seen in training.
        listeners
            Notified of omitted items and of unknown symbols.

        Raises
        ------
        TextError
            A label was not seen in training, a text is too long, or there is no item.
        """
        items = labelled_items(
            data,
            self.config.items.reading,
            labels=labels,
            text=text,
            label=label,
            layout=layout,
            note=noting(listeners),
        )
        named = known_items(self.label_names, items, skip_unseen=skip_unseen, listeners=listeners)
        read = in_known_form(self.form, checked_lengths(named, self.config, listeners))
        tell_unknown(self.vocabulary, read, listeners)
        return self.figures(self.examples([i.text for i in read], [i.label for i in read]))

    @checked
    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return ln p of each label for each text, float64[N, C].

        Texts may be empty and of any length. Symbols outside the vocabulary are read as ``<unk>``.
        """
        read = [self.form.of(text) for text in texts]
        examples = self.examples(read, [self.labels.names[0]] * len(read))
        found = np.empty((len(examples), len(self.labels)))
        for indices, logs in self._log_probabilities(examples):
            found[indices] = logs
        return found

    @checked
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of each label for each text, float64[N, C]."""
        probabilities: NDArray[np.float64] = np.exp(self.log_probabilities(texts))
        return probabilities

    @checked
    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the most probable label of each text."""
        return [self.labels.names[place] for place in self.log_probabilities(texts).argmax(1)]

    def _log_probabilities(
        self, examples: Examples
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Yield ln p of each label in batches, [B, C], each after the indices of its items [B]."""
        texts = examples.texts[TEXT]
        shares = np.log(self.labels.shares) * self.config.classifier.prior_adjustment
        with evaluating(self.network), torch.inference_mode():
            for indices in self._batches(texts):
                given = self._column(examples, LINEAR, indices)
                logits = self.network(*self._batch(texts, indices), given=given)
                each = logits.double().log_softmax(-1).logsumexp(0)
                logs: NDArray[np.float64] = each.cpu().numpy() - shares
                logs -= logs.max(1, keepdims=True)
                logs -= np.log(np.exp(logs).sum(1, keepdims=True))
                yield indices, logs

    def _batches(self, texts: Sequences) -> Iterator[NDArray[np.int64]]:
        most = max(1, LOGITS_AT_ONCE // (len(self.labels) * len(self.network.networks)))
        return by_length(texts.lengths, SYMBOLS_AT_ONCE, max_items=most)

    def _fit_scales(self, examples: Examples) -> None:
        trust, texts = self.network.trust, examples.texts[TEXT]
        if trust is None:
            return
        order = list(self._batches(texts))
        with torch.inference_mode():
            added = [self.network(*self._batch(texts, indices)) for indices in order]
        everyone = np.concatenate(order)
        given, targets = (
            on_device(torch.from_numpy(examples.arrays[name][everyone]), self.device)
            for name in (LINEAR, LABEL)
        )
        trust.fit(given, torch.cat(added, 1), targets, self._column(examples, WEIGHT, everyone))

    def _column(self, examples: Examples, name: str, indices: NDArray[np.int64]) -> Tensor | None:
        """Return rows of an optional array (linear logits or item weights); ``None`` if absent."""
        if name not in examples.arrays:
            return None
        return on_device(torch.from_numpy(examples.arrays[name][indices]), self.device)

    def _batch(self, texts: Sequences, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return ids int64[T, B] and lengths int64[B]."""
        return self._read(texts, ItemBatch.share(indices))

    def _read(self, texts: Sequences, batch: ItemBatch) -> tuple[Tensor, Tensor]:
        """Return ids int64[T, b] and lengths int64[b] of this process's items."""
        values = batch.padded(texts, 0), texts.lengths[batch.own]
        ids, lengths = (on_device(torch.from_numpy(each), self.device) for each in values)
        return ids, lengths

    def _with_unknown(self, ids: Tensor, generator: torch.Generator) -> Tensor:
        """Replace a random share of the symbols by ``<unk>``, but not the markers."""
        unknown = self.vocabulary.unknown_id
        if unknown is None:
            return ids
        share = self.config.classifier.symbol_dropout
        return drop_symbols(ids, share, generator, unknown_id=unknown, symbols=len(self.vocabulary))
