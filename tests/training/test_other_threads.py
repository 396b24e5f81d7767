"""Training outside the main thread, as in a notebook whose cells stay free."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.training.events import Event, StepDone
from tests.conftest import TINY_OPTIONS, require_same_training

OPTIONS: dict[str, Any] = {**TINY_OPTIONS, "seed": 1, "validate_every": 10}


class StopError(Exception):
    """Raised by a listener to end a training."""


def in_a_thread(call: Callable[[], object]) -> bool:
    """Call something in another thread; tell whether a listener has ended it."""
    ended: list[StopError] = []

    def target() -> None:
        try:
            call()
        except StopError as error:
            ended.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return bool(ended)


@pytest.fixture(scope="module")
def usual(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training in the main thread."""
    run = tmp_path_factory.mktemp("usual") / "run"
    nextchar.train(texts / "english.txt", run, **OPTIONS)
    return run


def test_another_thread_trains_the_same_model(texts: Path, usual: Path, tmp_path: Path) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run = tmp_path / "run"
    assert not in_a_thread(lambda: nextchar.train(texts / "english.txt", run, **OPTIONS))
    require_same_training(run, usual)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_a_listener_ends_a_training_that_can_be_resumed(
    texts: Path, usual: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 15:
            raise StopError

    def train() -> None:
        nextchar.train(texts / "english.txt", run, listeners=[stop], **OPTIONS)

    assert in_a_thread(train)
    assert not in_a_thread(lambda: nextchar.resume(run))
    require_same_training(run, usual)


def test_an_interrupt_of_the_main_thread_leaves_the_training_alone(
    texts: Path, usual: Path, tmp_path: Path
) -> None:
    run, has_begun, goes_on = tmp_path / "run", threading.Event(), threading.Event()

    def wait(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 15:
            has_begun.set()
            goes_on.wait(60)

    thread = threading.Thread(
        target=nextchar.train,
        args=(texts / "english.txt", run),
        kwargs={**OPTIONS, "listeners": [wait]},
    )
    thread.start()
    assert has_begun.wait(60)
    # A process that was started in the background ignores this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    goes_on.set()
    thread.join()
    require_same_training(run, usual)
