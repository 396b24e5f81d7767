"""What ``torchrun`` tells each process that it starts, by variables of the environment.

Known without torch, so that a command line can tell before anything is loaded which process speaks.
"""

from __future__ import annotations

import os

from nextchar.errors import ConfigError, NextcharError, OtherProcessError


def is_one_of_many() -> bool:
    """Say whether other processes were started with this one."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first_process() -> bool:
    """Say whether this is the process that prints; without ``torchrun``, it is."""
    return not is_one_of_many() or rank() == 0


def rank() -> int:
    """Give the number of this process, from 0."""
    return int(os.environ["RANK"])


def world_size() -> int:
    """Give the number of processes."""
    return int(os.environ["WORLD_SIZE"])


def local_rank() -> int:
    """Give the number of this process among those on this machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def restarts() -> int:
    """Give how often all processes were started anew."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def store_address() -> tuple[str, int]:
    """Give host and port of the store through which the processes meet."""
    return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])


def keeps_store() -> bool:
    """Say whether ``torchrun`` keeps the store itself; else the first process has to."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def require_one_process(what: str) -> None:
    """Raise ``ConfigError`` in one of many processes: they would all do the same."""
    if is_one_of_many():
        raise agreed(
            ConfigError(
                f"{what} trains one run after the other in one process, and torchrun has started "
                f"{world_size()}: start it without torchrun"
            )
        )


def agreed(error: NextcharError) -> NextcharError:
    """Give what to raise where all processes fail alike: the first one tells it."""
    return error if is_first_process() else OtherProcessError(str(error), error.exit_code)
