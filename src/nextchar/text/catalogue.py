"""The catalogue of named corpora: their addresses, checksums and licences."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from nextchar.errors import InputError
from nextchar.text.builtin import StandardLibrary


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file with the text of a dataset.

    Attributes
    ----------
    sha256, size
        Checksum (64 hexadecimal digits) and size in bytes of the zip file.
    member
        Name of the text file inside.
    """

    sha256: str
    size: int
    member: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A downloadable corpus.

    Attributes
    ----------
    name, description
        The name of the corpus, and a short description.
    terms
        Its licence.
    address
        The http or https address of the download.
    sha256, size
        Checksum (64 hexadecimal digits) and size in bytes of the text file.
    file_names
        Common names of the text file; the first is its name in the cache.
    archive
        The archive at the address; ``None`` if the download is the text itself.

    Raises
    ------
    InputError
        The address is not http or https.
    """

    name: str
    description: str
    terms: str
    address: str
    sha256: str
    size: int
    file_names: tuple[str, ...]
    archive: Archive | None = None

    def __post_init__(self) -> None:
        if not self.address.startswith(("http://", "https://")):
            raise InputError(f"address must start with http:// or https://, got {self.address!r}")

    @property
    def file_name(self) -> str:
        """Name of the file in the cache."""
        return self.file_names[0]


AnyDataset = Dataset | StandardLibrary

# Repository addresses include a commit: their content cannot change.
DATASETS: tuple[AnyDataset, ...] = (
    StandardLibrary(),
    Dataset(
        name="shakespeare",
        description="Tiny Shakespeare, 40,000 lines of his plays",
        terms="public domain",
        address="https://raw.githubusercontent.com/karpathy/char-rnn/"
        "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        size=1_115_394,
        file_names=("tinyshakespeare.txt", "shakespeare.txt", "tiny_shakespeare.txt"),
    ),
    Dataset(
        name="sonnets",
        description="the 154 sonnets of Shakespeare",
        terms="public domain",
        address="https://raw.githubusercontent.com/enerrio/Generate-Shakespeare-Sonnets/"
        "82eb8e47e8726088127bd6d5feccc880631d0183/sonnets.txt",
        sha256="4e5e5812959a59e06ebd719641be487c64b7496ace51a9e2594b8c0dca485562",
        size=94_082,
        file_names=("sonnets.txt",),
    ),
    Dataset(
        name="irish",
        description="804 Irish tunes in ABC notation",
        terms="traditional tunes, as in aamini/introtodeeplearning (MIT)",
        address="https://raw.githubusercontent.com/aamini/introtodeeplearning/"
        "fd8023c7804bd352fc7212ac3aa587bd90912653/mitdeeplearning/data/irish.abc",
        sha256="df3782d5f7b5a2f4c66aa7c13f13008d5f48757b3f5f51620cd6c1ceb2c53023",
        size=197_618,
        file_names=("irish.abc",),
    ),
    Dataset(
        name="names",
        description="32,000 first names given in the USA, one a line",
        terms="data of the US government (2018), as in karpathy/makemore (MIT)",
        address="https://raw.githubusercontent.com/karpathy/makemore/"
        "988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",
        sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        size=228_145,
        file_names=("names.txt",),
    ),
    Dataset(
        name="cmudict",
        description="135,000 English words and their phonemes (ARPAbet)",
        terms="BSD-style, Carnegie Mellon University",
        address="https://raw.githubusercontent.com/cmusphinx/cmudict/"
        "0f8072f814306c5ee4fbf992ed853601b12c01f9/cmudict.dict",
        sha256="81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22",
        size=3_618_488,
        file_names=("cmudict.dict",),
    ),
    Dataset(
        name="korean_chatbot",
        description="11,800 Korean questions with answers and a label (csv)",
        terms="MIT, songys/Chatbot_data",
        address="https://raw.githubusercontent.com/songys/Chatbot_data/"
        "4cf20d13fc46f5037fd1c531cd566e2dd9f72974/ChatbotData.csv",
        sha256="287eb129695b577321c80ad397bb3c2279164d4ca577874d129fd3db5b30afe2",
        size=889_842,
        file_names=("korean_chatbot.csv", "ChatbotData.csv"),
    ),
    Dataset(
        name="enwik8",
        description="the first 100,000,000 bytes of the English Wikipedia of 2006, with markup",
        terms="CC BY-SA 3.0 and GFDL, Wikipedia's authors",
        address="http://mattmahoney.net/dc/enwik8.zip",
        sha256="2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8",
        size=100_000_000,
        file_names=("enwik8", "enwik8.txt"),
        archive=Archive(
            sha256="547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
            size=36_445_475,
            member="enwik8",
        ),
    ),
    Dataset(
        name="text8",
        description="100,000,000 letters and spaces of the same Wikipedia, without markup",
        terms="CC BY-SA 3.0 and GFDL, Wikipedia's authors",
        address="http://mattmahoney.net/dc/text8.zip",
        sha256="6e890197040d37d85beb962ae1f041ff1d9a9ca8d20c7d99c85027eebf51dca7",
        size=100_000_000,
        file_names=("text8", "text8.txt"),
        archive=Archive(
            sha256="a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
            size=31_344_016,
            member="text8",
        ),
    ),
)


def names() -> list[str]:
    """Return the names of all datasets, the built-in one first."""
    return [dataset.name for dataset in DATASETS]


def find(name: str) -> AnyDataset:
    """Return a dataset by name.

    Raises
    ------
    InputError
        No dataset has this name; the message suggests the closest one.
    """
    for dataset in DATASETS:
        if dataset.name == name:
            return dataset
    near = difflib.get_close_matches(name, names(), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"the names are {', '.join(names())}"
    raise InputError(f"unknown dataset '{name}': {hint}")
