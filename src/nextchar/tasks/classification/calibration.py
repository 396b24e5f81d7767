"""Scales of the logits of the linear part and of the network, fitted on validation items.

The two factors calibrate the probabilities (temperature scaling: Guo et al. 2017). They also
disable a network that has learned nothing useful.

Legend: M members, N items, C labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# Strength of the prior for the initial factors, in validation items.
_PRIOR = 5.0
_ITERATIONS = 50


class LogitScales(nn.Module):
    """A weighted sum of two sets of logits. In training mode, both factors are 1.

    Attributes
    ----------
    factors
        Factors of the linear part and of the network, at least 0: float32[2].
    """

    factors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factors", torch.ones(2))

    def forward(self, given: Tensor, added: Tensor) -> Tensor:
        """Add logits of the linear part, [N, C], to those of the members, [M, N, C]."""
        if self.training:
            return given + added
        return self.factors[0] * given + self.factors[1] * added

    def fit(
        self, given: Tensor, added: Tensor, targets: Tensor, weights: Tensor | None = None
    ) -> None:
        """Fit the factors to validation items, in place.

        Parameters
        ----------
        given, added
            Logits as in ``forward``.
        targets
            Labels of the items, int64[N].
        weights
            Weight of each item, float32[N]; by default 1.
        """
        factors = torch.ones(2, dtype=torch.float64, device=given.device, requires_grad=True)
        linear, network = given.double(), added.double()
        optimizer = torch.optim.LBFGS(
            [factors], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            logits = factors[0] * linear + factors[1] * network
            logs = logits.log_softmax(-1).logsumexp(0)
            nats = functional.nll_loss(logs, targets, reduction="none")
            counted = nats if weights is None else nats * weights
            found: Tensor = counted.sum() + _PRIOR * (factors - 1).square().sum()
            found.backward()  # type: ignore[no-untyped-call]
            return found

        with torch.inference_mode(mode=False), torch.enable_grad():
            optimizer.step(loss)  # type: ignore[no-untyped-call]
        self.factors.copy_(factors.detach().clamp(min=0))
