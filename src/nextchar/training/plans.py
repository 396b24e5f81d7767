"""The outcome of a plan: how a time is filled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The steps and validations that fill a time.

    Attributes
    ----------
    steps
        Optimiser steps; 0 where none fits.
    validate_every
        Steps between two validations; 0 is the usual number of times.
    """

    steps: int
    validate_every: int
