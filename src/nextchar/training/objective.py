"""What the steps of a training learn from: running text here, items in ``tasks.objective``.

A trainer asks its objective for the objective of a step, whatever the network reads to get there.
What a step draws at random follows from the seed and its number.

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
from nextchar.nn.parameters import copy_by_name
from nextchar.nn.precision import arithmetic_of, computing_in
from nextchar.nn.rng import SharedGenerator
from nextchar.text.streams import Streams
from nextchar.training.loss import Loss, sequence_loss
from nextchar.training.processes import Processes
from nextchar.training.seeds import seed_of


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a validation found.

    Attributes
    ----------
    nats
        The loss per unit of the objective.
    figures
        What else is reported, by name; each name with its unit.
    decides
        Lower is better: which weights are kept, when the rate falls at a plateau, and when
        training stops early. The loss, if not given.
    """

    nats: float
    figures: Mapping[str, float] = field(default_factory=dict)
    decides: float | None = None

    @property
    def value(self) -> float:
        """What decides."""
        return self.nats if self.decides is None else self.decides

    def is_better(self, value: float | None, nats: float | None) -> bool:
        """Say whether this is better than before; equal values leave it to the loss."""
        return value is None or nats is None or (self.value, self.nats) < (value, nats)


class Objective(ABC):
    """What the steps of a training learn from.

    Attributes
    ----------
    unit
        What a reported loss is for: ``"char"``, ``"item"``, ``"label"``, ….
    targets_per_unit
        Predictions of the loss for each such unit.
    symbols_per_char
        Symbols for each original character, for speeds.
    """

    unit: str
    targets_per_unit: float = 1.0
    symbols_per_char: float = 1.0

    @abstractmethod
    def compute_loss(self, step: int) -> Loss:
        """Read what a step reads, and judge what the network makes of it."""

    @abstractmethod
    def symbols(self, step: int) -> int:
        """Count the symbols that a step reads, over all processes."""

    @abstractmethod
    def epochs(self, step: int) -> float:
        """Give how often all has been read before a step."""

    def keep(self) -> None:  # noqa: B027  (items leave nothing behind)
        """Let the next step begin where the newest one ended: its update was made."""

    def tensors(self) -> dict[str, Tensor]:
        """Name what the newest step left behind, for all processes together."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what ``tensors`` gave; ``RunError`` if it does not fit."""
        copy_by_name({}, tensors)


class StreamObjective(Objective):
    """Windows of running text, each read from the state in which the one before ended.

    Parameters
    ----------
    network
        That learns, on the device where it is to be trained.
    streams
        The training part's batches, or this process's share of them.
    config
        With ``precision`` decided.
    symbols_per_char
        Symbols per original character of the training part.
    processes
        Those that train together; this one alone if not given.
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

    def compute_loss(self, step: int) -> Loss:
        """Read a step's windows; see ``Streams.batch``."""
        batch = self._streams.batch(step)
        inputs, targets, fresh = (
            on_device(torch.from_numpy(values), self._device)
            for values in (batch.inputs, batch.targets, batch.reset)
        )
        state = clear(self._state, fresh) if batch.reset.any() else self._state
        self._generator.manual_seed(seed_of(self._config.seed, step))
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

    def symbols(self, step: int) -> int:  # noqa: ARG002  (all steps read as much)
        """Give B · T."""
        return self._streams.batch_size * self._streams.sequence_length

    def epochs(self, step: int) -> float:
        """Give the epochs over the text; see ``Streams.epoch``."""
        return self._streams.epoch(step)

    def keep(self) -> None:
        """Carry the value of the state over to the next step, and not its gradient."""
        self._state = self._newest

    def tensors(self) -> dict[str, Tensor]:
        """Name the state of all streams, ``{layer}.{part}``."""
        gathered = tuple(tuple(map(self._processes.gather, layer)) for layer in self._state)
        return _named_state(gathered)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back the state of all streams, of which this process takes its share."""
        state = self._network.initial_state(self._config.batch_size)
        copy_by_name(_named_state(state), tensors)
        self._state = tuple(tuple(map(self._processes.share_of, layer)) for layer in state)


def on_device(values: Tensor, device: torch.device) -> Tensor:
    """Bring a tensor from the host to a device; from pinned memory it need not be waited for."""
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def _named_state(state: State) -> dict[str, Tensor]:
    return {
        f"{layer}.{index}": tensor
        for layer, cell_state in enumerate(state)
        for index, tensor in enumerate(cell_state)
    }
