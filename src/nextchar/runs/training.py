"""Runs: make a run directory from text, train in it, resume it, look at it.

This is where text, network, trainer and evaluation meet. A run directory holds

    config.json         all choices, with a format version
    vocabulary.json     the symbols
    model.safetensors   the weights that were best on the validation part
    metrics.jsonl       one row a validation
    README.md           a model card
    origin.json         the run that it was begun from, if it was
    embedding.json      the vectors that its embedding began with, if it did
    corpus/             the encoded text, so that resuming needs nothing else
    last/               everything that resume needs
    extension.json      how it was trained further, if it was

The first three are the model; a run may be shared without ``corpus/`` and ``last/``, which hold
the training text.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from nextchar.config import Config, TrainingConfig
from nextchar.config.arguments import checked
from nextchar.embeddings.filling import GivenVectors
from nextchar.errors import ConfigError, RunError
from nextchar.evaluation import perplexity
from nextchar.compilation.cache import compilation_seconds
from nextchar.runs.creation import NewRun, require_trainable
from nextchar.language_model.model import LanguageModel
from nextchar.run_files.model_card import model_card
from nextchar.run_files.model_files import load_config, load_vocabulary
from nextchar.nn.network import Network
from nextchar.nn.precision import has_int16
from nextchar.run_files.origin import load_origin
from nextchar.runs.data import CORPUS_FOLDER, symbols_per_char, training_streams, validation
from nextchar.runs.cost import measure_cost
from nextchar.storage import write_bytes
from nextchar.text.corpus import Corpus
from nextchar.training.checkpoint import METRICS_FILE
from nextchar.training.events import Listener, Noticed, tell
from nextchar.training.extension import (
    More,
    complete_note,
    current,
    extend,
    load_extension,
)
from nextchar.training.folder import in_the_way_error, is_in_the_way, only_trainer
from nextchar.training.freezing import GrownWeight
from nextchar.training.objective import StreamObjective
from nextchar.training.memory import keep_freed_memory
from nextchar.training.metrics import read_rows
from nextchar.training.planning import plan_within, too_short
from nextchar.training.plans import Plan
from nextchar.training.processes import Processes, together
from nextchar.training.seeds import seed_of
from nextchar.training.trainer import Trainer
from nextchar.runs.transfer import PretrainedRun

CARD_FILE = "README.md"


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What a training came to.

    Attributes
    ----------
    run
        The run directory.
    nats_per_char
        Best loss on the validation part, or the last training loss where nothing is held out.
    characters
        Characters read in training, all epochs together.
    """

    run: Path
    steps: int
    steps_planned: int
    best_step: int
    nats_per_char: float
    train_nats_per_char: float
    parameters: int
    characters: int
    seconds: float
    chars_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name, each name with its unit."""
        return {
            "run": str(self.run),
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.nats_per_char / math.log(2),
            "perplexity": perplexity(self.nats_per_char),
            "train_nats_per_char": self.train_nats_per_char,
            "train_bits_per_char": self.train_nats_per_char / math.log(2),
            "parameters": self.parameters,
            "steps": self.steps,
            "steps_planned": self.steps_planned,
            "stopped_early": self.steps < self.steps_planned,
            "best_step": self.best_step,
            "characters": self.characters,
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.chars_per_second, 1),
        }


@checked
def train(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    from_run: str | os.PathLike[str] | None = None,
    embedding_from: str | os.PathLike[str] | None = None,
    listeners: Sequence[Listener] = (),
    stdin: BinaryIO | None = None,
    given: Collection[str] | None = None,
    **options: Any,  # noqa: ANN401
) -> TrainingResult:
    """Train a language model on text files.

    Called by each of the processes that ``torchrun`` has started, it trains in all of them; the
    first one reads, writes and tells the listeners, and all give its result.

    Parameters
    ----------
    inputs
        A file, a folder, a glob, ``-`` for standard input, or several of them.
    out
        The run directory to make; it must not exist yet, or be empty.
    from_run
        A run to begin from: network and symbols are its own, and the text's new symbols are
        added (``nextchar.runs.transfer``).
    embedding_from
        A folder of vectors with which the embedding begins (``nextchar.embeddings``); they say
        the kind of symbols and the size. It excludes ``from_run``.
    listeners
        Called with each event of the training.
    stdin
        What ``-`` reads; ``sys.stdin.buffer`` if not given.
    given
        The names of the options set by the user. A plan leaves them unchanged, and a note reports
        those without effect. All of ``options``, if not given.
    **options
        The fields of ``TextConfig``, ``AugmentationConfig``, ``NetworkConfig`` and
        ``TrainingConfig``.

    Raises
    ------
    InputError
        The text or an option cannot be used; nothing was written.
    Interrupted
        SIGINT or SIGTERM came; ``resume`` goes on from there.
    NonFiniteLossError, StorageError
        Training failed; the run keeps its last good checkpoint.
    OtherProcessError
        It did so in another process, which says why.
    """
    began = time.monotonic()
    keep_freed_memory()
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    folder = Path(out)
    with together() as processes:
        if from_run is not None and embedding_from is not None:
            raise ConfigError("a run begins from another run or with vectors, and not with both")
        source = None if from_run is None else PretrainedRun(from_run)
        vectors = None if embedding_from is None else GivenVectors(embedding_from)
        beginning = source or vectors
        chosen = options if beginning is None else beginning.options(options)
        config = Config.from_options(chosen)
        told = listeners if processes.is_first else ()
        new = NewRun(
            paths=paths,
            config=config,
            given=frozenset(options if given is None else given),
            source=source,
            vectors=vectors,
            processes=processes,
            listeners=told,
            stdin=stdin,
            began=began,
        )

        def make() -> None:
            if not _is_begun(folder, processes, told):
                new.write(folder)

        processes.first(make)
        return _fit(folder, processes, told)


@checked
def resume(
    run: str | os.PathLike[str],
    *,
    steps: int | None = None,
    minutes: float | None = None,
    learning_rate: float | None = None,
    listeners: Sequence[Listener] = (),
) -> TrainingResult:
    """Go on with a run from where it was saved last; bit for bit as if it had not stopped.

    Parameters
    ----------
    run
        The run directory.
    steps, minutes
        For a finished run: further training, in steps or in minutes; one of the two. The learning
        rate begins a new schedule of the same kind, and the best weights of all are kept.
        ``resume(run)`` continues an interrupted extension.
    learning_rate
        The peak of that schedule. Unless set, the rate that the first schedule had at the same
        number of steps before its end; for a schedule that does not fall to zero, the last rate.
    listeners
        Called with each event of the training.

    Raises
    ------
    RunError
        The run is missing, damaged, of a newer format, or being trained elsewhere; or it is not
        finished, and further training was requested.
    CorpusError
        Its corpus is damaged or has changed.
    """
    began = time.monotonic()
    keep_freed_memory()
    folder, more = Path(run), More.of(steps, minutes, learning_rate)
    with together() as processes:
        told = listeners if processes.is_first else ()

        def begin(more: More) -> None:
            if processes.has_begun(folder):
                return  # Before processes of this job died.
            with _only_trainer_of(folder):
                _extend(folder, more, processes, told, began)
            processes.begin(folder)

        if more is not None:
            processes.first(functools.partial(begin, more))
        return _fit(folder, processes, told)


@checked
def history(run: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the rows of a run's ``metrics.jsonl``, one a validation."""
    return read_rows(Path(run) / METRICS_FILE)


@checked
def open_corpus(run: str | os.PathLike[str]) -> Corpus:
    """Open the corpus that a run was trained on.

    Raises
    ------
    CorpusError
        It is missing, damaged or has changed.
    """
    return Corpus.open(Path(run) / CORPUS_FOLDER)


@contextlib.contextmanager
def _only_trainer_of(folder: Path) -> Iterator[None]:
    """Hold the lock of a run known to be a language model's."""
    load_config(folder)
    with only_trainer(folder):
        yield


def _extend(
    folder: Path,
    more: More,
    processes: Processes,
    listeners: Sequence[Listener],
    began: float,
) -> None:
    """Record further training of a finished run, and note its settings."""
    compiled = compilation_seconds()
    config = load_config(folder)

    def plan_in(training: TrainingConfig, seconds: float) -> Plan:
        device = processes.device(training.device)
        now = dataclasses.replace(config, training=training)
        cost = measure_cost(
            now, open_corpus(folder), load_vocabulary(folder), device, world=processes.world
        )
        spent = time.monotonic() - began - (compilation_seconds() - compiled)
        plan = plan_within(cost, seconds - spent, training)
        if plan.steps < 1:
            raise too_short(seconds / 60, cost, spent)
        return plan

    extension = extend(folder, config.training, more, plan_in)
    tell(listeners, Noticed(message=extension.description(config.training)))


def _is_begun(folder: Path, processes: Processes, listeners: Sequence[Listener]) -> bool:
    """Say whether the run is there because this job was started anew after a process died.

    Raises
    ------
    RunError
        The folder is in the way.
    """
    in_the_way = is_in_the_way(folder)
    if in_the_way and not processes.has_begun(folder):
        raise in_the_way_error(folder)
    if in_the_way:
        tell(listeners, Noticed(message=f"going on with {folder} from what was saved last"))
    processes.begin(folder)
    return in_the_way


def _fit(folder: Path, processes: Processes, listeners: Sequence[Listener]) -> TrainingResult:
    config = load_config(folder)
    vocabulary = load_vocabulary(folder)
    device = processes.device(config.training.device)
    require_trainable(config, processes.world, device)
    if config.training.precision == "int16" and not has_int16(device):
        tell(listeners, Noticed(message=f"{folder} was begun in int16; here it is in float32"))
    with only_trainer(folder) if processes.is_first else contextlib.nullcontext():
        corpus = open_corpus(folder)
        model = LanguageModel.create(config, vocabulary)
        model.network.to(device)
        trainer = _trainer(folder, model, corpus, processes, listeners)
        trainer.restore()
        if trainer.is_finished:
            tell(listeners, Noticed(message=complete_note(folder)))
        trainer.fit()

        def finish() -> dict[str, Any]:
            result = _result(folder, model, corpus, trainer)
            _write_card(folder, model, corpus, result, trainer)
            return {**dataclasses.asdict(result), "run": None}

        figures = processes.first(finish)
    return TrainingResult(**{**figures, "run": folder})


def _write_card(
    folder: Path, model: LanguageModel, corpus: Corpus, result: TrainingResult, trainer: Trainer
) -> None:
    card = model_card(
        result.to_dict(),
        model.config,
        sources=corpus.names,
        characters=corpus.characters,
        symbols=len(model.vocabulary),
        held_out=trainer.progress.best_nats is not None,
        origin=load_origin(folder),
    )
    write_bytes(folder / CARD_FILE, card.encode("utf-8", "backslashreplace"))


def _trainer(
    folder: Path,
    model: LanguageModel,
    corpus: Corpus,
    processes: Processes,
    listeners: Sequence[Listener],
) -> Trainer:
    training = model.config.training
    origin = load_origin(folder)
    if origin is not None and origin.known.stop > len(model.vocabulary):
        raise RunError(
            f"{folder} is damaged: its origin knows the symbols up to {origin.known.stop - 1}, and "
            f"its vocabulary has {len(model.vocabulary)}"
        )

    def sample(step: int) -> str:
        return model.generate(
            length=training.sample_length, seed=seed_of(training.seed, step), temperature=0.8
        )

    network = model.network
    objective = StreamObjective(
        network,
        training_streams(corpus, training, rank=processes.rank, world=processes.world),
        training,
        symbols_per_char=symbols_per_char(corpus, model.vocabulary),
        processes=processes,
    )
    measure = validation(corpus, model.vocabulary, training)
    extension = load_extension(folder)
    return Trainer(
        network,
        objective,
        current(folder, training),
        folder,
        first_step=0 if extension is None else extension.first_step,
        grown=None if origin is None else _grown(network, origin.known),
        validate=None if measure is None else lambda: measure(network),
        sample=sample if training.sample_length else None,
        listeners=listeners,
        processes=processes,
    )


def _grown(network: Network, known: range) -> GrownWeight | None:
    """Say where the symbols enter that a network has grown, if there are any."""
    name, dimension = next(iter(network.symbol_weights.items()))
    if len(known) == network.vocabulary_size:
        return None
    return GrownWeight(network.get_parameter(name), dimension, known)


def _result(folder: Path, model: LanguageModel, corpus: Corpus, trainer: Trainer) -> TrainingResult:
    rows = history(folder)
    if not rows:
        raise RunError(f"{folder / METRICS_FILE} is damaged: it has no row")
    last = rows[-1]
    progress = trainer.progress
    training = model.config.training
    symbols = progress.step * training.batch_size * training.sequence_length
    best = progress.best_nats if progress.best_nats is not None else last["train_nats_per_char"]
    return TrainingResult(
        run=folder,
        steps=progress.step,
        steps_planned=trainer.config.steps,
        best_step=progress.best_step or progress.step,
        nats_per_char=best,
        train_nats_per_char=last["train_nats_per_char"],
        parameters=model.parameters,
        characters=round(symbols * corpus.characters / (corpus.length - corpus.augmented)),
        seconds=progress.seconds,
        chars_per_second=last["chars_per_second"],
    )
