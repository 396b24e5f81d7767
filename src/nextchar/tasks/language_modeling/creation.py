"""Creation of a run directory before training: vocabulary, corpus and plan."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch

from nextchar.compilation.cache import require_compiler
from nextchar.config import Config, TrainingConfig
from nextchar.config.effects import without_effect
from nextchar.embeddings.filling import GivenVectors
from nextchar.errors import ConfigError, as_option
from nextchar.language_model.model import LanguageModel
from nextchar.nn.autotune import fastest_arithmetic
from nextchar.nn.network import Network
from nextchar.nn.precision import require_chosen, require_precision
from nextchar.nn.threads import quick_threads
from nextchar.run_files.model_files import save_config, save_vocabulary
from nextchar.run_files.seals import seal_of
from nextchar.storage import atomic_folder, storage_errors
from nextchar.tasks.language_modeling.cost import PROBE_SECONDS, measure_cost
from nextchar.tasks.language_modeling.data import CORPUS_FOLDER, training_streams
from nextchar.tasks.language_modeling.transfer import PretrainedRun
from nextchar.text.augmentation import Augmenter
from nextchar.text.corpus import Corpus
from nextchar.text.encoding import Copy
from nextchar.text.folds import learn_vocabulary
from nextchar.text.notes import counted
from nextchar.text.reading import open_text
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.checkpoint import LAST_FILE, METRICS_FILE
from nextchar.training.events import Listener, Noticed, Preparing, tell
from nextchar.training.objective import StreamObjective
from nextchar.training.planning import MAX_EPOCHS, TRAINING_SHARE, Cost, plan
from nextchar.training.processes import Processes
from nextchar.training.trainer import Trainer

PROBE_SHARE = 0.02  # of the budget, for each cost measurement
STEP_SECONDS = 0.01  # rough duration of a default step on two cores


@dataclass(frozen=True, kw_only=True)
class NewLanguageModel:
    """A run of a language model, to be created by one process.

    Attributes
    ----------
    paths, stdin
        The text files, and the stream for ``-``.
    config, given
        The requested configuration, and the names of the explicitly set options.
    source
        The pretrained run to initialise from, or ``None``.
    vectors
        The vectors to initialise the embedding from, or ``None``.
    processes
        The training processes.
    listeners
        Notified of progress.
    spent
        Returns the seconds of the time budget ``minutes`` spent so far (``Start.spent``).
    """

    paths: Sequence[str | os.PathLike[str]]
    config: Config
    given: frozenset[str]
    source: PretrainedRun | None
    vectors: GivenVectors | None
    processes: Processes
    listeners: Sequence[Listener]
    stdin: BinaryIO | None
    spent: Callable[[], float]

    def write(self, folder: Path) -> None:
        """Create the run directory atomically."""
        wanted, source = self.config.text, self.source
        with (
            open_text(self.paths, wanted, stdin=self.stdin) as text,
            atomic_folder(folder) as temporary,
        ):
            vocabulary = learn_vocabulary(
                text,
                wanted,
                self._preparing("finding the symbols"),
                base=None if source is None else source.vocabulary,
            )
            corpus = Corpus.build(
                text,
                vocabulary,
                temporary / CORPUS_FOLDER,
                wanted,
                copies=self._copies(vocabulary),
                progress=self._preparing("encoding"),
            )
            with quick_threads() if self.config.training.minutes else contextlib.nullcontext():
                config, validation_seconds = self._decide(corpus, vocabulary)
            for idle in without_effect(config.network, config.training, self.given):
                tell(self.listeners, Noticed(message=f"without effect: {idle}"))
            if config.training.minutes is not None:
                tell(self.listeners, Noticed(message=_planned(config, corpus)))
            save_vocabulary(temporary, vocabulary)
            save_config(temporary, _without_paths(config))
            with storage_errors(temporary):
                (temporary / METRICS_FILE).touch()
                (temporary / LAST_FILE).parent.mkdir()
            network = self._initial_network(temporary, config, vocabulary)
            self._save(network, temporary, config, corpus, validation_seconds)

    def _preparing(self, stage: str) -> Callable[[float], None]:
        return lambda fraction: tell(self.listeners, Preparing(stage=stage, fraction=fraction))

    def _copies(self, vocabulary: Vocabulary) -> list[Copy]:
        """Return the functions that augment the text. They add no new symbols."""
        config = self.config
        if not config.augmentation.copies:
            return []
        augmenter = Augmenter(config.augmentation, knows=vocabulary.knows)
        return [
            functools.partial(augmenter.chunks, config.training.seed, number)
            for number in range(1, config.augmentation.copies + 1)
        ]

    def _decide(self, corpus: Corpus, vocabulary: Vocabulary) -> tuple[Config, float]:
        """Return the configuration with the precision decided and, for a time budget, the plan.

        The second value is the time of a validation, in seconds; 0 if it was not measured.
        """
        config, training, world = self.config, self.config.training, self.processes.world
        Network(len(vocabulary), config.network, generator=None)  # Fails early if too large.
        device = self.processes.device(training.device)
        require_trainable(config, world, device)
        require_chosen(training.precision, device)
        # Fails early if the text is too short for B and T, or if B cannot be divided.
        training_streams(corpus, config, world=world)
        if training.precision == "auto":
            batch = training.batch_size // world
            config = config.with_options(
                precision=fastest_arithmetic(
                    config.network, batch, device, seconds=_expected_seconds(training)
                )
            )
        if training.minutes is None:
            return config, 0.0

        def measure(candidate: Config) -> Cost:
            # A step is slower once all layers are unfrozen. Measure that case.
            unfrozen = candidate.with_options(freeze=0, unfreeze_every=0)
            tell(self.listeners, Preparing(stage="measuring the speed", fraction=0.0))
            return measure_cost(
                unfrozen, corpus, vocabulary, device, world=world, seconds=probe_seconds
            )

        def count_weights(candidate: Config) -> int:
            return Network(len(vocabulary), candidate.network, generator=None).parameter_count

        budget = 60 * training.minutes
        probe_seconds = min(PROBE_SECONDS, PROBE_SHARE * budget)

        def seconds_left() -> float:
            return budget - self.spent()

        planned, cost = plan(
            config,
            self.given | self._not_planned,
            symbols=len(corpus.original),  # Augmented copies do not count as new text.
            seconds_left=seconds_left,
            measure=measure,
            count_weights=count_weights,
        )
        if seconds_left() < TRAINING_SHARE * budget:
            start = f"reading the text and measuring costs took {budget - seconds_left():.1f} s"
            message = f"{start}: the run takes longer than {training.minutes:g} min"
            tell(self.listeners, Noticed(message=message))
        return planned, cost.validation_seconds

    @property
    def _not_planned(self) -> set[str]:
        """The options fixed by the pretrained run or the vectors."""
        kept = {"hidden_size", "window_growth"} if self.source is not None else set()
        return kept | ({"embedding_size"} if self.vectors is not None else set())

    def _initial_network(self, folder: Path, config: Config, vocabulary: Vocabulary) -> Network:
        """Return the network before the first step, after recording its origin in the run."""
        if self.source is not None:
            return self._initialised_from(self.source, folder, config, vocabulary)
        network = LanguageModel.create(config, vocabulary).network
        if self.vectors is not None and network.embedding is not None:
            filled = self.vectors.fill(network.embedding.weight, vocabulary, folder)
            tell(self.listeners, Noticed(message=filled))
        return network

    def _initialised_from(
        self, source: PretrainedRun, folder: Path, config: Config, vocabulary: Vocabulary
    ) -> Network:
        """Return the extended pretrained network."""
        origin = source.origin(vocabulary)
        origin.save(folder)
        training = config.training
        network = source.grown_network(config.network, origin.known, len(vocabulary), training.seed)
        new = len(vocabulary) - len(origin.known)
        tell(
            self.listeners,
            Noticed(
                message=f"initialised from {source.run}, with "
                f"{counted(new, 'new symbol', 'new symbols')}"
            ),
        )
        return network

    def _save(
        self,
        network: Network,
        folder: Path,
        config: Config,
        corpus: Corpus,
        validation_seconds: float,
    ) -> None:
        """Save a network, and with it the seal, as a training state before the first step."""
        training = config.training
        network.to(self.processes.device(training.device))
        objective = StreamObjective(network, training_streams(corpus, config), training)
        trainer = Trainer(network, objective, training, folder, seal=seal_of(folder))
        trainer.progress.validation_seconds = validation_seconds
        trainer.save()


def _without_paths(config: Config) -> Config:
    """Return a configuration that names files without their folders, which may be private."""
    synonyms = config.augmentation.synonyms
    return config if synonyms is None else config.with_options(synonyms=Path(synonyms).name)


def _expected_seconds(training: TrainingConfig) -> float:
    """Return the estimated duration of a training."""
    if training.minutes is not None:
        return 60 * training.minutes
    return training.steps * STEP_SECONDS


def _planned(config: Config, corpus: Corpus) -> str:
    network, training = config.network, config.training
    read = training.steps * training.batch_size * training.sequence_length
    epochs = read / len(corpus.train)
    most = 0.99 * MAX_EPOCHS * len(corpus.original)
    shorter = ", below the time budget: more would overfit" if read > most else ""
    return (
        f"planned for {training.minutes:g} min: {network.layers} × {network.cell} "
        f"{network.hidden_size}, dropout {network.dropout:g} (embedding "
        f"{network.embedding_dropout:g}, recurrent weights {network.weight_dropout:g}), learning "
        f"rate {training.learning_rate:g}, {training.steps:,} steps of {training.batch_size} × "
        f"{training.sequence_length} in {training.precision}: {epochs:.3g} epochs{shorter}"
    )


def require_trainable(config: Config, world: int, device: torch.device) -> None:
    """Raise ``ConfigError`` if the device or the number of processes cannot train the network."""
    require_precision(config.training.precision, device)
    if device.type == "cpu":
        require_compiler()
    if world > 1 and config.network.batch_norm:
        raise ConfigError(
            f"batch_norm needs the statistics of the whole batch, and each of {world} processes "
            f"sees only a part: train in one process, or without {as_option('batch_norm')}"
        )
