"""The step of a network as one CUDA graph: on a GPU, starting its parts takes longer than they do.

Written for a GPU and not yet run on one, and therefore taken only where it is asked for.

Shapes: B samples, V vocabulary size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nextchar.nn.network import Network, State

_WARM_UPS = 3  # what CUDA graphs ask for, on a stream of its own


class CapturedStep:
    """``network.step`` with memory that stays where it is, captured once and replayed.

    Parameters
    ----------
    network
        On a GPU; read only.
    state
        Of B samples: where the first step begins. It is copied.
    """

    def __init__(self, network: Network, state: State) -> None:
        first = state[0][0]
        self._ids = torch.zeros(len(first), dtype=torch.int64, device=first.device)
        self._state: State = tuple(tuple(part.clone() for part in cell) for cell in state)
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    network.step(self._ids, self._state)
            torch.cuda.current_stream().wait_stream(aside)
            with torch.cuda.graph(self._graph):
                self._logits, after = network.step(self._ids, self._state)
                for kept, new in zip(self._state, after, strict=True):
                    for part, value in zip(kept, new, strict=True):
                        part.copy_(value)

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """Read a symbol int64[B] of each sample from the state that the step holds itself.

        Gives logits [B, V], which the next call overwrites, and the state.
        """
        self._ids.copy_(ids)
        self._graph.replay()
        return self._logits, self._state
