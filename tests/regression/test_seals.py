"""No changed bit of a run's metadata or history goes unnoticed; a change on purpose is accepted."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import nextchar
from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import InputError, RunError, StorageError
from nextchar.experiments.crossvalidation import FoldFigures
from nextchar.experiments.folder import ExperimentFolder
from nextchar.nn.network import Network
from nextchar.nn.parameters import layouts_of, named_tensors, without_memory
from nextchar.run_files.model_files import load_config, load_vocabulary
from nextchar.runs.loading import load as load_model
from nextchar.runs.registry import task_of_run
from nextchar.runs.task import Start
from nextchar.runs.training import history
from nextchar.storage import read_json, write_json
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.training.checkpoint import load_content, load_header, load_tensors, save_tensors
from nextchar.training.extension import load_extension
from nextchar.training.trainer import Trainer
from tests.conftest import TINY, TINY_OPTIONS, Run, contents, require_same_training
from tests.memory import peak, reset_peak

LAST, PREVIOUS = "last/training.safetensors", "last/previous.safetensors"
SLOW = pytest.mark.slow


def flips(data: bytes, count: int | None, seed: int) -> list[bytes]:
    """Return copies of data with one flipped bit: all of them, or ``count`` drawn ones."""
    places: Any = range(8 * len(data))
    if count is not None:
        places = random.Random(seed).sample(places, min(count, len(places)))
    copies = []
    for place in places:
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        copies.append(bytes(changed))
    return copies


def require_noticed(path: Path, read: Callable[[], object], count: int | None) -> None:
    """Require that each flipped bit of a file is an error, or has no meaning."""
    whole = path.read_bytes()
    expected = read()
    for changed in flips(whole, count, seed=len(whole)):
        path.write_bytes(changed)
        try:
            found = read()
        except InputError as error:
            lines = str(error).splitlines()
        else:
            lines = [""]
            assert found == expected, changed
        assert len(lines) == 1
    path.write_bytes(whole)
    assert read() == expected


def read_model(run: Path) -> Callable[[], object]:
    def read() -> object:
        model = nextchar.LanguageModel.load(run)
        return model.config, model.vocabulary.to_dict()

    return read


@pytest.mark.parametrize("count", [60, pytest.param(None, marks=SLOW)])
@pytest.mark.parametrize("name", ["config.json", "vocabulary.json"])
def test_no_flipped_bit_of_a_language_model_goes_unnoticed(
    run: Path, name: str, count: int | None
) -> None:
    require_noticed(run / name, read_model(run), count)


@pytest.mark.parametrize("count", [200, pytest.param(None, marks=SLOW)])
def test_no_flipped_bit_of_the_corpus_goes_unnoticed(run: Path, count: int | None) -> None:
    def read() -> object:
        corpus = open_corpus(run)
        return corpus.names, corpus.splits, corpus.fingerprint

    require_noticed(run / "corpus" / "corpus.json", read, count)


@pytest.mark.parametrize("count", [300, pytest.param(None, marks=SLOW)])
def test_no_flipped_bit_of_the_history_goes_unnoticed(run: Path, count: int | None) -> None:
    require_noticed(run / "metrics.jsonl", lambda: history(run), count)


def test_the_line_break_of_the_last_row_belongs_to_the_history(run: Path) -> None:
    path = run / "metrics.jsonl"
    whole = path.read_bytes()
    for bit in range(8):
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1 << bit]))
        with pytest.raises(RunError, match=r"metrics\.jsonl is damaged"):
            history(run)
    path.write_bytes(whole + b'{"step": 99')  # a row that a crash truncated, after the last save
    assert len(history(run)) == whole.count(b"\n")


@pytest.mark.parametrize("damage", ["flipped", "swapped", "repeated"])
@pytest.mark.parametrize("more", [(), ("--steps", 2)])
def test_a_run_with_damaged_rows_is_not_resumed(
    nextchar: Run, run: Path, damage: str, more: tuple[object, ...]
) -> None:
    path = run / "metrics.jsonl"
    first, second, *rest = path.read_bytes().splitlines(keepends=True)
    if damage == "flipped":
        first = first.replace(b'"step": ', b'"step":\t')
    elif damage == "swapped":
        first, second = second, first
    else:
        rest = [second, *rest]
        second = first
    path.write_bytes(b"".join([first, second, *rest]))
    before = contents(run)
    assert "metrics.jsonl is damaged" in nextchar("train", "--resume", run, *more).problem()
    assert "metrics.jsonl is damaged" in nextchar("info", run).problem()
    assert contents(run) == before


def test_no_flipped_bit_of_an_extension_goes_unnoticed(run: Path) -> None:
    nextchar.resume(run, steps=2)
    assert load_extension(run) is not None
    require_noticed(run / "extension.json", lambda: load_extension(run), 400)


def test_no_flipped_bit_of_embeddings_goes_unnoticed(texts: Path, tmp_path: Path) -> None:
    nextchar.train_embeddings(texts / "english.txt", size=4, epochs=1).save(tmp_path / "vectors")

    def read() -> object:
        vectors = SymbolVectors.load(tmp_path / "vectors")
        return vectors.config, vectors.vocabulary.to_dict(), vectors.sources

    for name in ("embeddings.json", "vocabulary.json"):
        require_noticed(tmp_path / "vectors" / name, read, 200)


FIXTURES = Path(__file__).parent.parent / "fixtures" / "runs"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("interrupted_classifier", "labels.json"),
        ("interrupted_conditional", "conditions.json"),
        ("interrupted_tagger", "labels.json"),
        ("interrupted_transducer", "symbols.json"),
    ],
)
def test_no_flipped_bit_of_a_task_goes_unnoticed(kind: str, name: str, tmp_path: Path) -> None:
    """The runs are of an older version: resuming them writes the seal."""
    if not (FIXTURES / kind).exists():
        pytest.skip(f"there is no fixture {kind}")
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / kind, run)
    nextchar.resume(run)
    assert name in load_header(run / LAST).seal
    path = run / name
    whole = path.read_bytes()
    for changed in flips(whole, 40, seed=1):
        path.write_bytes(changed)
        with pytest.raises(InputError):
            nextchar.load(run)
    path.write_bytes(whole)
    nextchar.load(run)


def test_a_change_on_purpose_is_accepted_by_a_command(nextchar: Run, run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["training"]["sample_length"] = 7
    (run / "config.json").write_text(json.dumps(config))
    for command in (("generate",), ("info",), ("evaluate",), ("train", "--resume")):
        line = nextchar(*command, run).problem()
        assert "config.json was changed after it was saved" in line
        assert f"`nextchar seal {run}`" in line
    before = load_tensors(run / "model.safetensors")
    assert nextchar("seal", run).succeeded() == "accepted: config.json\n"
    after = load_tensors(run / "model.safetensors")
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert before[1] == after[1]
    assert nextchar("seal", run).succeeded() == "nothing was changed\n"
    nextchar("generate", run, "--length", "5").succeeded()
    nextchar("train", "--resume", run, "--steps", "2").succeeded()


def test_a_sealed_file_that_disappears_or_appears_is_a_change(run: Path) -> None:
    (run / "origin.json").write_text(
        '{"format_version": 1, "run": "x", "sha256": "0", "first_known": 0, "symbols_known": 1}'
    )
    with pytest.raises(RunError, match=r"origin\.json was changed"):
        nextchar.resume(run)


@pytest.fixture
def grown(finished: Path, texts: Path, tmp_path: Path) -> Path:
    """A run that was initialised from another one."""
    options = {**TINY_OPTIONS, "steps": 4, "validate_every": 2}
    del options["hidden_size"], options["embedding_size"]
    nextchar.train(texts / "korean.txt", tmp_path / "grown", from_run=finished, **options)
    return tmp_path / "grown"


def test_a_sealed_file_that_was_removed_is_told(nextchar: Run, grown: Path) -> None:
    (grown / "origin.json").unlink()
    before = contents(grown)
    for command in (("generate",), ("train", "--resume"), ("train", "--steps", 2, "--resume")):
        assert "origin.json was removed after it" in nextchar(*command, grown).problem()
    assert contents(grown) == before
    assert nextchar("seal", grown).succeeded() == "accepted: origin.json\n"
    nextchar("train", "--resume", grown, "--steps", 2).succeeded()


def test_a_run_that_lost_the_weights_it_was_initialised_with_does_not_begin_again(
    nextchar: Run, grown: Path
) -> None:
    """As if it had been stopped before its first validation."""
    shutil.rmtree(grown / "last")
    (grown / "model.safetensors").unlink()
    (grown / "metrics.jsonl").write_bytes(b"")
    line = nextchar("train", "--resume", grown).problem()
    assert "which holds the weights that it was initialised with, is missing" in line


def test_a_run_shared_without_its_text_is_used_and_sealed(nextchar: Run, run: Path) -> None:
    kept = load_header(run / "model.safetensors").seal["corpus/corpus.json"]
    corpus = run.with_name("corpus")
    (run / "corpus").rename(corpus)
    nextchar("generate", run, "--length", 5).succeeded()
    config = json.loads((run / "config.json").read_text())
    config["training"]["sample_length"] = 7
    (run / "config.json").write_text(json.dumps(config))
    nextchar("seal", run).succeeded()
    assert load_header(run / "model.safetensors").seal["corpus/corpus.json"] == kept
    corpus.rename(run / "corpus")
    nextchar("train", "--resume", run, "--steps", 2).succeeded()


@pytest.mark.parametrize("name", ["model.safetensors", LAST])
def test_each_tensor_file_is_compared_with_its_own_seal(
    nextchar: Run, run: Path, name: str
) -> None:
    """As if it had been copied from a run with the same shapes and another vocabulary."""
    tensors, content = load_tensors(run / name)
    seal = {**load_header(run / name).seal, "vocabulary.json": "0" * 64}
    save_tensors(run / name, tensors, content, seal=seal)
    commands: list[tuple[object, ...]] = [("generate",), ("evaluate",)]
    if name == LAST:
        commands = [("generate", "--checkpoint", "last"), ("train", "--steps", 2, "--resume")]
    for command in commands:
        assert "vocabulary.json was changed" in nextchar(*command, run).problem()


def test_a_run_is_sealed_from_its_creation(
    nextchar: Run, texts: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"

    def stop(*_: object) -> None:
        raise StorageError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", stop)
        nextchar("train", texts / "english.txt", "--out", run, *TINY).problem(1)
    assert set(load_header(run / LAST).seal) == {
        "config.json",
        "vocabulary.json",
        "corpus/corpus.json",
    }
    require_noticed(run / "config.json", read_model(run), 40)
    nextchar("train", "--resume", run, "-q").succeeded()
    require_same_training(run, finished)


def test_a_model_saved_from_python_is_sealed(run: Path, tmp_path: Path) -> None:
    nextchar.LanguageModel.load(run).save(tmp_path)
    require_noticed(tmp_path / "config.json", read_model(tmp_path), 40)
    require_noticed(tmp_path / "vocabulary.json", read_model(tmp_path), 40)


def test_no_flipped_bit_of_an_experiment_goes_unnoticed(tmp_path: Path) -> None:
    folder = ExperimentFolder(tmp_path / "folds", "cross-validation")
    asked = {"format_version": 1, "folds": 3, "options": {"hidden_size": 24, "cell": "gru"}}
    figures = FoldFigures(
        fold=1,
        start=0,
        end=2000,
        unknown=3,
        parameters=4000,
        steps=30,
        seconds=1.5,
        nats_per_char=2.125,
        last_nats_per_char=2.25,
        train_nats_per_char=2.0,
    )
    with folder.begun(asked, []):
        folder.keep("fold-1", dataclasses.asdict(figures))

    def read_figures() -> object:
        return folder.figures("fold-1", FoldFigures)

    def read_specification() -> object:
        with folder.begun(asked, []):
            return "the same"

    require_noticed(tmp_path / "folds" / "results" / "fold-1.json", read_figures, None)
    require_noticed(tmp_path / "folds" / "cross-validation.json", read_specification, None)


def test_a_change_of_an_experiment_on_purpose_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_json(path, {"steps": 30}, sealed=True)
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "steps": 31}))
    with pytest.raises(RunError, match="by removing its digest, the entry 'check'"):
        read_json(path, RunError)
    path.write_text(json.dumps({"steps": 31}))
    assert read_json(path, RunError) == {"steps": 31}


def test_a_folder_without_weights_cannot_be_sealed(nextchar: Run, tmp_path: Path) -> None:
    assert "has no weights to seal" in nextchar("seal", tmp_path).problem()


@pytest.mark.parametrize("lost", [1, 40, 400, None])
def test_a_history_that_lost_rows_is_told(nextchar: Run, run: Path, lost: int | None) -> None:
    path = run / "metrics.jsonl"
    if lost is None:
        path.unlink()
    else:
        os.truncate(path, max(0, path.stat().st_size - lost))
    before = contents(run)
    for command in (("info",), ("train", "--resume")):
        line = nextchar(*command, run).problem()
        assert "metrics.jsonl is damaged: it has" in line
    assert contents(run) == before


def test_a_damaged_save_names_the_one_before_it_and_goes_on_from_there(
    nextchar: Run, run: Path, finished: Path
) -> None:
    steps = [load_content(run / name)["step"] for name in (LAST, PREVIOUS)]
    assert steps[0] > steps[1] > 0
    os.truncate(run / LAST, 1000)
    line = nextchar("train", "--resume", run).problem()
    assert "training.safetensors is damaged" in line
    assert f"after step {steps[1]}, is intact: move {PREVIOUS} to {LAST}" in line
    (run / PREVIOUS).replace(run / LAST)
    nextchar("train", "--resume", run, "-q").succeeded()
    require_same_training(run, finished)


def test_a_lost_save_names_the_one_before_it(nextchar: Run, run: Path) -> None:
    (run / LAST).unlink()
    for more in ((), ("--steps", 2)):
        line = nextchar("train", *more, "--resume", run).problem()
        assert f"is intact: move {PREVIOUS} to {LAST}" in line


def test_a_save_from_before_an_extension_is_not_continued_with_its_schedule(
    nextchar: Run, run: Path, tmp_path: Path
) -> None:
    expected = shutil.copytree(run, tmp_path / "expected")
    nextchar("train", "--resume", expected, "--steps", 4, "-q").succeeded()
    older = (run / PREVIOUS).read_bytes()
    nextchar("train", "--resume", run, "--steps", 4, "-q").succeeded()
    (run / LAST).write_bytes(older)
    line = nextchar("train", "--resume", run).problem()
    assert "first_step is 30, but the run is at step 27; if an earlier save was put back" in line
    (run / "extension.json").unlink()
    nextchar("train", "--resume", run, "-q").succeeded()
    nextchar("train", "--resume", run, "--steps", 4, "-q").succeeded()
    require_same_training(run, expected)


def test_a_run_that_cannot_be_resumed_is_not_extended(nextchar: Run, run: Path) -> None:
    data = bytearray((run / LAST).read_bytes())
    data[-1] ^= 1
    (run / LAST).write_bytes(data)
    before = contents(run)
    assert "is damaged" in nextchar("train", "--resume", run, "--steps", 4).problem()
    assert contents(run) == before


def test_both_saves_share_no_content(run: Path) -> None:
    assert (run / LAST).stat().st_ino != (run / PREVIOUS).stat().st_ino


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the tensors whose values were drawn."""
    sizes: list[int] = []

    def counted(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def count(tensor: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
            if tensor.device.type != "meta":
                sizes.append(tensor.numel())
            return draw(tensor, *arguments, **options)

        return count

    for name in ("uniform_", "normal_"):
        monkeypatch.setattr(torch.Tensor, name, counted(getattr(torch.Tensor, name)))
    return sizes


def set_size(run: Path, size: int) -> None:
    config = json.loads((run / "config.json").read_text())
    config["network"]["hidden_size"] = size
    (run / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("size", [3000, 10**9])
def test_a_network_that_the_weights_do_not_fit_is_refused_before_it_is_created(
    nextchar: Run, run: Path, drawn: list[int], size: int
) -> None:
    set_size(run, size)
    nextchar("seal", run).succeeded()
    for command in (("generate",), ("train", "--resume")):
        line = nextchar(*command, run).problem()
        assert "cannot be used: the " in line
    assert not drawn


def rewrite_header(path: Path, change: Callable[[dict[str, Any]], int]) -> None:
    """Change the header of a tensor file, and give the file the size that ``change`` returns."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    end = change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    os.truncate(path, 8 + len(text) + end)


def end_of(header: dict[str, Any]) -> int:
    tensors = (each for name, each in header.items() if name != "__metadata__")
    return max(int(each["data_offsets"][1]) for each in tensors)


@pytest.mark.parametrize("size", [3000, 10**5])
def test_a_header_that_claims_the_shapes_of_a_larger_network_is_refused_before_it_is_created(
    nextchar: Run, run: Path, drawn: list[int], size: int
) -> None:
    set_size(run, size)
    nextchar("seal", run).succeeded()
    config, vocabulary = load_config(run), load_vocabulary(run)
    network = without_memory(lambda: Network(len(vocabulary), config.network, generator=None))
    layouts = layouts_of(named_tensors(network))

    def enlarge(header: dict[str, Any]) -> int:
        for name, each in header.items():
            known = layouts.get(name.removeprefix("network."))
            if known is not None:
                each["shape"] = list(known.shape)
        return end_of(header)

    for name in ("model.safetensors", LAST):
        rewrite_header(run / name, enlarge)
    for command in (("generate",), ("train", "--resume"), ("evaluate",)):
        assert "is damaged: its header places" in nextchar(*command, run).problem()
    assert not drawn


@pytest.mark.parametrize(
    "described",
    [
        5,
        {"dtype": "F32"},
        {"dtype": "C64", "shape": [0], "data_offsets": [0, 0]},
        {"dtype": ["F32"], "shape": [0], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": "0", "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [[0]], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [0.0], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [1] * 9, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [0], "data_offsets": [0]},
        {"dtype": "F32", "shape": [0], "data_offsets": [0, {}]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]},
        {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]},
    ],
)
def test_a_tensor_that_is_described_wrongly_is_one_line(run: Path, described: object) -> None:
    def add(header: dict[str, Any]) -> int:
        end = end_of(header)
        header["added"] = described
        return end

    path = run / "model.safetensors"
    rewrite_header(path, add)
    with pytest.raises(RunError, match="is damaged") as caught:
        load_header(path)
    assert len(str(caught.value).splitlines()) == 1


TERABYTE = 1 << 40


def enlarge_last(header: dict[str, Any]) -> int:
    """Claim a terabyte for the last tensor of a file."""
    tensors = {name: each for name, each in header.items() if name != "__metadata__"}
    each = max(tensors.values(), key=lambda each: int(each["data_offsets"][1]))
    begin, end = each["data_offsets"]
    count = max(1, math.prod(each["shape"]))
    each["data_offsets"] = [begin, begin + (end - begin) // count * TERABYTE]
    each["shape"] = [TERABYTE]
    return end_of(header)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("run", "model.safetensors"),
        ("run", LAST),
        ("embeddings", "vectors.safetensors"),
        ("interrupted_classifier", "items/train.safetensors"),
        ("interrupted_transducer", "items/validation.safetensors"),
    ],
)
def test_a_file_of_holes_is_not_read(
    nextchar: Run, run: Path, tmp_path: Path, kind: str, name: str
) -> None:
    folder = run if kind == "run" else shutil.copytree(FIXTURES / kind, tmp_path / kind)
    rewrite_header(folder / name, enlarge_last)
    command: tuple[object, ...] = ("generate", folder)
    if kind == "embeddings":
        command = ("embeddings", "nearest", folder, "e")
    elif name != "model.safetensors":
        begun = {"run": (), "interrupted_classifier": ("classify",)}.get(kind, ("transduce",))
        command = (*begun, "train", "--resume", folder)
    line = nextchar(*command).problem()
    assert "claims" in line or "has shape" in line or "must have vectors" in line


@pytest.mark.parametrize("dtype", [torch.float64, torch.bool, torch.int32, torch.bfloat16])
def test_weights_of_another_type_are_refused(nextchar: Run, run: Path, dtype: torch.dtype) -> None:
    for name, prefix in (("model.safetensors", ""), (LAST, "network.")):
        tensors, content = load_tensors(run / name)
        changed = {
            key: tensor.to(dtype) if key.startswith(prefix) else tensor
            for key, tensor in tensors.items()
        }
        save_tensors(run / name, changed, content, seal=load_header(run / name).seal)
    for command in (("generate",), ("train", "--steps", 2, "--resume")):
        assert f"has type {str(dtype)[6:]}, not float32" in nextchar(*command, run).problem()


@pytest.mark.parametrize(
    "kind",
    [
        "interrupted",
        "interrupted_classifier",
        "interrupted_conditional",
        "interrupted_tagger",
        "interrupted_transducer",
    ],
)
def test_weights_that_are_loaded_are_not_drawn_first(
    nextchar: Run, tmp_path: Path, drawn: list[int], kind: str
) -> None:
    run = shutil.copytree(FIXTURES / kind, tmp_path / kind)
    load_model(run)
    task_of_run(run).open(run, Start())
    nextchar("info", run).succeeded()
    assert not drawn


@pytest.mark.parametrize("kind", ["interrupted_gru", "interrupted_classifier"])
def test_the_size_in_a_configuration_reserves_no_memory(
    nextchar: Run, tmp_path: Path, drawn: list[int], kind: str
) -> None:
    """The runs are of an older version without a seal."""
    run = shutil.copytree(FIXTURES / kind, tmp_path / kind)
    set_size(run, 10**6)  # 16 TB of recurrent weights
    before = reset_peak()
    assert nextchar("info", run, "--json").values()["parameters"] > 10**12
    assert peak() - before < 200 << 20
    assert not drawn


def test_both_earlier_and_newer_saves_carry_the_same_seal(run: Path) -> None:
    nextchar.resume(run, steps=2)
    seals = [load_header(run / name).seal for name in ("model.safetensors", LAST, PREVIOUS)]
    assert seals[0] == seals[1] == seals[2] != {}
