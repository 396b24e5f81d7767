"""The conditional language model: a conditional network, its symbols and its conditions.

Shapes: N items, K labels, F features, D elements of a condition.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from nextchar.config import Config, NetworkConfig
from nextchar.config.arguments import checked
from nextchar.config.condition import ConditionRunConfig
from nextchar.config.options import ConditionOptions
from nextchar.errors import ConfigError, NonFiniteLossError
from nextchar.following import each_a_part
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.options import StreamOptions
from nextchar.nn.initialization import initial_generator
from nextchar.runs import train
from nextchar.tasks.conditioning.conditions import Given, LabelCondition
from nextchar.tasks.conditioning.evaluation import ConditionEvaluation
from nextchar.tasks.conditioning.generating import ItemGenerator
from nextchar.tasks.conditioning.items import ConditionData, condition_items
from nextchar.tasks.conditioning.likelihood import nats_under, nats_under_own, window
from nextchar.tasks.conditioning.network import ConditionalNetwork
from nextchar.tasks.conditioning.symbols import TEXT, TextCodec
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.result import ItemResult
from nextchar.tasks.schema import Numbers, Schema, Texts
from nextchar.text.files import Input
from nextchar.text.labelled import Layout
from nextchar.text.normal_forms import NormalForm
from nextchar.text.notes import Note, no_note
from nextchar.text.sequences import Sequences
from nextchar.training.events import Listener
from nextchar.training.loss import Loss, sequence_loss
from nextchar.training.objective import ValidationResult, on_device


class ConditionalModel(ItemModel[ConditionRunConfig]):
    """A language model conditioned on a label or on numbers.

    Parameters
    ----------
    config
        The configuration of the run.
    symbols
        The vocabulary, the boundary symbol and the conditions.

    Attributes
    ----------
    network
        The network, initialised from the seed.
    """

    task = "condition"
    config_type = ConditionRunConfig
    unit = "char"

    network: ConditionalNetwork

    def __init__(
        self, config: ConditionRunConfig, symbols: TextCodec, *, drawn: bool = True
    ) -> None:
        self.config = config
        self.symbols = symbols
        self.form = NormalForm(symbols.vocabulary, config.text.normalization)
        self.network = ConditionalNetwork(
            len(symbols.vocabulary),
            symbols.conditions.size,
            config.network,
            condition_size=config.condition.condition_size,
            generator=initial_generator(config.training.seed) if drawn else None,
            active=symbols.conditions.active,
        )

    @classmethod
    @checked
    def train(
        cls,
        data: ConditionData,
        out: Input,
        *,
        labels: Sequence[object] | None = None,
        features: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        text: str = "text",
        label: str | None = None,
        feature_columns: Sequence[str] = (),
        features_file: Input | None = None,
        layout: Layout = "auto",
        listeners: Sequence[Listener] = (),
        **options: Unpack[ConditionOptions],
    ) -> ItemResult:
        """Train a model on texts, each with a label or with features.

        Parameters
        ----------
        data
            Files, folders or glob patterns; or N texts, with ``labels`` or ``features``.
        out
            The run directory to create. It must not exist, or must be empty.
        labels, features
            The condition of each text in memory, either labels [N], at least two distinct ones, or
            numbers [N, F].
        feature_names
            F distinct names.
        text, label
            The table columns: names, or numbers from 1.
        feature_columns, features_file
            Alternatives to labels: table columns of numbers, or a file with the features of each
            text.
        layout
            The file layout; see ``text.labelled.read_labelled``.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar condition train``.

        Raises
        ------
        ConfigError, TextError, RunError
            The data or an option is invalid.
        """
        result: ItemResult = train(
            cls.task,
            data,
            out,
            labels=labels,
            features=features,
            feature_names=feature_names,
            text=text,
            label=label,
            feature_columns=feature_columns,
            features_file=features_file,
            layout=layout,
            listeners=listeners,
            **options,
        )
        return result

    @classmethod
    def untrained(cls, folder: Path, config: ConditionRunConfig, *, drawn: bool = True) -> Self:
        """Return the model of a run in its initial state."""
        return cls(config, TextCodec.load(folder), drawn=drawn)

    @property
    def summary(self) -> str:
        """The numbers of symbols and conditions, as text."""
        vocabulary, conditions = self.symbols.vocabulary, self.symbols.conditions
        symbols = f"{len(vocabulary):,} symbols ({vocabulary.kind})"
        return f"{symbols}, {len(conditions.names):,} {conditions.kind}"

    def save_symbols(self, folder: Path) -> None:
        """Write ``vocabulary.json`` and ``conditions.json``."""
        self.symbols.save(folder)

    @checked
    def given(self, condition: Given = None, *, strength: float = 1.0) -> LanguageModel:
        """Return the language model for one condition, with exactly the same probabilities.

        Every text follows a ``symbols.boundary`` and ends with the next one. If the boundary is a
        line break, ``given("Korean").generate(lines=1)`` generates one text.

        Parameters
        ----------
        condition
            For labels: a label, or shares of labels by name. For features: F numbers, or some by
            name (the others default to the means of the training part). ``None`` selects the
            unconditional model.
        strength
            s in none + s · (condition − none), at least 0. Values above 1 exaggerate the condition.
            Classifier-free guidance (Ho & Salimans 2022) extrapolates scores in the same way; here
            the condition vector is extrapolated, and the model remains a plain language model.

        Raises
        ------
        ConfigError
            The condition is not valid for the model; or the condition is ``None`` or the strength
            is not 1, and the model was trained without condition dropout.
        """
        if not (math.isfinite(strength) and strength >= 0):
            raise ConfigError(f"strength must be a number of at least 0; got {strength}")
        if (condition is None or strength != 1) and not self._knows_none:
            raise ConfigError(
                "this model was trained with condition_dropout 0: it needs a condition and "
                "strength 1"
            )
        none = self.symbols.conditions.none
        vector = none + np.float32(strength) * (self.symbols.conditions.vector(condition) - none)
        network = self.network.given(torch.from_numpy(vector).to(self.device))
        network.begins_after = int(self.symbols.vocabulary.encode(self.symbols.boundary)[0])
        return LanguageModel(self._plain_config(network.config), self.symbols.vocabulary, network)

    def generator(self, condition: Given = None, *, strength: float = 1.0) -> ItemGenerator:
        """Return a generator of whole texts under a condition; see ``given``."""
        return ItemGenerator(self.given(condition, strength=strength), self.symbols.boundary)

    @checked
    def generate(
        self,
        condition: Given = None,
        prompt: str = "",
        *,
        strength: float = 1.0,
        **options: Unpack[StreamOptions],
    ) -> str:
        """Generate a whole text; the options are those of ``LanguageModel.generate``."""
        return self.generator(condition, strength=strength).generate(prompt, **options)

    @property
    def prior(self) -> NDArray[np.float64]:
        """The relative frequency of each label in the training part, [K].

        Raises
        ------
        ConfigError
            The model is conditioned on features.
        """
        return self.labels.prior

    @property
    def labels(self) -> LabelCondition:
        """The labels of the model.

        Raises
        ------
        ConfigError
            The model is conditioned on features.
        """
        if not isinstance(self.symbols.conditions, LabelCondition):
            raise ConfigError("the model is conditioned on features and has no labels")
        return self.symbols.conditions

    @checked
    def log_likelihoods(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(text | label) of texts under every label, in nats, [N, K].

        The end of each text is included. Symbols outside the vocabulary carry no information about
        the label and are ignored.
        """
        encoded = self.symbols.encoded([self.form.of(text) for text in texts])
        free = self.symbols.vocabulary.unknown_id
        each = [
            -nats_under(self.given(name).network, encoded, free=free)
            for name in each_a_part(self.labels.names)
        ]
        return np.stack(each, axis=1)

    @checked
    def evaluate(
        self,
        data: ConditionData,
        *,
        labels: Sequence[object] | None = None,
        features: ArrayLike | None = None,
        text: str = "text",
        label: str | None = None,
        feature_columns: Sequence[str] = (),
        features_file: Input | None = None,
        layout: Layout = "auto",
        note: Note = no_note,
    ) -> ConditionEvaluation:
        """Measure the information in the conditions of texts; see ``ConditionEvaluation``.

        The parameters are those of ``train``, without ``feature_names``. ``note`` is called with a
        line for each irregularity of a file.

        Raises
        ------
        ConfigError
            The conditions do not match those of the model.
        """
        items = condition_items(
            data,
            self.config.items.reading,
            labels=labels,
            features=features,
            text=text,
            label=label,
            feature_columns=feature_columns,
            features_file=features_file,
            layout=layout,
            note=note,
        )
        items = dataclasses.replace(items, texts=[self.form.of(text) for text in items.texts])
        examples = self.symbols.examples(items)
        conditions, texts = self.symbols.conditions, examples.texts[TEXT]
        column = examples.arrays[conditions.column]
        characters = int(self.symbols.characters(texts).sum())
        none = nats_under(self.given(None).network, texts) if self._knows_none else None
        if isinstance(conditions, LabelCondition):
            networks = (self.given(name).network for name in each_a_part(conditions.names))
            by_label = np.stack([nats_under(network, texts) for network in networks], axis=1)
            return ConditionEvaluation.of_labels(
                column, by_label, conditions.prior, none=none, characters=characters
            )
        shifted = np.roll(column, 1, axis=0)
        return ConditionEvaluation(
            items=len(items),
            characters=characters,
            nats=self._nats(texts, lambda some: conditions.vectors(column[some])),
            unconditional_nats=None if none is None else float(none.sum()),
            other_nats=self._nats(texts, lambda some: conditions.vectors(shifted[some])),
            unknown_label_nats=None,
        )

    @property
    def schema(self) -> Schema:
        """The texts between two boundaries, with their labels or features."""
        conditions = self.symbols.conditions
        count = len(conditions.names)
        column = (
            Numbers(np.int64, 0, count)
            if isinstance(conditions, LabelCondition)
            else Numbers(np.float64, width=count)
        )
        return Schema(
            {TEXT: Texts(len(self.symbols.vocabulary), shortest=2)}, {conditions.column: column}
        )

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Return the number of predictions for each item, int64[N]."""
        return examples.texts[TEXT].lengths - 1

    def compute_loss(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator
    ) -> Loss:
        """Return the loss of a batch, with the condition dropped from a random share of the items.

        Condition dropout is that of classifier-free guidance (Ho & Salimans 2022).
        """
        texts = examples.texts[TEXT]
        inputs, targets = window(texts, batch, self.device)
        conditions = self._vectors(examples, batch.own)
        draws = torch.rand(len(batch.items), 1, generator=generator, device=self.device)
        dropped = (
            draws[batch.rows.start : batch.rows.stop] < self.config.condition.condition_dropout
        )
        none = torch.from_numpy(self.symbols.conditions.none).to(self.device)
        conditions = torch.where(dropped, none, conditions)
        reading = self.network.read(inputs, conditions, generator=generator)
        loss = sequence_loss(reading, targets, self.config.training)
        predictions, characters = self.loss_counts(examples, batch.own)
        per_char = predictions / characters
        return Loss(loss.minimized, loss.nats * per_char)

    def loss_counts(self, examples: Examples, items: NDArray[np.int64]) -> tuple[int, int]:
        """Return the numbers of predicted symbols and of characters of some texts."""
        texts = examples.texts[TEXT].subset(items)
        symbols = int(texts.lengths.sum()) - len(texts)
        return symbols, int(self.symbols.characters(texts).sum())

    def _measured(self, examples: Examples) -> ValidationResult:
        """Return the nats per character given the items' own conditions, and without any."""
        texts, conditions = examples.texts[TEXT], self.symbols.conditions
        characters = self.symbols.characters(texts).sum()
        column, none = examples.arrays[conditions.column], conditions.none
        nats = self._nats(texts, lambda some: conditions.vectors(column[some])) / characters
        figures = {}
        if self._knows_none:
            without = self._nats(texts, lambda some: np.tile(none, (len(some), 1)))
            figures["unconditional_bits_per_char"] = float(without / characters / np.log(2))
        if not np.isfinite(nats):
            raise NonFiniteLossError("the validation loss is not a finite number")
        return ValidationResult(nats=float(nats), figures=figures)

    def _nats(
        self, texts: Sequences, conditions: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    ) -> float:
        """Return the total nats of texts, each given its own condition."""
        return float(nats_under_own(self.network, texts, conditions).sum())

    @property
    def _knows_none(self) -> bool:
        return self.config.condition.condition_dropout > 0

    def _vectors(self, examples: Examples, indices: NDArray[np.int64]) -> torch.Tensor:
        conditions = self.symbols.conditions
        vectors = conditions.vectors(examples.arrays[conditions.column][indices])
        return on_device(torch.from_numpy(vectors), self.device)

    def _plain_config(self, network: NetworkConfig) -> Config:
        """Return the configuration of the equivalent language model.

        All training texts were read from their beginning. Generation therefore has to start after
        a boundary.
        """
        training = dataclasses.replace(self.config.training, reset_probability=0.0)
        return Config(text=self.config.text, network=network, training=training)
