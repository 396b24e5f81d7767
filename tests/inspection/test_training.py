"""The diagnosis of trainings: broken runs get the right words, and healthy ones only "healthy"."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextchar.errors import NonFiniteLossError
from nextchar.inspection.baselines import Baselines
from nextchar.inspection.idle_units import IdleUnits
from nextchar.inspection.recording import LayerRecording
from nextchar.inspection.training import Curves, TrainingCourse, inspect_training
from nextchar.inspection.training_plots import grouped_norms
from nextchar.inspection.training_words import most_changed
from nextchar.language_model.training import train
from nextchar.text.vocabulary import learn
from nextchar.training.metrics import NORM_OF
from tests.conftest import Run, english

_SMALL: dict[str, Any] = {
    "embedding_size": 16,
    "batch_size": 16,
    "sequence_length": 32,
    "steps": 200,
    "precision": "float32",
    "device": "cpu",
    "experts": "none",
}


def course_of(folder: Path, *, characters: int = 60_000, **options: Any) -> TrainingCourse:
    (folder / "text.txt").write_text(english(characters))
    train(folder / "text.txt", folder / "run", **{**_SMALL, **options})
    return inspect_training(folder / "run")


def faults(course: TrainingCourse) -> list[str]:
    return [each.fault for each in course.diagnoses]


@pytest.mark.parametrize(
    ("cell", "hidden_size", "seed"),
    [("lstm", 48, 0), ("lstm", 64, 1), ("gru", 32, 2), ("gru", 64, 3), ("rnn", 64, 4),
     ("min_gru", 64, 5), ("min_lstm", 64, 6), ("peephole_lstm", 64, 7)],
)  # fmt: skip
def test_a_healthy_run_is_told_so_and_nothing_else(
    tmp_path: Path, cell: str, hidden_size: int, seed: int
) -> None:
    course = course_of(tmp_path, cell=cell, hidden_size=hidden_size, seed=seed)
    assert course.lines()[-1].startswith("healthy"), course.lines()
    assert course.is_healthy
    assert course.to_dict()["diagnoses"] == []


def test_a_relu_that_lives_is_healthy(tmp_path: Path) -> None:
    assert faults(course_of(tmp_path, cell="rnn", activation="relu", hidden_size=64)) == []


@pytest.mark.parametrize(("cell", "layers"), [("gru", 1), ("rnn", 2)])
def test_a_rate_of_a_tenth_is_too_high(tmp_path: Path, cell: str, layers: int) -> None:
    course = course_of(tmp_path, cell=cell, hidden_size=64, layers=layers, learning_rate=1e-1)
    assert faults(course) == ["learning rate too high"]
    assert "--learning-rate 0.01" in course.lines()[-1]
    assert "learning_rate=0.01" in course.to_dict()["diagnoses"][0]["advice"]


def test_a_rate_of_a_millionth_is_too_low(tmp_path: Path) -> None:
    course = course_of(tmp_path, cell="lstm", hidden_size=32, learning_rate=1e-6)
    assert faults(course) == ["learning rate too low"]
    assert "--learning-rate 0.01" in course.lines()[-1]


def test_gradients_explode_without_clipping(tmp_path: Path) -> None:
    course = course_of(
        tmp_path, cell="rnn", hidden_size=128, sequence_length=64, steps=100, learning_rate=0.3,
        clip_norm=0.0, validate_every=5, seed=2,
    )  # fmt: skip
    assert faults(course)[0] == "exploding gradients"
    assert "Set --clip-norm 1" in course.diagnoses[0].line
    assert "no clipping" in course.diagnoses[0].evidence
    assert course.clipped is None


def test_the_units_of_a_relu_die(tmp_path: Path) -> None:
    course = course_of(tmp_path, cell="rnn", activation="relu", hidden_size=64, learning_rate=0.3)
    assert "dead units" in faults(course)
    (line,) = [each.line for each in course.diagnoses if each.fault == "dead units"]
    assert "--activation tanh, or --learning-rate 0.01" in line
    assert f"{course.idle_units[0].dead} of 64 units" in line


def test_a_large_network_overfits_a_small_text(tmp_path: Path) -> None:
    course = course_of(tmp_path, characters=5000, cell="gru", hidden_size=64, steps=500)
    assert faults(course) == ["overfitting"]
    best = course.curves.steps[course.curves.best]
    assert f"--steps {best}; the weights of step {best:,} are kept" in course.lines()[-1]


def test_a_short_training_underfits(tmp_path: Path) -> None:
    course = course_of(tmp_path, cell="gru", hidden_size=64, steps=30)
    assert faults(course) == ["underfitting"]
    assert "--steps 120" in course.lines()[-1]


def test_gradients_vanish_in_sigmoid_layers(tmp_path: Path) -> None:
    course = course_of(tmp_path, cell="rnn", activation="sigmoid", hidden_size=32, layers=3)
    assert faults(course) == ["vanishing gradients"]
    assert course.lines()[-1].endswith("Set --cell lstm")


def test_a_run_whose_loss_was_not_finite_gets_one_line_of_advice(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError):
        course_of(tmp_path, cell="rnn", activation="relu", hidden_size=64, learning_rate=1.0)
    course = inspect_training(tmp_path / "run")
    assert faults(course) == ["stopped"]
    assert course.lines()[-1] == (
        "stopped: at step 0 of 200, with 0 validations on record. Resume it, unless its loss or "
        "gradient was not finite: then start again with --clip-norm 0.25, or --learning-rate 0.01"
    )
    course.plot()


def test_a_run_without_a_validation_part_is_judged_by_its_training_loss(tmp_path: Path) -> None:
    course = course_of(tmp_path, cell="gru", hidden_size=64, validation_fraction=0.0)
    assert faults(course) == []
    assert any("overfitting cannot be seen" in line for line in course.lines())
    course.plot()


def test_the_losses_of_counts_are_those_of_their_formulas() -> None:
    text = "ab" * 300
    vocabulary = learn("char", [text], 1)
    ids = vocabulary.encode(text).astype(np.int64)
    found = Baselines.of(ids, ids, vocabulary)
    assert found is not None
    assert found.unigram == pytest.approx(np.log(2))
    followed = 300 - (np.arange(599) % 2)  # after a 300 times, after b 299 times
    assert found.bigram == pytest.approx(-np.log((followed + 0.5) / (followed + 1)).mean())
    assert Baselines.of(ids[:50], ids, vocabulary) is None


def test_dead_and_saturated_units_are_counted() -> None:
    h = np.random.default_rng(1).uniform(-0.9, 0.9, (200, 6)).astype(np.float32)
    h[:, 1] = 0.3
    h[:, 2] = 0
    h[:195, 4] = 0.999
    layer = LayerRecording(h=h, c=None, gates={})
    assert IdleUnits.of(layer, (-1, 1)) == IdleUnits(units=6, dead=2, saturated=1)
    assert IdleUnits.of(layer, (0.0, np.inf)) == IdleUnits(units=6, dead=2, saturated=0)


def test_the_command_prints_the_diagnosis_and_draws_the_curves(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "course.svg"
    out = nextchar("inspect", "training", finished, "--picture", picture).succeeded()
    assert out.splitlines()[-1].startswith("underfitting: ")
    assert "validation" in picture.read_text()
    values = nextchar("inspect", "training", finished, "--json").values()
    assert values["diagnoses"][0]["fault"] == "underfitting"
    assert len(values["curves"]["step"]) == len(values["curves"]["gradient_norm"])


def row(step: int, whole: float, **norms: float) -> dict[str, float]:
    each = {f"{NORM_OF}{name}": norm for name, norm in norms.items()}
    return {
        "step": step, "epochs": 1.0, "train_nats_per_char": 2.0, "validation_nats_per_char": 2.0,
        "learning_rate": 0.1, "gradient_norm": whole, **each,
    }  # fmt: skip


def test_the_parameter_whose_gradient_changed_most_is_named() -> None:
    curves = Curves.of([row(10, 0.4, a=0.1, b=0.3), row(20, 0.2, a=0.02, b=0.2)])
    assert list(most_changed(curves)) == [
        "gradient norm by parameter: a changed most, ×0.2 from step 10 on (0.1 to 0.02); the whole "
        "gradient, ×0.5"
    ]
    assert curves.to_dict()["gradient_norm_by_parameter"] == {"a": [0.1, 0.02], "b": [0.3, 0.2]}
    alike = Curves.of([row(10, 0.4, a=0.1, b=0.3), row(20, 0.2, a=0.05, b=0.1)])
    assert list(most_changed(alike)) == []


def test_a_healthy_run_whose_loss_still_falls_has_not_finished_learning(finished: Path) -> None:
    course = inspect_training(finished)
    rows = [row(10 * number, 0.2) for number in range(1, 11)]
    for each, loss in zip(
        rows, [3.0, 2.6, 2.4, 2.3, 2.25, 2.2, 2.17, 2.15, 2.11, 2.1], strict=True
    ):
        each |= {"train_nats_per_char": 0.8 * loss, "validation_nats_per_char": loss}
    falling = dataclasses.replace(course, curves=Curves.of(rows), baselines=None)
    assert falling.is_healthy
    assert falling.curves.late_fall == pytest.approx(1 - 2.1 / 2.15)
    steps = 2 * course.planned_steps
    assert falling.lines()[-1] == (
        "healthy, but it has not finished learning: the loss still fell by 2.3% in the last fifth "
        f"of the steps, and more steps would lower it further: --steps {steps}"
    )
    assert "not finished learning" in falling.plot().get_suptitle()
    rows[-1]["validation_nats_per_char"] = 2.13
    ended = dataclasses.replace(course, curves=Curves.of(rows), baselines=None)
    assert ended.lines()[-1] == "healthy"
    assert (falling.to_dict()["still_learns"], ended.to_dict()["still_learns"]) == (True, False)


def test_a_record_that_begins_later_is_not_known_before() -> None:
    curves = Curves.of([row(10, 0.4), row(20, 0.2, a=0.02), row(30, 0.2, a=0.0)])
    assert curves.to_dict()["gradient_norm_by_parameter"] == {"a": [None, 0.02, 0.0]}
    assert list(most_changed(curves)) == []
    assert list(most_changed(Curves.of([row(10, 0.4), row(20, 0.2)]))) == []


def test_the_norms_of_many_parameters_are_drawn_by_module() -> None:
    few = {f"stack.layers.{n}.weight": np.array([3.0]) for n in range(9)}
    assert list(grouped_norms(few)) == [f"layers.{n}.weight" for n in range(9)]
    many = {f"{name}.bias": np.array([4.0]) for name in few} | {**few, "head.bias": np.array([1.0])}
    many = {name.replace("weight.bias", "bias"): norms for name, norms in many.items()}
    found = grouped_norms(many)
    assert list(found) == [*(f"layers.{n}" for n in range(9)), "head"]
    assert found["layers.0"].tolist() == [5.0]


def test_the_gradient_of_each_parameter_is_drawn_and_listed(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "course.svg"
    values = nextchar("inspect", "training", finished, "--json", "--picture", picture).values()
    curves = values["curves"]
    each = np.array(list(curves["gradient_norm_by_parameter"].values()))
    assert np.linalg.norm(each, axis=0) == pytest.approx(np.array(curves["gradient_norm"]))
    drawn = picture.read_text()
    assert "gradient norm" in drawn
    assert all(
        name.removeprefix("stack.") in drawn for name in curves["gradient_norm_by_parameter"]
    )


def test_a_run_without_norms_of_parameters_has_no_panel_for_them(
    finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "old"
    shutil.copytree(finished, run)
    rows = [
        {name: value for name, value in json.loads(line).items() if not name.startswith(NORM_OF)}
        for line in (run / "metrics.jsonl").read_text().splitlines()
    ]
    for each in rows:
        del each["check"]
    # As long as before: the checkpoint knows the size of the file.
    lines = [json.dumps(each) for each in rows]
    size = (run / "metrics.jsonl").stat().st_size
    lines[-1] += " " * (size - sum(len(line) + 1 for line in lines))
    (run / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    course = inspect_training(run)
    assert course.curves.parameter_norms == {}
    assert len(course.plot().axes) == 3
    assert len(inspect_training(finished).plot().axes) == 4


def test_a_folder_that_is_no_run_is_refused_in_one_line(nextchar: Run, tmp_path: Path) -> None:
    nextchar("inspect", "training", tmp_path).problem()
