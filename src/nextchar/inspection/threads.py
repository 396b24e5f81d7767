"""One thread for a network that is read step by step.

The threads of a parallel loop wait for each other several times in a step. For a single stream they
gain little, and where another process takes a core, a step takes ten times as long.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread in the block."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
