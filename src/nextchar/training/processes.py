"""The processes that train one network together: all that is known of ``torch.distributed``.

``torchrun`` starts R processes with the same command. Each has a copy of the network and an equal
share of the streams; after the backward pass the gradients are summed, and every process makes the
same update to the same bits. The first process alone reads the text and writes files.

The sum is one exchange of all gradients, flattened, and not torch's
``DistributedDataParallel``: the networks are small, so that sending while the backward pass still
runs would win little; a step's loss is a mean over targets that need not be equally many in each
process, where the wrapper takes the mean over processes; and what else the processes have to agree
upon travels along for nothing.

Legend: R processes, of which r is the rank; B streams.
"""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store

from nextchar.errors import ConfigError, NextcharError, OtherProcessError, as_option, in_terms
from nextchar.nn.device import pick_device
from nextchar.training import torchrun

# The others wait as long as the first one prepares the text or validates. A process that dies
# is noticed by its closed connections, not by the clock.
_LONGEST_WAIT = timedelta(days=365)

ValueT = TypeVar("ValueT")


class Processes:
    """One process alone: what several would exchange is what it has already.

    Attributes
    ----------
    rank, world
        Which of how many processes this is; the first has rank 0.
    """

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that reads, writes and speaks."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Give this process's device of a name, as ``pick_device``."""
        return pick_device(name)

    def sum_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one type and device by their sums over the processes."""

    def gather(self, tensor: Tensor) -> Tensor:
        """Give the tensors [B/R, …] of all processes as one [B, …], in the order of the ranks."""
        return tensor

    def share_of(self, tensor: Tensor) -> Tensor:
        """Give this process's rows [B/R, …] of a tensor [B, …]."""
        return tensor.chunk(self.world)[self.rank]

    def first(self, make: Callable[[], ValueT]) -> ValueT:
        """Give what the first process makes, which JSON can hold; the others wait for it."""
        return make()

    def begin(self, folder: Path) -> None:
        """Note that this job begins the run in a folder."""

    def has_begun(self, folder: Path) -> bool:  # noqa: ARG002
        """Say whether this job noted so before ``torchrun`` started its processes anew."""
        return False


class _Torchrun(Processes):
    """One of the processes that ``torchrun`` has started.

    Parameters
    ----------
    store
        Kept by ``torchrun``; it outlives the processes.
    """

    def __init__(self, store: Store) -> None:
        self.rank, self.world = torchrun.rank(), torchrun.world_size()
        self._store = store
        # A name of its own for each time that the processes meet.
        times = store.add(f"nextchar/{torchrun.restarts()}/{self.rank}", 1)
        self._meeting = PrefixStore(f"nextchar/{torchrun.restarts()}/{times}", store)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
            store=self._meeting,
            rank=self.rank,
            world_size=self.world,
            timeout=_LONGEST_WAIT,
        )
        # A process that fails at once must not leave before the others are connected.
        dist.all_reduce(torch.zeros(1))

    def device(self, name: str) -> torch.device:
        device = pick_device(name)
        if device.type == "cuda":
            present, local_rank = torch.cuda.device_count(), torchrun.local_rank()
            if local_rank >= present:
                raise ConfigError(
                    f"each process needs a GPU of its own: torch finds {present}, and this is "
                    f"process {local_rank + 1} here; give torchrun --nproc-per-node "
                    f"{present}, or train with {as_option('device', 'cpu')}"
                )
            torch.cuda.set_device(local_rank)
        return device

    def sum_up(self, tensors: Sequence[Tensor]) -> None:
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _others_present():
            dist.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(self.world)]
        with _others_present():
            dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    def first(self, make: Callable[[], ValueT]) -> ValueT:
        data = json.dumps(make()).encode() if self.is_first else b""
        length = torch.tensor(len(data))
        with _others_present():
            dist.broadcast(length, src=0)
        letters = bytearray(data) if self.is_first else bytearray(int(length))
        with _others_present():
            dist.broadcast(torch.frombuffer(letters, dtype=torch.uint8), src=0)
        value: ValueT = json.loads(letters)
        return value

    def begin(self, folder: Path) -> None:
        self._store.set(_begun(folder), "1")

    def has_begun(self, folder: Path) -> bool:
        return bool(self._store.check([_begun(folder)]))

    def leave(self) -> None:
        """Close all connections, so that those who wait for this process know."""
        dist.destroy_process_group()

    def speaks_of(self, code: int) -> int | None:
        """Note a failure with its exit code, if it is the first one; else give the first's."""
        mine = f"{self.rank} {code}"
        try:
            noted = self._meeting.compare_set("failure", "", mine).decode()
        except RuntimeError:  # torchrun is gone, and nobody can be asked.
            return None
        return None if noted == mine else int(noted.split()[1])


@contextlib.contextmanager
def together() -> Iterator[Processes]:
    """Meet the processes that ``torchrun`` started with this one; alone without ``torchrun``.

    Of an error in the block, one process tells; in the others it is an ``OtherProcessError``.
    """
    if not torchrun.is_one_of_many():
        yield Processes()
        return
    processes = _Torchrun(_store())
    try:
        yield processes
    except OtherProcessError:
        raise
    except BaseException as error:
        told = processes.speaks_of(_exit_code(error))
        if told is not None:
            raise OtherProcessError(str(error), told) from error
        raise
    finally:
        processes.leave()


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 128 + signal.SIGINT
    return error.exit_code if isinstance(error, NextcharError) else NextcharError.exit_code


def _store() -> Store:
    store: Store = dist.TCPStore(  # type: ignore[attr-defined]
        *torchrun.store_address(),
        is_master=not torchrun.keeps_store() and torchrun.is_first_process(),
    )
    return store


def _begun(folder: Path) -> str:
    return f"nextchar/begun/{folder.resolve()}"


@contextlib.contextmanager
def _others_present() -> Iterator[None]:
    """Turn a connection that broke in the block into an error that says so."""
    try:
        yield
    except RuntimeError as error:
        raise NextcharError(
            "another process of this training has ended, and this one cannot go on alone: "
            f"{in_terms('resume', '--resume')} continues from the last save"
        ) from error
