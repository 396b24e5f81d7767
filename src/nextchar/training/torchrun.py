"""The environment variables that ``torchrun`` sets for each process.

This module does not import torch, so the command line knows its rank before it loads anything.
"""

from __future__ import annotations

import os

from nextchar.errors import ConfigError, NextcharError, OtherProcessError


def is_one_of_many() -> bool:
    """Return whether ``torchrun`` started several processes."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first_process() -> bool:
    """Return whether this process has rank 0, as it has without ``torchrun``."""
    return not is_one_of_many() or rank() == 0


def rank() -> int:
    """Return the rank of this process, from 0."""
    return int(os.environ["RANK"])


def world_size() -> int:
    """Return the number of processes."""
    return int(os.environ["WORLD_SIZE"])


def local_rank() -> int:
    """Return the rank of this process among those on this machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def restarts() -> int:
    """Return the number of times that all processes were restarted."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def store_address() -> tuple[str, int]:
    """Return host and port of the store through which the processes connect."""
    return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])


def keeps_store() -> bool:
    """Return whether ``torchrun`` runs the store itself; otherwise the first process must."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def require_one_process(what: str) -> None:
    """Raise ``ConfigError`` if there are several processes, as all would do the same work.

    Parameters
    ----------
    what
        The subject of the message, e.g. "a search".
    """
    if is_one_of_many():
        raise agreed(
            ConfigError(
                f"{what} trains one run after the other in one process, but torchrun has started "
                f"{world_size()}: start it without torchrun"
            )
        )


def agreed(error: NextcharError) -> NextcharError:
    """Return the error to raise if all processes fail alike: only the first one reports it."""
    return error if is_first_process() else OtherProcessError(str(error), error.exit_code)
