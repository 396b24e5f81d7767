"""Commands that do not support several processes report it, once."""

from __future__ import annotations

import pytest

from nextchar.errors import ConfigError, OtherProcessError
from nextchar.training.torchrun import require_one_process


def test_alone_everything_may_run() -> None:
    require_one_process("a search")


@pytest.mark.parametrize(("rank", "error"), [("0", ConfigError), ("1", OtherProcessError)])
def test_an_experiment_in_several_processes_is_refused_by_the_first(
    rank: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(error, match="a search trains one run after the other in one process"):
        require_one_process("a search")
