"""Which device to compute on."""

from __future__ import annotations

import torch

from nextchar.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """Give the device of a name: ``auto`` is a GPU where there is one.

    Raises
    ------
    ConfigError
        ``cuda`` where torch finds no GPU, or an unknown name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda; got {name!r}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("device 'cuda' needs a GPU, and torch finds none: use 'cpu'")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
