"""Searches: the same trials however often they are stopped, and the best of them ready to use."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from nextchar.config.toml import read_options
from nextchar.errors import (
    ConfigError,
    InputError,
    Interrupted,
    NextcharError,
    NonFiniteLossError,
    RunError,
    StorageError,
    as_option,
)
from nextchar.experiments import Trial, TrialBegun, TrialEnded, Tuning, plots, tune
from nextchar.experiments.plots import search_picture
from nextchar.experiments.spaces import parse_space
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.training import train
from nextchar.run_files.model_files import load_config
from nextchar.training.events import Event, Listener, StepDone
from nextchar.training.trainer import Trainer
from tests.conftest import TINY_OPTIONS, contents, english

study = pytest.importorskip("nextchar.experiments.study")

SEARCH = {"learning_rate": "1e-3..1e-1:log", "dropout": "0..0.5"}
FEW: dict[str, Any] = {**TINY_OPTIONS, "steps": 10, "trials": 4, "search": SEARCH}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(english(3000))
    return path


def figures(tuning: Tuning) -> list[Any]:
    return [(t.number, t.state, t.options, t.nats_per_char) for t in tuning.trials]


def test_the_best_trial_is_ready_to_use(text: Path, tmp_path: Path) -> None:
    events: list[Any] = []
    tuning = tune(text, tmp_path / "out", announce=events.append, pruning="none", **FEW)
    assert [trial.number for trial in tuning.trials] == [1, 2, 3, 4]
    losses = [trial.nats_per_char for trial in tuning.trials]
    assert tuning.best.nats_per_char == min(each for each in losses if each is not None)
    assert tuning.history()[-1] == tuning.best.nats_per_char
    assert [type(event) for event in events] == [TrialBegun, TrialEnded] * 4
    again = train(text, tmp_path / "again", **read_options(tuning.config))
    assert again.nats_per_char == tuning.best.nats_per_char
    for trial in tuning.trials:
        assert trial.run is not None
        network = LanguageModel.load(trial.run).config.network
        assert network.dropout == trial.options["dropout"]
        assert (trial.run / "corpus").exists() == (trial == tuning.best)
        assert (trial.run / "last").exists() == (trial == tuning.best)
    assert tuning.trials[0].options == {"learning_rate": 6e-3, "dropout": 0.0}
    json.dumps(tuning.to_dict(), allow_nan=False)
    head = [cell.strip() for cell in tuning.markdown().splitlines()[0].split("|")]
    assert head[1:-1] == ["trial", "nats/char", "bits/char", "s", "learning_rate", "dropout"]


@pytest.mark.parametrize("method", ["tpe", "random", "grid"])
def test_a_search_that_is_stopped_anywhere_makes_the_trials_that_it_would_have_made(
    method: Any, text: Path, tmp_path: Path
) -> None:
    few = {**FEW, "method": method, "trials": 12, "steps": 4}
    if method == "grid":
        few["search"] = {"learning_rate": [1e-3, 1e-2], "dropout": "0..0.5:step=0.1"}
    whole = tune(text, tmp_path / "whole", **few)

    class Stop(BaseException):
        """Power failed."""

    stops = 0

    def stop(event: Event) -> None:
        nonlocal stops
        if isinstance(event, StepDone) and event.step == 2 + stops % 3 and stops < 9:
            stops += 1
            raise Stop

    for _ in range(10):
        try:
            tuning = tune(text, tmp_path / "out", listeners=[stop], **few)
        except Stop:
            continue
        break
    assert stops == 9
    assert figures(tuning) == figures(whole)
    assert tuning.importance == whole.importance
    assert tuning.counts()["complete"] >= 5


def test_a_trial_that_kills_its_process_again_and_again_is_given_up(
    text: Path, tmp_path: Path
) -> None:
    class Killed(BaseException):
        """Out of memory."""

    def kill(event: Event) -> None:
        if isinstance(event, StepDone) and (tmp_path / "out" / "trials" / "002").exists():
            raise Killed

    few = {**FEW, "validate_every": 5}
    for _ in range(3):
        with pytest.raises(Killed):
            tune(text, tmp_path / "out", listeners=[kill], **few)
    tuning = tune(text, tmp_path / "out", **few)
    assert [trial.state for trial in tuning.trials] == [
        "complete",
        "failed",
        "complete",
        "complete",
    ]
    assert tuning.trials[1].reason == "its process was killed 3 times"


def test_a_signal_is_no_death(text: Path, tmp_path: Path) -> None:
    def stop_once() -> Listener:
        stopped = False

        def stop(event: Event) -> None:
            nonlocal stopped
            if isinstance(event, StepDone) and not stopped:
                stopped = True  # A second signal would act at once.
                os.kill(os.getpid(), signal.SIGINT)

        return stop

    few = {**FEW, "validate_every": 10, "trials": 1}
    for _ in range(4):  # More often than a trial may die.
        with pytest.raises(Interrupted, match="stopped in trial 1 of 1; saved"):
            tune(text, tmp_path / "out", listeners=[stop_once()], **few)
    assert figures(tune(text, tmp_path / "out", **few)) == figures(
        tune(text, tmp_path / "whole", **few)
    )


def test_a_trial_of_a_living_process_is_left_alone(text: Path, tmp_path: Path) -> None:
    nested: list[Tuning] = []

    def other(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 5 and not nested:
            nested.append(tune(text, tmp_path / "out", **FEW))

    tuning = tune(text, tmp_path / "out", listeners=[other], **FEW)
    assert nested[0].trials[0].state == "running"
    assert len(nested[0].trials) == len(tuning.trials) == 4
    assert tuning.counts()["running"] == 0


def test_trials_may_be_added(text: Path, tmp_path: Path) -> None:
    first = tune(text, tmp_path / "out", **FEW)
    assert first.best.run is not None
    before = contents(first.best.run)
    more = tune(text, tmp_path / "out", **{**FEW, "trials": 6})
    assert figures(more)[:4] == figures(first)
    assert len(more.trials) == 6
    assert contents(first.best.run).items() <= before.items()
    assert figures(tune(text, tmp_path / "out", **FEW)) == figures(more)


def test_trials_that_are_behind_are_pruned_and_leave_nothing(text: Path, tmp_path: Path) -> None:
    def at(number: int, percent: int) -> bool:
        return number > 3 and percent >= 50

    seen: list[tuple[int, int]] = []

    def report(claim: Any, percent: int, nats: float, seconds: float) -> bool:
        seen.append((claim.number, percent))
        return at(claim.number, percent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study.Claim, "report", report)
        tuning = tune(text, tmp_path / "out", **FEW)
    assert [trial.state for trial in tuning.trials] == ["complete"] * 3 + ["pruned"]
    assert [percent for number, percent in seen if number == 4] == [10, 20, 30, 40, 50]
    assert [trial.run is None for trial in tuning.trials] == [False] * 3 + [True]


def test_the_median_prunes_what_is_worse_than_most(text: Path, tmp_path: Path) -> None:
    few = {**FEW, "search": {"learning_rate": [1e-2, 1.1e-2, 1.2e-2, 1.3e-2, 1.4e-2, 1e-6]}}
    tuning = tune(text, tmp_path / "out", method="grid", **{**few, "trials": None})
    worst = [trial for trial in tuning.trials if trial.options["learning_rate"] == 1e-6]
    if worst[0].number > 5:
        assert worst[0].state == "pruned"
        assert worst[0].progress == 0.3
    assert len(tuning.trials) == 6


def test_what_cannot_be_and_what_diverges_is_not_the_end(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def diverge(trainer: Trainer) -> None:
        if trainer.config.learning_rate == 0.5:
            raise NonFiniteLossError("the loss is nan at step 1; try a lower rate")
        if trainer.config.learning_rate == 0.25:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        step(trainer)

    monkeypatch.setattr(Trainer, "step", diverge)
    few = {**FEW, "search": {"learning_rate": [0.01, 0.5, 0.25], "tied": [True, False]}}
    few["embedding_size"] = 8
    tuning = tune(text, tmp_path / "out", method="grid", **{**few, "trials": None})
    reasons = {tuple(t.options.values()): t.reason for t in tuning.trials if t.state == "failed"}
    assert reasons.pop((0.5, False)) == "the loss is nan at step 1"
    assert reasons.pop((0.25, False)) == "not enough memory"
    assert len(reasons) == 3
    assert all("tied needs" in str(reason) for reason in reasons.values())
    assert dict(tuning.best.options) == {"learning_rate": 0.01, "tied": False}
    with pytest.raises(NextcharError, match="no trial was completed; trial 1 failed: the loss is"):
        tune(text, tmp_path / "no", **{**FEW, "search": {"learning_rate": [0.5]}, "trials": 2})


def test_a_disk_that_fills_at_any_moment_loses_nothing(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {**FEW, "steps": 4, "validate_every": 2, "trials": 2, "hidden_size": 4}
    whole = tune(text, tmp_path / "whole", **few)
    flush_as_usual, moment = os.fsync, 0
    while True:
        left, out = moment, tmp_path / str(moment)

        def flush_or_fail(descriptor: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            flush_as_usual(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", flush_or_fail)
            try:
                tune(text, out, **few)
            except StorageError as error:
                assert "No space left" in str(error)  # noqa: PT017
            else:
                break
        journal = out / "journal.jsonl"
        if journal.exists() and moment % 2:  # The disk took a part of the next line.
            journal.write_bytes(journal.read_bytes() + b'{"op_code":5,"wor')
        assert figures(tune(text, out, **few)) == figures(whole)
        moment += 7 if moment > 20 else 3
    assert moment > 50


def test_the_time_ends_a_search_and_its_trial_waits(text: Path, tmp_path: Path) -> None:
    clock = pytest.MonkeyPatch()
    now = [0.0]

    def tick(event: Event) -> None:
        if isinstance(event, StepDone):
            now[0] += 1

    with clock.context() as patch:
        patch.setattr("nextchar.experiments.tuning.time.monotonic", lambda: now[0])
        tuning = tune(text, tmp_path / "out", listeners=[tick], minutes=25 / 60, **FEW)
    assert [trial.state for trial in tuning.trials] == ["complete", "complete", "running"]
    later = tune(text, tmp_path / "out", **FEW)
    assert len(later.trials) == 4
    assert later.counts()["running"] == 0


def test_minutes_are_shared_out_and_stay_what_they_were(text: Path, tmp_path: Path) -> None:
    few = {**FEW, "search": {"dropout": [0.0, 0.1]}}
    del few["steps"]
    with pytest.raises(ConfigError, match="a search needs a budget"):
        tune(text, tmp_path / "out", **few)
    with pytest.raises(ConfigError, match="the budget of a trial is steps or trial_minutes"):
        tune(text, tmp_path / "out", trial_minutes=1, **FEW)
    text.write_text(english(300))  # It is learnt long before the time is up.
    tune(text, tmp_path / "out", **{**few, "trials": 2}, minutes=1)
    spec = json.loads((tmp_path / "out" / "tuning.json").read_text())
    assert spec["options"]["minutes"] == 0.475
    tuning = tune(text, tmp_path / "out", **{**few, "trials": 3}, minutes=0.8)
    assert len(tuning.trials) == 3
    best = read_options(tuning.config)
    assert best["minutes"] == 0.475
    assert "steps" not in best


def test_another_search_is_not_mixed_in(text: Path, tmp_path: Path) -> None:
    tune(text, tmp_path / "out", **{**FEW, "trials": 1})
    before = contents(tmp_path / "out")
    for change, named in (
        ({"steps": 11}, "with other options"),
        ({"search": {"dropout": "0..0.4"}}, "with other search, start"),
        ({"method": "random"}, "with other method"),
    ):
        with pytest.raises(RunError, match=named):
            tune(text, tmp_path / "out", **{**FEW, **change})
    with pytest.raises(RunError, match="exists already and is not a search"):
        tune(text, tmp_path, **FEW)
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"search": {"droput": "0..0.5"}}, "did you mean 'dropout'"),
        ({"search": {"dropout": "0..1.5"}}, "dropout must be at least 0 and below 1; got 1.5"),
        ({"search": {"hidden_size": "4..8"}}, "searched and set at the same time"),
        ({"trials": 0}, "trials must be above 0"),
        ({"minutes": -1}, "minutes must be above 0"),
        ({"method": "gird"}, "method must be one of tpe, random, grid; got 'gird'"),
        ({"method": "grid"}, "a grid needs values"),
        ({"method": "grid", "search": None}, "needs values"),
        ({"pruning": "hard"}, "pruning must be one of median, halving, none"),
        ({"validation_fraction": 0.0}, "validation_fraction must be above 0"),
        ({"layers": 0}, "layers must be at least 1"),
    ],
)
def test_what_cannot_be_searched_is_refused_and_leaves_nothing(
    change: dict[str, Any], reason: str, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=reason):
        tune(text, tmp_path / "out", **{**FEW, **change})
    with pytest.raises(ConfigError, match="name files instead of -"):
        tune("-", tmp_path / "out", **FEW)
    for content in ("", None):
        (tmp_path / "bad.txt").write_text("") if content == "" else (tmp_path / "bad.txt").unlink()
        with pytest.raises(InputError, match=r"empty|no such file"):
            tune(tmp_path / "bad.txt", tmp_path / "out", **FEW)
    assert not (tmp_path / "out").exists()


def test_the_start_is_tried_first_and_what_is_not_searched_is_shared(
    text: Path, tmp_path: Path
) -> None:
    start = {"dropout": 0.25, "learning_rate": 5.0, "layers": 2, "steps": 3}
    tuning = tune(text, tmp_path / "out", start=start, **{**FEW, "trials": 1})
    assert tuning.best.options["dropout"] == 0.25
    assert 1e-3 <= tuning.best.options["learning_rate"] <= 1e-1
    best = read_options(tuning.config)
    assert (best["layers"], best["steps"]) == (2, 10)


def trial(number: int, nats: float | None, state: Any = "complete", **options: float) -> Trial:
    return Trial(
        number=number, state=state, options=options or {"dropout": 0.1}, nats_per_char=nats,
        progress=1.0, seconds=1.0, reason=None, run=None,
    )  # fmt: skip


def test_why_a_trial_failed_is_told_in_the_terms_of_each_interface() -> None:
    failed = Trial(
        number=1, state="failed", options={}, nats_per_char=None, progress=0.0, seconds=0.0,
        reason=f"give a smaller {as_option('min_count')}", run=None,
    )  # fmt: skip
    assert failed.reason == failed.to_dict()["reason"] == "give a smaller min_count"
    assert failed.reason_for_command_line == "give a smaller --min-count"


def test_what_decides_is_the_most_important() -> None:
    trials = [
        trial(n, 1 + abs(n % 8 - 3) / 8, dropout=n % 8 / 16, momentum=n * 5 % 32 / 64)
        for n in range(32)
    ]
    searched = parse_space({"dropout": "0..0.5", "momentum": "0..0.5"})
    importance = study.importance_of(trials, searched)
    assert list(importance) == ["dropout", "momentum"]
    assert importance["dropout"] > 0.8
    assert sum(importance.values()) == pytest.approx(1)
    assert study.importance_of(trials[:3], searched) == {}


def test_a_search_is_drawn_with_all_its_trials() -> None:
    pytest.importorskip("matplotlib")
    trials = (
        trial(1, 2.0), trial(2, 9.0, "pruned"), trial(3, None, "failed"), trial(4, 1.5),
        trial(5, None, "running"),
    )  # fmt: skip
    for importance in ({}, {"dropout": 1.0}):
        tuning = Tuning(
            trials=trials, best=trials[3], config=Path("best.toml"), importance=importance
        )
        drawn = ElementTree.fromstring(search_picture(tuning, "svg"))
        assert drawn.tag.endswith("svg")
        assert search_picture(tuning, "png").startswith(b"\x89PNG")
        assert tuning.history() == [2.0, 2.0, 2.0, 1.5, 1.5]


@pytest.mark.parametrize(
    "trials",
    [
        [(2.0, "complete")],
        [(9.0, "complete"), (1.5, "complete"), (1.4, "complete"), (1.45, "complete")],
        [(9.0, "pruned"), (1.5, "complete"), (None, "failed"), (1.4, "complete")],
        [(1.5, "complete"), (50.0, "complete"), (1.4, "complete"), (80.0, "pruned")],
        [(None, "failed"), (1.5, "complete"), (1.5, "complete")],
    ],
    ids=["one", "first far off", "first pruned", "others far off", "first failed"],
)
def test_every_trial_stands_inside_the_picture(
    trials: list[tuple[float | None, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "saved_picture", lambda figure, _format: drawn.append(figure))
    made = tuple(trial(n, nats, state) for n, (nats, state) in enumerate(trials, 1))
    best = min((t for t in made if t.state == "complete"), key=lambda t: t.nats_per_char or 0)
    search_picture(Tuning(trials=made, best=best, config=Path("b"), importance={}), "png")
    axes = drawn[0].axes[0]
    points = np.concatenate([each.get_offsets() for each in axes.collections])
    assert sorted(points[:, 0]) == [t.number for t in made]
    for place, limits in enumerate((axes.get_xlim(), axes.get_ylim())):
        margin = 0.02 * (limits[1] - limits[0])
        assert (points[:, place] > limits[0] + margin).all()
        assert (points[:, place] < limits[1] - margin).all()
    first = made[0].nats_per_char
    if first is not None:
        assert points[points[:, 0] == 1][0, 1] == pytest.approx(first / math.log(2))


def test_without_optuna_it_is_said_what_to_install(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "nextchar.experiments.study")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NextcharError, match="pip install 'nextchar\\[tune\\]'"):
        tune(text, tmp_path / "out", **FEW)
    assert not (tmp_path / "out").exists()


def test_a_search_may_hold_out_a_fold(text: Path, tmp_path: Path) -> None:
    tuning = tune(text, tmp_path / "out", folds=3, fold=2, **{**FEW, "trials": 1, "steps": 2})
    assert tuning.best.run is not None
    assert load_config(tuning.best.run).text.fold == 2
