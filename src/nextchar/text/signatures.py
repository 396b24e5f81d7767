"""Signatures: recognition of the format and the encoding of a file by its first bytes.

Patterns that printable text could match are completed by bytes that text does not have. A file of
none of these formats is read as text.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

BEGINNING = 1 << 16  # bytes; the first entries of a zip archive are among them

_UNPACK = "unpack it, and name the files in it"
_EXPORT = "export its text to a .txt file, and read that"
_EXTRACT = "extract its text to a .txt file, and read that"
_DECOMPRESS = "decompress it first (gzip, bzip2, xz and zstd are read directly)"
_NO_TEXT = "it holds no text"
_NO_DATA = "export its texts to a .csv or .jsonl file, and read that"
_ZIP_ENTRY = rb"PK\x03\x04.{26}"
_ANY_ENTRY = rb"PK\x03\x04.*" + _ZIP_ENTRY


@dataclass(frozen=True)
class Signature:
    """The signature of a format.

    Attributes
    ----------
    name
        The format, for messages: ``"a zip archive"``.
    begins
        The pattern of the first bytes.
    advice
        A way to read the content of such a file; empty for a format that is decompressed.
    """

    name: str
    begins: re.Pattern[bytes]
    advice: str = ""


def _signature(name: str, begins: bytes, advice: str = "") -> Signature:
    return Signature(name, re.compile(begins, re.DOTALL), advice)


# The first pattern that matches decides.
_SIGNATURES = (
    # Compressed files, which are decompressed; a block of bzip2, or the end of an empty file
    _signature("gzip", rb"\x1f\x8b"),
    _signature("bzip2", rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    _signature("xz", rb"\xfd7zXZ\x00"),
    _signature("zstd", rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
    # Documents in zip archives, then other archives
    _signature("an OpenDocument file", _ZIP_ENTRY + rb"mimetypeapplication/vnd\.oasis", _EXPORT),
    _signature("an EPUB book", _ZIP_ENTRY + rb"mimetypeapplication/epub", _EXPORT),
    _signature("a Word document (.docx)", _ANY_ENTRY + rb"word/", _EXPORT),
    _signature(
        "an Excel workbook (.xlsx)",
        _ANY_ENTRY + rb"xl/",
        "export a sheet to a .csv file, and read that",
    ),
    _signature("a PowerPoint presentation (.pptx)", _ANY_ENTRY + rb"ppt/", _EXPORT),
    _signature("an Office document", _ZIP_ENTRY + rb"(\[Content_Types\]\.xml|_rels/)", _EXPORT),
    _signature("a zip archive", rb"PK(\x03\x04|\x05\x06|\x07\x08)", _UNPACK),
    _signature("a tar archive", rb".{257}ustar(\x00|  \x00)", _UNPACK),
    _signature("a 7z archive", rb"7z\xbc\xaf\x27\x1c", _UNPACK),
    _signature("a RAR archive", rb"Rar!\x1a\x07", _UNPACK),
    _signature("a cabinet archive", rb"MSCF\x00{4}", _UNPACK),
    _signature("an ar archive", rb"!<arch>\n", _UNPACK),
    _signature("an RPM package", rb"\xed\xab\xee\xdb", _UNPACK),
    # Compressed files that are not decompressed
    _signature("an lz4 file", rb"(\x04\x22|\x02\x21)\x4d\x18", _DECOMPRESS),
    _signature("an lzip file", rb"LZIP\x01", _DECOMPRESS),
    _signature("an lzop file", rb"\x89LZO\x00", _DECOMPRESS),
    _signature("a compress (.Z) file", rb"\x1f[\x9d\xa0]", _DECOMPRESS),
    _signature(
        "a file written by nextchar compress",
        rb"\x89NXC",
        "restore it with nextchar decompress, and read the result",
    ),
    # Documents
    _signature("a PDF document", rb"%PDF-\d\.\d[ \r\n]", f"{_EXTRACT} (pdftotext does this)"),
    _signature(
        "a legacy Office document (.doc, .xls or .ppt)",
        rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        _EXPORT,
    ),
    # Data
    _signature("an SQLite database", rb"SQLite format 3\x00", _NO_DATA),
    _signature("a Parquet file", rb"PAR1[\x00-\x08\x0b\x0c\x0e-\x1f]", _NO_DATA),
    _signature("an Arrow file", rb"ARROW1\x00\x00|\xff{4}.{2}\x00\x00[\x04-\x20]\x00{3}", _NO_DATA),
    _signature("an HDF5 file", rb"\x89HDF\r\n\x1a\n", _NO_DATA),
    _signature("a NumPy array", rb"\x93NUMPY[\x01-\x03]", _NO_DATA),
    _signature("a safetensors file", rb".{5}\x00{3}\{\"", _NO_TEXT),
    _signature("a pickle", rb"\x80[\x02-\x05][^\x00]", _NO_DATA),
    # Pictures, sound and films
    _signature("a PNG image", rb"\x89PNG\r\n\x1a\n", _NO_TEXT),
    _signature("a JPEG image", rb"\xff\xd8\xff", _NO_TEXT),
    _signature("a GIF image", rb"GIF8[79]a.{6}\x00", _NO_TEXT),
    _signature("a WebP image", rb"RIFF.{4}WEBPVP8", _NO_TEXT),
    _signature("a TIFF image", rb"II\*\x00|MM\x00\*|II\+\x00|MM\x00\+", _NO_TEXT),
    _signature("a BMP image", rb"BM.{4}\x00{4}", _NO_TEXT),
    _signature("an icon", rb"\x00\x00[\x01\x02]\x00[\x01-\xff]\x00", _NO_TEXT),
    _signature("a Photoshop image", rb"8BPS\x00[\x01\x02]", _NO_TEXT),
    _signature("a WAV or AVI file", rb"RIFF.{4}(WAVE|AVI )[\x20-\x7e]{4}", _NO_TEXT),
    _signature(
        "an MP3 file",
        rb"ID3[\x02-\x04][\x00-\x0a].[\x00-\x7f]{4}|\xff[\xf2\xf3\xfa\xfb][\x10-\xef]",
        _NO_TEXT,
    ),
    _signature("a FLAC file", rb"fLaC\x00", _NO_TEXT),
    _signature("an Ogg file", rb"OggS\x00", _NO_TEXT),
    _signature("a MIDI file", rb"MThd\x00{3}\x06", _NO_TEXT),
    _signature("an MP4, MOV or HEIC file", rb"\x00.{3}(ftyp|moov|mdat)", _NO_TEXT),
    _signature("a Matroska or WebM file", rb"\x1a\x45\xdf\xa3", _NO_TEXT),
    _signature("an ASF, WMA or WMV file", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _NO_TEXT),
    _signature("a Flash video", rb"FLV\x01[\x00-\x08]", _NO_TEXT),
    _signature("a font", rb"\x00\x01\x00\x00\x00|OTTO\x00|ttcf\x00|wOF[F2](\x00|OTTO)", _NO_TEXT),
    # Programs
    _signature("an executable (ELF)", rb"\x7fELF", _NO_TEXT),
    _signature("an executable (PE)", rb"MZ.[\x00-\x01].{56}.{2}\x00\x00", _NO_TEXT),
    _signature(
        "an executable (Mach-O) or a Java class",
        rb"\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe",
        _NO_TEXT,
    ),
    _signature("a WebAssembly module", rb"\x00asm", _NO_TEXT),
)

# UTF-32 first: its little-endian mark begins like that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_EXAMINED = 4096  # bytes, for UTF-16 without a mark
_FEWEST_ZEROS = 8
_LEAST_SHARE = 0.1  # of the characters: a Korean text has a space or line end in every fifth


def signature_of(beginning: bytes) -> Signature | None:
    """Return the signature of a file that is not text; ``None`` if there is none.

    Parameters
    ----------
    beginning
        The first bytes, ``BEGINNING`` or all that there are.
    """
    return next((each for each in _SIGNATURES if each.begins.match(beginning)), None)


def marked_encoding(beginning: bytes) -> str | None:
    """Return the encoding of a text that begins with a byte order mark of UTF-16 or UTF-32."""
    return next((name for mark, name in _MARKS.items() if beginning.startswith(mark)), None)


def unmarked_encoding(beginning: bytes) -> str | None:
    """Return ``utf-16-le`` or ``utf-16-be`` for a text that looks like it, without a mark."""
    examined = beginning[:_EXAMINED]
    first, second = examined[::2].count(0), examined[1::2].count(0)
    zeros = max(first, second)
    if min(first, second) > 0 or zeros < max(_FEWEST_ZEROS, _LEAST_SHARE * len(examined) / 2):
        return None
    return "utf-16-be" if first else "utf-16-le"
