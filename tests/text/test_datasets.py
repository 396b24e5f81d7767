"""Named corpora: found on this machine, made here, or downloaded whole and right."""

from __future__ import annotations

import ast
import hashlib
import io
import re
import resource
import socket
import struct
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from nextchar.errors import DatasetError, InputError, StorageError
from nextchar.text import catalogue, datasets
from nextchar.text.builtin import StandardLibrary, source_text
from nextchar.text.catalogue import Archive, Dataset

CONTENT = b"To be, or not to be\n" * 10_000


class Handler(BaseHTTPRequestHandler):
    """Serves one content, in the ways in which servers and networks fail."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.requests.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
        elif self.path in ("/to-file", "/moved"):
            self.send_response(302)
            target = "file:///etc/hostname" if self.path == "/to-file" else "/good"
            self.send_header("Location", target)
            self.end_headers()
        else:
            self._send_content()

    def _send_content(self) -> None:
        content = self.server.content  # type: ignore[attr-defined]
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path != "/good" else content)
        if self.path == "/dropped":
            # Lingering for 0 seconds resets the connection instead of ending it politely.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Server(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.requests: list[str] = []

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user cache, no local copies, and no proxy before the local server."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("NEXTCHAR_DATA", raising=False)
    return tmp_path


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def dataset(server: Server) -> Dataset:
    return Dataset(
        name="hamlet",
        description="a line, many times",
        terms="public domain",
        address=server.address("/good"),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        file_names=("hamlet.txt", "prince.txt"),
    )


def files_below(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def check_failure(dataset: Dataset, cache: Path, what: str) -> None:
    """The message says everything in one line, and nothing half-written is left."""
    with pytest.raises(DatasetError, match=what) as caught:
        datasets.fetch(dataset)
    message = str(caught.value)
    assert "\n" not in message
    assert dataset.address in message
    assert dataset.sha256[:12] in message
    assert str(datasets.cache_path(dataset)) in message
    assert "NEXTCHAR_DATA" in message
    assert files_below(cache) == []
    parent = datasets.cache_path(dataset).parent
    assert not parent.exists() or list(parent.iterdir()) == []


# The catalogue


def test_names_are_unique_and_start_with_the_builtin_one() -> None:
    names = catalogue.names()
    assert names[0] == "python"
    assert "shakespeare" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", catalogue.names())
def test_every_dataset_is_found_and_described_in_one_line(name: str) -> None:
    found = catalogue.find(name)
    assert found.name == name
    description = datasets.describe(name)
    assert "\n" not in description
    assert found.description in description
    assert found.terms in description


@pytest.mark.parametrize("dataset", [d for d in catalogue.DATASETS if isinstance(d, Dataset)])
def test_every_checksum_and_size_is_well_formed(dataset: Dataset) -> None:
    for expected in (dataset, dataset.archive or dataset):
        assert re.fullmatch(r"[0-9a-f]{64}", expected.sha256)
        assert expected.size > 0


def test_file_names_of_two_datasets_never_meet() -> None:
    file_names = [n for d in catalogue.DATASETS if isinstance(d, Dataset) for n in d.file_names]
    assert len(set(file_names)) == len(file_names)


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(InputError, match="unknown dataset 'shakspear': did you mean 'shakespeare'"):
        datasets.fetch("shakspear")
    with pytest.raises(InputError, match="'zzz': the names are python, shakespeare"):
        datasets.path("zzz")


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://host/file", "input.txt"])
def test_only_http_addresses_are_taken(dataset: Dataset, address: str) -> None:
    with pytest.raises(InputError, match="must start with http:// or https://"):
        replace(dataset, address=address)


# Downloading


def test_a_fetched_dataset_is_in_the_cache_and_found_again(
    dataset: Dataset, server: Server, cache: Path
) -> None:
    fetched = datasets.fetch(dataset)
    assert fetched == datasets.cache_path(dataset)
    assert fetched.read_bytes() == CONTENT
    assert files_below(cache) == [fetched]
    assert datasets.path(dataset) == fetched
    assert datasets.fetch(dataset) == fetched
    assert server.requests == ["/good"]


def test_progress_rises_to_the_whole_size(dataset: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    datasets.fetch(dataset, progress=lambda received, total: seen.append((received, total)))
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert {total for _, total in seen} == {len(CONTENT)}


def test_a_redirection_is_followed(dataset: Dataset, server: Server) -> None:
    moved = replace(dataset, address=server.address("/moved"))
    assert datasets.fetch(moved).read_bytes() == CONTENT


def test_a_second_fetch_needs_no_network(dataset: Dataset) -> None:
    fetched = datasets.fetch(dataset)
    unreachable = replace(dataset, address=f"http://127.0.0.1:{closed_port()}/good")
    assert datasets.fetch(unreachable) == fetched


def test_a_damaged_cache_is_not_used_and_is_fetched_anew(dataset: Dataset) -> None:
    fetched = datasets.fetch(dataset)
    fetched.write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(DatasetError, match="is damaged: get it with `nextchar data fetch hamlet`"):
        datasets.path(dataset)
    assert datasets.fetch(dataset).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused(dataset: Dataset, cache: Path) -> None:
    check_failure(replace(dataset, sha256="0" * 64), cache, "sha256 is not 000000000000…")


@pytest.mark.parametrize("path", ["/cut", "/unsized"])
def test_a_cut_off_body_is_refused(
    dataset: Dataset, server: Server, cache: Path, path: str
) -> None:
    cut = replace(dataset, address=server.address(path))
    check_failure(cut, cache, "100,000 of 200,000 bytes")


def test_a_dropped_connection_is_refused(dataset: Dataset, server: Server, cache: Path) -> None:
    dropped = replace(dataset, address=server.address("/dropped"))
    check_failure(dropped, cache, "of 200,000 bytes|no answer|no connection")


def test_a_body_that_is_too_long_is_refused(dataset: Dataset, cache: Path) -> None:
    check_failure(replace(dataset, size=1000), cache, "sent more than the expected 1,000 bytes")


def test_a_missing_page_is_refused(dataset: Dataset, server: Server, cache: Path) -> None:
    check_failure(replace(dataset, address=server.address("/missing")), cache, "answered 404")


def test_a_redirection_to_a_local_file_is_refused(
    dataset: Dataset, server: Server, cache: Path
) -> None:
    check_failure(replace(dataset, address=server.address("/to-file")), cache, "answered 302")


def test_a_server_that_is_gone_is_reported(dataset: Dataset, cache: Path) -> None:
    gone = replace(dataset, address=f"http://127.0.0.1:{closed_port()}/good")
    check_failure(gone, cache, "no connection")


def test_an_interrupted_download_leaves_nothing(dataset: Dataset, cache: Path) -> None:
    def interrupt(received: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        datasets.fetch(dataset, progress=interrupt)
    assert files_below(cache) == []


def test_a_cache_that_cannot_be_made_is_a_storage_error(dataset: Dataset, cache: Path) -> None:
    (cache / "cache").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*hamlet\.txt"):
        datasets.fetch(dataset)


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(dataset: Dataset, cache: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot write .*hamlet\.txt") as caught:
            datasets.fetch(dataset)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert files_below(cache) == []


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# Archives


def packed(dataset: Dataset, server: Server, member: str, content: bytes) -> Dataset:
    """Let the server give a zip file with one member, and the dataset expect a 'hamlet' in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr(member, content)
    server.content = buffer.getvalue()
    archive = Archive(
        sha256=hashlib.sha256(server.content).hexdigest(),
        size=len(server.content),
        member="hamlet",
    )
    return replace(dataset, archive=archive)


def test_the_text_of_an_archive_is_extracted(dataset: Dataset, server: Server, cache: Path) -> None:
    fetched = datasets.fetch(packed(dataset, server, "hamlet", CONTENT))
    assert fetched.read_bytes() == CONTENT
    assert files_below(cache) == [fetched]


@pytest.mark.parametrize(
    ("member", "content", "what"),
    [
        ("macbeth", CONTENT, "no readable 'hamlet' in the zip file"),
        ("hamlet", CONTENT[::-1], "'hamlet' in the zip file has the wrong content"),
        ("hamlet", CONTENT * 2, "'hamlet' in the zip file has the wrong content"),
    ],
)
def test_an_archive_with_something_else_is_refused(
    dataset: Dataset, server: Server, cache: Path, member: str, content: bytes, what: str
) -> None:
    check_failure(packed(dataset, server, member, content), cache, what)


def test_an_archive_that_is_none_is_refused(dataset: Dataset, cache: Path) -> None:
    archive = Archive(sha256=dataset.sha256, size=dataset.size, member="hamlet")
    check_failure(replace(dataset, archive=archive), cache, "no readable 'hamlet'")


# Local copies


@pytest.mark.parametrize("file_name", ["hamlet.txt", "prince.txt"])
def test_a_local_copy_is_used_without_the_network(
    dataset: Dataset,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file_name: str,
) -> None:
    (tmp_path / file_name).write_bytes(CONTENT)
    monkeypatch.setenv("NEXTCHAR_DATA", str(tmp_path))
    assert datasets.path(dataset) == tmp_path / file_name
    assert datasets.fetch(dataset) == tmp_path / file_name
    assert server.requests == []


def test_a_wrong_local_copy_is_named_not_passed_over(
    dataset: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "hamlet.txt"
    wrong.write_bytes(CONTENT.upper())
    monkeypatch.setenv("NEXTCHAR_DATA", str(tmp_path))
    for look in (datasets.path, datasets.fetch):
        with pytest.raises(DatasetError, match="is not the dataset 'hamlet'") as caught:
            look(dataset)
        assert str(wrong) in str(caught.value)
        assert dataset.sha256[:12] in str(caught.value)
    assert server.requests == []


def test_a_folder_without_the_dataset_leads_to_the_cache(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTCHAR_DATA", str(tmp_path))
    assert datasets.fetch(dataset) == datasets.cache_path(dataset)


@pytest.mark.parametrize("name", ["absent", "file"])
def test_local_copies_must_be_in_a_folder(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEXTCHAR_DATA", str(tmp_path / name))
    with pytest.raises(InputError, match="NEXTCHAR_DATA must name a folder"):
        datasets.path(dataset)


@pytest.mark.parametrize("name", catalogue.names())
def test_an_absent_dataset_says_how_to_get_it(name: str) -> None:
    with pytest.raises(
        DatasetError, match=f"not on this machine: .*`nextchar data fetch {name}`"
    ) as caught:
        datasets.path(name)
    assert "\n" not in str(caught.value)
    if name != "python":
        assert str(datasets.cache_path(name)) in str(caught.value)


# The built-in corpus


def test_the_builtin_corpus_is_python_and_the_same_each_time() -> None:
    corpus = StandardLibrary(limit=100_000)
    text = corpus.text()
    assert text == corpus.text()
    assert 50_000 < len(text) <= 100_000
    assert "def " in text
    ast.parse(text)


def test_a_smaller_builtin_corpus_begins_a_larger_one() -> None:
    small = StandardLibrary(limit=50_000).text()
    large = StandardLibrary(limit=200_000).text()
    assert len(small) < len(large)
    assert large.startswith(small)


def test_the_builtin_corpus_is_about_two_million_characters() -> None:
    assert 1_500_000 < len(StandardLibrary().text()) <= 2_000_000


def test_fetching_the_builtin_corpus_writes_it_to_the_cache(cache: Path) -> None:
    corpus = StandardLibrary(limit=50_000)
    fetched = datasets.fetch(corpus)
    assert re.fullmatch(r"python-3\.\d+\.\S+-50000\.txt", fetched.name)
    assert fetched.read_text(encoding="utf-8") == corpus.text()
    assert datasets.path(corpus) == fetched
    assert files_below(cache) == [fetched]


def test_a_fetched_builtin_corpus_is_written_once_and_mended_when_damaged() -> None:
    corpus = StandardLibrary(limit=50_000)
    fetched = datasets.fetch(corpus)
    before = fetched.stat().st_ino
    assert datasets.fetch(corpus).stat().st_ino == before
    fetched.write_text("damaged")
    assert datasets.fetch(corpus).read_text(encoding="utf-8") == corpus.text()


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_must_be_positive(limit: int) -> None:
    with pytest.raises(InputError, match=f"at least 1 character, got {limit}"):
        StandardLibrary(limit=limit)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A small standard library with everything that is left out."""
    files = {
        "b.py": b"b = 2\n",
        "a.py": b"a = 1\n",
        "pack/c.py": "# -*- coding: latin-1 -*-\nc = 'ä'\n".encode("latin-1"),
        "pack/empty.py": b"",
        "pack/test/d.py": b"left out",
        "test/e.py": b"left out",
        "site-packages/f.py": b"left out",
        "dist-packages/f.py": b"left out",
        "__pycache__/g.py": b"left out",
        "_sysconfigdata_linux.py": b"left out",
        "undecodable.py": b"'\xff' # left out",
        "unknown.py": b"# coding: no-such\n# left out",
        "notes.txt": b"left out",
    }
    for name, content in files.items():
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).write_bytes(content)
    return tmp_path / "lib"


def test_source_files_are_decoded_sorted_and_chosen(library: Path) -> None:
    expected = "a = 1\n\nb = 2\n\n# -*- coding: latin-1 -*-\nc = 'ä'\n"
    assert source_text(library, limit=1000) == expected
    assert source_text(library, limit=len(expected)) == expected


@pytest.mark.parametrize(
    ("limit", "expected"), [(6, "a = 1\n"), (12, "a = 1\n"), (13, "a = 1\n\nb = 2\n")]
)
def test_only_whole_files_are_taken(library: Path, limit: int, expected: str) -> None:
    assert source_text(library, limit=limit) == expected


def test_a_limit_without_room_for_a_file_is_refused(library: Path) -> None:
    with pytest.raises(InputError, match=r"the size of the first file .* got 5"):
        source_text(library, limit=5)


def test_an_interpreter_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found none below"):
        source_text(tmp_path / "absent", limit=1000)
