"""Data-parallel training in several processes; the only module that uses ``torch.distributed``.

``torchrun`` starts R processes with the same command. Each has a copy of the network and an equal
share of the streams. After the backward pass the gradients are summed over the processes, and
every process makes the same update, bit for bit. Only the first process reads the text and writes
files.

The sum is a single all-reduce of the flattened gradients instead of torch's
``DistributedDataParallel``, for three reasons:

- The networks are small, so overlapping communication with the backward pass would gain little.
- The loss of a step is a mean over its targets, whose number may differ between processes. The
  wrapper averages over processes instead.
- Other values that the processes share, such as stop requests, need no exchange of their own.

Legend: R processes, B streams.
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

# The other processes wait while the first one prepares the text or validates. A dead process is
# detected by its closed connections, not by a timeout.
_LONGEST_WAIT = timedelta(days=365)

ValueT = TypeVar("ValueT")


class Processes:
    """The processes that train together. This base class is a single process without exchanges.

    Attributes
    ----------
    rank
        The rank of this process, from 0.
    world
        The number of processes.
    """

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that reads the text, writes files and calls listeners."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Return the device for this process; ``name`` is as in ``pick_device``."""
        return pick_device(name)

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their sums over the processes; all have one dtype and device."""

    def gather(self, tensor: Tensor) -> Tensor:
        """Return the concatenation [B, …] of the tensors [B/R, …] of all processes, by rank."""
        return tensor

    def share_of(self, tensor: Tensor) -> Tensor:
        """Return this process's rows [B/R, …] of a tensor [B, …]."""
        return tensor.chunk(self.world)[self.rank]

    def first(self, make: Callable[[], ValueT]) -> ValueT:
        """Call a function in the first process only; return its result in every process.

        The result must be serialisable as JSON.
        """
        return make()

    def begin(self, folder: Path) -> None:
        """Record that this job has begun the run in a folder."""

    def has_begun(self, folder: Path) -> bool:  # noqa: ARG002
        """Return whether this job began the run before ``torchrun`` restarted its processes."""
        return False


class _Torchrun(Processes):
    """One of several processes that ``torchrun`` has started.

    Parameters
    ----------
    store
        The store of ``torchrun``, which outlives the processes.
    """

    def __init__(self, store: Store) -> None:
        self.rank, self.world = torchrun.rank(), torchrun.world_size()
        self._store = store
        # A unique prefix for each process group of the job.
        times = store.add(f"nextchar/{torchrun.restarts()}/{self.rank}", 1)
        self._call = times
        self._group_store = PrefixStore(f"nextchar/{torchrun.restarts()}/{times}", store)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
            store=self._group_store,
            rank=self.rank,
            world_size=self.world,
            timeout=_LONGEST_WAIT,
        )
        # A barrier: a process that fails at once must not exit before the others are connected.
        dist.all_reduce(torch.zeros(1))

    def device(self, name: str) -> torch.device:
        device = pick_device(name)
        if device.type == "cuda":
            present, local_rank = torch.cuda.device_count(), torchrun.local_rank()
            if local_rank >= present:
                raise ConfigError(
                    f"each process needs a GPU of its own: torch finds {present}, and this is "
                    f"process {local_rank + 1} here; start torchrun with --nproc-per-node "
                    f"{present}, or train with {as_option('device', 'cpu')}"
                )
            torch.cuda.set_device(local_rank)
        return device

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _connection_errors():
            dist.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(self.world)]
        with _connection_errors():
            dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    def first(self, make: Callable[[], ValueT]) -> ValueT:
        data = json.dumps(make()).encode() if self.is_first else b""
        length = torch.tensor(len(data))
        with _connection_errors():
            dist.broadcast(length, src=0)
        buffer = bytearray(data) if self.is_first else bytearray(int(length))
        with _connection_errors():
            dist.broadcast(torch.frombuffer(buffer, dtype=torch.uint8), src=0)
        value: ValueT = json.loads(buffer)
        return value

    def begin(self, folder: Path) -> None:
        self._store.set(self._begun(folder), "1")

    def has_begun(self, folder: Path) -> bool:
        return bool(self._store.check([self._begun(folder)]))

    def _begun(self, folder: Path) -> str:
        # A second training in a folder is a call of its own, also after a restart.
        return f"nextchar/begun/{self._call}/{folder.resolve()}"

    def leave(self) -> None:
        """Close all connections, which ends the waiting of other processes."""
        dist.destroy_process_group()

    def earlier_failure(self, code: int) -> int | None:
        """Record that this process has failed; return the exit code of an earlier failure.

        Parameters
        ----------
        code
            The exit code of this failure.

        Returns
        -------
        int or None
            The exit code of the process that failed first; ``None`` if it is this one.
        """
        mine = f"{self.rank} {code}"
        try:
            recorded = self._group_store.compare_set("failure", "", mine).decode()
        except RuntimeError:  # torchrun has exited, and its store with it.
            return None
        return None if recorded == mine else int(recorded.split()[1])


@contextlib.contextmanager
def together() -> Iterator[Processes]:
    """Connect to the other processes of ``torchrun``; without it, this process is alone.

    If the block fails, the process that fails first raises its error; the others raise
    ``OtherProcessError``.
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
        earlier = processes.earlier_failure(_exit_code(error))
        if earlier is not None:
            raise OtherProcessError(str(error), earlier) from error
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


@contextlib.contextmanager
def _connection_errors() -> Iterator[None]:
    """Turn a broken connection in the block into a ``NextcharError``."""
    try:
        yield
    except RuntimeError as error:
        raise NextcharError(
            "another process of this training run has ended, and this one cannot continue alone: "
            f"{in_terms('resume', '--resume')} continues from the last save"
        ) from error
