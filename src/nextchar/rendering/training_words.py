"""A training in words: durations, speeds, and a line for a validation."""

from __future__ import annotations

import math

from nextchar.training.events import Validated


def duration(seconds: float) -> str:
    """Return a readable time: ``42 s``, ``3:05``, ``1:02:03``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    tail = f"{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{tail}" if hours else tail


def speed(characters: float) -> str:
    """Return a readable number of characters per second: ``850``, ``27.1k``."""
    return f"{characters / 1000:.1f}k" if characters >= 1000 else f"{characters:.0f}"


def validation_line(event: Validated) -> str:
    """Return the steps, losses, speed and time at a validation; a star marks the best so far."""
    width = len(str(event.steps))
    text = f"step {event.step:>{width}}/{event.steps}  train {_loss(event.train_nats)}"
    if event.validation_nats is not None:
        text += f"  val {_loss(event.validation_nats)}{' *' if event.is_best else '  '}"
    for name, value in event.figures.items():
        text += f"  {name.replace('_', ' ')} {value:.3f}"
    return f"{text}  {speed(event.chars_per_second)} chars/s  {duration(event.seconds)}"


def _loss(nats: float) -> str:
    return f"{nats:.3f} nats ({nats / math.log(2):.3f} bits)"
