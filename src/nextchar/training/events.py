"""Events that the trainer sends to its listeners: callables that take one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nextchar.errors import in_command_line_terms, in_python_terms


@dataclass(frozen=True, kw_only=True)
class Preparing:
    """Progress of reading and encoding the text, before training.

    Attributes
    ----------
    stage
        The current activity.
    fraction
        Its completed share, 0 to 1.
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
        Epochs over the training part so far.
    train_nats
        Mean training loss since the last validation, in nats per unit.
    unit
        The unit of the losses: ``"char"``, or another one that the task defines.
    learning_rate
        Learning rate of the newest step.
    gradient_norm
        Global norm of the newest gradient, before clipping.
    chars_per_second
        Training speed since this process started, excluding validation.
    seconds_left
        Estimated time to the end of the run, including validation.
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
    """One validation is done; its row is in ``metrics.jsonl``.

    Attributes
    ----------
    step, steps
        Steps done, and steps of the whole run.
    train_nats, validation_nats
        The losses in nats per unit; without a validation part, ``validation_nats`` is ``None``.
    unit
        The unit of the losses: ``"char"``, or another one that the task defines.
    figures
        Further validation metrics by name.
    learning_rate
        Learning rate of the newest step.
    gradient_norm
        Global norm of the newest gradient, before clipping.
    gradient_norms
        The norm of each parameter's gradient by its name, likewise.
    chars_per_second
        Training speed since this process started, excluding validation.
    seconds
        Time of the run so far, including the time before it was resumed.
    is_best
        Whether these weights are the best so far.
    sample
        A text generated with them, if samples are enabled.
    """

    step: int
    steps: int
    train_nats: float
    validation_nats: float | None
    unit: str
    figures: Mapping[str, float]
    learning_rate: float
    gradient_norm: float
    gradient_norms: Mapping[str, float]
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
        The note, with options named as in Python.
    for_command_line
        The note, with options named as on the command line.
    """

    message: str
    for_command_line: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "for_command_line", in_command_line_terms(self.message))
        object.__setattr__(self, "message", in_python_terms(self.message))


Event = Preparing | StepDone | Validated | Noticed
Listener = Callable[[Event], None]


def noting(listeners: Sequence[Listener]) -> Callable[[str], None]:
    """Return a function that sends a message to the listeners as a ``Noticed`` event."""
    return lambda message: tell(listeners, Noticed(message=message))


def tell(listeners: Sequence[Listener], event: Event) -> None:
    """Send an event to each listener, in order."""
    for listener in listeners:
        listener(event)
