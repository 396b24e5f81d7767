"""Minutes of a training on items: the plan, and every task that is given some."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.errors import ConfigError, Interrupted
from nextchar.runs import resume, train
from nextchar.runs.task import Start
from nextchar.tasks import budget
from nextchar.tasks.budget import Costs, plan_within
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.conditioning.model import ConditionalModel
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.item_task import NewItemRun, PreparedItems, held_out_items
from nextchar.tasks.result import ItemResult
from nextchar.tasks.tagging.model import TagModel
from nextchar.tasks.transduction.model import Transducer
from nextchar.training.events import Event, Noticed, StepDone
from nextchar.training.extension import progress_of
from nextchar.training.plans import Plan
from tests.conftest import Run, english, rows_of
from tests.tasks.toy import TOY, ToyModel, ToyRunConfig, toy_examples

MINUTES = 0.02
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "batch_size": 8,
    "precision": "float32",
    "dropout": 0.3,
}
TASKS = ["classify", "tag", "transduce", "condition"]
MODELS: dict[str, type[ItemModel[Any]]] = {
    "classify": Classifier,
    "tag": TagModel,
    "transduce": Transducer,
    "condition": ConditionalModel,
}
WORDS = english(2000).split()
LABELS = [("long", "short")[len(word) < 4] for word in WORDS]


def train_conditional(_data: Path, out: Path, **options: Any) -> ItemResult:
    return ConditionalModel.train(WORDS, out, labels=LABELS, **options)


TRAIN: dict[str, Callable[..., ItemResult]] = {
    "classify": nextchar.Classifier.train,
    "tag": lambda data, out, **options: nextchar.Tagger.train(data, out, restore="case", **options),
    "transduce": nextchar.Transducer.train,
    "condition": train_conditional,
}


@pytest.fixture(autouse=True)
def short_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "LEAST_PROBE_SECONDS", 0.05)


@pytest.fixture
def seconds_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a training have its seconds however long a busy machine took to prepare it."""

    def plan(minutes: float, costs: Costs, validate_every: int) -> Plan:
        return plan_within(minutes, replace(costs, before=0.0), validate_every)

    monkeypatch.setattr(budget, "plan_within", plan)


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that every task but tagging reads: lines of a label or source, and a text."""
    task = request.node.callspec.params["task"]
    path = tmp_path / ("data.txt" if task in ("tag", "transduce") else "data.csv")
    pairs = zip(LABELS, WORDS, strict=True)
    if task == "tag":
        path.write_text(english(2000))
    elif task == "transduce":
        path.write_text("".join(f"{word}\t{word[::-1]}\n" for word in WORDS))
    else:
        path.write_text("label,text\n" + "".join(f"{label},{word}\n" for label, word in pairs))
    return path


def arguments(task: str) -> list[str]:
    words = [[f"--{name.replace('_', '-')}", str(value)] for name, value in SMALL.items()]
    return [*itertools.chain(*words), *(("--restore", "case") if task == "tag" else ())]


@pytest.mark.usefixtures("seconds_suffice")
@pytest.mark.parametrize("validation", [0.2, 0.0], ids=["with validation", "without validation"])
@pytest.mark.parametrize("task", TASKS)
def test_every_task_trains_for_minutes(
    task: str, validation: float, data: Path, nextchar: Run, tmp_path: Path
) -> None:
    outcome = nextchar(
        task, "train", data, "--out", tmp_path / "run", *arguments(task), "--minutes", MINUTES,
        "--validation-fraction", validation, "--json",
    )  # fmt: skip
    values = outcome.values()
    assert f"planned for {MINUTES} min" in outcome.err
    assert values["steps"] == values["steps_planned"] >= 1
    assert (values["held_out_items"] > 0) == (validation > 0)


@pytest.mark.usefixtures("seconds_suffice")
@pytest.mark.parametrize("task", TASKS)
def test_a_training_for_minutes_that_was_interrupted_keeps_its_deadline(
    task: str, data: Path, nextchar: Run, tmp_path: Path
) -> None:

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    run = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"nextchar {task} train --resume"):
        TRAIN[task](data, run, minutes=MINUTES, listeners=[stop], **SMALL)
    before = progress_of(run)
    values = nextchar(task, "train", "--resume", run, "--json").values()
    after = progress_of(run)
    assert before is not None
    assert after is not None
    assert before.deadline == after.deadline is not None
    assert values["steps"] == values["steps_planned"] == after.step > 1


@pytest.mark.parametrize("task", TASKS)
def test_a_measurement_is_the_same_in_training_mode_and_leaves_the_mode_as_it_was(
    task: str, data: Path, tmp_path: Path
) -> None:
    TRAIN[task](data, tmp_path / "run", steps=3, **SMALL)
    model = MODELS[task].load(tmp_path / "run")
    items = held_out_items(tmp_path / "run", model)
    measured = model.measure(items)
    assert not model.network.training
    model.network.train()
    assert model.measure(items) == measured
    assert model.network.training


@pytest.mark.usefixtures("seconds_suffice")
def test_the_estimator_trains_for_minutes() -> None:
    estimator = nextchar.CharClassifier(**SMALL, minutes=MINUTES).fit(WORDS, LABELS)
    assert estimator.n_iter_ >= 1
    assert list(estimator.predict(["and"])) in (["short"], ["long"])


@pytest.mark.usefixtures("seconds_suffice")
@pytest.mark.parametrize("validation", [50, 0])
def test_minutes_are_kept(validation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "LEAST_PROBE_SECONDS", 0.5)
    began = time.process_time()  # A machine that gets busier after the trial is not at fault.
    parts = toy_examples(200, 1), toy_examples(validation, 2)
    train(TOY, parts, tmp_path / "run", **{**SMALL, "minutes": 0.05})
    assert time.process_time() - began < 2 * 3 + 3


def test_added_minutes_validate_as_often_as_they_were_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    train(TOY, (toy_examples(50, 1), toy_examples(20, 2)), run, **{**SMALL, "steps": 3})
    before = len(rows_of(run))
    monkeypatch.setattr(budget, "_seconds_per_step", lambda *_given: 1.0)
    monkeypatch.setattr(budget, "_seconds_per_validation", lambda *_given: 5.0)
    result = resume(run, task=TOY, minutes=0.5)
    assert result.steps > 3 + 10
    assert [row["step"] for row in rows_of(run)[before:]] == [result.steps]


def test_a_start_longer_than_the_minutes_leaves_a_fifth_of_them_and_is_told(tmp_path: Path) -> None:
    assert plan_within(1, Costs(0.1, 0, 100), 0).steps == 120
    model = ToyModel(ToyRunConfig.from_options({**SMALL, "minutes": 0.05}))
    parts, notes = (toy_examples(200, 1), toy_examples(0, 2)), list[str]()

    def listen(event: Event) -> None:
        if isinstance(event, Noticed):
            notes.append(event.message)

    start = Start(listeners=[listen], began=time.monotonic() - 100)
    NewItemRun(lambda: PreparedItems(model, *parts), start).write(tmp_path / "run")
    assert model.config.training.steps >= 1
    assert any(
        note.startswith("preparation took 10")
        and note.endswith("the run takes longer than 0.05 min")
        for note in notes
    )


@pytest.mark.parametrize("task", ["tag"])
def test_minutes_that_hold_no_step_are_one_line(
    task: str, data: Path, nextchar: Run, tmp_path: Path
) -> None:
    line = nextchar(
        task, "train", data, "--out", tmp_path / "run", *arguments(task), "--minutes", 0.0001,
        "--quiet",
    ).problem()  # fmt: skip
    assert line.startswith("nextchar: 0.0001 minutes are too short: preparation took ")
    assert line.endswith(" minutes\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("validate_every", "steps"), [(0, 60), (100, 96), (1, 20)], ids=["usual", "rarely", "always"]
)
def test_minutes_hold_the_validations_too(validate_every: int, steps: int) -> None:
    cost = 0.1 if validate_every == 0 else 0.4
    found = plan_within(11 / 60, Costs(0.1, cost, 1), validate_every)
    expected = 90 if validate_every == 0 else steps
    assert found.steps in (expected, expected - 1)
    assert found.validate_every == validate_every


def test_validations_take_a_tenth_of_the_time_at_most() -> None:
    assert plan_within(1, Costs(0.1, 3, 0), 0) == Plan(540, 270, validation_seconds=3)
    assert plan_within(1, Costs(0.1, 20, 0), 0) == Plan(400, 400, validation_seconds=20)


@pytest.mark.parametrize("costs", [Costs(61, 0, 0), Costs(1, 70, 0), Costs(20, 0, 50)])
def test_the_least_that_would_do_is_told(costs: Costs) -> None:
    with pytest.raises(ConfigError, match="the least is about") as error:
        plan_within(1, costs, 0)
    least = float(str(error.value).split()[-2])
    assert plan_within(least, costs, 0).steps >= 1
