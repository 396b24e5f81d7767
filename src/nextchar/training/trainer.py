"""The training loop.

Each step computes the loss of its objective and makes one update. On running text that is stateful
truncated backpropagation through time (Williams & Peng 1990): a step reads the next T symbols of B
parallel streams, from the state in which the step before ended (its value, not its gradient). The
trainer is handed the network, its objective, and what to call for validation and for samples; it
knows no text.

Everything that decides the next step is in the weights, the optimiser, the objective' tensors and
``TrainerState``, or follows from the seed and the step's number; so a run that is interrupted
anywhere and resumed is bit for bit the uninterrupted one (same machine, same thread count).

Several processes may share the streams. All do the same in the same order; what one of them wants
or finds out alone reaches the others with the gradients, or from the first one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.errors import Interrupted, NextcharError, NonFiniteLossError, RunError
from nextchar.nn.parameters import named_tensors
from nextchar.nn.trainable import Trainable
from nextchar.storage import storage_errors
from nextchar.training.averaging import build_average, in_evaluation
from nextchar.training.checkpoint import (
    LAST_FILE,
    METRICS_FILE,
    MODEL_FILE,
    kept_file,
    kept_steps,
    load_tensors,
    save_tensors,
)
from nextchar.training.clock import Clock
from nextchar.training.divergence import PendingMetrics, advice
from nextchar.training.events import Event, Listener, Noticed, StepDone, Validated, tell
from nextchar.training.extension import is_finished, progress_from
from nextchar.training.freezing import Freezing, GrownWeight
from nextchar.training.interruption import StopSignals
from nextchar.training.metrics import append_row, cut_rows, row_of
from nextchar.training.objective import Measured, Objective, on_device
from nextchar.training.optimization import (
    add_penalties,
    build_optimizer,
    clip_gradients,
    scheduled_rate,
    set_learning_rate,
)
from nextchar.training.processes import Processes
from nextchar.training.requests import Requests
from nextchar.training.scaling import LossScale
from nextchar.training.snapshot import put_back, tensors_of
from nextchar.training.stopping import note_validation, reason_of, stops_early
from nextchar.training.torchrun import agreed
from nextchar.training.trainer_state import TrainerState

VALIDATIONS = 10  # of a run, unless it is told otherwise
READ_EVERY = 32  # steps on a GPU between two looks at the loss


class Trainer:
    """Trains a network into a run directory.

    Parameters
    ----------
    network
        On the device where it is to be trained.
    objective
        What its steps learn from.
    config
        With ``steps`` and ``precision`` decided (not ``auto``).
    folder
        The run directory; the trainer writes ``model.safetensors``, ``metrics.jsonl`` and
        ``last/`` there.
    grown
        Where new symbols enter a network that was begun with others.
    validate
        Measures the network on what is held out; ``None`` where nothing is, and then the newest
        weights count as the best.
    sample
        Gives a sample text of the network at a step, or ``None`` for no samples.
    listeners
        Called with each event, in order.
    processes
        Those that train together; this one alone if not given. The first one writes.
    command
        Of the command line, that goes on with the run.
    first_step
        Steps done when the schedule of ``config`` began (``training.extension``).
    """

    def __init__(
        self,
        network: Trainable,
        objective: Objective,
        config: TrainingConfig,
        folder: Path,
        *,
        grown: GrownWeight | None = None,
        validate: Callable[[], Measured] | None = None,
        sample: Callable[[int], str] | None = None,
        listeners: Sequence[Listener] = (),
        processes: Processes | None = None,
        command: str = "nextchar train",
        first_step: int = 0,
    ) -> None:
        self.network = network
        self.objective = objective
        self.config = config
        self.folder = folder
        self._processes = processes or Processes()
        self._device = next(network.parameters()).device
        self.progress = TrainerState(device=self._device.type, processes=self._processes.world)
        self._validate = validate
        self._sample = sample
        self._listeners = listeners
        self._command = command
        self._first_step = first_step
        self._freezing = Freezing(network.levels, config, grown)
        self._optimizer = build_optimizer(
            network.levels, config, undecayed=self._freezing.partly_frozen
        )
        self._rate = config.learning_rate
        self._scale = LossScale(config, self._device)
        self._average = build_average(network, config, first_step)
        self._clock = Clock(config.steps, config.checkpoint_seconds)
        self._signals = StopSignals()
        self._pending = PendingMetrics(self._device)
        self._requests = Requests()
        self._norm = math.nan
        self._decided_in = f" nats/{objective.unit}"

    @property
    def validate_every(self) -> int:
        """Steps between two validations."""
        steps = self.config.steps - self._first_step
        return self.config.validate_every or max(1, steps // VALIDATIONS)

    @property
    def is_finished(self) -> bool:
        """Whether all steps are done, or training has stopped early."""
        return is_finished(self.progress, self.config)

    def fit(self) -> None:
        """Train to the last step, saving on the way.

        Raises
        ------
        Interrupted
            SIGINT or SIGTERM came; the state was saved first.
        NonFiniteLossError
            The loss or the gradient is not finite; nothing was changed by that step.
        CorpusError, StorageError
            The corpus has changed, or a file cannot be written.
        """
        self.network.train()
        self._clock.start(self.progress.seconds)
        with self._signals:
            if not (self.folder / LAST_FILE).exists():
                self.save()  # From here on, whatever happens, there is something to go back to.
            while not self.is_finished:
                self.step()
                finished = self.progress.step == self.config.steps
                done = self.progress.step - self._first_step
                due = finished or done % self.validate_every == 0
                if due:
                    self._measure()
                if due or any(self._requests):
                    self.save()
                signal_number = self._requests.signal_number
                if signal_number is not None and not self.is_finished:
                    raise agreed(
                        Interrupted(
                            f"stopped after step {self.progress.step} of {self.config.steps}; "
                            f"saved. Go on with: {self._command} --resume {self.folder}",
                            signal_number,
                        )
                    )
        if stops_early(self.progress, self.config):
            self._tell(Noticed(message=reason_of(self.progress, self.config, self._decided_in)))

    def step(self) -> None:
        """Make one update.

        On a CPU its loss is looked at before the weights change. On a GPU the loop does not wait
        for it: the losses and requests of ``READ_EVERY`` steps are looked at together, and always
        before anything is measured or saved.
        """
        number = self.progress.step
        scheduled = scheduled_rate(self.config, number, self._first_step)
        self._rate = scheduled * self.progress.rate_factor
        set_learning_rate(self._optimizer, self._rate)
        self._freezing.begin(number)
        loss = self.objective.compute_loss(number)
        self._optimizer.zero_grad(set_to_none=True)
        self._scale.scaled(loss.minimized).backward()  # type: ignore[no-untyped-call]
        news = self._summed_up(loss.nats)
        self._scale.undo(self._optimizer)
        add_penalties(self.network.parameters(), self.config)
        self._freezing.clear_known(number)
        norm = clip_gradients(self.network.parameters(), self.config)
        self._pending.add(news, self._scale.counted(norm))
        if self._device.type == "cpu":
            self._read()
        self._scale.step(self._optimizer)
        self.objective.keep()
        if self._average is not None:
            self._average.update(self.network, number)
        self.progress.step += 1
        self._clock.count(self.objective.symbols(number))
        if self._pending.count == READ_EVERY:
            self._read()
        if self._pending.count == 0:
            self._tell_step()

    def save(self) -> None:
        """Write everything that resume needs to ``last/``."""
        self._read()
        self.progress.seconds = self._clock.seconds()
        self._scale.save(self.progress)
        tensors = tensors_of(self.network, self._optimizer, self._average, self.objective)
        if self._processes.is_first:
            save_tensors(self.folder / LAST_FILE, tensors, dataclasses.asdict(self.progress))
        self._clock.saved()

    def restore(self) -> None:
        """Go back to what ``save`` wrote last, or to the start where it has written nothing.

        Rows of ``metrics.jsonl`` that a later, lost part of the training wrote are cut off.

        Raises
        ------
        RunError
            The checkpoint is damaged, not of this network, or missing from a run that has
            trained: it would start anew over its own results.
        """
        metrics = self.folder / METRICS_FILE
        if (self.folder / LAST_FILE).exists():
            self._restore_last()
        elif (self.folder / MODEL_FILE).exists() or (metrics.exists() and metrics.stat().st_size):
            raise RunError(
                f"{self.folder} cannot be resumed: {LAST_FILE} is missing, which holds all that "
                "resuming needs"
            )
        if self._processes.is_first:
            cut_rows(self.folder / METRICS_FILE, self.progress.metrics_size)
            lost = [step for step in kept_steps(self.folder) if step > self.progress.step]
            self._forget(lost)

    def _restore_last(self) -> None:
        tensors, content = load_tensors(self.folder / LAST_FILE)
        self.progress = progress_from(content, self.folder, self._first_step)
        put_back(tensors, self.network, self._optimizer, self._average, self.objective)
        self._scale.restore(self.progress)
        before = self.progress.machinery
        self.progress.device = self._device.type
        self.progress.threads = torch.get_num_threads()
        self.progress.processes = self._processes.world
        now = self.progress.machinery
        if before != now and self.progress.step > 0:
            self._tell(
                Noticed(message=f"this run was on {before}, now it is on {now}: its numbers differ")
            )

    def _summed_up(self, nats: Tensor) -> Tensor:
        """Sum the gradients of all processes, in place; give the sums of losses and requests."""
        requests = Requests.of(self._signals.received, save=self._clock.save_is_due())
        news = torch.cat([nats.reshape(1), on_device(torch.tensor(requests), self._device)])
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        self._processes.sum_up([*gradients, news])
        self._requests = Requests()  # Those of the steps before are fulfilled.
        return news

    def _read(self) -> None:
        """Bring the losses of the newest steps to the host; they must be finite."""
        progress, pending = self.progress, self._pending
        if pending.count == 0:
            return
        (loss, *requests), self._norm = pending.news.tolist(), float(pending.norm)
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss} {self._where()}")
        if not math.isfinite(self._norm) or self._scale.is_lost():
            norm = f"{self._norm}" if not math.isfinite(self._norm) else "not finite at any scale"
            raise self._diverged(f"the gradient norm is {norm} {self._where()}")
        self._requests = Requests(*requests)
        progress.loss_sum += loss
        progress.loss_count += pending.count
        self._pending = PendingMetrics(self._device)

    def _tell_step(self) -> None:
        progress = self.progress
        self._tell(
            StepDone(
                step=progress.step,
                steps=self.config.steps,
                epochs=self.objective.epochs(progress.step),
                train_nats=self._train_nats(),
                unit=self.objective.unit,
                learning_rate=self._rate,
                gradient_norm=self._norm,
                chars_per_second=self._clock.symbols_per_second() / self.objective.symbols_per_char,
                seconds_left=self._clock.seconds_left(progress.step, self.validate_every),
            )
        )

    def _train_nats(self) -> float:
        return self.progress.loss_sum / self.progress.loss_count * self.objective.targets_per_unit

    def _measure(self) -> None:
        """Validate, keep the best weights, and write the row."""
        self._read()
        progress, is_first = self.progress, self._processes.is_first
        with self._clock.validating(), in_evaluation(self.network, self._average):
            found = self._processes.first(self._validated)
            measured = None if found is None else Measured(**found)
            value = None if measured is None else measured.value
            if measured is not None and not math.isfinite(measured.nats):
                raise self._diverged(
                    f"the validation loss is {measured.nats} after step {progress.step}"
                )
            best = measured is None or measured.is_better(progress.best_value, progress.best_nats)
            if best:
                progress.best_nats = None if measured is None else measured.nats
                progress.best_value, progress.best_step = value, progress.step
            sample = self._keep(is_best=best) if is_first else None
        self._follow_plateau(is_best=best)
        note_validation(progress, self.config, value)
        self._decided_in = _unit_of(measured, self.objective)
        if is_first:
            self._report(measured, is_best=best, sample=sample)
        progress.loss_sum, progress.loss_count = 0.0, 0

    def _validated(self) -> dict[str, Any] | None:
        return None if self._validate is None else dataclasses.asdict(self._validate())

    def _keep(self, *, is_best: bool) -> str | None:
        """Write the weights if they are the best so far; give a sample of theirs, if wanted."""
        progress = self.progress
        if is_best:
            name = f"validation_nats_per_{self.objective.unit}"
            content = {"step": progress.step, name: progress.best_nats}
            save_tensors(self.folder / MODEL_FILE, named_tensors(self.network), content)
        if self.config.keep_checkpoints:
            path = self.folder / kept_file(progress.step)
            with storage_errors(path):
                path.parent.mkdir(exist_ok=True)
            save_tensors(path, named_tensors(self.network), {"step": progress.step})
            self._forget(kept_steps(self.folder)[: -self.config.keep_checkpoints])
        return None if self._sample is None else self._sample(progress.step)

    def _forget(self, steps: Sequence[int]) -> None:
        """Remove the kept weights of some steps."""
        for step in steps:
            path = self.folder / kept_file(step)
            with storage_errors(path):
                path.unlink()

    def _report(self, measured: Measured | None, *, is_best: bool, sample: str | None) -> None:
        """Write the row of a validation, and tell it."""
        progress = self.progress
        event = Validated(
            step=progress.step,
            steps=self.config.steps,
            train_nats=self._train_nats(),
            validation_nats=None if measured is None else measured.nats,
            unit=self.objective.unit,
            figures={} if measured is None else measured.figures,
            learning_rate=self._rate,
            gradient_norm=self._norm,
            chars_per_second=self._clock.symbols_per_second() / self.objective.symbols_per_char,
            seconds=self._clock.seconds(),
            is_best=is_best,
            sample=sample,
        )
        row = row_of(event, epochs=self.objective.epochs(event.step))
        progress.metrics_size = append_row(self.folder / METRICS_FILE, row)
        self._tell(event)

    def _follow_plateau(self, *, is_best: bool) -> None:
        progress = self.progress
        progress.stale_validations = 0 if is_best else progress.stale_validations + 1
        if (
            self.config.schedule == "plateau"
            and progress.stale_validations >= self.config.plateau_patience
        ):
            progress.rate_factor *= self.config.plateau_factor
            progress.stale_validations = 0

    def _where(self) -> str:
        step = self.progress.step
        if self._device.type == "cpu":
            return f"at step {step + 1}, and the weights were not changed by it"
        return f"in the {self._pending.count} steps before step {step + 1}"

    def _diverged(self, what: str) -> NextcharError:
        kept = self.folder if (self.folder / LAST_FILE).exists() else None
        return agreed(NonFiniteLossError(f"{what}; {advice(self.config, self._rate, kept)}"))

    def _tell(self, event: Event) -> None:
        tell(self._listeners, event)


def _unit_of(measured: Measured | None, objective: Objective) -> str:
    """Give what stands behind the value that decided: a unit if it was the loss."""
    return f" nats/{objective.unit}" if measured is None or measured.decides is None else ""
