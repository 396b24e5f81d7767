"""Symbol vectors: similarity, analogies, and their folder on disk.

    embeddings.json        the training options, with a format version
    vocabulary.json        the symbols
    vectors.safetensors    the vectors and the symbol counts

Shapes: V vocabulary size, E embedding size.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import gzip
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.config.arguments import checked
from nextchar.config.embeddings import EmbeddingConfig
from nextchar.config.records import versioned
from nextchar.embeddings.word2vec import word2vec_text
from nextchar.errors import ConfigError, InputError, RunError, UnknownSymbolsError
from nextchar.nn.parameters import TensorLayout, require_finite
from nextchar.run_files.kinds import require_embeddings
from nextchar.run_files.seals import VECTORS_FILE, seal_of, sealed_json
from nextchar.storage import atomic_folder, storage_errors, write_bytes, write_json
from nextchar.text import vocabulary as vocabularies
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.checkpoint import load_header, load_tensors, save_tensors

FORMAT_VERSION = 1
HEADER_FILE = "embeddings.json"
VOCABULARY_FILE = "vocabulary.json"


@dataclass(frozen=True)
class Neighbor:
    """A symbol with a similar vector.

    Attributes
    ----------
    symbol
        Its printable name.
    cosine
        Cosine similarity of the vectors, −1 to 1.
    count
        Number of occurrences in the training text.
    """

    symbol: str
    cosine: float
    count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class SymbolVectors:
    """A vector for each symbol of a vocabulary that occurs in the training text.

    Attributes
    ----------
    vocabulary
        The symbols.
    vectors
        float32[V, E]; zeros for a symbol without a vector.
    counts
        Number of occurrences of each symbol, int64[V]; 0 for a symbol without a vector.
    config
        The training options.
    sources
        The names of the training texts.
    """

    vocabulary: Vocabulary
    vectors: NDArray[np.float32] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    config: EmbeddingConfig
    sources: tuple[str, ...]

    @classmethod
    @checked
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load vectors from a folder written by ``save``.

        Raises
        ------
        RunError
            The folder has no vectors, is damaged, or was written by a newer nextchar.
        """
        folder = Path(path)
        require_embeddings(folder)
        try:
            with sealed_json(folder, HEADER_FILE) as values:
                header = versioned(values, FORMAT_VERSION, folder / HEADER_FILE, RunError)
                sources = _sources_of(header, folder / HEADER_FILE)
                config = EmbeddingConfig.from_dict(header["config"])
            with sealed_json(folder, VOCABULARY_FILE) as values:
                vocabulary = vocabularies.from_dict(values)
        except RunError:
            raise
        except InputError as error:
            raise RunError(f"{folder} is damaged: {error.in_both_terms}") from error
        path, V, E = folder / VECTORS_FILE, len(vocabulary), config.size
        found = load_header(path).layouts
        if found != {
            "vectors": TensorLayout((V, E), torch.float32),
            "counts": TensorLayout((V,), torch.int64),
        }:
            described = ", ".join(f"{n} {list(shape)}" for n, (shape, _) in found.items())
            raise RunError(
                f"{path} is damaged: it must have vectors [{V}, {E}] and counts [{V}], got "
                f"{described:.200}"
            )
        tensors, _ = load_tensors(path)
        counts = tensors["counts"].numpy()
        try:
            require_finite({"vectors": tensors["vectors"]})
        except RunError as error:
            raise RunError(f"{path}: {error.in_both_terms}") from error
        if counts.min(initial=0) < 0 or not counts.any():
            raise RunError(f"{path} is damaged: no symbol has a count above 0")
        return cls(
            vocabulary=vocabulary,
            vectors=tensors["vectors"].numpy(),
            counts=counts,
            config=config,
            sources=sources,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the vectors atomically in a new folder.

        Raises
        ------
        RunError
            The path exists already.
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
            save_tensors(temporary / VECTORS_FILE, tensors, {}, seal=seal_of(temporary))

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the vectors in the text format of word2vec and fastText; see ``word2vec``.

        The most frequent symbol comes first. If the name ends in .gz, the file is compressed.

        Returns
        -------
        int
            Number of symbols written.

        Raises
        ------
        RunError
            The file exists already.
        StorageError
            The file cannot be written.
        """
        file, order = Path(path), self.by_frequency
        require_free(file)
        keys = self.vocabulary.keys
        data = word2vec_text([keys[number] for number in order], self.vectors[order])
        write_bytes(file, gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)
        return len(order)

    @checked
    def vector(self, symbol: str) -> NDArray[np.float32]:
        """Return the vector of a symbol, float32[E]; see ``number``."""
        found: NDArray[np.float32] = self.vectors[self.number(symbol)]
        return found

    @checked
    def nearest(self, symbol: str, count: int = 10) -> list[Neighbor]:
        """Return the symbols with the highest cosine similarity.

        Parameters
        ----------
        symbol
            The symbol itself or its printable name.
        count
            Maximum number of neighbours, excluding ``<unk>`` and the symbol itself.

        Raises
        ------
        UnknownSymbolsError
            The symbol has no vector.
        """
        number = self.number(symbol)
        return self._nearest_to(self._unit[number], {number}, count)

    @checked
    def analogy(self, first: str, second: str, third: str, count: int = 10) -> list[Neighbor]:
        """Complete the analogy "first is to second as third is to …".

        The result is nearest to second − first + third, computed with vectors of length 1 (Mikolov,
        Yih & Zweig 2013). The three symbols themselves are excluded. See ``nearest``.
        """
        a, b, c = (self.number(symbol) for symbol in (first, second, third))
        direction = self._unit[b] - self._unit[a] + self._unit[c]
        length = float(np.linalg.norm(direction))
        return self._nearest_to(direction / max(length, 1e-12), {a, b, c}, count)

    @checked
    def number(self, symbol: str) -> int:
        """Return the id of a symbol with a vector.

        Raises
        ------
        UnknownSymbolsError
            The symbol has no vector; the message suggests the most similar name.
        """
        found = self._numbers.get(symbol)
        if found is not None:
            return found
        near = _similar_name(symbol, self._numbers)
        hint = f"; did you mean {near!r}?" if near is not None else ""
        raise UnknownSymbolsError(
            f"{symbol!r} has no vector: it is not among the {len(self.by_frequency)} symbols "
            f"({self.vocabulary.kind}) in the training text{hint}"
        )

    @functools.cached_property
    def by_frequency(self) -> NDArray[np.int64]:
        """The ids of all symbols with a vector, most frequent first."""
        order: NDArray[np.int64] = np.argsort(-self.counts, kind="stable")
        return order[: np.count_nonzero(self.counts)]

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        """The ids of all symbols with a vector, by printable name and by symbol."""
        named = (self.vocabulary.symbols, self.vocabulary.keys)
        return {names[number]: number for names in named for number in self.by_frequency.tolist()}

    @functools.cached_property
    def _unit(self) -> NDArray[np.float32]:
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = self.vectors / np.maximum(lengths, 1e-12)
        return unit

    def _nearest_to(
        self, direction: NDArray[np.float32], excluded: set[int], count: int
    ) -> list[Neighbor]:
        if count < 1:
            raise ConfigError(f"count must be at least 1; got {count}")
        cosines = self._unit @ direction
        masked = [*excluded, *np.flatnonzero(self.counts == 0).tolist()]
        if self.vocabulary.unknown_id is not None:
            masked.append(self.vocabulary.unknown_id)
        cosines[masked] = -np.inf
        order = np.argsort(-cosines, kind="stable")[:count].tolist()
        return [
            Neighbor(self.vocabulary.symbols[each], float(cosines[each]), int(self.counts[each]))
            for each in order
            if np.isfinite(cosines[each])
        ]


def require_free(path: Path) -> None:
    """Raise ``RunError`` if a path is a file or a nonempty folder."""
    with storage_errors(path):
        exists = path.exists() and (not path.is_dir() or any(path.iterdir()))
    if exists:
        raise RunError(f"{path} exists already and is not overwritten: choose another name")


def _sources_of(header: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    sources = header.get("sources")
    if (
        header.keys() != {"config", "sources"}
        or not isinstance(sources, list)
        or not all(isinstance(source, str) for source in sources)
    ):
        raise RunError(
            f"{path} is damaged: it must have format_version, config, and sources, a list of names"
        )
    return tuple(sources)


def _similar_name(symbol: str, known: Iterable[str]) -> str | None:
    """Return a similar known symbol: in another case or form, or with similar spelling."""
    names = set(known)
    forms = (str.lower, str.upper, str.capitalize, _compatible_form)
    variants: Sequence[str] = [form(symbol) for form in forms]
    same = [variant for variant in variants if variant in names]
    return next(iter([*same, *difflib.get_close_matches(symbol, sorted(names), n=1)]), None)


def _compatible_form(symbol: str) -> str:
    """Return the NFKC form, which maps a keyboard letter ㄱ to the initial of a syllable."""
    return unicodedata.normalize("NFKC", symbol)
