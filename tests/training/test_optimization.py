"""Schedules, clipping, averages and optimisers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nextchar.config import TrainingConfig
from nextchar.errors import RunError
from nextchar.training.optimization import (
    build_optimizer,
    clip_gradients,
    load_optimizer_tensors,
    optimizer_tensors,
    scheduled_rate,
    set_learning_rate,
)


def config(**options: object) -> TrainingConfig:
    return TrainingConfig.from_dict({"steps": 100, "learning_rate": 1.0, **options})


def test_linear_schedule_rises_over_the_warm_up_and_falls_to_nothing_at_the_end() -> None:
    rates = [scheduled_rate(config(schedule="linear", warmup=0.1), step) for step in range(100)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 90)


def test_cosine_schedule_is_half_a_cosine() -> None:
    rates = [scheduled_rate(config(schedule="cosine", warmup=0.0), step) for step in (0, 50, 75)]
    assert rates == pytest.approx([1.0, 0.5, 0.5 * (1 - math.cos(math.pi / 4))])


def test_constant_and_plateau_schedules_stay() -> None:
    for name in ("constant", "plateau"):
        assert scheduled_rate(config(schedule=name, warmup=0.0), 99) == 1.0


@given(
    st.sampled_from(["linear", "cosine", "constant", "plateau"]),
    st.floats(0, 1),
    st.integers(1, 300),
    st.data(),
)
def test_a_rate_is_always_above_zero_and_at_most_the_peak(
    name: str, warmup: float, steps: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(0, steps - 1))
    rate = scheduled_rate(config(schedule=name, warmup=warmup, steps=steps), step)
    assert 0 < rate <= 1.0 + 1e-12


def with_gradient(*values: float) -> nn.Parameter:
    parameter = nn.Parameter(torch.zeros(len(values)))
    parameter.grad = torch.tensor(values)
    return parameter


def test_clipping_by_norm_keeps_the_direction() -> None:
    parameter = with_gradient(3.0, 4.0)
    assert clip_gradients([parameter], config(clip_norm=1.0)).total.item() == pytest.approx(5.0)
    assert parameter.grad is not None
    assert parameter.grad.tolist() == pytest.approx([0.6, 0.8])


def test_clipping_by_value_bounds_each_element() -> None:
    parameter = with_gradient(3.0, -4.0, 0.5)
    clip_gradients([parameter], config(clip_norm=0.0, clip_value=1.0))
    assert parameter.grad is not None
    assert parameter.grad.tolist() == [1.0, -1.0, 0.5]


def test_a_small_gradient_is_left_alone() -> None:
    parameter = with_gradient(0.3, 0.4)
    clip_gradients([parameter], config(clip_norm=1.0))
    assert parameter.grad is not None
    assert parameter.grad.tolist() == pytest.approx([0.3, 0.4])


def test_a_gradient_that_is_not_finite_has_a_norm_that_is_not_finite() -> None:
    assert not clip_gradients([with_gradient(math.nan, 1.0)], config()).total.isfinite()
    assert not clip_gradients([with_gradient(math.inf)], config()).total.isfinite()


@pytest.mark.parametrize("limits", [{"clip_norm": 1.0}, {"clip_norm": 0.0, "clip_value": 0.1}])
def test_the_norms_are_those_before_clipping_to_the_last_bit(limits: dict[str, float]) -> None:
    generator = torch.Generator().manual_seed(1)
    parameters = [nn.Parameter(torch.zeros(size)) for size in (400, 3, 70, 1)]
    for each in parameters[:-1]:
        each.grad = torch.randn(each.shape, generator=generator)
    gradients = [each.grad.clone() for each in parameters if each.grad is not None]
    norms = clip_gradients(parameters, config(**limits))
    assert norms.each.tolist() == [each.norm().item() for each in gradients]
    assert norms.total.item() == nn.utils.get_total_norm(gradients).item()


@pytest.mark.parametrize("name", ["adamw", "adam", "rmsprop", "sgd"])
def test_an_optimiser_goes_on_exactly_from_its_tensors(name: str) -> None:
    def step(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for index, parameter in enumerate(module.parameters()):
            parameter.grad = torch.full_like(parameter, 0.1 * (index + 1))
        optimizer.step()

    torch_state = torch.get_rng_state()
    module, twin = nn.Linear(3, 2), nn.Linear(3, 2)
    torch.set_rng_state(torch_state)
    options = config(optimizer=name, learning_rate=0.1)
    optimizer = build_optimizer([list(module.parameters())], options)
    step(module, optimizer)
    twin.load_state_dict(module.state_dict())
    resumed = build_optimizer([list(twin.parameters())], options)
    saved = {k: v.clone() for k, v in optimizer_tensors(optimizer).items()}
    load_optimizer_tensors(resumed, saved, 1)
    step(module, optimizer)
    step(twin, resumed)
    assert torch.equal(module.weight, twin.weight)
    assert torch.equal(module.bias, twin.bias)


def test_weight_decay_leaves_vectors_alone() -> None:
    module = nn.Linear(2, 2)
    nn.init.ones_(module.weight)
    nn.init.ones_(module.bias)
    optimizer = build_optimizer(
        [list(module.parameters())], config(weight_decay=0.5, learning_rate=0.1)
    )
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert module.weight[0, 0].item() == pytest.approx(0.95)
    assert module.bias[0].item() == 1.0


def test_each_level_has_its_share_of_the_rate_of_the_level_above() -> None:
    levels = [list(nn.Linear(1, 1).parameters()) for _ in range(3)]
    options = config(optimizer="sgd", momentum=0.0, layer_decay=0.5, weight_decay=0.0)
    optimizer = build_optimizer(levels, options)
    set_learning_rate(optimizer, 0.8)
    before = [[p.item() for p in level] for level in levels]
    for level in levels:
        for parameter in level:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for level, values, share in zip(levels, before, (0.2, 0.4, 0.8), strict=True):
        moved = [value - p.item() for p, value in zip(level, values, strict=True)]
        assert moved == pytest.approx([share, share])


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_checkpoints_number_matrices_then_vectors_whatever_the_groups(layer_decay: float) -> None:
    levels = [list(nn.Linear(size, 1).parameters()) for size in (2, 3, 4)]
    matrices, vectors = ([level[kind] for level in levels] for kind in (0, 1))
    optimizer = build_optimizer(levels, config(layer_decay=layer_decay), undecayed=levels[0][0])
    numbered = [p for group in optimizer.param_groups for p in group["params"]]
    assert all(p is q for p, q in zip(numbered, [*matrices, *vectors], strict=True))
    decays = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert [decays[id(p)] for p in numbered] == [0.0, 0.1, 0.1, 0.0, 0.0, 0.0]


STATES: dict[str, tuple[dict[str, torch.Tensor | None], str]] = {
    "missing": ({"0.exp_avg": None}, r"missing 0\.exp_avg"),
    "missing parameter": (dict.fromkeys(("1.step", "1.exp_avg", "1.exp_avg_sq")), "missing 1"),
    "another parameter": ({"9.exp_avg": torch.zeros(2)}, r"unexpected '9\.exp_avg'"),
    "another name": ({"0.cheese": torch.zeros(2)}, r"unexpected '0\.cheese'"),
    "a shape": ({"0.exp_avg": torch.zeros(2)}, "shape"),
    "a type": ({"1.exp_avg": torch.zeros(2, dtype=torch.float64)}, "type float64"),
    "not finite": ({"1.exp_avg": torch.tensor([1.0, torch.nan])}, "finite"),
    "infinite": ({"1.exp_avg_sq": torch.tensor([1.0, torch.inf])}, "finite"),
    "negative square": ({"1.exp_avg_sq": torch.tensor([1.0, -1.0])}, "damaged"),
    "no step": ({"1.step": torch.tensor(0.0)}, "damaged"),
    "negative step": ({"1.step": torch.tensor(-3.0)}, "damaged"),
    "step of the future": ({"1.step": torch.tensor(13.0)}, "damaged"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_state_that_no_training_has_is_refused(case: str) -> None:
    changed, words = STATES[case]
    layer = nn.Linear(2, 2)
    optimizer = build_optimizer([list(layer.parameters())], config())
    zeros = {"step": torch.tensor(3.0), "exp_avg": None, "exp_avg_sq": None}
    good = {
        f"{index}.{name}": torch.zeros_like(parameter) if value is None else value
        for index, parameter in enumerate((layer.weight, layer.bias))
        for name, value in zeros.items()
    }
    load_optimizer_tensors(optimizer, good, 3)
    damaged = {k: v for k, v in {**good, **changed}.items() if v is not None}
    with pytest.raises(RunError, match=words):
        load_optimizer_tensors(optimizer, damaged, 3)
    with pytest.raises(RunError, match="unexpected"):
        load_optimizer_tensors(optimizer, good, 0)
    with pytest.raises(RunError, match="missing"):
        load_optimizer_tensors(optimizer, {}, 3)
    load_optimizer_tensors(optimizer, {}, 3, may_skip=True)
    load_optimizer_tensors(optimizer, {}, 0)


def test_what_is_frozen_needs_no_state() -> None:
    layer = nn.Linear(2, 2)
    optimizer = build_optimizer([list(layer.parameters())], config(optimizer="sgd"))
    layer.weight.requires_grad_(False)
    load_optimizer_tensors(optimizer, {"1.momentum_buffer": torch.zeros(2)}, 3)
    with pytest.raises(RunError, match=r"missing 1\.momentum_buffer"):
        load_optimizer_tensors(optimizer, {}, 3)
