"""Vectors of symbols: which ones are near each other, and the folder that holds them.

    embeddings.json        how they were learned, with a format version
    vocabulary.json        the symbols
    vectors.safetensors    the vectors, and how often each symbol was read

Legend: V symbols, E numbers in a vector.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import gzip
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.config.arguments import checked
from nextchar.config.embeddings import EmbeddingConfig
from nextchar.embeddings.word2vec import word2vec_text
from nextchar.errors import ConfigError, InputError, RunError, UnknownSymbolsError
from nextchar.run_files.kinds import require_embeddings
from nextchar.storage import atomic_folder, read_json, storage_errors, write_bytes, write_json
from nextchar.text import vocabulary as vocabularies
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.checkpoint import load_tensors, save_tensors

FORMAT_VERSION = 1
HEADER_FILE = "embeddings.json"
VOCABULARY_FILE = "vocabulary.json"
VECTORS_FILE = "vectors.safetensors"


@dataclass(frozen=True)
class Neighbor:
    """A symbol near others.

    Attributes
    ----------
    symbol
        Its printable name.
    cosine
        Of the angle between the vectors, -1 to 1.
    count
        How often it was read.
    """

    symbol: str
    cosine: float
    count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class SymbolVectors:
    """A vector for each symbol of a vocabulary that was read.

    Attributes
    ----------
    vocabulary
        The symbols.
    vectors
        float32[V, E]; zeros for a symbol without a vector.
    counts
        How often each symbol was read, int64[V]; 0 is a symbol without a vector.
    config
        How they were learned.
    sources
        The names of the texts.
    """

    vocabulary: Vocabulary
    vectors: NDArray[np.float32] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    config: EmbeddingConfig
    sources: tuple[str, ...]

    @classmethod
    @checked
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        RunError
            No vectors are there, they are damaged, or a newer nextchar wrote them.
        """
        folder = Path(path)
        header = _read_header(folder)
        try:
            config = EmbeddingConfig.from_dict(header["config"])
            sources = tuple(map(str, header["sources"]))
            vocabulary = vocabularies.from_dict(read_json(folder / VOCABULARY_FILE, RunError))
        except (KeyError, TypeError, InputError) as error:
            raise RunError(f"{folder} is damaged: {error}") from error
        tensors, _ = load_tensors(folder / VECTORS_FILE)
        shapes = {name: (list(each.shape), each.dtype) for name, each in tensors.items()}
        V, E = len(vocabulary), config.size
        if shapes != {"vectors": ([V, E], torch.float32), "counts": ([V], torch.int64)}:
            raise RunError(
                f"{folder / VECTORS_FILE} is damaged: it must hold vectors [{V}, {E}] and counts "
                f"[{V}], got {', '.join(f'{n} {shape}' for n, (shape, _) in shapes.items())}"
            )
        return cls(
            vocabulary=vocabulary,
            vectors=tensors["vectors"].numpy(),
            counts=tensors["counts"].numpy(),
            config=config,
            sources=sources,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vectors into a new folder, whole or not at all.

        Raises
        ------
        RunError
            Something is there already.
        StorageError
            The folder cannot be written.
        """
        folder = Path(path)
        require_free(folder)
        header = {
            "format_version": FORMAT_VERSION,
            "config": dataclasses.asdict(self.config),
            "sources": list(self.sources),
        }
        tensors = {
            "vectors": torch.from_numpy(self.vectors),
            "counts": torch.from_numpy(self.counts),
        }
        with atomic_folder(folder) as temporary:
            write_json(temporary / HEADER_FILE, header)
            write_json(temporary / VOCABULARY_FILE, self.vocabulary.to_dict())
            save_tensors(temporary / VECTORS_FILE, tensors, {})

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the vectors as word2vec and fastText have them as text; see ``word2vec``.

        The most frequent symbol comes first. A name that ends in .gz is compressed.

        Returns
        -------
        int
            How many symbols were written.

        Raises
        ------
        RunError
            The file is there already.
        StorageError
            It cannot be written.
        """
        file, order = Path(path), self.by_frequency
        require_free(file)
        keys = self.vocabulary.keys
        data = word2vec_text([keys[number] for number in order], self.vectors[order])
        write_bytes(file, gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)
        return len(order)

    @checked
    def vector(self, symbol: str) -> NDArray[np.float32]:
        """Give the vector of a symbol, float32[E]; see ``number``."""
        found: NDArray[np.float32] = self.vectors[self.number(symbol)]
        return found

    @checked
    def nearest(self, symbol: str, count: int = 10) -> list[Neighbor]:
        """Find the symbols whose vectors point most nearly the same way.

        Parameters
        ----------
        symbol
            As it is, or as its printable name.
        count
            How many at most; ``<unk>`` and the symbol itself are none.

        Raises
        ------
        UnknownSymbolsError
            The symbol has no vector.
        """
        number = self.number(symbol)
        return self._near(self._unit[number], {number}, count)

    @checked
    def analogy(self, first: str, second: str, third: str, count: int = 10) -> list[Neighbor]:
        """Find what is to the third symbol as the second is to the first.

        That is near the direction second − first + third, of vectors of length 1 (Mikolov, Yih &
        Zweig 2013); the three themselves are left out. See ``nearest``.
        """
        a, b, c = (self.number(symbol) for symbol in (first, second, third))
        direction = self._unit[b] - self._unit[a] + self._unit[c]
        length = float(np.linalg.norm(direction))
        return self._near(direction / max(length, 1e-12), {a, b, c}, count)

    @checked
    def number(self, symbol: str) -> int:
        """Give the id of a symbol that has a vector.

        Raises
        ------
        UnknownSymbolsError
            There is none; the message names the nearest one that has.
        """
        found = self._numbers.get(symbol)
        if found is not None:
            return found
        near = _nearest_name(symbol, self._numbers)
        hint = f"; did you mean {near!r}?" if near is not None else ""
        raise UnknownSymbolsError(
            f"{symbol!r} has no vector: it is not among the {len(self.by_frequency)} symbols "
            f"({self.vocabulary.kind}) that were learned{hint}"
        )

    @functools.cached_property
    def by_frequency(self) -> NDArray[np.int64]:
        """The ids of the symbols that have a vector, the most frequent first."""
        order: NDArray[np.int64] = np.argsort(-self.counts, kind="stable")
        return order[: np.count_nonzero(self.counts)]

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        """The ids by names and by the symbols themselves, where there is a vector."""
        named = (self.vocabulary.symbols, self.vocabulary.keys)
        return {names[number]: number for names in named for number in self.by_frequency.tolist()}

    @functools.cached_property
    def _unit(self) -> NDArray[np.float32]:
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = self.vectors / np.maximum(lengths, 1e-12)
        return unit

    def _near(
        self, direction: NDArray[np.float32], left_out: set[int], count: int
    ) -> list[Neighbor]:
        if count < 1:
            raise ConfigError(f"count must be at least 1; got {count}")
        cosines = self._unit @ direction
        none = [*left_out, *np.flatnonzero(self.counts == 0).tolist()]
        if self.vocabulary.unknown_id is not None:
            none.append(self.vocabulary.unknown_id)
        cosines[none] = -np.inf
        order = np.argsort(-cosines, kind="stable")[:count].tolist()
        return [
            Neighbor(self.vocabulary.symbols[each], float(cosines[each]), int(self.counts[each]))
            for each in order
            if np.isfinite(cosines[each])
        ]


def require_free(path: Path) -> None:
    """Raise ``RunError`` if a file or a folder with something in it stands at a path."""
    with storage_errors(path):
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    if taken:
        raise RunError(f"{path} exists already and is not overwritten: choose another name")


def _read_header(folder: Path) -> dict[str, Any]:
    path = folder / HEADER_FILE
    require_embeddings(folder)
    header = read_json(path, RunError)
    version = header.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise RunError(f"{path} is damaged: format_version {version!r}")
    if version > FORMAT_VERSION:
        raise RunError(f"{path} has format {version}, this nextchar reads up to {FORMAT_VERSION}")
    return header


def _nearest_name(symbol: str, known: Iterable[str]) -> str | None:
    """Find a known symbol that may have been meant: in another case or form, or of like letters."""
    names = set(known)
    forms = (str.lower, str.upper, str.capitalize, _decomposed)
    variants: Sequence[str] = [form(symbol) for form in forms]
    same = [variant for variant in variants if variant in names]
    return next(iter([*same, *difflib.get_close_matches(symbol, sorted(names), n=1)]), None)


def _decomposed(symbol: str) -> str:
    """Give the compatible form: of a letter ㄱ as keyboards give it, the initial of a syllable."""
    return unicodedata.normalize("NFKC", symbol)
