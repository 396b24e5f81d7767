"""What the trainer tells its listeners. A listener is any callable that takes one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nextchar.errors import in_command_line_terms, in_python_terms


@dataclass(frozen=True, kw_only=True)
class Preparing:
    """The text is read and encoded, before training.

    ``stage`` is what is going on, ``fraction`` how much of it is done, 0 to 1.
    """

    stage: str
    fraction: float


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """One optimiser step is done.

    Attributes
    ----------
    step, steps
        Steps done, and steps of the whole run.
    epochs
        How often the training part has been read so far.
    train_nats
        Mean training loss since the last validation, per unit.
    unit
        What losses are for: ``"char"``, or what a task says.
    gradient_norm
        Global norm of the newest gradient, before it was clipped.
    chars_per_second
        Training speed since this process started, validation left out.
    seconds_left
        Estimated time to the end of the run, validations included.
    """

    step: int
    steps: int
    epochs: float
    train_nats: float
    unit: str
    learning_rate: float
    gradient_norm: float
    chars_per_second: float
    seconds_left: float


@dataclass(frozen=True, kw_only=True)
class Validated:
    """The validation part was measured; the row is in ``metrics.jsonl``.

    Attributes
    ----------
    train_nats, validation_nats
        The losses per unit; ``None`` where nothing is held out.
    unit
        What losses are for: ``"char"``, or what a task says.
    figures
        What else was measured, by name.
    """

    step: int
    steps: int
    train_nats: float
    validation_nats: float | None
    unit: str
    figures: Mapping[str, float]
    learning_rate: float
    gradient_norm: float
    chars_per_second: float
    seconds: float
    is_best: bool
    sample: str | None


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """A one-line note for the user.

    Attributes
    ----------
    message
        In the terms of Python; ``for_command_line`` has those of the command line.
    """

    message: str
    for_command_line: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "for_command_line", in_command_line_terms(self.message))
        object.__setattr__(self, "message", in_python_terms(self.message))


Event = Preparing | StepDone | Validated | Noticed
Listener = Callable[[Event], None]


def noting(listeners: Sequence[Listener]) -> Callable[[str], None]:
    """Return a function that sends listeners a line as a ``Noticed`` event."""
    return lambda message: tell(listeners, Noticed(message=message))


def tell(listeners: Sequence[Listener], event: Event) -> None:
    """Give an event to each listener, in order."""
    for listener in listeners:
        listener(event)
