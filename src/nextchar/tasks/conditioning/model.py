"""A model that writes from a condition: a conditional network, its symbols and its conditions.

Shapes: N items, K labels, F features, D elements of a condition.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from nextchar.config import Config, NetworkConfig
from nextchar.config.arguments import checked
from nextchar.config.condition import ConditionRunConfig
from nextchar.errors import ConfigError, NonFiniteLossError
from nextchar.following import each_a_part
from nextchar.language_model.model import LanguageModel
from nextchar.tasks.conditioning.conditions import Given, LabelCondition
from nextchar.tasks.conditioning.data import prepare
from nextchar.tasks.conditioning.evaluation import ConditionEvaluation
from nextchar.tasks.conditioning.generating import ItemWriter
from nextchar.tasks.conditioning.items import Items
from nextchar.tasks.conditioning.likelihood import nats_under, nats_under_own, window
from nextchar.tasks.conditioning.network import ConditionalNetwork
from nextchar.tasks.conditioning.symbols import TEXT, TextCodec
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.runs import ItemResult, resume_items, train_items
from nextchar.text.normal_forms import NormalForm
from nextchar.training.events import Listener
from nextchar.training.loss import Loss, sequence_loss
from nextchar.training.objective import Measured, on_device


class ConditionalModel(ItemModel[ConditionRunConfig]):
    """What writes from a label or from numbers.

    Parameters
    ----------
    config
        That it was made with.
    symbols
        Its vocabulary, where its texts end, and its conditions.

    Attributes
    ----------
    network
        Untrained, as it follows from the seed.
    """

    task = "condition"
    config_type = ConditionRunConfig
    unit = "char"

    network: ConditionalNetwork

    def __init__(self, config: ConditionRunConfig, symbols: TextCodec) -> None:
        self.config = config
        self.symbols = symbols
        self.form = NormalForm(symbols.vocabulary, config.text.normalization)
        self.network = ConditionalNetwork(
            len(symbols.vocabulary),
            symbols.conditions.size,
            config.network,
            condition_size=config.condition.condition_size,
            generator=torch.Generator().manual_seed(config.training.seed),
            active=symbols.conditions.active,
        )

    @classmethod
    @checked
    def train(
        cls,
        texts: Sequence[str],
        out: str | Path,
        *,
        labels: Sequence[object] | None = None,
        features: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        listeners: Sequence[Listener] = (),
        **options: Any,  # noqa: ANN401
    ) -> ItemResult:
        """Train on texts in memory.

        Parameters
        ----------
        texts
            N texts.
        out
            The run directory to make.
        labels, features
            Of each, one of the two: [N], at least two different ones; or numbers [N, F].
        feature_names
            F different names.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar condition train``.

        Raises
        ------
        ConfigError, TextError, RunError
            Something that was given cannot be used.
        """
        items = Items.of(texts, labels=labels, features=features, names=feature_names)
        return cls.train_items(items, out, listeners=listeners, **options)

    @classmethod
    def train_items(
        cls,
        items: Items,
        out: str | Path,
        *,
        listeners: Sequence[Listener] = (),
        began: float | None = None,
        **options: Any,  # noqa: ANN401
    ) -> ItemResult:
        """Train on items already read; see ``train``.

        The time budget ``minutes`` starts at ``began`` (``time.monotonic``), or now.
        """
        began = time.monotonic() if began is None else began
        config = ConditionRunConfig.from_options(options)
        prepared = prepare(items, config, listeners)
        model = cls(config, prepared.symbols)
        return train_items(
            model,
            prepared.train,
            prepared.validation,
            Path(out),
            listeners=listeners,
            began=began,
        )

    @classmethod
    @checked
    def resume(
        cls,
        run: str | Path,
        *,
        listeners: Sequence[Listener] = (),
        **more: Any,  # noqa: ANN401
    ) -> ItemResult:
        """Resume a run, or train it further for ``steps`` or ``minutes``.

        See ``resume_items``.
        """
        return resume_items(cls, Path(run), listeners=listeners, **more)

    @classmethod
    def untrained(cls, folder: Path, config: ConditionRunConfig) -> Self:
        """Make the model of a run as it was before its training."""
        return cls(config, TextCodec.load(folder))

    @property
    def summary(self) -> str:
        """Its symbols and conditions, counted."""
        vocabulary, conditions = self.symbols.vocabulary, self.symbols.conditions
        symbols = f"{len(vocabulary):,} symbols ({vocabulary.kind})"
        return f"{symbols}, {len(conditions.names):,} {conditions.kind}"

    def save_symbols(self, folder: Path) -> None:
        """Write ``vocabulary.json`` and ``conditions.json``."""
        self.symbols.save(folder)

    @checked
    def given(self, condition: Given = None, *, strength: float = 1.0) -> LanguageModel:
        """Make the language model of one condition, exactly.

        Its texts begin after ``symbols.boundary`` and end with it. With a line break as the
        boundary, ``given("Korean").generate(lines=1)`` writes one text.

        Parameters
        ----------
        condition
            Of a model of labels: a label, or shares of labels by name. Of a model of features: F
            numbers, or some by name (the others are the training part's means). ``None`` is no
            condition: any text.
        strength
            s in none + s · (condition − none), at least 0: above 1, what tells the condition from
            any text is overdone. It is what guidance without a classifier does to scores (Ho &
            Salimans 2022), done to the condition itself, so that the model stays a plain one.

        Raises
        ------
        ConfigError
            The condition is none that the model knows, or ``None`` (or a strength) is asked of a
            model that never read an item without its condition.
        """
        if not (math.isfinite(strength) and strength >= 0):
            raise ConfigError(f"strength must be a number of at least 0; got {strength}")
        if (condition is None or strength != 1) and not self._knows_none:
            raise ConfigError(
                "this model was trained with condition_dropout 0: it always needs a condition, at "
                "strength 1"
            )
        none = self.symbols.conditions.none
        vector = none + np.float32(strength) * (self.symbols.conditions.vector(condition) - none)
        network = self.network.given(torch.from_numpy(vector).to(self.device))
        network.begins_after = int(self.symbols.vocabulary.encode(self.symbols.boundary)[0])
        return LanguageModel(self._plain_config(network.config), self.symbols.vocabulary, network)

    def writer(self, condition: Given = None, *, strength: float = 1.0) -> ItemWriter:
        """Give what writes whole texts under a condition; see ``given``."""
        return ItemWriter(self.given(condition, strength=strength), self.symbols.boundary)

    @checked
    def generate(
        self,
        condition: Given = None,
        prompt: str = "",
        *,
        strength: float = 1.0,
        **options: Any,  # noqa: ANN401
    ) -> str:
        """Write a text to its end; the options are those of ``LanguageModel.generate``."""
        return self.writer(condition, strength=strength).generate(prompt, **options)

    @property
    def prior(self) -> NDArray[np.float64]:
        """The share of each label in the training part, [K]; ``ConfigError`` without labels."""
        return self.labels.prior

    @property
    def labels(self) -> LabelCondition:
        """The labels; ``ConfigError`` where the model was given features."""
        if not isinstance(self.symbols.conditions, LabelCondition):
            raise ConfigError("the model was given features and has no labels")
        return self.symbols.conditions

    @checked
    def log_likelihoods(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give log p(text | label) of texts under every label, in nats, [N, K].

        Each text counts with its end. TextCodec that the vocabulary does not have say nothing of
        labels, and cost nothing.
        """
        encoded = self.symbols.encoded([self.form.of(text) for text in texts])
        free = self.symbols.vocabulary.unknown_id
        each = [
            -nats_under(self.given(name).network, encoded, free=free)
            for name in each_a_part(self.labels.names)
        ]
        return np.stack(each, axis=1)

    def evaluate(self, items: Items) -> ConditionEvaluation:
        """Measure what the conditions of items are worth; see ``ConditionEvaluation``.

        Raises
        ------
        ConfigError
            The items' conditions are not those of the model.
        """
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
        vectors = conditions.vectors(column)
        return ConditionEvaluation(
            items=len(items),
            characters=characters,
            nats=float(nats_under_own(self.network, texts, vectors).sum()),
            unconditional_nats=None if none is None else float(none.sum()),
            other_nats=float(
                nats_under_own(self.network, texts, np.roll(vectors, 1, axis=0)).sum()
            ),
            unknown_label_nats=None,
        )

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Give the predictions of each item."""
        return examples.texts[TEXT].lengths - 1

    def compute_loss(
        self, examples: Examples, indices: NDArray[np.int64], generator: torch.Generator
    ) -> Loss:
        """Judge the network on some items, of which some lose their condition.

        Condition dropout is as in classifier-free guidance (Ho & Salimans 2022).
        """
        texts = examples.texts[TEXT]
        inputs, targets = window(texts, indices, self.device)
        conditions = self._vectors(examples, indices)
        draws = torch.rand(len(indices), 1, generator=generator, device=self.device)
        dropped = draws < self.config.condition.condition_dropout
        none = torch.from_numpy(self.symbols.conditions.none).to(self.device)
        conditions = torch.where(dropped, none, conditions)
        reading = self.network.read(inputs, conditions, generator=generator)
        loss = sequence_loss(reading, targets, self.config.training)
        chosen = texts.subset(indices)
        symbols = int(chosen.lengths.sum()) - len(chosen)
        per_char = symbols / int(self.symbols.characters(chosen).sum())
        return Loss(loss.minimized, loss.nats * per_char)

    def _measured(self, examples: Examples) -> Measured:
        """Measure nats per character under the items' own conditions, and without any."""
        texts, conditions = examples.texts[TEXT], self.symbols.conditions
        characters = self.symbols.characters(texts).sum()
        vectors = conditions.vectors(examples.arrays[conditions.column])
        nats = nats_under_own(self.network, texts, vectors).sum() / characters
        figures = {}
        if self._knows_none:
            none = np.broadcast_to(conditions.none, vectors.shape)
            without = nats_under_own(self.network, texts, np.ascontiguousarray(none)).sum()
            figures["unconditional_bits_per_char"] = float(without / characters / np.log(2))
        if not np.isfinite(nats):
            raise NonFiniteLossError("the loss on what is held out is not a finite number")
        return Measured(nats=float(nats), figures=figures)

    @property
    def _knows_none(self) -> bool:
        return self.config.condition.condition_dropout > 0

    def _vectors(self, examples: Examples, indices: NDArray[np.int64]) -> torch.Tensor:
        conditions = self.symbols.conditions
        vectors = conditions.vectors(examples.arrays[conditions.column][indices])
        return on_device(torch.from_numpy(vectors), self.device)

    def _plain_config(self, network: NetworkConfig) -> Config:
        """Return the configuration of a language model equivalent to this model.

        No text was read from its middle, so that it has to begin after a sequence boundary.
        """
        training = dataclasses.replace(self.config.training, reset_probability=0.0)
        return Config(text=self.config.text, network=network, training=training)
