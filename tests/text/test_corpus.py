import errno
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config import TextConfig, VocabularyKind
from nextchar.errors import CorpusError, StorageError, TextError, UnknownSymbolsError
from nextchar.text import corpus as corpus_module
from nextchar.text.corpus import Corpus
from nextchar.text.encoding import Copy
from nextchar.text.reading import open_text
from nextchar.text.stored_ids import IdsFile
from nextchar.text.vocabulary import CharVocabulary, Vocabulary, learn


def build(
    folder: Path,
    text: str | bytes,
    config: TextConfig | None = None,
    vocabulary: Vocabulary | None = None,
    copies: Sequence[Copy] = (),
) -> Corpus:
    config = config or TextConfig()
    folder.mkdir(exist_ok=True)
    file = folder / "text.txt"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with open_text([file], config) as source:
        if vocabulary is None:
            vocabulary = learn(config.vocabulary, source.chunks(), config.min_count)
        return Corpus.build(source, vocabulary, folder / "corpus", config, copies=copies)


def header_of(corpus: Corpus) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((corpus.folder / "corpus.json").read_text())
    return values


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return build(tmp_path, "hello world\n" * 10)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


def test_the_files_of_a_corpus_are_known_to_the_byte(tmp_path: Path) -> None:
    corpus = build(tmp_path, "abba가각", TextConfig(validation_fraction=0.3, test_fraction=0.2))
    data = (corpus.folder / "ids.bin").read_bytes()
    assert data == bytes([0, 1, 1, 0, 2, 3])
    assert header_of(corpus) == {
        "format_version": 2,
        "dtype": "uint8",
        "length": 6,
        "characters": 6,
        "sha256": hashlib.sha256(data).hexdigest(),
        "names": ["text.txt"],
        "splits": {"train": [0, 3], "test": [3, 4], "validation": [4, 6]},
        "borders": [],
        "augmented": 0,
    }


def test_wide_ids_are_little_endian(tmp_path: Path) -> None:
    vocabulary = CharVocabulary([chr(code) for code in range(32, 400)])
    corpus = build(tmp_path, "\u018f !", vocabulary=vocabulary)
    assert (corpus.folder / "ids.bin").read_bytes() == b"\x6f\x01\x00\x00\x01\x00"
    assert corpus.ids[:].tolist() == [367, 0, 1]


def test_a_corpus_opens_as_it_was_built(corpus: Corpus) -> None:
    opened = Corpus.open(corpus.folder)
    assert opened.length == opened.characters == len(opened.ids) == 120
    assert (opened.fingerprint, opened.names) == (corpus.fingerprint, corpus.names)
    assert opened.splits == corpus.splits
    assert np.array_equal(opened.ids, corpus.ids)


def test_a_corpus_can_be_built_again_in_its_place(corpus: Corpus) -> None:
    again = build(corpus.folder.parent, "another text")
    assert (again.length, Corpus.open(corpus.folder).length) == (12, 12)


def test_tiny_shakespeare_is_split_as_everywhere(tmp_path: Path) -> None:
    corpus = build(tmp_path, b"ab" * (1_115_394 // 2))
    assert (len(corpus.train), len(corpus.test), len(corpus.validation)) == (1_003_854, 0, 111_540)


FRACTIONS = st.tuples(st.integers(0, 10), st.integers(0, 10)).filter(lambda pair: sum(pair) < 20)


@pytest.mark.parametrize("kind", ["char", "byte", "jamo"])
@settings(deadline=None, max_examples=50)  # each example waits for the disk
@given(text=st.text(st.sampled_from("a각가é😀\u1100")), fractions=FRACTIONS)
def test_the_parts_cover_the_text_and_cut_no_character(
    scratch: Path, kind: VocabularyKind, text: str, fractions: tuple[int, int]
) -> None:
    validation, test = (share / 20 for share in fractions)
    config = TextConfig(vocabulary=kind, validation_fraction=validation, test_fraction=test)
    text += "b가"
    vocabulary = learn(kind, [text], 1)
    corpus = build(scratch, text, config, vocabulary)
    parts = [corpus.train, corpus.test, corpus.validation]
    assert np.array_equal(np.concatenate(parts), corpus.ids)
    assert "".join(map(vocabulary.decode, parts)) == text
    for part, share in ((corpus.validation, validation), (corpus.test, test)):
        assert abs(len(part) - share * corpus.length) <= 4


@pytest.mark.parametrize(
    ("kind", "length", "characters"), [("char", 3, 3), ("byte", 7, 3), ("jamo", 6, 3)]
)
def test_symbols_and_original_characters_are_counted(
    tmp_path: Path, kind: VocabularyKind, length: int, characters: int
) -> None:
    corpus = build(tmp_path, "a각가", TextConfig(vocabulary=kind))
    assert (corpus.length, corpus.characters) == (length, characters)


def test_stray_continuation_bytes_can_be_split(tmp_path: Path) -> None:
    corpus = build(tmp_path, b"\x80\x81" * 50, TextConfig(vocabulary="byte"))
    assert len(corpus.validation) == 10


def test_binary_junk_is_text_for_a_byte_vocabulary(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4
    corpus = build(tmp_path, data, TextConfig(vocabulary="byte"))
    assert (corpus.folder / "ids.bin").read_bytes() == data


def test_rare_symbols_are_replaced(tmp_path: Path) -> None:
    corpus = build(tmp_path, "aabbc", TextConfig(min_count=2))
    assert corpus.ids[:].tolist() == [1, 1, 2, 2, 0]


def test_progress_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("ab")
    told: list[float] = []
    with open_text([tmp_path / "a"], TextConfig()) as source:
        vocabulary = CharVocabulary(["a", "b"])
        Corpus.build(source, vocabulary, tmp_path / "c", TextConfig(), progress=told.append)
    assert told[-1] == 1.0


@pytest.mark.parametrize("kind", ["char", "byte"])
def test_an_empty_text_is_an_error_that_leaves_nothing(
    tmp_path: Path, kind: VocabularyKind
) -> None:
    with pytest.raises(TextError, match=r"the text is empty: no characters in .*text\.txt"):
        build(tmp_path, "", TextConfig(vocabulary=kind), learn(kind, ["a"], 1))
    assert list((tmp_path / "corpus").iterdir()) == []


@pytest.mark.parametrize(("kind", "name"), [("char", r"\\n"), ("byte", "0x0a")])
def test_a_text_of_one_symbol_is_an_error(tmp_path: Path, kind: VocabularyKind, name: str) -> None:
    message = f"one distinct symbol, '.*{name[-3:]}': nothing to predict"
    with pytest.raises(TextError, match=message):
        build(tmp_path, "\n" * 100, TextConfig(vocabulary=kind))


def test_unknown_symbols_of_the_text_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbolsError, match="unknown symbols 'c': not among the 2 symbols"):
        build(tmp_path, "abc", vocabulary=CharVocabulary(["a", "b"]))
    assert list((tmp_path / "corpus").iterdir()) == []


def test_a_text_that_changes_after_its_vocabulary_was_made_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("abab")
    with open_text([file], TextConfig()) as source:
        vocabulary = learn("char", source.chunks(), 1)
        file.write_text("ababc")
        with pytest.raises(TextError, match=r"a\.txt was modified while it was being read"):
            Corpus.build(source, vocabulary, tmp_path / "corpus", TextConfig())


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_is_a_storage_error_that_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(StorageError, match=r"cannot write .*: No space left on device"):
        build(tmp_path, "abc")
    assert list((tmp_path / "corpus").iterdir()) == []


def test_a_header_that_cannot_be_written_leaves_no_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, value: object) -> None:
        raise StorageError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(corpus_module, "write_json", fail)
    with pytest.raises(StorageError, match=r"corpus\.json: No space"):
        build(tmp_path, "abc")
    assert list((tmp_path / "corpus").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot write .*corpus: File exists"):
        build(tmp_path, "abc")


def test_a_missing_corpus_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot read .*corpus\.json: No such file"):
        Corpus.open(tmp_path)


def test_missing_ids_are_an_error(corpus: Corpus) -> None:
    (corpus.folder / "ids.bin").unlink()
    with pytest.raises(CorpusError, match=r"cannot read .*ids\.bin: No such file"):
        Corpus.open(corpus.folder)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has 0 bytes, expected 120"),
        (b"x" * 119, "has 119 bytes, expected 120"),
        (b"\0" * 120, "was modified or is damaged"),
    ],
)
def test_damaged_ids_are_an_error(corpus: Corpus, data: bytes, message: str) -> None:
    (corpus.folder / "ids.bin").write_bytes(data)
    with pytest.raises(CorpusError, match=rf"ids\.bin {message}"):
        Corpus.open(corpus.folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format_version", "one"),
        ("dtype", "float32"),
        ("dtype", ["uint8"]),
        ("length", 119),
        ("length", None),
        ("length", 120.0),
        ("length", True),
        ("length", -120),
        ("length", 10**400),
        ("sha256", None),
        ("names", "text.txt"),
        ("names", [5]),
        ("characters", -1),
        ("characters", True),
        ("splits", {"train": [-10, 120], "test": [120, 120], "validation": [120, 120]}),
        ("splits", {"train": [0, 2**62], "test": [2**62, 2**62], "validation": [2**62, 2**62]}),
        ("borders", list(range(1, 200_000))),
        ("borders", [10**17]),
        ("borders", [10**400]),
        ("borders", [-1]),
        ("borders", "12"),
        ("characters", "many"),
        ("names", 5),
        ("splits", {"train": [0, 120]}),
        ("splits", {"train": [0, 120], "test": [0, 120], "validation": [0, 120]}),
        ("splits", {"train": [0, 130], "test": [130, 110], "validation": [110, 120]}),
        ("splits", {"train": [0], "test": [0, 0], "validation": [0, 120]}),
        ("splits", {"train": [0, 0], "test": [0, 0], "validation": [0, 0]}),
        ("splits", [0, 120]),
        ("borders", [0]),
        ("borders", [50, 50]),
        ("borders", [108]),
        ("borders", ["50"]),
        ("borders", 50),
        ("augmented", 8),
        ("augmented", None),
    ],
)
def test_a_damaged_header_is_an_error(corpus: Corpus, key: str, value: object) -> None:
    (corpus.folder / "corpus.json").write_text(json.dumps({**header_of(corpus), key: value}))
    with pytest.raises(CorpusError, match=r"corpus\.json is damaged: ") as raised:
        Corpus.open(corpus.folder)
    assert len(str(raised.value)) < len(str(corpus.folder)) + 200


@pytest.mark.parametrize(
    "key",
    [
        "format_version",
        "dtype",
        "length",
        "characters",
        "sha256",
        "names",
        "splits",
        "borders",
        "augmented",
    ],
)
def test_a_header_without_one_of_its_keys_is_an_error(corpus: Corpus, key: str) -> None:
    values = header_of(corpus)
    del values[key]
    (corpus.folder / "corpus.json").write_text(json.dumps(values))
    with pytest.raises(CorpusError, match=rf"corpus\.json is damaged: .*{key}"):
        Corpus.open(corpus.folder)


def test_a_corpus_of_the_first_format_has_no_borders_and_no_copies(corpus: Corpus) -> None:
    values = {**header_of(corpus), "format_version": 1}
    del values["borders"], values["augmented"]
    (corpus.folder / "corpus.json").write_text(json.dumps(values))
    opened = Corpus.open(corpus.folder)
    assert (opened.boundaries, opened.augmented) == ((), 0)
    assert np.array_equal(opened.original, corpus.train)


def upper(chunks: Iterator[str], segment: int) -> Iterator[str]:
    """A copy that says of which segment it is."""
    yield str(segment)
    yield from (chunk.upper() for chunk in chunks)


def parts_of(corpus: Corpus, vocabulary: Vocabulary) -> list[str]:
    """Decode the training part between its boundaries, then the parts held out."""
    bounds = [0, *corpus.boundaries, len(corpus.train)]
    segments = [corpus.train[start:end] for start, end in itertools.pairwise(bounds)]
    return [vocabulary.decode(ids) for ids in (*segments, corpus.test[:], corpus.validation[:])]


def test_copies_stand_between_the_training_part_and_what_is_held_out(tmp_path: Path) -> None:
    vocabulary = CharVocabulary(list("abcdefgh0ABCDEFGH"))
    config = TextConfig(validation_fraction=0.25, test_fraction=0.25)
    plain = build(tmp_path / "plain", "abcdefgh", config, vocabulary)
    copied = build(tmp_path / "copied", "abcdefgh", config, vocabulary, copies=[upper, upper])
    assert parts_of(copied, vocabulary) == ["abcd", "0ABCD", "0ABCD", "ef", "gh"]
    assert (copied.boundaries, copied.augmented, copied.length) == ((4, 9), 10, 18)
    assert (plain.characters, copied.characters) == (8, 8)
    assert np.array_equal(copied.original, plain.train)
    assert np.array_equal(copied.ids, Corpus.open(copied.folder).ids)


@pytest.mark.parametrize("kind", ["char", "byte", "jamo"])
def test_what_is_copied_are_the_characters_of_the_training_part(
    tmp_path: Path, kind: VocabularyKind
) -> None:
    text = "각é가b😀" * 7
    config = TextConfig(vocabulary=kind, validation_fraction=0.3)
    vocabulary = learn(kind, [text], 1)
    corpus = build(tmp_path, text, config, vocabulary, copies=[lambda chunks, _: chunks])
    assert corpus.augmented == len(corpus.original) > 0
    first, second, _, held_out = parts_of(corpus, vocabulary)
    assert first == second
    assert first + held_out == text


def test_a_copy_of_which_nothing_is_left_is_none(tmp_path: Path) -> None:
    corpus = build(tmp_path, "ab" * 50, copies=[lambda _chunks, _: iter(())])
    assert (corpus.boundaries, corpus.augmented) == ((), 0)


@pytest.mark.parametrize(
    ("fold", "parts"),
    [
        (1, ["defghi", "", "abc"]),
        (2, ["abc", "ghi", "", "def"]),
        (3, ["abcdef", "", "ghi"]),
    ],
)
def test_a_fold_comes_last_and_leaves_a_border_where_it_was(
    tmp_path: Path, fold: int, parts: list[str]
) -> None:
    config = TextConfig(validation_fraction=0, folds=3, fold=fold)
    vocabulary = CharVocabulary(list("abcdefghi"))
    corpus = build(tmp_path, "abcdefghi", config, vocabulary)
    assert parts_of(corpus, vocabulary) == parts
    assert (corpus.length, corpus.characters) == (9, 9)


def test_both_segments_around_a_fold_are_copied(tmp_path: Path) -> None:
    config = TextConfig(validation_fraction=0, folds=3, fold=2)
    vocabulary = CharVocabulary(list("abcdefghi01ABCDEFGHI"))
    corpus = build(tmp_path, "abcdefghi", config, vocabulary, copies=[upper])
    assert parts_of(corpus, vocabulary) == ["abc", "ghi", "0ABC", "1GHI", "", "def"]
    assert corpus.augmented == 8


@pytest.mark.parametrize("kind", ["char", "byte", "jamo"])
@settings(max_examples=10)
@given(text=st.text(st.sampled_from("a각가é😀\u1100"), min_size=4), data=st.data())
def test_the_folds_together_are_the_text_in_every_vocabulary(
    scratch: Path, kind: VocabularyKind, text: str, data: st.DataObject
) -> None:
    text += "b가"
    folds = data.draw(st.integers(2, min(4, len(text) // 2)))
    vocabulary = learn(kind, [text], 1)
    held_out: list[str] = []
    for fold in range(1, folds + 1):
        config = TextConfig(vocabulary=kind, validation_fraction=0, folds=folds, fold=fold)
        corpus = build(scratch, text, config, vocabulary)
        *segments, _, validation = parts_of(corpus, vocabulary)
        before = "".join(held_out)
        assert "".join(segments) == before + text[len(before) + len(validation) :]
        held_out.append(validation)
    assert "".join(held_out) == text
    assert max(map(len, held_out)) - min(map(len, held_out)) <= 1


def test_a_text_too_short_for_its_folds_is_an_error(tmp_path: Path) -> None:
    config = TextConfig(validation_fraction=0, folds=5)
    with pytest.raises(TextError, match="too short for 5 folds: it has 9 characters, they need 10"):
        build(tmp_path, "abcdefghi", config)


def test_a_newer_format_is_an_error(corpus: Corpus) -> None:
    (corpus.folder / "corpus.json").write_text('{"format_version": 3}')
    with pytest.raises(CorpusError, match=r"has format version 3, but .* supports up to 2"):
        Corpus.open(corpus.folder)


def test_a_corpus_at_rest_passes_the_check(corpus: Corpus) -> None:
    corpus.ids.check()
    corpus.ids.check()


def _overwrite(path: Path) -> None:
    path.write_bytes(bytes(reversed(path.read_bytes())))


def _exchange(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.rename(path)


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (lambda path: os.truncate(path, 10), "was modified while in use"),
    "emptied": (lambda path: os.truncate(path, 0), "was modified while in use"),
    "longer": (lambda path: os.truncate(path, 500), "was modified while in use"),
    "overwritten": (_overwrite, "was modified while in use"),
    "replaced": (_exchange, "was modified while in use"),
    "removed": (Path.unlink, "was removed while in use"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_under_a_reader_is_an_error(corpus: Corpus, change: str) -> None:
    act, message = CHANGES[change]
    act(corpus.folder / "ids.bin")
    for read in (corpus.ids.check, lambda: corpus.train[50:60], lambda: list(corpus.ids.pieces())):
        with pytest.raises(CorpusError, match=rf"ids\.bin {message}"):
            read()


def test_a_file_that_shrinks_after_the_check_is_an_error(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a race: the check has passed, and what is read is no longer there."""
    monkeypatch.setattr(IdsFile, "check", lambda _file: None)
    os.truncate(corpus.folder / "ids.bin", 55)
    assert len(corpus.ids[:55]) == 55
    with pytest.raises(CorpusError, match=r"ids\.bin was modified while in use"):
        corpus.ids[50:60]


def test_ids_that_no_symbol_has_are_an_error_even_if_the_file_looks_the_same(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IdsFile, "check", lambda _file: None)
    with (corpus.folder / "ids.bin").open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(CorpusError, match=r"ids\.bin was modified while in use"):
        corpus.ids[:10]


def test_a_file_replaced_by_its_equal_changes_nothing(corpus: Corpus) -> None:
    path = corpus.folder / "ids.bin"
    before, times = corpus.ids[:], path.stat()
    _overwritten = path.with_name("other")
    _overwritten.write_bytes(bytes(len(before)))
    os.utime(_overwritten, ns=(times.st_atime_ns, times.st_mtime_ns))
    _overwritten.rename(path)
    assert np.array_equal(corpus.ids, before)


def test_slices_are_those_of_an_array(corpus: Corpus) -> None:
    whole = np.asarray(corpus.ids)
    for start, end in itertools.product([None, 0, 3, 119, 120, 200, -1, -7, -200], repeat=2):
        assert np.array_equal(corpus.ids[start:end], whole[start:end])
    part = corpus.ids.part(10, 50)
    assert len(part) == 40
    assert np.array_equal(part[5:], whole[15:50])
    assert np.array_equal(np.asarray(part.part(1, 3), np.int64), whole[11:13])
    assert [len(piece) for piece in part.pieces()] == [40]
    with pytest.raises(ValueError, match="a step of 2"):
        corpus.ids[::2]


def test_a_corpus_leaves_no_descriptor_open(corpus: Corpus) -> None:
    count = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        Corpus.open(corpus.folder)
    assert len(list(Path("/proc/self/fd").iterdir())) == count


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_ids_are_read_from_a_regular_file_only(corpus: Corpus, kind: str) -> None:
    path = corpus.folder / "ids.bin"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(CorpusError, match=r"cannot read .*ids\.bin"):
        Corpus.open(corpus.folder)


def test_names_have_no_folders(corpus: Corpus, tmp_path: Path) -> None:
    assert corpus.names == ("text.txt",)
    assert str(tmp_path) not in (corpus.folder / "corpus.json").read_text()
    values = header_of(corpus) | {"names": ["/home/someone/a.txt", "b/a.txt", "standard input"]}
    (corpus.folder / "corpus.json").write_text(json.dumps(values))
    assert Corpus.open(corpus.folder).names == ("a.txt", "a.txt", "standard input")
