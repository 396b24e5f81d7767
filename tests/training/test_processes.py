"""Data-parallel training: the same numbers as in one process, with one reporter and one writer."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.distributed as dist

import nextchar
from nextchar.errors import CorpusError, NextcharError
from nextchar.run_files.model_files import load_config, load_vocabulary
from nextchar.tasks.language_modeling.data import open_corpus, training_streams
from nextchar.training.checkpoint import load_tensors, save_tensors
from nextchar.training.events import Event, Noticed
from nextchar.training.metrics import NORM_OF
from nextchar.training.objective import StreamObjective
from nextchar.training.processes import together
from nextchar.training.torchrun import is_first_process
from nextchar.training.trainer import Trainer
from tests.conftest import (
    DEADLINE_SECONDS,
    PROCESSES,
    TINY_OPTIONS,
    Command,
    Outcome,
    contents,
    english,
    require_same_training,
    rows_of,
)

# Options with randomness or state, on a text that ends during the run.
OPTIONS = dict(TINY_OPTIONS) | {
    "layers": 2,
    "dropout": 0.3,
    "embedding_dropout": 0.1,
    "weight_dropout": 0.2,
    "input_dropout": 0.1,
    "zoneout": 0.1,
    "label_smoothing": 0.1,
    "activation_regularization": 1.0,
    "temporal_activation_regularization": 1.0,
    "l2_penalty": 1e-4,
    "ema_decay": 0.9,
    "window_growth": 0.7,
    "schedule": "plateau",
    "steps": 30,
    "validate_every": 1,
}
DIVERGING = {
    "optimizer": "sgd",
    "learning_rate": 3e38,
    "clip_norm": 0,
    "cell": "rnn",
    "activation": "relu",
}
CLOSE = 1e-5  # relative


def arguments(**options: Any) -> list[str]:
    words = []
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return words


class Job:
    """A substitute for ``torchrun``: a store, and the environment variables that it sets."""

    def __init__(self) -> None:
        self._store = dist.TCPStore(  # type: ignore[attr-defined]
            "localhost", 0, is_master=True, wait_for_workers=False
        )
        self._started: list[Command] = []

    def environment(self, rank: int, world: int, restart: int = 0) -> dict[str, str]:
        return {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(world),
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": str(self._store.port),
            "TORCHELASTIC_USE_AGENT_STORE": "True",
            "TORCHELASTIC_RESTART_COUNT": str(restart),
        }

    def start(self, folder: Path, *args: object, world: int = 2, restart: int = 0) -> list[Command]:
        """Start the same command in each process."""
        commands = []
        for rank in range(world):
            place = folder / f"{restart}-{rank}-{time.monotonic_ns()}"
            place.mkdir(parents=True)
            commands.append(Command(args, place, self.environment(rank, world, restart)))
        self._started += commands
        return commands

    def run(self, folder: Path, *args: object, world: int = 2, restart: int = 0) -> list[Outcome]:
        """Run the same command in each process."""
        started = self.start(folder, *args, world=world, restart=restart)
        return [command.outcome() for command in started]

    def end(self) -> None:
        """Kill the remaining processes."""
        for command in self._started:
            command.stop()


@pytest.fixture
def job() -> Iterator[Job]:
    made = Job()
    yield made
    made.end()


def one_problem(outcomes: list[Outcome], code: int) -> str:
    """Assert that all fail with this code and only one reports the reason; return its line."""
    assert [outcome.code for outcome in outcomes] == [code] * len(outcomes), outcomes
    assert [outcome.out for outcome in outcomes] == [""] * len(outcomes)
    (speaking,) = (outcome for outcome in outcomes if outcome.err)
    return speaking.problem(code)


class Pair(NamedTuple):
    alone: Path
    together: Path
    outcomes: list[Outcome]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(english(1500), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def pair(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The same training run with one process and with two."""
    folder = tmp_path_factory.mktemp("pair")
    nextchar.train(text, folder / "alone", **OPTIONS)
    command = ("train", text, "--out", folder / "together", "--json", *arguments(**OPTIONS))
    return Pair(folder / "alone", folder / "together", Job().run(folder, *command))


def largest_difference(left: Path, right: Path) -> float:
    """Return the largest relative difference between two histories."""
    pairs = [
        (float(a[key]), float(b[key]))
        for a, b in zip(rows_of(left), rows_of(right), strict=True)
        for key in a
        if key.startswith(("train_nats", "validation_nats", "gradient_norm"))
    ]
    return max(abs(a - b) / a for a, b in pairs)


def test_two_processes_have_the_loss_curve_of_one_with_dropout_and_over_the_end_of_the_text(
    pair: Pair,
) -> None:
    assert len(rows_of(pair.together)) == OPTIONS["steps"]
    assert largest_difference(pair.alone, pair.together) < CLOSE
    norms = [name for name in rows_of(pair.together)[0] if name.startswith(NORM_OF)]
    assert len(norms) == len(list(nextchar.load(pair.together).network.named_parameters()))
    # The last window of the text is shorter; in some step, only one of the two processes reads it.
    streams = training_streams(open_corpus(pair.alone), load_config(pair.alone), world=2)
    assert {streams.batch(step).target_share == 0.5 for step in range(30)} == {True, False}


def test_the_first_process_alone_speaks(pair: Pair) -> None:
    first, second = pair.outcomes
    assert first.values()["steps"] == OPTIONS["steps"]
    assert first.err.count("\n") == OPTIONS["steps"] + 1  # and a note on the experts
    assert second == Outcome(0, "", "")


def test_the_run_has_the_files_and_the_whole_state_of_one_process(pair: Pair) -> None:
    assert contents(pair.alone).keys() == contents(pair.together).keys()
    alone, together_ = (
        load_tensors(run / "last" / "training.safetensors")[0]
        for run in (pair.alone, pair.together)
    )
    assert alone.keys() == together_.keys()
    assert all(alone[name].shape == together_[name].shape for name in alone)
    for name in ("state.0.0", "state.1.1"):
        assert torch.allclose(alone[name], together_[name], atol=1e-4)


def in_each(target: Callable[..., None], folder: Path, *args: object, world: int = 2) -> list[int]:
    """Call a function in connected processes; return their exit codes."""
    job = Job()
    processes = [
        PROCESSES.Process(target=_with, args=(job.environment(rank, world), target, folder, *args))
        for rank in range(world)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(DEADLINE_SECONDS)
    return [process.exitcode for process in processes if process.exitcode is not None]


def _with(environment: dict[str, str], target: Callable[..., None], *args: object) -> None:
    os.environ.update(environment)
    target(*args)


def _exchange(folder: Path) -> None:
    with together() as processes:
        rank, world = processes.rank, processes.world
        numbers = [torch.full((2, 3), 10.0**rank), torch.tensor(rank + 0.5)]
        processes.all_reduce(numbers)
        whole = processes.gather(torch.full((2, 1), rank))
        seen = {
            "sums": [tensor.tolist() for tensor in numbers],
            "whole": whole.flatten().tolist(),
            "share": processes.share_of(whole).flatten().tolist(),
            "first": processes.first(lambda: {"rank": rank, "loss": 0.1, "none": None}),
            "is_first": [processes.is_first, is_first_process()],
            "world": world,
        }
    (folder / f"{rank}.json").write_text(json.dumps(seen))


def test_three_processes_sum_gather_and_hear_the_first_one(tmp_path: Path) -> None:
    assert in_each(_exchange, tmp_path, world=3) == [0, 0, 0]
    for rank in range(3):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == {
            "sums": [[[111.0] * 3] * 2, 4.5],
            "whole": [0, 0, 1, 1, 2, 2],
            "share": [rank, rank],
            "first": {"rank": 0, "loss": 0.1, "none": None},
            "is_first": [rank == 0] * 2,
            "world": 3,
        }


def _meet_twice(folder: Path) -> None:
    for time_ in ("first", "second"):
        with together() as processes:
            name = processes.first(lambda time_=time_: f"{time_} meeting")  # type: ignore[misc]
            (folder / f"{processes.rank} {name}").touch()


def test_processes_meet_as_often_as_a_program_trains(tmp_path: Path) -> None:
    assert in_each(_meet_twice, tmp_path) == [0, 0]
    names = [f"{rank} {time_} meeting" for rank in (0, 1) for time_ in ("first", "second")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def _take_steps(folder: Path, run: Path) -> None:
    config, corpus = load_config(run), open_corpus(run)
    with together() as processes:
        model = nextchar.LanguageModel.create(config, load_vocabulary(run))
        rank, world = processes.rank, processes.world
        streams = training_streams(corpus, config, rank=rank, world=world)
        trainer = Trainer(
            model.network,
            StreamObjective(model.network, streams, config.training, processes=processes),
            config.training,
            folder,
            processes=processes,
        )
        for _ in range(30):
            trainer.step()
        save_tensors(folder / f"{rank}", dict(model.network.named_parameters()), {})


def test_all_processes_have_the_same_weights_bit_for_bit(pair: Pair, tmp_path: Path) -> None:
    assert in_each(_take_steps, tmp_path, pair.alone) == [0, 0]
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def _fail_in_the_second(folder: Path, kind: str) -> None:
    rank = int(os.environ["RANK"])
    try:
        with together() as processes:
            if rank == 1 and kind == "error":
                raise CorpusError("ids.bin has changed")
            if rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            processes.all_reduce([torch.ones(3)])
    except NextcharError as error:
        said = f"{type(error).__name__} {error.exit_code} {error}"
        (folder / str(rank)).write_text(said)


def test_the_failure_of_one_is_told_by_it_and_known_to_all(tmp_path: Path) -> None:
    assert in_each(_fail_in_the_second, tmp_path, "error") == [0, 0]
    assert (tmp_path / "1").read_text() == "CorpusError 2 ids.bin has changed"
    assert (tmp_path / "0").read_text().startswith("OtherProcessError 2 another process")


def test_a_process_that_is_killed_is_told_of_by_those_that_are_left(tmp_path: Path) -> None:
    assert in_each(_fail_in_the_second, tmp_path, "kill") == [0, -signal.SIGKILL]
    assert (tmp_path / "0").read_text().startswith("NextcharError 1 another process")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"batch_size": 5}, 2, "batch_size must be a multiple of the 2 processes, got 5"),
        ({"sequence_length": 4000}, 2, "the training part is too small"),
        ({"dropout": 2}, 2, "dropout must be at least 0 and below 1; got 2.0"),
        ({"cell": "tree"}, 2, "'tree' is not one of"),
        ({"batch_norm": True}, 2, "batch_norm needs the statistics of the whole batch"),
        (DIVERGING, 1, "lower --learning-rate"),
    ],
)
def test_what_cannot_be_trained_is_one_line_of_one_process(
    job: Job, text: Path, tmp_path: Path, options: dict[str, Any], code: int, words: str
) -> None:
    command = (
        "train",
        text,
        "--out",
        tmp_path / "run",
        "-q",
        *arguments(**dict(TINY_OPTIONS) | options),
    )
    assert words in one_problem(job.run(tmp_path, *command), code)
    assert (tmp_path / "run").exists() == (code == 1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_one_stops_all_after_a_save_and_resume_makes_it_whole(
    job: Job, pair: Pair, text: Path, tmp_path: Path, number: int, code: int
) -> None:
    out = tmp_path / "run"
    command = ("train", text, "--out", out, "-q", *arguments(**OPTIONS))
    processes = job.start(tmp_path, *command)
    processes[1].wait_until((out / "model.safetensors").exists)
    processes[1].send(number)
    line = one_problem([process.outcome() for process in processes], code)
    assert re.search(r"stopped after step \d+ of 30; saved", line)
    for outcome in job.run(tmp_path, "train", "--resume", out, "-q"):
        outcome.succeeded()
    require_same_training(out, pair.together)


def test_a_killed_process_is_replaced_and_nothing_differs(
    job: Job, pair: Pair, text: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = ("train", text, "--out", out, *arguments(**OPTIONS))
    processes = job.start(tmp_path, *command)
    processes[1].wait_until(lambda: _rows(out) > 5)
    processes[1].send(signal.SIGKILL)
    assert processes[1].code() == -signal.SIGKILL
    assert processes[0].outcome().err.splitlines()[-1].startswith("nextchar: another process")
    first, second = job.run(tmp_path, *command, restart=1)
    assert first.err.startswith(f"note: continuing {out} from its last save\n")
    assert second == Outcome(0, "", "")
    require_same_training(out, pair.together)


def test_a_run_of_an_earlier_job_is_not_gone_on_with(
    job: Job, pair: Pair, text: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(pair.together, tmp_path / "run")
    before = contents(out)
    command = ("train", text, "--out", out, *arguments(**OPTIONS))
    for restart in (0, 1):
        line = one_problem(job.run(tmp_path, *command, restart=restart), 2)
        assert f"{out} exists already and is not overwritten" in line
    assert contents(out) == before


def test_a_run_goes_on_with_another_number_of_processes_and_says_so(
    job: Job, pair: Pair, text: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    processes = job.start(tmp_path, "train", text, "--out", out, *arguments(**OPTIONS))
    processes[0].wait_until(lambda: _rows(out) > 5)
    processes[0].send(signal.SIGTERM)
    assert [process.code() for process in processes] == [143, 143]
    noticed: list[Event] = []
    nextchar.resume(out, listeners=[noticed.append])
    assert isinstance(noticed[0], Noticed)
    assert re.fullmatch(
        r"this run was on 2 processes on cpu with \d+ threads, now it is on cpu with \d+ threads: "
        r"its numbers will differ slightly",
        noticed[0].message,
    )
    assert largest_difference(pair.alone, out) < CLOSE


def _rows(run: Path) -> int:
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_torchrun_starts_anew_after_a_kill_and_saves_at_ctrl_c(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = [*arguments(**OPTIONS), "--steps", "1000000", "-q"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--max-restarts", "1", "-m", "nextchar", "train", str(text), "--out", str(out)]
    agent = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    _wait(lambda: _rows(out) > 5)
    os.kill(_worker(agent.pid, rank=1), signal.SIGKILL)
    seen = _rows(out)
    _wait(lambda: _rows(out) > seen + 20)
    agent.send_signal(signal.SIGINT)
    _, told = agent.communicate(timeout=DEADLINE_SECONDS)
    ours = [line for line in told.splitlines() if line.startswith("nextchar: ")]
    assert len(ours) == 2
    assert "another process" in ours[0]
    assert "stopped after step" in ours[1]


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _worker(agent: int, *, rank: int) -> int:
    """Return the process of this rank among those started by torchrun."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and f"\nPPid:\t{agent}\n" in (folder / "status").read_text():
            variables = (folder / "environ").read_bytes().split(b"\0")
            if f"RANK={rank}".encode() in variables:
                return int(folder.name)
    raise AssertionError("no such process")
