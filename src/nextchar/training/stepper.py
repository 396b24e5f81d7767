"""One training step: loss, gradients, penalties, clipping, optimiser, average.

Early in the schedule a step may read its batch in parts, with an update after each
(``training.window_growth``).

This module writes no files. ``training.trainer`` adds validation, checkpoints and resuming; the
planner uses the stepper alone to measure the time of a step.

Several processes may share a batch. Gradients, losses and requests are summed over the processes
in a single all-reduce, so each process makes the same update.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.errors import NextcharError, NonFiniteLossError, RunError
from nextchar.nn.parameters import named_tensors
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
from nextchar.training.pacing import position_of, total_steps
from nextchar.training.processes import Processes
from nextchar.training.requests import NO_REQUESTS, Requests
from nextchar.training.scaling import LossScale
from nextchar.training.snapshot import restore_tensors, tensors_of
from nextchar.training.torchrun import agreed
from nextchar.training.trainer_state import TrainerState
from nextchar.training.window_growth import parts_at

READ_EVERY = 32  # updates on a GPU between two reads of the loss


def _nowhere() -> Path | None:
    return None


class Stepper:
    """Updates a network step by step.

    Parameters
    ----------
    network
        The network to train, on its device and in training mode.
    objective
        Computes the loss of a step.
    config
        Its ``steps`` must be set, and its ``precision`` resolved (not ``auto``).
    grown
        The input weight with the parameters of new symbols, if the network was initialised from a
        pretrained model.
    processes
        The processes that train together; by default this one alone.
    first_step
        Steps done before the schedule of ``config`` began (``training.extension``).
    checkpointed_in
        Returns the run directory if it has a checkpoint, for the message about a non-finite loss.

    Attributes
    ----------
    state
        The state that the next step depends on, apart from tensors.
    requests
        The requests of all processes, updated by ``read``.
    learning_rate
        The learning rate of the newest step.
    gradient_norm
        The newest gradient norm, updated by ``read``.
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
        self._norms = torch.empty(0)
        self._part, self._parts = 0, 1
        self._checkpointed_in = checkpointed_in

    @property
    def is_read(self) -> bool:
        """Whether the losses of all steps have been read."""
        return self._pending.count == 0

    def step(self, requests: Requests = NO_REQUESTS) -> None:
        """Update the weights from the batch of a step: once, or after each part of its windows.

        On a CPU the loss is read before the weights change. On a GPU the losses and requests of
        at least ``READ_EVERY`` updates are read together, to avoid waiting for the device.

        Parameters
        ----------
        requests
            The requests of this process, sent to the others with the gradients.

        Raises
        ------
        NonFiniteLossError
            The loss or the gradient norm is not finite.
        """
        number = self.state.step
        position = position_of(number, self.state, self.config)
        scheduled = scheduled_rate(self.config, position, self.first_step)
        self.learning_rate = scheduled * self.state.rate_factor
        set_learning_rate(self._optimizer, self.learning_rate)
        self._freezing.begin(number)
        parts = min(
            parts_at(self.config, position, self.first_step), self.objective.most_parts(number)
        )
        for part in range(parts):
            # Requests read with an earlier part would be lost.
            self._update(part, parts, requests if part == parts - 1 else NO_REQUESTS)
        if self.average is not None:
            advance = position_of(number + 1, self.state, self.config) - position
            self.average.update(self.network, number, position, advance)
        self.state.step += 1
        if self._pending.count >= READ_EVERY:
            self.read()

    def _update(self, part: int, parts: int, requests: Requests) -> None:
        """Update the weights from a part of the batch."""
        number = self.state.step
        self._part, self._parts = part, parts
        loss = self.objective.compute_loss(number, part, parts)
        self._optimizer.zero_grad(set_to_none=True)
        self._scale.scaled(loss.minimized).backward()  # type: ignore[no-untyped-call]
        metrics = self._all_reduce(loss.nats, requests)
        self._scale.undo(self._optimizer)
        add_penalties(self.network.parameters(), self.config)
        self._freezing.clear_known(number)
        norms = clip_gradients(self.network.parameters(), self.config)
        self._norms = self._scale.counted(norms.each)
        self._pending.add(metrics, self._scale.counted(norms.total))
        if self._device.type == "cpu":
            self.read()
        self._scale.step(self._optimizer)
        self.objective.keep()

    def read(self) -> None:
        """Copy the pending metrics to the host.

        Raises
        ------
        NonFiniteLossError
            A loss or the gradient norm is not finite.
        """
        state, pending = self.state, self._pending
        if pending.count == 0:
            return
        (loss, *requests), self.gradient_norm = pending.metrics.tolist(), float(pending.norm)
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

    def require_finite_weights(self) -> None:
        """Raise ``NonFiniteLossError`` if a weight is not finite; saturated units may hide it."""
        for name, tensor in named_tensors(self.network).items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise self.diverged(
                    f"the weights {name} are not finite after step {self.state.step}"
                )

    def train_nats(self) -> float:
        """Return the mean training loss since the last validation, in nats per unit."""
        return self.state.loss_sum / self.state.loss_count * self.objective.targets_per_unit

    def gradient_norms(self) -> dict[str, float]:
        """Return the norm of each parameter's newest gradient, before clipping, by its name."""
        learning = (name for name, each in self.network.named_parameters() if each.grad is not None)
        return dict(zip(learning, self._norms.tolist(), strict=True))

    def snapshot(self) -> dict[str, Tensor]:
        """Update ``state``, and return all tensors that the next step depends on."""
        self.read()
        self._scale.save(self.state)
        return tensors_of(self.network, self._optimizer, self.average, self.objective)

    def restore(self, tensors: Mapping[str, Tensor], state: TrainerState) -> str | None:
        """Restore a snapshot.

        Returns
        -------
        str or None
            A description of the previous hardware, if the steps now run on other hardware.

        Raises
        ------
        RunError
            The names, shapes or types of the tensors do not match, a value is not finite or out of
            range, or the snapshot is of a later step than the last one.
        """
        steps = total_steps(state, self.config)
        if state.step > steps:
            raise RunError(
                f"the checkpoint is of step {state.step:,}, but the run has {steps:,} steps"
            )
        if state.revised_position > self.config.steps:
            raise RunError(
                f"the plan was revised at position {state.revised_position:g}, but the schedule "
                f"has {self.config.steps:,} steps"
            )
        self.state = state
        self._freezing.begin(max(0, state.step - 1))  # what has learned has a state
        restore_tensors(
            tensors,
            self.network,
            self._optimizer,
            self.average,
            self.objective,
            state.step,
            may_skip=self._scale.is_used,
        )
        self._scale.restore(state)
        before = state.hardware
        state.device = self._device.type
        state.threads = torch.get_num_threads()
        state.processes = self._processes.world
        return before if before != state.hardware and state.step > 0 else None

    def diverged(self, problem: str) -> NextcharError:
        """Return the error for a loss or norm that is not finite, with advice."""
        hint = advice(self.config, self.learning_rate, self._checkpointed_in())
        return agreed(NonFiniteLossError(f"{problem}; {hint}"))

    def _all_reduce(self, nats: Tensor, requests: Requests) -> Tensor:
        """Sum the gradients over the processes, in place; return the summed loss and requests."""
        metrics = torch.cat([nats.reshape(1), on_device(torch.tensor(requests), self._device)])
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        self._processes.all_reduce([*gradients, metrics])
        self.requests = NO_REQUESTS  # Earlier requests have been fulfilled.
        return metrics

    def _where(self) -> str:
        step = self.state.step
        if self._device.type == "cpu":
            if self._part > 0:
                return f"in part {self._part + 1} of {self._parts} of step {step + 1}"
            return f"at step {step + 1}, which did not change the weights"
        return f"in the {self._pending.count} updates before step {step + 1}"
