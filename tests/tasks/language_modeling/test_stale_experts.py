"""Experts that were fitted to earlier weights of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from nextchar.run_files.expert_files import has_experts_of_model
from nextchar.training.checkpoint import EXPERTS_FILE
from tests.conftest import Run


def test_experts_of_earlier_weights_are_fitted_again(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    assert has_experts_of_model(run)
    kept = (run / EXPERTS_FILE).read_bytes()
    nextchar("train", "--resume", run, "--steps", 20, "-q").succeeded()
    assert has_experts_of_model(run)
    fitted = (run / EXPERTS_FILE).read_bytes()
    assert fitted != kept
    # As if the process had been killed between the last save and the counting.
    (run / EXPERTS_FILE).write_bytes(kept)
    assert not has_experts_of_model(run)
    nextchar("train", "--resume", run, "-q").succeeded()
    assert (run / EXPERTS_FILE).read_bytes() == fitted


def test_a_saved_model_has_experts_of_its_own(finished: Path, tmp_path: Path) -> None:
    from nextchar.language_model.model import LanguageModel

    model = LanguageModel.load(finished)
    model.save(tmp_path)
    again = LanguageModel.load(tmp_path)
    assert has_experts_of_model(tmp_path)
    text = "the dog runs and the cat sleeps.\n"
    assert again.evaluate(text).nats == model.evaluate(text).nats
    shutil.copytree(finished, tmp_path / "without")
    (tmp_path / "without" / EXPERTS_FILE).unlink()
    LanguageModel.load(tmp_path / "without").save(tmp_path)
    assert LanguageModel.load(tmp_path).experts is None
