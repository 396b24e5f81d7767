"""Folders of experiments that came from somebody else: damage, and links that lead out of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from nextchar.errors import RunError
from nextchar.experiments.journal import running_trials
from tests.conftest import Run, contents

FIXTURES = Path(__file__).parent.parent / "fixtures"
SIZES = ("--hidden-size", 8, "--embedding-size", 6, "--precision", "float32", "--device", "cpu")
TRAINING = (*SIZES, "--batch-size", 4, "--sequence-length", 16, "--steps", 6, "--quiet")
TUNE = ("tune", "texts/english.txt", "--search", "dropout=0,0.2", "--method", "grid", *TRAINING)
COMPARE = ("compare", "texts/english.txt", "--cells", "rnn,gru", *TRAINING)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURES / "texts", tmp_path / "texts")
    for name in ("tuning", "comparison"):
        shutil.copytree(FIXTURES / "runs" / name, tmp_path / "runs" / name)
    return tmp_path


@pytest.mark.parametrize("name", ["trials/002.lock", "journal.jsonl", "trials", "trials/002"])
def test_a_search_writes_and_deletes_nothing_through_a_link(
    name: str, nextchar: Run, place: Path
) -> None:
    search, elsewhere = place / "runs" / "tuning", place / "elsewhere"
    lines = (search / "journal.jsonl").read_text().splitlines(keepends=True)
    starts = [at for at, line in enumerate(lines) if '"state":0' in line]
    (search / "journal.jsonl").write_text("".join(lines[: starts[1] + 3]))  # a killed process
    path = search / name
    if path.exists():
        shutil.move(path, elsewhere)
    else:
        elsewhere.write_text("mine")
    path.symlink_to(elsewhere)
    before = contents(place)
    line = nextchar(*TUNE, "--trials", 2, "--out", search, cwd=place).problem()
    assert f"{path} is a link, and nothing is written through links" in line
    assert contents(place) == before


def test_a_journal_that_lost_the_end_of_a_trial_is_refused_before_it_is_written_to(
    nextchar: Run, place: Path
) -> None:
    search = place / "runs" / "tuning"
    lines = (search / "journal.jsonl").read_text().splitlines(keepends=True)
    ends = [at for at, line in enumerate(lines) if '"op_code":6' in line]
    (search / "journal.jsonl").write_text("".join(lines[: ends[-1]]))
    before = contents(place)
    line = nextchar(*TUNE, "--trials", 2, "--out", search, cwd=place).problem()
    assert "journal.jsonl is damaged: trial 2 has ended" in line
    assert contents(place) == before


@pytest.mark.parametrize("name", ["runs", "runs/gru-0", "results", "results/gru-0.json"])
def test_a_comparison_writes_nothing_through_a_link(name: str, nextchar: Run, place: Path) -> None:
    folder, elsewhere = place / "runs" / "comparison", place / "elsewhere"
    shutil.move(folder / name, elsewhere)
    (folder / name).symlink_to(elsewhere)
    before = contents(place)
    line = nextchar(*COMPARE, "--out", folder, cwd=place).problem()
    assert f"{folder / name} is a link, and nothing is written through links" in line
    assert contents(place) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nats_per_char": "3"}, "nats_per_char must be a number"),
        ({"steps": -6}, "steps must be at least 1"),
        ({"seed": True}, "seed must be an integer"),
        ({"seed": 1}, "seed must be 0; got 1"),
        ({"variant": "cell=lstm"}, "variant must be"),
        ({"curve": 3}, "curve must be a list"),
        ({"curve": [3]}, "curve must be pairs of finite numbers"),
        ({"curve": [[1, 2, 3]]}, "curve must be pairs"),
        ({"curve": [[1, None]]}, "curve must be pairs"),
        ({"sample": None}, "sample must be text"),
        ({"cheese": 1}, "unknown option 'cheese'"),
    ],
)
def test_changed_results_are_refused(
    change: dict[str, object], reason: str, nextchar: Run, place: Path
) -> None:
    path = place / "runs" / "comparison" / "results" / "gru-0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    line = nextchar(*COMPARE, "--out", path.parent.parent, cwd=place).problem()
    assert f"gru-0.json is damaged: {reason}" in line


def journal() -> list[dict[str, Any]]:
    text = (FIXTURES / "runs" / "tuning" / "journal.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def verify(events: Iterable[object], folder: Path) -> None:
    path = folder / "journal.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    running_trials(path, "nextchar", ["dropout"], lambda *_: True)


def test_an_incomplete_last_line_is_ignored(tmp_path: Path) -> None:
    verify(journal(), tmp_path)
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"op_code": 7, "trial')
    running_trials(tmp_path / "journal.jsonl", "nextchar", ["dropout"], lambda *_: True)


CHANGES: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "the study is lost": lambda events: events.pop(0),
    "a trial is lost": lambda events: events.pop(1),
    "a start is lost": lambda events: events.pop(2),
    "an option is lost": lambda events: events.pop(3),
    "another study": lambda events: events[0].update(study_name="cheese"),
    "a study to be maximised": lambda events: events[0].update(directions=[2]),
    "another option": lambda events: events[1]["system_attrs"].update(fixed_params={"layers": 1}),
    "a trial that has ended": lambda events: events[1].update(state=1),
    "a trial of the future": lambda events: events[2].update(trial_id=9),
    "a negative trial": lambda events: events[2].update(trial_id=-1),
    "an unknown event": lambda events: events[2].update(op_code=17),
    "an event of true": lambda events: events[0].update(op_code=True),
    "an unknown state": lambda events: events[2].update(state=9),
    "a value that is no number": lambda events: events[5].update(intermediate_value="3"),
    "a step beyond the end": lambda events: events[5].update(step=101),
    "attempts of texts": lambda events: events[4]["user_attr"].update(attempts=["1", 0]),
    "no attempts": lambda events: events[4].update(user_attr={}),
    "no worker": lambda events: events[4].pop("worker_id"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_an_impossible_event_is_refused(case: str, tmp_path: Path) -> None:
    events = journal()
    CHANGES[case](events)
    with pytest.raises(RunError, match=r"journal\.jsonl is damaged in line \d+: "):
        verify(events, tmp_path)


def test_a_value_outside_of_the_search_is_refused(nextchar: Run, place: Path) -> None:
    path = place / "runs" / "tuning" / "journal.jsonl"
    path.write_text(
        path.read_text().replace('"param_value_internal":1', '"param_value_internal":7')
    )
    before = contents(place)
    line = nextchar(*TUNE, "--trials", 2, "--out", path.parent, cwd=place).problem()
    assert "option 'dropout' cannot be 7" in line
    assert contents(place) == before
