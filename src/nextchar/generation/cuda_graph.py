"""The step of a network as one CUDA graph, which saves the launch overhead of its kernels.

It has not been tested on a GPU yet, and is therefore used only on request.

Shapes: B samples, V vocabulary size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nextchar.nn.network import Network, State

_WARM_UPS = 3  # steps on a side stream, which CUDA graphs require before capture


class CapturedStep:
    """``network.step`` on static memory, captured once and replayed.

    Parameters
    ----------
    network
        A network on a GPU; not modified.
    state
        The initial state of B samples; copied.
    """

    def __init__(self, network: Network, state: State) -> None:
        first = state[0][0]
        self._ids = torch.zeros(len(first), dtype=torch.int64, device=first.device)
        self._state: State = tuple(tuple(part.clone() for part in cell) for cell in state)
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            side_stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side_stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side_stream):
                for _ in range(_WARM_UPS):
                    network.step(self._ids, self._state)
            torch.cuda.current_stream().wait_stream(side_stream)
            with torch.cuda.graph(self._graph):
                self._logits, after = network.step(self._ids, self._state)
                for kept, new in zip(self._state, after, strict=True):
                    for part, value in zip(kept, new, strict=True):
                        part.copy_(value)

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """Advance the internal state by one symbol of each sample, int64[B].

        Returns
        -------
        Tensor, State
            The logits [B, V] and the internal state. The next call overwrites both.
        """
        self._ids.copy_(ids)
        self._graph.replay()
        return self._logits, self._state
