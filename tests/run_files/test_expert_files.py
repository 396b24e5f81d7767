"""The file of the experts: what it keeps, and the refusal of every file that is none."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.errors import RunError
from nextchar.experts.experts import Experts
from nextchar.experts.fitting import Slice
from nextchar.run_files.expert_files import experts_of, load_experts, save_experts
from nextchar.text.vocabulary import Vocabulary, learn
from nextchar.training.checkpoint import EXPERTS_FILE, load_header, load_tensors, save_tensors
from tests.conftest import english

M = 3
TEXT = english(1_500)
VOCABULARY = learn("char", [TEXT], 1)
V = len(VOCABULARY)
LONGEST_LINE = 1_000
NAMES = (
    "bits", "directories", "offsets", "starts", "tags", "first", "symbols", "counts", "discounts",
    "symbols_weights", "words_weights", "entropy_weights", "words_inside", "words_folded",
)  # fmt: skip
OTHER_TYPES = (
    torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
)  # fmt: skip


@pytest.fixture(scope="module")
def experts() -> Experts:
    """Experts with weights that differ."""
    ids = VOCABULARY.encode(TEXT)
    logits = np.random.default_rng(0).normal(0, 2, (200, V)).astype(np.float32)
    counted = Experts.count(ids[:-200], VOCABULARY, M, most_bytes=1 << 40)
    return counted.fitted([Slice(ids, logits)])


@pytest.fixture
def saved(experts: Experts, tmp_path: Path) -> Path:
    save_experts(tmp_path, experts)
    return tmp_path


def arrays_of(experts: Experts) -> dict[str, NDArray[Any]]:
    """Return the tables and the weights by name."""
    weights = {f"{name}_weights": each for name, each in experts.weights._asdict().items()}
    words = {f"words_{name}": each for name, each in experts.words._asdict().items()}
    return {**experts.tables._asdict(), **weights, **words}


def refused(folder: Path, vocabulary: Vocabulary = VOCABULARY) -> str:
    """Require a refusal in one line that names the file."""
    with pytest.raises(RunError) as caught:
        load_experts(folder, vocabulary)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < LONGEST_LINE
    assert str(folder / EXPERTS_FILE) in message
    return message


def test_experts_are_restored_bit_for_bit(experts: Experts, saved: Path) -> None:
    restored = load_experts(saved, VOCABULARY)
    assert restored.M == M
    assert restored.vocabulary is VOCABULARY
    before, after = arrays_of(experts), arrays_of(restored)
    assert before.keys() == after.keys()
    for name, array in before.items():
        assert array.dtype == after[name].dtype, name
        assert np.array_equal(array, after[name]), name


def test_restored_experts_read_like_those_that_were_saved(experts: Experts, saved: Path) -> None:
    ids = VOCABULARY.encode(english(300, seed=2))
    ends = np.arange(1, len(ids))
    logits = np.random.default_rng(1).normal(0, 2, (len(ends), V)).astype(np.float32)
    for adaptive in (False, True):
        before, after = (
            each.reader("adaptive" if adaptive else "fixed").nats(ids, ends, logits)
            for each in (experts, load_experts(saved, VOCABULARY))
        )
        assert np.array_equal(before, after)


def test_the_same_experts_make_the_same_file(experts: Experts, saved: Path) -> None:
    before = (saved / EXPERTS_FILE).read_bytes()
    save_experts(saved, load_experts(saved, VOCABULARY))
    assert (saved / EXPERTS_FILE).read_bytes() == before


def test_large_counts_and_hashes_are_restored(tmp_path: Path) -> None:
    # Beyond the range of the signed types of the file.
    text = learn("char", ["ab"], 1).encode("ab" * 40_000 + "b")
    counted = Experts.count(text, learn("char", ["ab"], 1), 1, most_bytes=1 << 40)
    assert counted.tables.counts.max() > 1 << 15
    assert counted.tables.tags.max() > 1 << 31
    save_experts(tmp_path, counted)
    restored = load_experts(tmp_path, counted.vocabulary)
    assert np.array_equal(restored.tables.counts, counted.tables.counts)
    assert np.array_equal(restored.tables.tags, counted.tables.tags)


def test_the_file_has_these_entries(saved: Path) -> None:
    tensors, content = load_tensors(saved / EXPERTS_FILE)
    assert content == {
        "format_version": 1,
        "longest_context": M,
        "model": None,  # the folder has none
        "vocabulary": "28a1bfa70ce1829a6416dc479ba024c6495e28cf6dbc2e9c9f759bd1505d2352",
    }
    types = {
        name: layout.dtype for name, layout in load_header(saved / EXPERTS_FILE).layouts.items()
    }
    assert types == {
        "bits": torch.int64,
        "directories": torch.int64,
        "offsets": torch.int64,
        "starts": torch.int32,
        "tags": torch.int32,
        "first": torch.int32,
        "symbols": torch.int16,
        "counts": torch.int16,
        "discounts": torch.float64,
        "symbols_weights": torch.float64,
        "words_weights": torch.float64,
        "entropy_weights": torch.float64,
        "words_inside": torch.bool,
        "words_folded": torch.int64,
    }
    assert tensors["symbols_weights"].shape == ((M + 2) * 5, 3)
    assert tensors["words_weights"].shape == (30, 3)
    assert tensors["entropy_weights"].shape == (32, 3)


def test_a_run_without_the_file_has_no_experts(tmp_path: Path) -> None:
    assert experts_of(tmp_path, VOCABULARY) is None
    assert "is missing" in refused(tmp_path)


def test_a_run_with_the_file_has_experts(saved: Path) -> None:
    found = experts_of(saved, VOCABULARY)
    assert found is not None
    assert found.M == M


def test_truncated_files_are_refused(saved: Path) -> None:
    path = saved / EXPERTS_FILE
    whole, draw = path.read_bytes(), random.Random(0)
    cuts = {*range(12), len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(190))}
    for cut in sorted(cuts):
        path.write_bytes(whole[:cut])
        refused(saved)


def test_files_with_a_flipped_bit_are_refused_or_mean_the_same(
    experts: Experts, saved: Path
) -> None:
    path = saved / EXPERTS_FILE
    whole, draw, same = path.read_bytes(), random.Random(1), 0
    intact = arrays_of(experts)
    for number in range(500):
        changed = bytearray(whole)
        place = draw.randrange(min(len(whole), 2_000) if number % 2 else len(whole))
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        try:
            found = load_experts(saved, VOCABULARY)
        except RunError:
            refused(saved)
        else:  # the name of an entry of the header that is not needed
            same += 1
            read = arrays_of(found)
            assert all(np.array_equal(each, read[name]) for name, each in intact.items())
    assert same < 25


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link to nothing"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / EXPERTS_FILE
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "nothing")
    refused(tmp_path)


def sign(folder: Path, **changes: Tensor | None) -> None:
    """Replace tensors of the file, or remove them, and sign it again."""
    path = folder / EXPERTS_FILE
    tensors, content = load_tensors(path)
    kept = {name: tensor for name, tensor in {**tensors, **changes}.items() if tensor is not None}
    save_tensors(path, kept, content)


def tensor_of(folder: Path, name: str) -> Tensor:
    return load_tensors(folder / EXPERTS_FILE)[0][name]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_array_is_refused(name: str, saved: Path) -> None:
    sign(saved, **{name: None})
    assert f"{name} is missing" in refused(saved)


@pytest.mark.parametrize("name", NAMES)
def test_an_array_of_another_type_is_refused(name: str, experts: Experts, saved: Path) -> None:
    tensor = tensor_of(saved, name)
    for dtype in OTHER_TYPES:
        if dtype != tensor.dtype:
            sign(saved, **{name: tensor.to(dtype)})
            assert f"is damaged: {name} must be of" in refused(saved)
    for dtype in (torch.uint16, torch.uint32, torch.uint64):  # which no file of this program has
        save_experts(saved, experts)
        sign(saved, **{name: tensor.clamp(0, 1).to(dtype)})
        assert f"is damaged: its header describes '{name}'" in refused(saved)


SHAPES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "empty": lambda tensor: tensor[:0],
    "without the last": lambda tensor: tensor[:-1],
    "with one more": lambda tensor: torch.cat([tensor, tensor[-1:]]),
    "in a row": lambda tensor: tensor[None],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", SHAPES)
def test_an_array_of_another_shape_is_refused(name: str, change: str, saved: Path) -> None:
    sign(saved, **{name: SHAPES[change](tensor_of(saved, name))})
    assert "do not fit the other arrays" in refused(saved)


def put(place: int, value: float) -> Callable[[Tensor], Tensor]:
    """Return a change of one element."""

    def change(tensor: Tensor) -> Tensor:
        copy = tensor.clone()
        copy.view(-1)[place] = value
        return copy

    return change


def swap(left: int, right: int) -> Callable[[Tensor], Tensor]:
    def change(tensor: Tensor) -> Tensor:
        copy = tensor.clone()
        copy[left], copy[right] = tensor[right], tensor[left]
        return copy

    return change


NAN, INF = float("nan"), float("inf")
VALUES: list[tuple[str, str, Callable[[Tensor], Tensor]]] = [
    ("bits", "negative", put(1, -1)),
    ("bits", "very negative", put(1, -(1 << 62))),
    ("bits", "large", put(0, 25)),
    ("bits", "huge", put(0, 1 << 40)),
    ("bits", "the shift of one", put(0, 63)),
    ("bits", "another number", lambda tensor: tensor + 1),
    ("directories", "negative", put(0, -1)),
    ("directories", "huge", put(-1, 1 << 62)),
    ("directories", "moved", put(1, 3)),
    ("offsets", "negative", put(0, -1)),
    ("offsets", "not ascending", put(2, 1 << 40)),
    ("offsets", "very negative inside", put(2, -(1 << 62))),
    ("offsets", "too many", put(-1, 1 << 40)),
    ("offsets", "moved", lambda tensor: tensor + 1),
    ("starts", "not from zero", put(0, 1)),
    ("starts", "not ascending", swap(-2, -1)),
    ("starts", "beyond the contexts", put(-1, -1)),  # 2³² − 1
    ("starts", "beyond the contexts inside", put(-4, 1 << 30)),
    ("first", "not from zero", put(0, 1)),
    ("first", "not ascending", swap(5, 6)),
    ("first", "a context without symbols", lambda tensor: put(5, int(tensor[4]))(tensor)),
    ("first", "beyond the entries", put(-1, -1)),
    ("first", "beyond the entries inside", put(9, 1 << 30)),
    ("symbols", "not in the vocabulary", put(7, V)),
    ("symbols", "the highest number", put(7, -1)),
    ("counts", "zero", put(7, 0)),
    ("counts", "all zero", torch.zeros_like),
    ("discounts", "zero", put(4, 0.0)),
    ("discounts", "negative", put(4, -0.5)),
    ("discounts", "no number", put(4, NAN)),
    ("discounts", "infinite", put(4, INF)),
    ("discounts", "of one too large", put(0, 1.001)),
    ("discounts", "of two too large", put(1, 2.001)),
    ("discounts", "of more too large", put(2, 3.001)),
    *(
        (f"{name}_weights", what, put(place, value))
        for name in ("symbols", "words", "entropy")
        for what, place, value in (
            ("no number", 3, NAN),
            ("infinite", 0, INF),
            ("minus infinite", -1, -INF),
            ("huge", 4, 1e300),
            ("very negative", 4, -1e7),
        )
    ),
]


@pytest.mark.parametrize(
    ("name", "change"),
    [pytest.param(name, change, id=f"{name}-{what}") for name, what, change in VALUES],
)
def test_values_that_contradict_each_other_are_refused(
    name: str, change: Callable[[Tensor], Tensor], saved: Path
) -> None:
    before = tensor_of(saved, name)
    after = change(before)
    assert after.dtype == before.dtype
    assert not torch.equal(after, before)
    sign(saved, **{name: after})
    expected = {"bits": "(bits|directories)", "counts": "symbols"}.get(name, name)
    assert re.search(rf"is damaged: {expected} do not fit the other arrays", refused(saved))


OTHER_VALUES: dict[str, tuple[Any, ...]] = {
    "longest_context": (None, True, 0, -1, 17, 1 << 70, 3.0, "3", [3], {}, "x" * 100_000),
    "format_version": (None, True, 0, -1, 1.0, "1", [1], {"a": 1}, "x" * 100_000),
}


@pytest.mark.parametrize("key", OTHER_VALUES)
def test_values_of_another_type_or_range_are_refused(key: str, saved: Path) -> None:
    path = saved / EXPERTS_FILE
    tensors, content = load_tensors(path)
    for value in OTHER_VALUES[key]:
        save_tensors(path, tensors, {**content, key: value})
        assert f"is damaged: {key} must be" in refused(saved)
    del content[key]
    save_tensors(path, tensors, content)
    assert "got None" in refused(saved)


@pytest.mark.parametrize("context", [1, 2, 4, 16])
def test_another_longest_context_is_refused(context: int, saved: Path) -> None:
    path = saved / EXPERTS_FILE
    tensors, content = load_tensors(path)
    save_tensors(path, tensors, {**content, "longest_context": context})
    assert "do not fit the other arrays" in refused(saved)


def test_a_newer_file_asks_for_an_update(saved: Path) -> None:
    path = saved / EXPERTS_FILE
    tensors, content = load_tensors(path)
    save_tensors(path, {"other": tensors["bits"]}, {**content, "format_version": 2})
    message = refused(saved)
    assert "has format 2" in message
    assert "update nextchar" in message


def test_the_file_of_a_larger_vocabulary_is_refused(saved: Path) -> None:
    smaller = learn("char", ["the dog runs"], 1)
    assert "belongs to another vocabulary than the run" in refused(saved, smaller)


def test_random_signed_changes_are_refused_or_read_safely(experts: Experts, saved: Path) -> None:
    path, draw = saved / EXPERTS_FILE, random.Random(2)
    tensors, content = load_tensors(path)
    ids = VOCABULARY.encode(english(120, seed=5))
    ends = np.arange(1, len(ids))
    logits = np.zeros((len(ends), V), np.float32)
    accepted = 0
    for _ in range(300):
        name = draw.choice(NAMES)
        changed = tensors[name].clone()
        flat = changed.view(-1)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(flat))
            flat[place] = flat[draw.randrange(len(flat))] + draw.choice([-1, 0, 1])
        save_tensors(path, {**tensors, name: changed}, content)
        try:
            found = load_experts(saved, VOCABULARY)
        except RunError:
            refused(saved)
        else:
            accepted += 1
            nats = found.reader("adaptive").nats(ids, ends, logits)
            assert np.isfinite(nats).all()
    assert 20 < accepted < 280


def test_the_header_of_the_file_is_json_of_one_entry(saved: Path) -> None:
    data = (saved / EXPERTS_FILE).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert sorted(header) == sorted(["__metadata__", *NAMES])


@pytest.mark.parametrize("bits", [17, -1])
def test_directories_of_another_size_are_refused_even_where_all_else_fits(
    bits: int, experts: Experts, saved: Path
) -> None:
    # The shortest contexts, of which there is one, get a directory of this size, or of no place.
    tables, contexts = experts.tables, 1 if bits > 0 else 0
    empty = Experts.count(VOCABULARY.encode(TEXT), VOCABULARY, M, most_bytes=1)
    place = 0 if bits > 0 else M
    tables = tables if bits > 0 else empty.tables
    begin, end = (int(each) for each in tables.directories[place : place + 2])
    length = (int(np.left_shift(1, bits)) if bits > 0 else 0) + 1
    own = np.full(length, contexts, np.int32)
    own[0] = 0
    starts = np.concatenate([tables.starts[:begin], own, tables.starts[end:]]).astype(np.int32)
    directories = tables.directories.copy()
    directories[place + 1 :] += length - (end - begin)
    widths = tables.bits.copy()
    widths[place] = bits
    save_experts(saved, Experts(M, tables, experts.words, experts.weights, VOCABULARY))
    sign(
        saved,
        bits=torch.from_numpy(widths),
        starts=torch.from_numpy(starts),
        directories=torch.from_numpy(directories),
    )
    assert "bits do not fit the other arrays" in refused(saved)


OF_OTHER_TYPES = ("bits", "tags", "symbols", "counts", "discounts", "entropy_weights")


@pytest.mark.parametrize("name", OF_OTHER_TYPES)
def test_bfloat16_is_refused(name: str, saved: Path) -> None:
    sign(saved, **{name: tensor_of(saved, name).to(torch.bfloat16)})
    assert "is damaged" in refused(saved)


@pytest.mark.parametrize("name", ["tags", "symbols"])
def test_a_single_number_is_refused(name: str, saved: Path) -> None:
    sign(saved, **{name: tensor_of(saved, name)[0].clone()})
    assert "do not fit the other arrays" in refused(saved)


def test_columns_of_tags_are_refused(saved: Path) -> None:
    tags = tensor_of(saved, "tags")
    sign(saved, tags=torch.stack([tags, tags], 1))
    assert "do not fit the other arrays" in refused(saved)
