"""A classifier of texts: what people load of a run of ``nextchar classify``.

Legend: N texts, C labels, T symbols, B items.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from nextchar.nn.trainable import evaluating
from nextchar.run_files.model_files import load_vocabulary, save_vocabulary
from nextchar.run_files.origin import Origin, load_origin
from nextchar.runs import train
from nextchar.tasks.classification.labels import LabelSet
from nextchar.tasks.classification.losses import divergence, label_weights, weighted
from nextchar.tasks.classification.network import Committee
from nextchar.tasks.classification.symbols import encode_texts, symbol_count
from nextchar.tasks.examples import Batch, Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.labelled.figures import ClassificationFigures, figures_of
from nextchar.tasks.labelled.items import (
    LabelledData,
    checked_lengths,
    in_known_form,
    known_items,
    labelled_items,
    tell_unknown,
)
from nextchar.tasks.result import ItemResult
from nextchar.text.batches import by_length
from nextchar.text.files import Input
from nextchar.text.labelled import Layout
from nextchar.text.normal_forms import NormalForm
from nextchar.text.sequences import Sequences
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.events import Listener, noting
from nextchar.training.freezing import GrownWeight
from nextchar.training.loss import Loss
from nextchar.training.objective import Measured, on_device

TEXT, LABEL, LINEAR, WEIGHT = "text", "label", "linear", "weight"
SYMBOLS_AT_ONCE = 1 << 15


class Classifier(ItemModel[ClassifierRunConfig]):
    """A network with a vocabulary and labels.

    Parameters
    ----------
    config
        The configuration of its run.
    vocabulary, labels
        The meaning of its ids; texts are read in the normal form that the vocabulary knows.
    origin
        The language model that it began from, if any.
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
    ) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.labels = labels
        self.form = NormalForm(vocabulary, config.items.normalization)
        self.origin = origin
        generator = torch.Generator().manual_seed(config.training.seed)
        self.network: Committee = Committee(
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
            Files, folders or patterns; or texts, with ``labels``.
        out
            The run directory to create; it must not exist yet, or be empty.
        labels
            The label of each text in memory.
        text, label
            The columns of tables: names, or numbers from 1.
        layout
            How files are read; see ``text.labelled.read_labelled``.
        from_run
            A language model to initialise from: its network and its symbols, to which new ones are
            added. Then texts are read forwards only, unless ``bidirectional`` is set.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar classify train``.

        Raises
        ------
        ConfigError, TextError, RunError
            The data or an option cannot be used; nothing was written.
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
    def untrained(cls, folder: Path, config: ClassifierRunConfig) -> Self:
        """Make the model of a run as it was before its training."""
        vocabulary, labels = load_vocabulary(folder), LabelSet.load(folder)
        return cls(config, vocabulary, labels, origin=load_origin(folder))

    @property
    def label_names(self) -> tuple[str, ...]:
        """The C labels."""
        return self.labels.names

    @property
    def summary(self) -> str:
        """Its symbols and labels, counted."""
        symbols = f"{len(self.vocabulary):,} symbols ({self.vocabulary.kind})"
        return f"{symbols}, {len(self.labels):,} labels"

    def save_symbols(self, folder: Path) -> None:
        """Write ``vocabulary.json``, ``labels.json``, and ``origin.json`` if there is one."""
        save_vocabulary(folder, self.vocabulary)
        self.labels.save(folder)
        if self.origin is not None:
            self.origin.save(folder)

    @property
    def grown(self) -> GrownWeight | None:
        """Where symbols enter that the language model did not have: the borders at least."""
        if self.origin is None:
            return None
        encoder = self.network.networks[0].encoder
        embedded = encoder.embedding is not None
        name = "embedding.weight" if embedded else "forwards.0.layers.0.weight_ih"
        weight = encoder.get_parameter(name)
        return GrownWeight(weight, 0 if embedded else 1, self.origin.known)

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Give the symbols of each item, int64[N], its borders counted in."""
        return examples.texts[TEXT].lengths

    def encoded(self, texts: Sequence[str], labels: Sequence[str]) -> Examples:
        """Encode items whose labels are all known, without the logits of the linear part."""
        arrays = {LABEL: self.labels.numbers(labels)}
        return Examples({TEXT: encode_texts(self.vocabulary, texts)}, arrays)

    def examples(self, texts: Sequence[str], labels: Sequence[str]) -> Examples:
        """Encode items whose labels are all known."""
        encoded = self.encoded(texts, labels)
        if self.network.linear is None:
            return encoded
        logits = self.network.linear.logits(texts)
        return Examples(encoded.texts, {**encoded.arrays, LINEAR: logits})

    def count_ngrams(self, examples: Examples) -> None:
        """Find out from what is learned from how unevenly the labels have n-grams.

        Where n-grams vote by that; see ``NgramEvidence``.
        """
        evidence = self.network.evidence
        if evidence is None:
            return
        texts, labels = examples.texts[TEXT], examples.arrays[LABEL]
        counts = torch.zeros_like(evidence.table)
        for indices in by_length(texts.lengths, SYMBOLS_AT_ONCE):
            targets = torch.from_numpy(labels[indices]).to(self.device)
            weights = self._column(examples, WEIGHT, indices)
            counts += evidence.counts(*self._batch(texts, indices), targets, weights)
        evidence.count(counts)

    def compute_loss(self, examples: Examples, batch: Batch, generator: torch.Generator) -> Loss:
        """Read items in training mode: cross-entropy, weighted and smoothed, and R-Drop.

        R-Drop adds the mean divergence, in both directions, between two readings of each item
        that differ in their dropout (Liang et al. 2021).
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

    def _measured(self, examples: Examples) -> Measured:
        """Return loss, accuracy and macro F1 on held-out items.

        The factors of the linear part and of the network are fitted on them first.
        """
        self._fit_trust(examples)
        figures = self.figures(examples)
        values = {"accuracy": figures.accuracy, "macro_f1": figures.macro_f1}
        kept_by = self.config.classifier.keep_by
        decides = None if kept_by == "loss" else 1 - values[kept_by]
        return Measured(nats=figures.nats, figures=values, decides=decides)

    def figures(self, examples: Examples) -> ClassificationFigures:
        """Measure the classifier on encoded items, at least one."""
        logs = self._log_probabilities(examples)
        weights = examples.arrays.get(WEIGHT)
        return figures_of(logs, examples.arrays[LABEL], self.labels.names, weights)

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
        """Measure the classifier on labelled texts.

        An empty text is an item too; an item without a label is left out.

        Parameters
        ----------
        data, labels, text, label, layout
            As in ``train``.
        skip_unseen
            Leave out items with a label that the classifier does not know.
        listeners
            Called with a note about items left out and about unknown symbols.

        Raises
        ------
        TextError
            A label that the classifier does not know, a text that is too long, or no item.
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

        Texts may be empty, and are read to their ends, however long they are. Symbols that are
        not in the vocabulary are ``<unk>``.
        """
        read = [self.form.of(text) for text in texts]
        return self._log_probabilities(self.examples(read, [self.labels.names[0]] * len(read)))

    @checked
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give the probability of each label for each text, float64[N, C]."""
        probabilities: NDArray[np.float64] = np.exp(self.log_probabilities(texts))
        return probabilities

    @checked
    def predict(self, texts: Sequence[str]) -> list[str]:
        """Give the most probable label of each text."""
        return [self.labels.names[place] for place in self.log_probabilities(texts).argmax(1)]

    def _log_probabilities(self, examples: Examples) -> NDArray[np.float64]:
        texts = examples.texts[TEXT]
        logs = np.empty((len(texts), len(self.labels)))
        shares = np.log(self.labels.shares) * self.config.classifier.prior_adjustment
        with evaluating(self.network), torch.inference_mode():
            for indices in by_length(texts.lengths, SYMBOLS_AT_ONCE):
                given = self._column(examples, LINEAR, indices)
                logits = self.network(*self._batch(texts, indices), given=given)
                each = logits.double().log_softmax(-1).logsumexp(0)
                logs[indices] = each.cpu().numpy() - shares
        largest = logs.max(1, keepdims=True) if len(logs) else logs
        logs -= largest
        normalized: NDArray[np.float64] = logs - np.log(np.exp(logs).sum(1, keepdims=True))
        return normalized

    def _fit_trust(self, examples: Examples) -> None:
        trust, texts = self.network.trust, examples.texts[TEXT]
        if trust is None:
            return
        order = list(by_length(texts.lengths, SYMBOLS_AT_ONCE))
        with torch.inference_mode():
            added = [self.network(*self._batch(texts, indices)) for indices in order]
        everyone = np.concatenate(order)
        given, targets = (
            on_device(torch.from_numpy(examples.arrays[name][everyone]), self.device)
            for name in (LINEAR, LABEL)
        )
        trust.fit(given, torch.cat(added, 1), targets, self._column(examples, WEIGHT, everyone))

    def _column(self, examples: Examples, name: str, indices: NDArray[np.int64]) -> Tensor | None:
        """Return some rows of a column of numbers, if there is one: the linear part, weights."""
        if name not in examples.arrays:
            return None
        return on_device(torch.from_numpy(examples.arrays[name][indices]), self.device)

    def _batch(self, texts: Sequences, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return ids int64[T, B] and lengths int64[B]."""
        return self._read(texts, Batch.share(indices))

    def _read(self, texts: Sequences, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return ids int64[T, b] and lengths int64[b] of this process's items."""
        values = batch.padded(texts, 0), texts.lengths[batch.own]
        ids, lengths = (on_device(torch.from_numpy(each), self.device) for each in values)
        return ids, lengths

    def _with_unknown(self, ids: Tensor, generator: torch.Generator) -> Tensor:
        """Read a share of the symbols as ``<unk>``, borders not."""
        unknown = self.vocabulary.unknown_id
        if unknown is None:
            return ids
        share = self.config.classifier.symbol_dropout
        return drop_symbols(ids, share, generator, unknown_id=unknown, symbols=len(self.vocabulary))
