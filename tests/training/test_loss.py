"""The minimised and the reported loss of a step."""

from __future__ import annotations

import math

import pytest
import torch

from nextchar.config import TrainingConfig
from nextchar.nn.network import NetworkOutput
from nextchar.text.streams import NO_TARGET
from nextchar.training.loss import sequence_loss
from nextchar.training.optimization import add_penalties
from tests.nn.cases import normal

T, B, V, H = 5, 2, 7, 3


def reading() -> NetworkOutput:
    outputs = normal(T, B, H, seed=1).requires_grad_()
    return NetworkOutput(normal(T, B, V).requires_grad_(), (), outputs, outputs * 2)


def targets() -> torch.Tensor:
    symbols = torch.arange(T * B).reshape(T, B) % V
    symbols[-1, 0] = NO_TARGET
    return symbols


def real() -> torch.Tensor:
    """The mask of positions with a target."""
    return (targets() != NO_TARGET).unsqueeze(-1)


def value(**options: float) -> tuple[float, float]:
    loss = sequence_loss(reading(), targets(), TrainingConfig(**options))  # type: ignore[arg-type]
    return loss.minimized.item(), loss.nats.item()


def test_without_regularisers_the_mean_cross_entropy_over_real_targets_is_minimised() -> None:
    p = reading().logits.detach().log_softmax(-1).flatten(0, 1)
    kept = targets().flatten() != NO_TARGET
    expected = -p[kept].gather(1, targets().flatten()[kept].unsqueeze(1)).mean().item()
    assert value() == pytest.approx((expected, expected))


def test_a_process_without_a_target_adds_nothing_to_the_loss() -> None:
    none = torch.full_like(targets(), NO_TARGET)
    config = TrainingConfig(label_smoothing=0.1)
    loss = sequence_loss(reading(), none, config, target_share=0.0)
    assert loss.minimized.item() == loss.nats.item() == 0.0


def test_label_smoothing_mixes_the_target_with_all_symbols_and_reports_the_plain_loss() -> None:
    p = reading().logits.detach().log_softmax(-1).flatten(0, 1)
    kept = targets().flatten() != NO_TARGET
    plain = value()[0]
    uniform = -p[kept].mean().item()
    assert value(label_smoothing=0.2) == pytest.approx((0.8 * plain + 0.2 * uniform, plain))


def test_activation_regularisation_is_on_the_dropped_output() -> None:
    plain = value()[0]
    squares = (reading().dropped.detach().square() * real()).mean().item()
    assert value(activation_regularization=3.0) == pytest.approx((plain + 3 * squares, plain))


def test_the_shares_of_a_batch_add_up_to_the_objective_of_the_whole() -> None:
    config = TrainingConfig(
        label_smoothing=0.1, activation_regularization=2.0, temporal_activation_regularization=3.0
    )
    whole, real = reading(), (T - 1, T)
    parts = []
    for b in range(B):
        here = slice(b, b + 1)
        share = NetworkOutput(
            whole.logits[:, here], (), whole.outputs[:, here], whole.dropped[:, here]
        )
        shares = {"target_share": real[b] / sum(real), "stream_share": 1 / B}
        parts.append(sequence_loss(share, targets()[:, here], config, **shares))
    expected = sequence_loss(whole, targets(), config)
    assert sum(part.minimized.item() for part in parts) == pytest.approx(expected.minimized.item())
    assert sum(part.nats.item() for part in parts) == pytest.approx(expected.nats.item())


def test_temporal_regularisation_is_on_the_change_of_the_output_itself() -> None:
    plain = value()[0]
    outputs = reading().outputs.detach()
    squares = ((outputs[1:] - outputs[:-1]).square() * real()[1:]).mean().item()
    regularized = value(temporal_activation_regularization=3.0)
    assert regularized == pytest.approx((plain + 3 * squares, plain))


def test_penalties_add_the_gradients_of_their_terms_to_matrices_alone() -> None:
    matrix = torch.tensor([[1.5, -2.0, 0.0]], requires_grad=True)
    vector = torch.tensor([4.0], requires_grad=True)
    loss = 0.25 * (3 * matrix.abs().sum() + 0.5 * 2 * matrix.square().sum())
    (expected,) = torch.autograd.grad(loss, matrix)
    matrix.grad, vector.grad = torch.zeros(1, 3), torch.zeros(1)

    add_penalties([matrix, vector], TrainingConfig(l1_penalty=0.75, l2_penalty=0.5))

    assert matrix.grad is not None
    torch.testing.assert_close(matrix.grad, expected)
    assert vector.grad.tolist() == [0.0]


def test_a_window_of_one_step_has_no_change_to_regularise() -> None:
    one = NetworkOutput(normal(1, B, V), (), normal(1, B, H), normal(1, B, H))
    config = TrainingConfig(temporal_activation_regularization=1.0)
    loss = sequence_loss(one, torch.zeros(1, B, dtype=torch.int64), config)
    assert math.isfinite(loss.minimized.item())
