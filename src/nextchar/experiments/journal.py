"""Verification of a search's journal, which Optuna reads without checks.

Each line of the journal is an event: an object with an ``op_code`` and the values of the event. A
file from a stranger, or one that lost a line, must not reach Optuna.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from nextchar.errors import RunError
from nextchar.storage import parse_json, read_regular

MAX_BYTES = 256 << 20
_WAITING, _RUNNING = 4, 0  # states of a trial
_COMPLETE, _FINISHED = 1, (1, 2, 3)  # complete, pruned, failed
_MAX_PERCENT = 100


IsChosen = Callable[[str, str, float], bool]


def running_trials(
    path: Path, study: str, names: Collection[str], is_chosen: IsChosen
) -> list[int]:
    """Verify a journal, and return the numbers of its running trials, from 0.

    The journal must be one that this program can have written. An incomplete last line is ignored.

    Parameters
    ----------
    path
        The journal.
    study
        The name of the study.
    names
        The searched options.
    is_chosen
        Returns whether a trial can have a value of an option, given the name, the distribution as
        JSON, and the value in Optuna's representation.

    Raises
    ------
    RunError
        The journal is missing or damaged.
    """
    replay = _Replay(study, names, is_chosen)
    try:
        for line in read_regular(path, MAX_BYTES).split(b"\n")[:-1]:
            replay.line += 1
            replay.read(parse_json(line))
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RunError(f"{path} is damaged in line {replay.line}: {reason:.200}") from error
    return replay.running


class _Replay:
    """The states of the trials after the events so far; an impossible event is a ``ValueError``."""

    def __init__(self, study: str, names: Collection[str], is_chosen: IsChosen) -> None:
        self.line = 0
        self._study = study
        self._names = frozenset(names)
        self._is_chosen = is_chosen
        self._begun = False
        self._states: list[int] = []
        self._chosen: list[set[str]] = []  # the options of each trial

    @property
    def running(self) -> list[int]:
        """The numbers of the running trials, from 0."""
        return [number for number, state in enumerate(self._states) if state == _RUNNING]

    def read(self, event: Any) -> None:  # noqa: ANN401  (any JSON value)
        """Read an event; ``KeyError`` if a value is missing."""
        _require(isinstance(event, dict), "an event must be an object")
        _require(isinstance(event["worker_id"], str), "worker_id must be text")
        code = event["op_code"]
        if code == 0:
            self._create_study(event)
            return
        _require(self._begun, "the first event must begin the study")
        if code == 4:
            self._create_trial(event)
            return
        checks = {5: self._choose, 6: self._change_state, 7: _value, 8: _note, 9: _internal_note}
        _require(type(code) is int and code in checks, f"op_code {code!r:.40} is unknown")
        trial = event["trial_id"]
        is_known = type(trial) is int and 0 <= trial < len(self._states)
        _require(is_known, f"trial_id {trial!r:.40} is unknown")
        checks[code](event)

    def _create_study(self, event: dict[str, Any]) -> None:
        # The study is begun again, without effect, whenever the search is continued.
        is_own = event["study_name"] == self._study and event["directions"] == [1]
        _require(is_own, f"the study must be {self._study}, to be minimised")
        self._begun = True

    def _create_trial(self, event: dict[str, Any]) -> None:
        is_waiting = event["study_id"] == 0 and event["state"] == _WAITING
        empty = ("distributions", "params", "user_attrs", "intermediate_values")
        is_new = all(event[name] == {} for name in empty) and all(
            event[name] is None for name in ("datetime_start", "value", "values")
        )
        _require(is_waiting and is_new, "a new trial must wait, without values")
        attributes = event["system_attrs"]
        has_options = isinstance(attributes, dict) and attributes.keys() == {"fixed_params"}
        options = attributes["fixed_params"] if has_options else None
        is_own = isinstance(options, dict) and _are_scalars(options) and set(options) <= self._names
        _require(is_own, "fixed_params must be values of the searched options")
        self._states.append(_WAITING)
        self._chosen.append(set())

    def _choose(self, event: dict[str, Any]) -> None:
        name, value, kind = (
            event[key] for key in ("param_name", "param_value_internal", "distribution")
        )
        _require(_is_number(value) and isinstance(kind, str), "a value must be a number")
        is_own = name in self._names and self._is_chosen(name, kind, value)
        _require(is_own, f"option {name!r:.40} cannot be {value} in {kind:.100}")
        self._chosen[event["trial_id"]].add(name)

    def _change_state(self, event: dict[str, Any]) -> None:
        trial, state, values = event["trial_id"], event["state"], event["values"]
        before = self._states[trial]
        starts = before == _WAITING and state == _RUNNING and values is None
        ends = before == _RUNNING and type(state) is int and state in _FINISHED
        is_measured = isinstance(values, list) and len(values) == 1 and _is_number(values[0])
        fits = is_measured or (values is None and state != _COMPLETE)
        _require(
            starts or (ends and fits),
            f"trial {trial} cannot become {state!r:.40} with {values!r:.40}",
        )
        moment = event["datetime_start" if starts else "datetime_complete"]
        _require(isinstance(moment, str), "a time must be text")
        _require(starts or self._chosen[trial] == self._names, f"trial {trial} lacks an option")
        self._states[trial] = state


def _value(event: dict[str, Any]) -> None:
    step = event["step"]
    is_percent = type(step) is int and 0 <= step <= _MAX_PERCENT
    _require(is_percent, f"step must be 0 to {_MAX_PERCENT}; got {step!r:.40}")
    _require(_is_number(event["intermediate_value"]), "intermediate_value must be a number")


def _note(event: dict[str, Any]) -> None:
    notes = event["user_attr"]
    _require(isinstance(notes, dict) and len(notes) == 1, "user_attr must be one note")
    for name, value in notes.items():
        is_valid = name in _NOTES and _NOTES[name](value)
        _require(is_valid, f"user_attr {name!r:.40} cannot be {value!r:.40}")


def _internal_note(event: dict[str, Any]) -> None:
    """Check a note of a pruner."""
    notes = event["system_attr"]
    _require(_are_scalars(notes) and len(notes) == 1, "system_attr must be one number or text")


def _are_attempts(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(count) is int and count >= 0 for count in value)
    )


def _are_seconds(value: Any) -> bool:  # noqa: ANN401
    return _is_number(value) and value >= 0


def _is_text(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str)


# The notes of a trial (``study.Claim.note``).
_NOTES: Mapping[str, Callable[[Any], bool]] = {
    "attempts": _are_attempts,
    "seconds": _are_seconds,
    "reason": _is_text,
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_scalars(value: object) -> bool:
    return isinstance(value, dict) and all(
        each is None or isinstance(each, str | bool) or _is_number(each) for each in value.values()
    )


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
