"""Hostile files, for every kind of file that is read: a line, no traceback, and nothing runs.

Truncated and damaged files, files with hostile content that is signed again, crafted headers,
pickles, and links, pipes, devices and folders in the place of files. A refusal is one line with
exit code 2, within limits of time and memory; it changes nothing in the run, and nothing outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nextchar.errors import InputError, RunError
from nextchar.training.checkpoint import load_header, load_tensors
from nextchar.training.extension import progress_of
from tests.conftest import Run, contents
from tests.regression import hostile
from tests.regression.readers import readers_of
from tests.regression.signing import DEEP, dumped, mutate, raw, write_signed

KINDS = sorted(hostile.COMMANDS)
# A file of each kind once; other runs hold the same kinds.
FILES = sorted({(name, kind) for kind in reversed(KINDS) for name in hostile.files_of(kind)})
ONE_OF_EACH = sorted(dict(FILES).items())
LARGEST_CUT = 64 << 10
FLIPS = 10_000
MUTATIONS = 2_000
SOURCES = Path(hostile.__file__).parent.parent.parent / "src" / "nextchar"


def damaged(name: str, kind: str, data: bytes, run: Path, intact: list[object]) -> str | None:
    """Read a damaged file; return what is wrong with the result."""
    path = run / name
    path.write_bytes(data)
    for reader, whole in zip(readers_of(name), intact, strict=True):
        try:
            found = reader(run, path)
        except InputError as error:
            if "\n" in str(error) or len(str(error)) > hostile.LONGEST_LINE:
                return f"{kind} {name}: not one line: {str(error)[:200]!r}"
        except BaseException as error:  # noqa: BLE001  (each is a defect)
            return f"{kind} {name}: {type(error).__name__} {str(error)[:200]}"
        else:
            if path.suffix in (".safetensors", ".bin") and whole is not None and found != whole:
                return f"{kind} {name}: other values were accepted"
    return None


def is_sealed(name: str, reader: object) -> bool:
    """Return whether a reader verifies the checksum of a file."""
    return getattr(reader, "__name__", "") not in ("_content", "_columns") and "json" not in name


def trial(name: str, kind: str, tmp_path: Path) -> tuple[Path, bytes, list[object]]:
    """Copy a run; return it, the content of a file, and the results of reading it."""
    run = hostile.copied(kind, tmp_path)
    path = run / name
    results = [each(run, path) if is_sealed(name, each) else None for each in readers_of(name)]
    return run, path.read_bytes(), results


@pytest.mark.parametrize(("name", "kind"), ONE_OF_EACH)
def test_truncated_files_are_refused_or_read_up_to_there(
    name: str, kind: str, tmp_path: Path
) -> None:
    draw = random.Random(f"{kind} {name}")
    run, whole, intact = trial(name, kind, tmp_path)
    cuts = {0, 1, 7, 8, 9, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(15))}
    wrong = [damaged(name, kind, whole[:cut], run, intact) for cut in sorted(cuts)]
    assert [each for each in wrong if each] == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), ONE_OF_EACH)
def test_every_truncation_is_refused_or_read_up_to_there(
    name: str, kind: str, tmp_path: Path
) -> None:
    run, whole, intact = trial(name, kind, tmp_path)
    for cut in range(min(len(whole), LARGEST_CUT)):
        assert damaged(name, kind, whole[:cut], run, intact) is None, cut


def flip_bits(name: str, kind: str, count: int, tmp_path: Path) -> None:
    """Flip a bit at random places, one at a time; half of the places are near the beginning."""
    draw = random.Random(f"{kind} {name}")
    run, whole, intact = trial(name, kind, tmp_path)
    for number in range(count):
        changed = bytearray(whole)
        end = min(len(whole), 2000) if number % 2 else len(whole)
        place = draw.randrange(end)
        changed[place] ^= 1 << draw.randrange(8)
        assert damaged(name, kind, bytes(changed), run, intact) is None, place


@pytest.mark.parametrize(("name", "kind"), ONE_OF_EACH)
def test_flipped_bits_are_no_traceback(name: str, kind: str, tmp_path: Path) -> None:
    flip_bits(name, kind, 20, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), FILES)
def test_ten_thousand_flipped_bits_are_no_traceback(name: str, kind: str, tmp_path: Path) -> None:
    flip_bits(name, kind, FLIPS // len(FILES) + 1, tmp_path)


def require_held(kind: str, count: int, seed: int, tmp_path: Path) -> None:
    """Attack a kind of run with signed changes."""
    (tmp_path / "place").mkdir()
    names = hostile.files_of(kind)
    result = hostile.in_child(
        hostile.attack, kind, names, count, seed, mutate, tmp_path / "place",
        folder=tmp_path, seconds=120 + 10 * count,
    )  # fmt: skip
    assert result["failures"] == []
    assert result["tried"] == count
    assert result["refused"] > 0


@pytest.mark.parametrize("kind", ["jamo", "conditional_features", "embeddings", "crossval"])
def test_signed_changes_are_one_line_or_mean_nothing(kind: str, tmp_path: Path) -> None:
    require_held(kind, 10, 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_signed_changes_are_one_line_or_mean_nothing(
    kind: str, tmp_path: Path
) -> None:
    require_held(kind, MUTATIONS // len(KINDS) + 1, 2, tmp_path)


def header(value: object, data: bytes = b"") -> bytes:
    """Return a safetensors file with this header and data."""
    text = value if isinstance(value, bytes) else dumped(value)
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def entry(value: object) -> dict[str, Any]:
    """Return a header whose metadata has this entry."""
    return {"__metadata__": {"nextchar": value}, "a": tensor()}


EIGHT = bytes(8)
SIGNED = json.dumps({"content": "{}", "sha256": "0" * 64})
HEADERS: dict[str, bytes] = {
    "nothing": b"",
    "a byte": b"\x00",
    "a length only": struct.pack("<Q", 8),
    "length 0": struct.pack("<Q", 0),
    "length 2^63": struct.pack("<Q", 1 << 63) + b"{}",
    "length 2^64-1": struct.pack("<Q", (1 << 64) - 1) + b"{}",
    "length 2^40": struct.pack("<Q", 1 << 40) + b"{}",
    "length beyond the end": struct.pack("<Q", 100) + b"{}",
    "length of a part": struct.pack("<Q", 1) + b"{}",
    "no JSON": header(b"cheese"),
    "not UTF-8": header(b'{"\xff\xfe": 1}'),
    "nul": header(bytes(100)),
    "a list": header(b"[]"),
    "a number": header(b"3"),
    "null": header(b"null"),
    "text": header(b'"a"'),
    "empty": header(b"{}"),
    "deep": header(b"[" * DEEP + b"]" * DEEP),
    "deep objects": header(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep metadata": header(b'{"__metadata__":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "a surrogate": header(b'{"\\ud800": {"dtype":"F32","shape":[],"data_offsets":[0,4]}}', EIGHT),
    "no metadata": header({"a": tensor()}, EIGHT),
    "metadata of numbers": header({"__metadata__": 3, "a": tensor()}, EIGHT),
    "metadata as a list": header({"__metadata__": [SIGNED], "a": tensor()}, EIGHT),
    "another entry": header({"__metadata__": {"cheese": SIGNED}, "a": tensor()}, EIGHT),
    "an entry of numbers": header(entry(3), EIGHT),
    "an entry that is no JSON": header(entry("cheese"), EIGHT),
    "an entry that is a list": header(entry("[]"), EIGHT),
    "an entry without content": header(entry('{"sha256": "0"}'), EIGHT),
    "an entry without checksum": header(entry('{"content": "{}"}'), EIGHT),
    "an entry with an object": header(entry('{"content": {}, "sha256": "0"}'), EIGHT),
    "a wrong checksum": header(entry(SIGNED), EIGHT),
    "a checksum of numbers": header(entry('{"content": "{}", "sha256": 0}'), EIGHT),
    "a deep entry": header(entry("[" * DEEP + "]" * DEEP), EIGHT),
    "JSON in JSON in JSON": header(entry(json.dumps(json.dumps(SIGNED))), EIGHT),
    "overlapping offsets": header({**entry(SIGNED), "b": tensor(offsets=(4, 12))}, bytes(12)),
    "the same offsets": header({**entry(SIGNED), "b": tensor()}, EIGHT),
    "a hole": header({**entry(SIGNED), "b": tensor(offsets=(12, 20))}, bytes(20)),
    "offsets backwards": header({"a": tensor(offsets=(8, 0))}, EIGHT),
    "offsets beyond the end": header({"a": tensor(shape=(200,), offsets=(0, 800))}, EIGHT),
    "huge offsets": header({"a": tensor(offsets=(0, 1 << 62))}, EIGHT),
    "negative offsets": header({"a": tensor(offsets=(-8, 0))}, EIGHT),
    "offsets that are no numbers": header({"a": tensor(offsets=("0", "8"))}, EIGHT),
    "a huge shape": header({"a": tensor(shape=(1 << 62, 1 << 62))}, EIGHT),
    "a shape whose product is 0 after overflow": header(
        {"a": tensor(shape=(1 << 32, 1 << 32), offsets=(0, 0))}
    ),
    "a negative shape": header({"a": tensor(shape=(-2,))}, EIGHT),
    "another type": header({"a": tensor("F64")}, EIGHT),
    "an unknown type": header({"a": tensor("cheese")}, EIGHT),
    "a type that is a number": header({"a": tensor(3)}, EIGHT),
    "an integer of 400 digits": header({"a": tensor(shape=(raw("9" * 400),))}, EIGHT),
    "a tensor that is a list": header({"a": [1]}, EIGHT),
    "duplicate names": header(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        EIGHT,
    ),
    "duplicate metadata": header(b'{"__metadata__":{},"__metadata__":{"nextchar":"{}"}}'),
    "bytes behind the end": header(entry(SIGNED), bytes(800)),
    "an empty name": header({"": tensor()}, EIGHT),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_crafted_header_is_refused(case: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(HEADERS[case])
    with pytest.raises(RunError, match=r"model\.safetensors is damaged: ") as error:
        load_tensors(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < hostile.LONGEST_LINE
    with contextlib.suppress(RunError):  # It reads less, and may accept more.
        load_header(path)


CONTENTS = {
    "no JSON": "cheese",
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "deep": "[" * DEEP + "]" * DEEP,
    "a deep value": '{"step": ' + "[" * DEEP + "]" * DEEP + "}",
    "400 digits": '{"step": ' + "9" * 400 + "}",
    "infinite": '{"step": 1e999}',
    "no number": '{"step": NaN}',
    "true": '{"step": true}',
    "negative": '{"step": -1}',
    "text": '{"step": "16"}',
    "a surrogate": '{"step": "\\ud800"}',
    "nothing": "{}",
}


@pytest.mark.parametrize("case", CONTENTS)
def test_the_progress_of_a_signed_checkpoint_is_verified(case: str, tmp_path: Path) -> None:
    run = hostile.copied("interrupted_conditional", tmp_path)
    path = run / "last" / "training.safetensors"
    tensors, progress = load_tensors(path)
    text = CONTENTS[case]
    if text.startswith('{"step"'):  # a wrong step among values that are right
        text = json.dumps({**progress, "step": None}).replace('"step": null', text[1:-1])
    write_signed(path, tensors, text)
    with pytest.raises(RunError, match=r"training\.safetensors is damaged: ") as error:
        progress_of(run)
    assert len(str(error.value)) < hostile.LONGEST_LINE


def strip_state(tensors: dict[str, torch.Tensor]) -> None:
    for name in [name for name in tensors if name.startswith("optimizer.")]:
        del tensors[name]


def spoil(part: str, value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in sorted(tensors) if re.match(part, name))
        tensors[name].view(-1)[0] = value

    return change


STATES: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
    "no optimiser": strip_state,
    "a part of the optimiser": lambda tensors: tensors.pop("optimizer.0.exp_avg"),
    "a parameter of the optimiser": lambda tensors: [
        tensors.pop(name) for name in list(tensors) if name.startswith("optimizer.1.")
    ],
    "no network": lambda tensors: [
        tensors.pop(name) for name in list(tensors) if name.startswith("network.")
    ],
    "no state": lambda tensors: tensors.pop("state.0.0"),
    "no average": lambda tensors: [
        tensors.pop(name) for name in list(tensors) if name.startswith("average.")
    ],
    "a weight that is no number": spoil("network", float("nan")),
    "an infinite weight": spoil("network", float("inf")),
    "an average that is no number": spoil("average", float("nan")),
    "a moment that is no number": spoil(r"optimizer\.\d+\.exp_avg$", float("nan")),
    "a negative square": spoil(r"optimizer\.\d+\.exp_avg_sq", -1.0),
    "a negative count": spoil(r"optimizer\.\d+\.step", -1.0),
    "a state that is no number": spoil("state", float("nan")),
}


@pytest.mark.parametrize("case", STATES)
def test_a_signed_checkpoint_lacks_nothing(case: str, nextchar: Run, tmp_path: Path) -> None:
    """Without its optimiser, a run would be resumed silently, but not as if uninterrupted."""
    run = hostile.copied("interrupted", tmp_path)
    path = run / "last" / "training.safetensors"
    tensors, progress = load_tensors(path)
    STATES[case](tensors)
    write_signed(path, tensors, json.dumps(progress))
    before = contents(run)
    nextchar("train", "--resume", run, "--quiet").problem()
    assert contents(run) == before


def test_weights_that_are_no_numbers_are_told(nextchar: Run, tmp_path: Path) -> None:
    run = hostile.copied("jamo", tmp_path)
    tensors, content = load_tensors(run / "model.safetensors")
    tensors["head.bias"][3] = float("nan")
    write_signed(run / "model.safetensors", tensors, json.dumps(content))
    assert "head.bias" in nextchar("generate", run, "--length", 5).problem()


class Payload:
    """A pickle that creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._path),)


def pickles(loaded: Path, folder: Path) -> list[bytes]:
    """Return the same payload in the formats of pickles and of torch."""
    torch.save({"a": Payload(loaded)}, folder / "zip")
    torch.save({"a": Payload(loaded)}, folder / "legacy", _use_new_zipfile_serialization=False)
    return [
        *(pickle.dumps(Payload(loaded), protocol) for protocol in range(6)),
        (folder / "zip").read_bytes(),
        (folder / "legacy").read_bytes(),
        header(pickle.dumps(Payload(loaded)), bytes(8)),
        b"\x93NUMPY\x01\x00\x76\x00" + "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"
        .ljust(117).encode() + b"\n" + pickle.dumps([Payload(loaded)]),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), ONE_OF_EACH)
def test_no_pickle_is_loaded(name: str, kind: str, tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    run = hostile.copied(kind, tmp_path)
    for payload in pickles(loaded, tmp_path):
        (run / name).write_bytes(payload)
        for reader in readers_of(name):
            try:
                reader(run, run / name)
            except InputError:
                assert not loaded.exists()
            else:  # a history without a line break has no rows
                assert name.endswith(".jsonl")
                assert b"\n" not in payload
    assert not loaded.exists()
    pickle.loads(pickles(loaded, tmp_path)[0])
    assert loaded.exists()


def test_no_pickle_is_loaded_as_features(nextchar: Run, tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    (tmp_path / "names.txt").write_text("".join(f"name{number}\n" for number in range(30)))
    for payload in pickles(loaded, tmp_path):
        (tmp_path / "features.npy").write_bytes(payload)
        nextchar(
            "condition", "train", tmp_path / "names.txt", "--features-file",
            tmp_path / "features.npy", "--out", tmp_path / "run",
        ).problem()  # fmt: skip
    assert not loaded.exists()


def test_the_program_has_no_way_to_load_a_pickle() -> None:
    forbidden = re.compile(
        r"\bpickle\b(?!s)|(?<!safetensors\.)torch\.load\b|allow_pickle=True|\beval\(|\bexec\("
    )
    found = {
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        for line in path.read_text().splitlines()
        if forbidden.search(line) and not re.search(r"\.eval\(|which any pickle|is a pickle", line)
    }
    assert found <= {"text/signatures.py"}  # It names files that are refused.


def replace_by_link(path: Path, elsewhere: Path) -> None:
    shutil.copy(path, elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)


def replace_by_folder(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_pipe(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_device(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def replace_by_dangling_link(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.symlink_to(elsewhere.with_name("new"))


def replace_by_huge_file(path: Path, _elsewhere: Path) -> None:
    os.truncate(path, 10 << 30)


REPLACEMENTS: dict[str, Callable[[Path, Path], None]] = {
    "link": replace_by_link,
    "dangling link": replace_by_dangling_link,
    "folder": replace_by_folder,
    "pipe": replace_by_pipe,
    "device": replace_by_device,
    "huge": replace_by_huge_file,
}


def replaced(kind: str, names: list[str], how: str, place: Path) -> dict[str, Any]:
    """Replace files of a run, one at a time, and run its commands; return what is wrong."""
    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    failures = []
    run = hostile.copied(kind, place)
    usual = [hostile.command(args, place, run).grown for args in (*hostile.COMMANDS[kind],) * 2]
    shutil.rmtree(place / "runs")
    for name in names:
        run = hostile.copied(kind, place)
        REPLACEMENTS[how](run / name, elsewhere / "file")
        outside = contents(elsewhere)
        for args in hostile.COMMANDS[kind]:
            ended = hostile.command(args, place, run)
            failures += [f"{kind} {name}: {' '.join(map(str, args[:3]))}: {each}"
                         for each in ended.problems(max(usual) // 2)]  # fmt: skip
            if contents(elsewhere) != outside:
                failures.append(f"{kind} {name}: {args[:3]} wrote outside of the run")
        shutil.rmtree(place / "runs")
    return {"failures": failures}


def require_unharmed(kind: str, how: str, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    result = hostile.in_child(
        replaced, kind, names, how, tmp_path / "place", folder=tmp_path, seconds=600
    )
    assert result["failures"] == []


# What can be read or written with the tensors of a huge file is verified by its header.
def names_for(kind: str, how: str) -> list[str]:
    return [
        name for name in hostile.files_of(kind) if how != "huge" or not name.endswith("safetensors")
    ]


@pytest.mark.parametrize(
    ("kind", "how"),
    [("extended", "link"), ("comparison", "dangling link"), ("jamo", "pipe"), ("jamo", "huge")],
)
def test_what_is_no_file_of_the_run_is_refused(kind: str, how: str, tmp_path: Path) -> None:
    require_unharmed(kind, how, names_for(kind, how), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("how", REPLACEMENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_of_any_run_is_refused(kind: str, how: str, tmp_path: Path) -> None:
    require_unharmed(kind, how, names_for(kind, how), tmp_path)
