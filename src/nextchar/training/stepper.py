"""The update of a training step: loss, gradients, penalties, clipping, optimiser, average.

It writes no files. ``training.trainer`` adds validation, checkpoints and resuming; a planner uses
it alone to measure the time of a step.

Several processes may share a batch. Each makes the same update: gradients, losses and requests are
summed over the processes in one exchange.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.errors import NextcharError, NonFiniteLossError
from nextchar.nn.trainable import Trainable
from nextchar.training.averaging import build_average
from nextchar.training.divergence import PendingMetrics, advice
from nextchar.training.freezing import Freezing, GrownWeight
from nextchar.training.objective import Objective, on_device
from nextchar.training.optimization import (
    add_penalties,
    build_optimizer,
    clip_gradients,
    scheduled_rate,
    set_learning_rate,
)
from nextchar.training.processes import Processes
from nextchar.training.requests import NO_REQUESTS, Requests
from nextchar.training.scaling import LossScale
from nextchar.training.snapshot import put_back, tensors_of
from nextchar.training.torchrun import agreed
from nextchar.training.trainer_state import TrainerState

READ_EVERY = 32  # steps on a GPU between two reads of the loss


def _nowhere() -> Path | None:
    return None


class Stepper:
    """Updates a network step by step.

    Parameters
    ----------
    network
        On the device that trains it, in training mode.
    objective
        The loss of a step.
    config
        With ``steps`` and ``precision`` decided (not ``auto``).
    grown
        The part of a weight that belongs to new symbols, in a network initialised from another.
    processes
        The processes that train together; this one alone if not given.
    first_step
        Steps done when the schedule of ``config`` began (``training.extension``).
    checkpointed_in
        Returns the folder that holds a checkpoint, for the message of a loss that is not finite.

    Attributes
    ----------
    state
        Everything but tensors that the next step depends on.
    requests
        The requests of all processes, known once the loss was read.
    learning_rate, gradient_norm
        Of the newest step; the norm is known once the loss was read.
    average
        The average of the weights, or ``None``.
    """

    def __init__(
        self,
        network: Trainable,
        objective: Objective,
        config: TrainingConfig,
        *,
        grown: GrownWeight | None = None,
        processes: Processes | None = None,
        first_step: int = 0,
        checkpointed_in: Callable[[], Path | None] = _nowhere,
    ) -> None:
        self.network = network
        self.objective = objective
        self.config = config
        self.first_step = first_step
        self._processes = processes or Processes()
        self._device = next(network.parameters()).device
        self.state = TrainerState(device=self._device.type, processes=self._processes.world)
        self.requests = NO_REQUESTS
        self.learning_rate = config.learning_rate
        self.gradient_norm = math.nan
        self.average = build_average(network, config, first_step)
        self._freezing = Freezing(network.layer_groups, config, grown)
        self._optimizer = build_optimizer(
            network.layer_groups, config, undecayed=self._freezing.partly_frozen
        )
        self._scale = LossScale(config, self._device)
        self._pending = PendingMetrics(self._device)
        self._checkpointed_in = checkpointed_in

    @property
    def is_read(self) -> bool:
        """Whether the losses of all steps were read."""
        return self._pending.count == 0

    def step(self, requests: Requests = NO_REQUESTS) -> None:
        """Make one update.

        On a CPU the loss is read before the weights change. On a GPU the loop does not wait for
        it: the losses and requests of ``READ_EVERY`` steps are read together.

        Parameters
        ----------
        requests
            Those of this process; they reach the others with the gradients.

        Raises
        ------
        NonFiniteLossError
            The loss or the gradient norm is not finite.
        """
        number = self.state.step
        scheduled = scheduled_rate(self.config, number, self.first_step)
        self.learning_rate = scheduled * self.state.rate_factor
        set_learning_rate(self._optimizer, self.learning_rate)
        self._freezing.begin(number)
        loss = self.objective.compute_loss(number)
        self._optimizer.zero_grad(set_to_none=True)
        self._scale.scaled(loss.minimized).backward()  # type: ignore[no-untyped-call]
        news = self._summed_up(loss.nats, requests)
        self._scale.undo(self._optimizer)
        add_penalties(self.network.parameters(), self.config)
        self._freezing.clear_known(number)
        norm = clip_gradients(self.network.parameters(), self.config)
        self._pending.add(news, self._scale.counted(norm))
        if self._device.type == "cpu":
            self.read()
        self._scale.step(self._optimizer)
        self.objective.keep()
        if self.average is not None:
            self.average.update(self.network, number)
        self.state.step += 1
        if self._pending.count == READ_EVERY:
            self.read()

    def read(self) -> None:
        """Bring the losses of the newest steps to the host; they must be finite."""
        state, pending = self.state, self._pending
        if pending.count == 0:
            return
        (loss, *requests), self.gradient_norm = pending.news.tolist(), float(pending.norm)
        if not math.isfinite(loss):
            raise self.diverged(f"the loss is {loss} {self._where()}")
        if not math.isfinite(self.gradient_norm) or self._scale.is_lost():
            finite = math.isfinite(self.gradient_norm)
            norm = "not finite at any scale" if finite else f"{self.gradient_norm}"
            raise self.diverged(f"the gradient norm is {norm} {self._where()}")
        self.requests = Requests(*requests)
        state.loss_sum += loss
        state.loss_count += pending.count
        self._pending = PendingMetrics(self._device)

    def train_nats(self) -> float:
        """Return the mean training loss since the last validation, in nats per unit."""
        return self.state.loss_sum / self.state.loss_count * self.objective.targets_per_unit

    def snapshot(self) -> dict[str, Tensor]:
        """Return all tensors that the next step depends on, and complete ``state``."""
        self.read()
        self._scale.save(self.state)
        return tensors_of(self.network, self._optimizer, self.average, self.objective)

    def restore(self, tensors: Mapping[str, Tensor], state: TrainerState) -> str | None:
        """Go back to a snapshot; return the former machinery if the steps now run on another.

        Raises
        ------
        RunError
            The names or the shapes of the tensors do not fit.
        """
        self.state = state
        put_back(tensors, self.network, self._optimizer, self.average, self.objective)
        self._scale.restore(state)
        before = state.machinery
        state.device = self._device.type
        state.threads = torch.get_num_threads()
        state.processes = self._processes.world
        return before if before != state.machinery and state.step > 0 else None

    def diverged(self, problem: str) -> NextcharError:
        """Return the error for a loss that is not finite, with advice."""
        hint = advice(self.config, self.learning_rate, self._checkpointed_in())
        return agreed(NonFiniteLossError(f"{problem}; {hint}"))

    def _summed_up(self, nats: Tensor, requests: Requests) -> Tensor:
        """Sum the gradients over the processes, in place; return the summed loss and requests."""
        news = torch.cat([nats.reshape(1), on_device(torch.tensor(requests), self._device)])
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        self._processes.sum_up([*gradients, news])
        self.requests = NO_REQUESTS  # Those of the steps before are fulfilled.
        return news

    def _where(self) -> str:
        step = self.state.step
        if self._device.type == "cpu":
            return f"at step {step + 1}, and the weights were not changed by it"
        return f"in the {self._pending.count} steps before step {step + 1}"
