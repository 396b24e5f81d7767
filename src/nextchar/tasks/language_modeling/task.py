"""The language modelling task: creates runs from text files, and opens them for training.

In addition to the files of every run (``runs.training``), the run directory contains

    vocabulary.json     the symbols
    corpus/             the encoded text; resuming needs no other data
    origin.json         the pretrained run, if any
    embedding.json      the source of the initial embedding vectors, if any
    experts.safetensors counts of the training part, mixed with the network

A run can be shared without ``corpus/`` and ``last/``, which contain the training text.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nextchar.config import Config, TrainingConfig
from nextchar.embeddings.filling import GivenVectors
from nextchar.errors import ConfigError, RunError
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.result import TrainingResult
from nextchar.nn.network import Network
from nextchar.nn.threads import quick_threads
from nextchar.run_files.model_files import load_config, load_vocabulary, require_fit
from nextchar.run_files.origin import Origin, load_origin, require_own_start
from nextchar.runs.task import Data, NewRun, OpenRun, Result, Start, Task
from nextchar.tasks.language_modeling.card import model_card
from nextchar.tasks.language_modeling.cost import measure_cost
from nextchar.tasks.language_modeling.creation import NewLanguageModel, require_trainable
from nextchar.tasks.language_modeling.data import (
    open_corpus,
    symbols_per_char,
    training_streams,
    validation,
)
from nextchar.tasks.language_modeling.transfer import PretrainedRun
from nextchar.text.corpus import Corpus
from nextchar.training.checkpoint import LAST_FILE, METRICS_FILE
from nextchar.training.events import Listener, Noticed, tell
from nextchar.training.freezing import GrownWeight
from nextchar.training.metrics import read_rows
from nextchar.training.objective import StreamObjective, ValidationResult
from nextchar.training.planning import most_steps, plan_within, too_short
from nextchar.training.plans import Plan
from nextchar.training.processes import Processes
from nextchar.training.seeds import seed_of
from nextchar.training.trainer import Trainer


class LanguageModelingTask(Task):
    """Train a language model on running text."""

    key = None
    command = "nextchar train"
    unit = "char"
    result_type = TrainingResult
    model_type = LanguageModel

    def new_run(self, data: Data, start: Start, options: Mapping[str, Any]) -> NewRun:
        """Check the options; see ``LanguageModel.train``."""
        rest = dict(options)
        from_run, embedding_from = rest.pop("from_run", None), rest.pop("embedding_from", None)
        given, stdin = rest.pop("given", None), rest.pop("stdin", None)
        if from_run is not None and embedding_from is not None:
            raise ConfigError(
                "a run is initialised either from another run or from vectors, not from both"
            )
        source = None if from_run is None else PretrainedRun(from_run)
        vectors = None if embedding_from is None else GivenVectors(embedding_from)
        initial = source or vectors
        return NewLanguageModel(
            paths=[data] if isinstance(data, str | os.PathLike) else list(data),
            config=Config.from_options(rest if initial is None else initial.options(rest)),
            given=frozenset(rest if given is None else given),
            source=source,
            vectors=vectors,
            processes=start.processes,
            listeners=start.listeners,
            stdin=stdin,
            spent=start.spent,
        )

    def open(self, folder: Path, start: Start) -> OpenRun:
        """Open the run with its corpus."""
        config = load_config(folder)
        device = start.processes.device(config.training.device)
        require_trainable(config, start.processes.world, device)
        start.note_precision(folder, config.training.precision, device)
        vocabulary = load_vocabulary(folder)

        def build() -> Network:
            return Network(len(vocabulary), config.network, generator=None)

        if (folder / LAST_FILE).exists():
            require_fit(folder, folder / LAST_FILE, build)
            model = LanguageModel(config, vocabulary, build())
        else:
            require_own_start(folder)
            model = LanguageModel.create(config, vocabulary)
        model.network.to(device)
        return OpenLanguageModel(folder, model, open_corpus(folder), start.processes)


class OpenLanguageModel(OpenRun):
    """A run of a language model, opened for training.

    Raises
    ------
    RunError
        The origin of the run does not match its vocabulary.
    """

    def __init__(
        self, folder: Path, model: LanguageModel, corpus: Corpus, processes: Processes
    ) -> None:
        self._folder = folder
        self._model = model
        self._corpus = corpus
        self._origin = load_origin(folder)
        _require_fit(folder, self._origin, len(model.vocabulary))
        self.training = model.config.training
        self.network = model.network
        self.objective = StreamObjective(
            model.network,
            training_streams(corpus, model.config, rank=processes.rank, world=processes.world),
            self.training,
            symbols_per_char=symbols_per_char(corpus, model.vocabulary),
            processes=processes,
        )
        self.grown = None if self._origin is None else _grown(model.network, self._origin.known)
        self._measure = validation(corpus, model.vocabulary, self.training)
        self.has_validation = self._measure is not None
        self.most_steps = most_steps(len(corpus.original), self.training)

    def validate(self) -> ValidationResult:
        """Return the nats per character on the validation part."""
        if self._measure is None:
            raise ValueError("the validation part is empty")
        return self._measure(self._model.network)

    def sample(self, step: int) -> str | None:
        """Return a sample text, or ``None`` if ``sample_length`` is 0."""
        training = self.training
        if not training.sample_length:
            return None
        seed = seed_of(training.seed, step)
        return self._model.generate(length=training.sample_length, seed=seed, temperature=0.8)

    def plan(self, training: TrainingConfig, seconds: float, start: Start) -> Plan:
        """Return a plan of the steps and validations that fit into ``seconds``."""
        config = self._model.config
        with quick_threads():
            cost = measure_cost(
                dataclasses.replace(config, training=training),
                self._corpus,
                self._model.vocabulary,
                start.processes.device(training.device),
                world=start.processes.world,
            )
        spent = start.spent()
        plan = plan_within(cost, seconds - spent, training)
        if plan.steps < 1:
            raise too_short(seconds / 60, cost, spent)
        return plan

    def result(self, trainer: Trainer) -> TrainingResult:
        """Return the figures of the training."""
        rows = read_rows(self._folder / METRICS_FILE)
        if not rows:
            raise RunError(f"{self._folder / METRICS_FILE} is damaged: it has no rows")
        last, state, training = rows[-1], trainer.progress, self.training
        symbols = state.step * training.batch_size * training.sequence_length
        corpus = self._corpus
        return TrainingResult(
            run=self._folder,
            steps=state.step,
            steps_planned=trainer.steps,
            best_step=state.best_step or state.step,
            nats_per_char=(
                last["train_nats_per_char"] if state.best_nats is None else state.best_nats
            ),
            train_nats_per_char=last["train_nats_per_char"],
            parameters=self._model.parameters,
            characters=round(symbols * corpus.characters / (corpus.length - corpus.augmented)),
            seconds=state.seconds,
            chars_per_second=last["chars_per_second"],
        )

    def completion_seconds(self) -> float:
        """Estimate the time of counting and fitting the experts."""
        if self._model.config.experts.experts == "none":
            return 0.0
        try:
            from nextchar.tasks.language_modeling.experts import expected_seconds
        except ConfigError:
            return 0.0
        return expected_seconds(self._corpus, self._model)

    def complete(self, listeners: Sequence[Listener], *, trained: bool) -> None:
        """Count the experts and fit their mixture, unless the run is to have none."""
        if self._model.config.experts.experts == "none":
            return
        # Imported only here, because importing numba takes a sixth of a second.
        try:
            from nextchar.tasks.language_modeling.experts import add_experts, has_experts_of_model
        except ConfigError as error:  # compilation is disabled, and a GPU has trained
            tell(listeners, Noticed(message=f"no experts: {error}"))
            return
        if trained or not has_experts_of_model(self._folder):
            add_experts(self._folder, self._corpus, listeners)

    def card(self, result: Result, trainer: Trainer) -> str:
        """Return the model card."""
        return model_card(
            result.to_dict(),
            self._model.config,
            sources=self._corpus.names,
            characters=self._corpus.characters,
            symbols=len(self._model.vocabulary),
            held_out=trainer.progress.best_nats is not None,
            origin=self._origin,
        )


TASK = LanguageModelingTask()


def _require_fit(folder: Path, origin: Origin | None, symbols: int) -> None:
    if origin is not None and origin.known.stop > symbols:
        raise RunError(
            f"{folder} is damaged: its origin has symbols up to {origin.known.stop - 1}, and its "
            f"vocabulary has {symbols}"
        )


def _grown(network: Network, known: range) -> GrownWeight | None:
    """Return the input weight extended for new symbols, or ``None`` without new symbols."""
    name, dimension = next(iter(network.symbol_weights.items()))
    if len(known) == network.vocabulary_size:
        return None
    return GrownWeight(network.get_parameter(name), dimension, known)
