"""Training objectives: the loss of each step. The objective on items is in ``tasks.objective``.

The random numbers of a step are determined by the seed and the step's number.

Shapes: T time steps, B streams, H hidden.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.nn.network import Network, State, clear, detach
from nextchar.nn.parameters import restore_by_name
from nextchar.nn.precision import arithmetic_of, computing_in
from nextchar.nn.rng import SharedGenerator
from nextchar.text.streams import Streams
from nextchar.training.loss import Loss, sequence_loss
from nextchar.training.processes import Processes
from nextchar.training.seeds import seed_of


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """The metrics of a validation.

    Attributes
    ----------
    nats
        The loss in nats per unit of the objective.
    figures
        Further metrics by name; each name includes the unit.
    decides
        The criterion, lower is better, for keeping weights, reducing the rate at a plateau and
        stopping early; by default the loss.
    """

    nats: float
    figures: Mapping[str, float] = field(default_factory=dict)
    decides: float | None = None

    @property
    def value(self) -> float:
        """The criterion: ``decides``, or else the loss."""
        return self.nats if self.decides is None else self.decides

    def is_better(self, value: float | None, nats: float | None) -> bool:
        """Return whether this is better than an earlier result.

        Parameters
        ----------
        value, nats
            The criterion and the loss of the earlier result; ``None`` if there is none. The loss
            breaks ties.
        """
        return value is None or nats is None or (self.value, self.nats) < (value, nats)


class Objective(ABC):
    """The loss of each training step, and the state carried from one step to the next.

    Attributes
    ----------
    unit
        The unit of a reported loss: ``"char"``, ``"item"``, ``"label"``, ….
    targets_per_unit
        Predictions per unit; scales the mean loss of a prediction to a loss per unit.
    symbols_per_char
        Symbols per original character, for reported speeds.
    """

    unit: str
    targets_per_unit: float = 1.0
    symbols_per_char: float = 1.0

    @abstractmethod
    def compute_loss(self, step: int, part: int = 0, parts: int = 1) -> Loss:
        """Return the loss on the batch of a step, or on a part of it."""

    def most_parts(self, step: int) -> int:  # noqa: ARG002  (items have no parts)
        """Return the largest number of parts of a step's batch."""
        return 1

    @abstractmethod
    def symbols(self, step: int) -> int:
        """Return the number of symbols that a step reads, over all processes."""

    @abstractmethod
    def epochs(self, step: int) -> float:
        """Return the number of epochs completed before a step."""

    def keep(self) -> None:  # noqa: B027  (items carry no state)
        """Carry the state of the newest step over to the next one, after its update."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the carried state of all processes, by name."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the result of ``tensors``; raise ``RunError`` if it does not match."""
        restore_by_name({}, tensors)


class StreamObjective(Objective):
    """The objective on running text: each window starts from the final state of the one before.

    Parameters
    ----------
    network
        The network to train, on its device.
    streams
        The batches of the training part, or this process's share of them.
    config
        Its ``precision`` must be resolved (not ``auto``).
    symbols_per_char
        Symbols per original character of the training part.
    processes
        The processes that train together; by default this one alone.
    """

    unit = "char"

    def __init__(
        self,
        network: Network,
        streams: Streams,
        config: TrainingConfig,
        *,
        symbols_per_char: float = 1.0,
        processes: Processes | None = None,
    ) -> None:
        self.symbols_per_char = self.targets_per_unit = symbols_per_char
        self._network = network
        self._streams = streams
        self._config = config
        self._processes = processes or Processes()
        self._device = next(network.parameters()).device
        own = config.batch_size // streams.world
        self._generator = SharedGenerator(
            self._device,
            rows=range(streams.rank * own, (streams.rank + 1) * own),
            whole=config.batch_size,
        )
        self._state: State = network.initial_state(own)
        self._newest = self._state

    def compute_loss(self, step: int, part: int = 0, parts: int = 1) -> Loss:
        """Return the loss on the windows of a step; see ``Streams.batch``."""
        batch = self._streams.batch(step, part, parts)
        inputs, targets, fresh = (
            on_device(torch.from_numpy(values), self._device)
            for values in (batch.inputs, batch.targets, batch.reset)
        )
        state = clear(self._state, fresh) if batch.reset.any() else self._state
        seed = seed_of(self._config.seed, step)
        self._generator.manual_seed(seed if part == 0 else seed_of(seed, part))
        with computing_in(arithmetic_of(self._config.precision), self._device):
            reading = self._network.read(inputs, state, generator=self._generator)
        self._newest = detach(reading.state)
        return sequence_loss(
            reading,
            targets,
            self._config,
            target_share=batch.target_share,
            stream_share=1 / self._streams.world,
        )

    def most_parts(self, step: int) -> int:
        """Return the number of targets of the longest window."""
        return self._streams.most_parts(step)

    def symbols(self, step: int) -> int:  # noqa: ARG002  (the same for all steps)
        """Return B · T."""
        return self._streams.batch_size * self._streams.sequence_length

    def epochs(self, step: int) -> float:
        """Return the epochs over the text; see ``Streams.epoch``."""
        return self._streams.epoch(step)

    def keep(self) -> None:
        """Carry the state over to the next step, without its gradient."""
        self._state = self._newest

    def tensors(self) -> dict[str, Tensor]:
        """Return the state of all streams by name, ``{layer}.{part}``."""
        gathered = tuple(tuple(map(self._processes.gather, layer)) for layer in self._state)
        return _named_state(gathered)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore this process's share of the state of all streams."""
        state = self._network.initial_state(self._config.batch_size)
        targets = _named_state(state)
        # On a GPU, the state may have been carried in half precision.
        restore_by_name(targets, {n: _widened(tensor) for n, tensor in tensors.items()})
        self._state = tuple(tuple(map(self._processes.share_of, layer)) for layer in state)


def on_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy a host tensor to a device; to a GPU asynchronously, from pinned memory."""
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _named_state(state: State) -> dict[str, Tensor]:
    return {
        f"{layer}.{index}": tensor
        for layer, cell_state in enumerate(state)
        for index, tensor in enumerate(cell_state)
    }
