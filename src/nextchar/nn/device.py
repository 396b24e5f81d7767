"""Selection of the compute device."""

from __future__ import annotations

import torch

from nextchar.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """Return a device by name; ``auto`` is a GPU if available, otherwise the CPU.

    Raises
    ------
    ConfigError
        The name is unknown, or is ``cuda`` but torch finds no GPU.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda; got {name!r}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("device 'cuda' needs a GPU, and torch finds none: use 'cpu'")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
