"""The training loop of a run directory: steps, validations, checkpoints, resuming.

The steps are in ``training.stepper``. For continuous text they are stateful truncated
backpropagation through time (Williams & Peng 1990): a step reads the next T symbols of B parallel
streams, starting from the final state of the previous step without its gradient. The trainer
receives the network, its objective, and the functions that validate and sample; it does not depend
on text.

A step is determined by the weights, the optimiser, the objective's tensors, ``TrainerState``, the
seed and the step's number. A resumed run is therefore bit for bit the same as an uninterrupted one
(on the same machine, with the same numbers of threads and processes).

Several processes may share the batch. All execute the same steps in the same order; only the first
one validates and writes files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nextchar.config import TrainingConfig
from nextchar.errors import Interrupted
from nextchar.nn.parameters import named_tensors
from nextchar.nn.threads import ThreadTrials
from nextchar.nn.trainable import Trainable
from nextchar.training.averaging import in_evaluation
from nextchar.training.checkpoint import LAST_FILE, load_tensors
from nextchar.training.clock import Clock
from nextchar.training.events import Event, Listener, Noticed, StepDone, Validated, tell
from nextchar.training.extension import is_finished, progress_from
from nextchar.training.freezing import GrownWeight
from nextchar.training.interruption import StopSignals
from nextchar.training.metrics import row_of
from nextchar.training.objective import Objective, ValidationResult
from nextchar.training.pacing import (
    Pace,
    position_of,
    revise,
    total_steps,
    validations_done,
    validations_left,
)
from nextchar.training.processes import Processes
from nextchar.training.requests import Requests
from nextchar.training.run_writer import RunWriter
from nextchar.training.stepper import Stepper
from nextchar.training.stopping import note_validation, reason_of, stops_early
from nextchar.training.torchrun import agreed
from nextchar.training.trainer_state import TrainerState

VALIDATIONS = 10  # default number of validations of a run
TOLD_CHANGE = 0.25  # smallest change of the number of steps to report
TOLD_AFTER = 0.15  # of the time budget, between two reports


class Trainer:
    """Trains a network and saves it in a run directory.

    Parameters
    ----------
    network
        The network to train, on its device.
    objective
        Computes the loss of a step.
    config
        Its ``steps`` must be set, and its ``precision`` resolved (not ``auto``).
    folder
        The run directory; the trainer writes ``model.safetensors``, ``metrics.jsonl`` and
        ``last/`` there.
    grown
        The input weight with the parameters of new symbols, if the network was initialised from a
        pretrained model.
    validate
        Evaluates the network on the validation part; ``None`` if there is none. The newest weights
        then count as the best.
    sample
        Returns a sample text of the network at a step; ``None`` for no samples.
    listeners
        Called with each event, in order.
    processes
        The processes that train together; by default this one alone. Only the first one writes.
    command
        The command that resumes the run, for messages.
    first_step
        Steps done before the schedule of ``config`` began (``training.extension``).
    most_steps
        The largest number of steps to which the plan of a time budget may be revised; ``None`` for
        no limit.
    seal
        Digests of the run's metadata (``run_files.seals``), stored with the tensors.
    """

    def __init__(
        self,
        network: Trainable,
        objective: Objective,
        config: TrainingConfig,
        folder: Path,
        *,
        grown: GrownWeight | None = None,
        validate: Callable[[], ValidationResult] | None = None,
        sample: Callable[[int], str | None] | None = None,
        listeners: Sequence[Listener] = (),
        processes: Processes | None = None,
        command: str = "nextchar train",
        first_step: int = 0,
        most_steps: int | None = None,
        seal: Mapping[str, str] | None = None,
    ) -> None:
        self.network = network
        self.objective = objective
        self.config = config
        self.folder = folder
        self._processes = processes or Processes()
        self._stepper = Stepper(
            network,
            objective,
            config,
            grown=grown,
            processes=self._processes,
            first_step=first_step,
            checkpointed_in=self._checkpointed_in,
        )
        self._validate = validate
        self._sample = sample
        self._listeners = listeners
        self._command = command
        self._first_step = first_step
        self._most_steps = most_steps
        self._writer = RunWriter(folder, seal)
        self._clock = Clock(config.checkpoint_seconds)
        self._pace: Pace | None = None
        self._threads: ThreadTrials | None = None
        self._told_steps, self._told_at = config.steps, 0.0
        self._signals = StopSignals()
        self._criterion_unit = f" nats/{objective.unit}"

    @property
    def progress(self) -> TrainerState:
        """The state that resuming needs, apart from tensors."""
        return self._stepper.state

    @property
    def steps(self) -> int:
        """Number of steps of the run, as last revised."""
        return total_steps(self.progress, self.config)

    @property
    def validate_every(self) -> int:
        """Steps between two validations, as first planned."""
        steps = self.config.steps - self._first_step
        return self.config.validate_every or max(1, steps // VALIDATIONS)

    @property
    def is_finished(self) -> bool:
        """Whether all steps are done or training has stopped early."""
        return is_finished(self.progress, self.config)

    def fit(self, seconds: float | None = None) -> None:
        """Train to the last step, with periodic validations and saves.

        Parameters
        ----------
        seconds
            The time that the steps and validations may take, compilation excluded. The number of
            steps is revised to meet it. It is saved with the run, and ignored once the schedule
            has begun; ``None`` for no limit.

        Raises
        ------
        Interrupted
            SIGINT or SIGTERM was received; the state has been saved.
        NonFiniteLossError
            The loss or the gradient is not finite. The last checkpoint is unchanged.
        CorpusError, StorageError
            The corpus has changed, or a file cannot be written.
        """
        self.network.train()
        progress = self.progress
        self._clock.start(progress.seconds, progress.validation_seconds)
        if seconds is not None and progress.step == self._first_step:
            progress.deadline = progress.seconds + seconds
        self._pace = self._new_pace()
        self._told_steps, self._told_at = self.steps, self._clock.seconds()
        with self._signals, self._trials_of_threads():
            if not self._writer.has_state:
                self.save()  # From here on the run can be resumed.
            while not self.is_finished:
                self.step()
                requests, due = self._stepper.requests, self._validation_is_due()
                if due:
                    self._validate_and_report()
                if self.progress.step < min(self.steps, requests.steps):
                    self._revise(int(requests.steps))
                if due or requests.needs_save:
                    self.save()
                signal_number = self._stepper.requests.signal_number
                if signal_number is not None and not self.is_finished:
                    raise agreed(
                        Interrupted(
                            f"stopped after step {self.progress.step} of {self.steps}; "
                            f"saved. Resume with: {self._command} --resume {self.folder}",
                            signal_number,
                        )
                    )
        if stops_early(self.progress, self.config):
            reason = reason_of(self.progress, self.config, self._criterion_unit)
            self._tell(Noticed(message=reason))

    def step(self) -> None:
        """Make one update and report it."""
        number = self.progress.step
        # Requests add up until they are read, so a number of steps is sent only once.
        pace = self._pace if self._stepper.is_read else None
        requests = Requests.of(
            self._signals.received,
            save=self._clock.save_is_due(),
            steps=None if pace is None else pace.proposal(),
        )
        began = time.monotonic()
        self._stepper.step(requests)
        if self._threads is not None:
            self._threads.observe(time.monotonic() - began)
        self._clock.count(self.objective.symbols(number))
        if self._stepper.is_read:
            self._tell_step()

    def save(self) -> None:
        """Write everything that resuming needs to ``last/``."""
        self._stepper.require_finite_weights()
        tensors = self._stepper.snapshot()
        self.progress.seconds = self._clock.seconds()
        if self._processes.is_first:
            self._writer.save_state(tensors, self.progress)
        self._clock.saved()

    def restore(self) -> None:
        """Restore the last save; a run without one starts from the beginning.

        Rows of ``metrics.jsonl`` and kept weights from steps after that save are removed.

        Raises
        ------
        RunError
            The checkpoint is damaged or of another network, or it is missing although the run has
            results, which a new start would overwrite.
        """
        if self._writer.has_state:
            self._restore_last()
        else:
            self._writer.require_startable()
        if self._processes.is_first:
            self._writer.cut_after(self.progress)

    def _restore_last(self) -> None:
        tensors, content = load_tensors(self.folder / LAST_FILE)
        state = progress_from(content, self.folder, self._first_step)
        before = self._stepper.restore(tensors, state)
        if before is not None:
            message = f"this run was on {before}, now it is on {state.hardware}"
            self._tell(Noticed(message=f"{message}: its numbers will differ slightly"))

    def _new_pace(self) -> Pace | None:
        if self.progress.deadline is None or not self._processes.is_first:
            return None
        return Pace(
            self._clock,
            self.progress,
            self.config,
            first_step=self._first_step,
            validate_every=self.validate_every,
            most_steps=self._most_steps,
        )

    @contextlib.contextmanager
    def _trials_of_threads(self) -> Iterator[None]:
        """Choose the number of threads in the block, of one process with a time budget on a CPU."""
        if self._pace is None or self.progress.device != "cpu" or self._processes.world > 1:
            yield
            return
        self._threads = ThreadTrials(self._pace.budget)
        try:
            yield
        finally:
            self._threads.close()

    def _position(self) -> float:
        return position_of(self.progress.step, self.progress, self.config)

    def _validation_is_due(self) -> bool:
        state, first, every = self.progress, self._first_step, self.validate_every
        before = position_of(state.step - 1, state, self.config)
        return state.step >= self.steps or (
            validations_done(before, first, every)
            < validations_done(self._position(), first, every)
        )

    def _revise(self, steps: int) -> None:
        """Change the number of steps, and report a large change, but not too often."""
        revise(self.progress, self.config, steps)
        before, now = self._told_steps, self._clock.seconds()
        waited = self._pace is not None and now - self._told_at >= TOLD_AFTER * self._pace.budget
        if waited and abs(steps - before) >= TOLD_CHANGE * before:
            message = f"the speed has changed: {steps:,} steps instead of {before:,} fit the budget"
            self._tell(Noticed(message=message))
            self._told_steps, self._told_at = steps, now

    def _tell_step(self) -> None:
        progress = self.progress
        self._tell(
            StepDone(
                step=progress.step,
                steps=self.steps,
                epochs=self.objective.epochs(progress.step),
                train_nats=self._stepper.train_nats(),
                unit=self.objective.unit,
                learning_rate=self._stepper.learning_rate,
                gradient_norm=self._stepper.gradient_norm,
                chars_per_second=self._clock.symbols_per_second() / self.objective.symbols_per_char,
                seconds_left=self._clock.seconds_left(
                    self.steps - progress.step,
                    validations_left(
                        self._position(), self.config, self._first_step, self.validate_every
                    ),
                ),
            )
        )

    def _validate_and_report(self) -> None:
        """Validate, save the weights if they are the best, and write the row of metrics."""
        self._stepper.read()
        self._stepper.require_finite_weights()
        progress, is_first = self.progress, self._processes.is_first
        with self._clock.validating(), in_evaluation(self.network, self._stepper.average):
            found = self._processes.first(self._validated)
            result = None if found is None else ValidationResult(**found)
            value = None if result is None else result.value
            if result is not None and not math.isfinite(result.nats):
                raise self._stepper.diverged(
                    f"the validation loss is {result.nats} after step {progress.step}"
                )
            best = result is None or result.is_better(progress.best_value, progress.best_nats)
            if best:
                progress.best_nats = None if result is None else result.nats
                progress.best_value, progress.best_step = value, progress.step
            sample = self._keep(is_best=best) if is_first else None
        progress.validation_seconds = self._clock.seconds_per_validation()
        self._follow_plateau(is_best=best)
        note_validation(progress, self.config, value)
        self._criterion_unit = _criterion_unit(result, self.objective)
        if is_first:
            self._report(result, is_best=best, sample=sample)
        progress.loss_sum, progress.loss_count = 0.0, 0

    def _validated(self) -> dict[str, Any] | None:
        return None if self._validate is None else dataclasses.asdict(self._validate())

    def _keep(self, *, is_best: bool) -> str | None:
        """Save the weights if they are the best or to be kept; return a sample text, if enabled."""
        progress = self.progress
        if is_best:
            name = f"validation_nats_per_{self.objective.unit}"
            content = {"step": progress.step, name: progress.best_nats}
            self._writer.save_best(named_tensors(self.network), content)
        if self.config.keep_checkpoints:
            most = self.config.keep_checkpoints
            self._writer.keep(named_tensors(self.network), progress.step, most=most)
        return None if self._sample is None else self._sample(progress.step)

    def _report(
        self, result: ValidationResult | None, *, is_best: bool, sample: str | None
    ) -> None:
        """Write the row of a validation, and send it to the listeners."""
        progress = self.progress
        event = Validated(
            step=progress.step,
            steps=self.steps,
            train_nats=self._stepper.train_nats(),
            validation_nats=None if result is None else result.nats,
            unit=self.objective.unit,
            figures={} if result is None else result.figures,
            learning_rate=self._stepper.learning_rate,
            gradient_norm=self._stepper.gradient_norm,
            gradient_norms=self._stepper.gradient_norms(),
            chars_per_second=self._clock.symbols_per_second() / self.objective.symbols_per_char,
            seconds=self._clock.seconds(),
            is_best=is_best,
            sample=sample,
        )
        row = row_of(event, epochs=self.objective.epochs(event.step))
        progress.metrics_size = self._writer.append(row)
        self._tell(event)

    def _follow_plateau(self, *, is_best: bool) -> None:
        progress = self.progress
        progress.stale_validations = 0 if is_best else progress.stale_validations + 1
        if (
            self.config.schedule == "plateau"
            and progress.stale_validations >= self.config.plateau_patience
        ):
            reduced = progress.rate_factor * self.config.plateau_factor
            progress.rate_factor = max(sys.float_info.min, reduced)
            progress.stale_validations = 0

    def _checkpointed_in(self) -> Path | None:
        return self.folder if self._writer.has_state else None

    def _tell(self, event: Event) -> None:
        tell(self._listeners, event)


def _criterion_unit(result: ValidationResult | None, objective: Objective) -> str:
    """Return the unit of the validation criterion if it is the loss, else an empty text."""
    return f" nats/{objective.unit}" if result is None or result.decides is None else ""
