"""What a file is, its first bytes tell; no text is taken for something else."""

from __future__ import annotations

import io
import pickle
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.text.signatures import marked_encoding, signature_of, unmarked_encoding


def archive(*names: str, stored: str = "", first: bytes = b"<xml/>" * 200) -> bytes:
    """Make a zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        if stored:
            file.writestr(zipfile.ZipInfo("mimetype"), stored)
        for name in names:
            file.writestr(name, first)
    return packed.getvalue()


def tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        member = tarfile.TarInfo("text.txt")
        member.size = 5
        file.addfile(member, io.BytesIO(b"hello"))
    return packed.getvalue()


def array() -> bytes:
    packed = io.BytesIO()
    np.save(packed, np.zeros(5))
    return packed.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table texts (text)")
        return connection.serialize()


FILES = {
    "a zip archive": archive("a.txt", "b.txt"),
    "a Word document (.docx)": archive(
        "[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "word/document.xml"
    ),
    "an Excel workbook (.xlsx)": archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),
    "a PowerPoint presentation (.pptx)": archive("[Content_Types].xml", "ppt/presentation.xml"),
    "an Office document": archive("[Content_Types].xml", "other/thing.xml"),
    "an OpenDocument file": archive(
        "content.xml", stored="application/vnd.oasis.opendocument.text"
    ),
    "an EPUB book": archive("META-INF/container.xml", stored="application/epub+zip"),
    "a tar archive": tar(),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "a RAR archive": b"Rar!\x1a\x07\x01\x00",
    "an lz4 file": b"\x04\x22\x4d\x18\x64\x40",
    "a compress (.Z) file": b"\x1f\x9d\x90",
    "a file written by nextchar compress": b"\x89NXC\r\n\x1a\n",
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "a legacy Office document (.doc, .xls or .ppt)": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    + bytes(16),
    "an SQLite database": database(),
    "a Parquet file": b"PAR1\x15\x04\x15",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n\x00",
    "a NumPy array": array(),
    "a safetensors file": struct.pack("<Q", 100) + b'{"__metadata__":{}}',
    "a pickle": pickle.dumps({"texts": ["a"]}),
    "a PNG image": b"\x89PNG\r\n\x1a\n" + zlib.compress(b"pixels"),
    "a JPEG image": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "a GIF image": b"GIF89a\x01\x00\x01\x00\x80\x00\x00",
    "a WebP image": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "a TIFF image": b"II*\x00\x08\x00\x00\x00",
    "a BMP image": b"BM\x9a\x00\x00\x00\x00\x00\x00\x00\x36",
    "a WAV or AVI file": b"RIFF\x24\x08\x00\x00WAVEfmt ",
    "an MP3 file": b"ID3\x04\x00\x00\x00\x00\x02\x01",
    "a FLAC file": b"fLaC\x00\x00\x00\x22",
    "an Ogg file": b"OggS\x00\x02",
    "an MP4, MOV or HEIC file": b"\x00\x00\x00\x20ftypisom",
    "a Matroska or WebM file": b"\x1a\x45\xdf\xa3\x01",
    "an executable (ELF)": b"\x7fELF\x02\x01\x01",
    "an executable (PE)": b"MZ\x90\x00" + bytes(56) + b"\x80\x00\x00\x00",
    "an executable (Mach-O) or a Java class": b"\xcf\xfa\xed\xfe\x07",
    "a WebAssembly module": b"\x00asm\x01",
}
# The printable beginnings of some formats, which a text may have as well.
LIKE = [
    "BM", "MZ", "GIF89a is a format", "PAR1\n", "RIFFabcdWAVE\n", "RIFFabcdWEBP files", "%PDF-",
    "II*", "PK\n", "BZh91", "7z", "Rar!", "SQLite format 3 is", "ustar", "OggS", "fLaC", "ID3 tags",
    "abcdftyp", "{\"a\": 1}", "12345678{\"", "x" * 257 + "ustar files", "wOFF", "FLV\n", "8BPS",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_text_is_named(name: str) -> None:
    found = signature_of(FILES[name])
    assert found is not None
    assert found.name == name
    assert found.advice


def test_a_document_is_recognised_behind_large_first_entries() -> None:
    data = archive(
        "[Content_Types].xml", "word/document.xml", first=np.random.default_rng(0).bytes(30_000)
    )
    found = signature_of(data)
    assert found is not None
    assert found.name == "a Word document (.docx)"


@pytest.mark.parametrize("text", LIKE)
def test_a_text_that_begins_like_another_format_is_text(text: str) -> None:
    assert signature_of(text.encode()) is None
    assert signature_of((text + "\nand more of it" * 50).encode()) is None


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])), st.sampled_from(["", *LIKE]))
def test_no_text_is_taken_for_something_else(text: str, before: str) -> None:
    for data in ((before + text).encode(), (before + text + "\n" + text * 9).encode()):
        assert signature_of(data) is None
        assert unmarked_encoding(data) is None


def encoded(text: str, encodings: Iterable[str]) -> list[tuple[str, bytes]]:
    return [(encoding, text.encode(encoding)) for encoding in encodings]


@pytest.mark.parametrize("text", ["hello world, and so on\n", "한국어는 참 아름답다고 한다.\n" * 3])
def test_the_encoding_of_a_text_without_a_mark_is_guessed(text: str) -> None:
    for encoding, data in encoded(text, ["utf-16-le", "utf-16-be"]):
        assert unmarked_encoding(data) == encoding
        assert marked_encoding(data) is None
    for _, data in encoded(text + "\0" + text + "\0", ["utf-8", "utf-8-sig", "cp949"]):
        assert unmarked_encoding(data) is None
    for encoding, data in encoded(
        "\ufeff" + text, ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
    ):
        assert marked_encoding(data) == encoding
