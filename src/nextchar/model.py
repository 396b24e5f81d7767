"""A language model: a network and its vocabulary. The only place that joins ids and text."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from nextchar.config import Config, reject_unknown
from nextchar.errors import ConfigError, TextError
from nextchar.evaluation import Evaluation, nats_parallel, nats_sequential, nats_windowed
from nextchar.generation.engine import Engine, Writer
from nextchar.generation.plain import StoredWeights
from nextchar.generation.sampling import Sampling
from nextchar.model_files import (
    load_config,
    load_vocabulary,
    load_weights,
    save_config,
    save_vocabulary,
)
from nextchar.nn.network import Network
from nextchar.nn.parameters import load_parameters
from nextchar.nn.precision import has_bfloat16
from nextchar.text.compressors import CompressedSizes
from nextchar.text.vocabulary import ByteVocabulary, Ids, Unknown, Vocabulary
from nextchar.training.checkpoint import MODEL_FILE, save_tensors

_IDS_AT_ONCE = 1 << 16
# Text is written in pieces that grow to these bounds, so that it flows, and stops when it is told.
_PIECE_SECONDS, _PIECE_SYMBOLS = 0.02, 1024


class LanguageModel:
    """A network and its vocabulary: what people load.

    Parameters
    ----------
    config
        The choices that the model was made with.
    vocabulary, network
        Of the same size.
    """

    def __init__(self, config: Config, vocabulary: Vocabulary, network: Network) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.network = network

    @classmethod
    def create(cls, config: Config, vocabulary: Vocabulary) -> Self:
        """Make an untrained model; its weights follow from ``config.training.seed``."""
        generator = torch.Generator().manual_seed(config.training.seed)
        network = Network(len(vocabulary), config.network, generator=generator)
        return cls(config, vocabulary, network)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> Self:
        """Read a model from a run directory: its best weights, or the newest if none is best yet.

        Raises
        ------
        RunError
            No run is there, it is damaged, or a newer nextchar wrote it.
        """
        folder = Path(path)
        config, vocabulary = load_config(folder), load_vocabulary(folder)
        network = Network(len(vocabulary), config.network, generator=None)
        load_parameters(network, load_weights(folder))
        model = cls(config, vocabulary, network)
        model.network.to(pick_device(device)).eval()
        return model

    def save(self, path: str | Path) -> None:
        """Write the model into an existing folder, as ``load`` reads it."""
        folder = Path(path)
        save_config(folder, self.config)
        save_vocabulary(folder, self.vocabulary)
        save_tensors(folder / MODEL_FILE, dict(self.network.named_parameters()), {})

    @property
    def parameters(self) -> int:
        """Number of trained weights."""
        return self.network.parameter_count

    def stream(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        seed: int | None = None,
        unknown: Unknown = "error",
        engine: Engine = "auto",
        weights: StoredWeights = "float32",
        **sampling: Any,  # noqa: ANN401
    ) -> Iterator[str]:
        """Write on from a prompt, giving the text piece by piece as it becomes certain.

        Parameters
        ----------
        prompt
            What to continue; it stands at the start of the text, less what ``unknown`` skips or
            replaces. With none, the model starts as after a line break, or else a space.
        length
            Characters to write after the prompt.
        seed
            Gives the same text each time; ``None`` draws one.
        unknown
            What to do with symbols of the prompt that the vocabulary does not have.
        engine
            ``"compiled"`` loops, ``"plain"`` torch, or ``"auto"``: plain at first, compiled once
            the text is long enough for their loading to pay. ``"captured"`` is for a GPU: the
            network's step as one CUDA graph.
        weights
            What the compiled engine keeps the weights in: ``"int8"`` is faster, and changes the
            probabilities a little.
        **sampling
            The fields of ``Sampling``: ``temperature``, ``top_k``, ``top_p``, ``min_p``,
            ``repetition_penalty``, ``repetition_window``.

        Yields
        ------
        str
            Joined, the prompt and ``length`` characters; the same as ``generate`` gives.

        Raises
        ------
        UnknownSymbolsError, ConfigError
            The prompt or an option cannot be used; raised before the first piece.
        """
        seeds = [resolve_seed(seed)]
        pieces = self._write(prompt, length, seeds, unknown, engine, weights, sampling)
        return (texts[0] for texts in pieces)

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        seed: int | None = None,
        unknown: Unknown = "error",
        **options: Any,  # noqa: ANN401
    ) -> str:
        """Write on from a prompt; see ``stream``."""
        return "".join(self.stream(prompt, length=length, seed=seed, unknown=unknown, **options))

    def generate_batch(
        self,
        prompt: str = "",
        *,
        samples: int,
        length: int = 500,
        seed: int | None = None,
        unknown: Unknown = "error",
        engine: Engine = "auto",
        weights: StoredWeights = "float32",
        **sampling: Any,  # noqa: ANN401
    ) -> list[str]:
        """Write several texts side by side; sample i is what ``generate`` writes with seed + i.

        Up to the rounding of float32: now and then, a long text takes another turn.
        """
        if samples < 1:
            raise ConfigError(f"samples must be at least 1; got {samples}")
        first = resolve_seed(seed)
        seeds = [first + index for index in range(samples)]
        pieces = self._write(prompt, length, seeds, unknown, engine, weights, sampling)
        return ["".join(texts) for texts in zip(*pieces, strict=True)]

    def evaluate(
        self,
        text: str | Iterable[str],
        *,
        unknown: Unknown = "error",
        exact: bool = False,
        reset_every: int = 0,
        compressors: bool = False,
    ) -> Evaluation:
        """Measure how well the model predicts a text, over the whole of it with carried state.

        A long text is read in parallel streams, and in the precision of the training, which
        changes the result by about 0.0001 bits a symbol.

        Parameters
        ----------
        text
            The text, or its pieces in order; memory does not grow with their number.
        unknown
            What to do with symbols that the vocabulary does not have.
        exact
            Read the text in order and in float32.
        reset_every
            Clear the state before every so many predictions, as models with a fixed context
            are measured; 0 carries it through.
        compressors
            Also measure what xz, bz2 and gzip reach on the text.

        Raises
        ------
        TextError
            The text has fewer than two symbols, or symbols that the vocabulary does not have.
        """
        tally = _Tally(self.vocabulary, compressors=compressors)

        def encoded() -> Iterator[Ids]:
            for piece in [text] if isinstance(text, str) else text:
                ids = self.vocabulary.encode(piece, unknown=unknown)
                tally.count(ids)
                tally.compress(piece.encode("utf-8", "surrogateescape"))
                if unknown == "skip" and self.vocabulary.kind != "byte":
                    tally.skipped += len(piece) - int(self.vocabulary.starts_character[ids].sum())
                yield ids

        return self._evaluate(encoded(), tally, exact=exact, reset_every=reset_every)

    def evaluate_ids(
        self,
        ids: Ids,
        *,
        exact: bool = False,
        reset_every: int = 0,
        compressors: bool = False,
        progress: Callable[[float], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> Evaluation:
        """Measure a text that is encoded already, shape [N]; see ``evaluate``.

        ``progress`` is told the share that is done, 0 to 1; ``check`` is called before each
        piece is read, and raises if the ids may not be read any more.
        """
        tally = _Tally(self.vocabulary, compressors=compressors)

        def pieces() -> Iterator[Ids]:
            decoder = self.vocabulary.decoder()
            for start in range(0, len(ids), _IDS_AT_ONCE):
                if check is not None:
                    check()
                piece = np.array(ids[start : start + _IDS_AT_ONCE])
                tally.count(piece)
                if isinstance(self.vocabulary, ByteVocabulary):
                    tally.compress(self.vocabulary.decode_bytes(piece))
                else:
                    tally.compress(decoder.feed(piece).encode())
                yield piece
                if progress is not None:
                    progress(min(1.0, (start + len(piece)) / len(ids)))
            tally.compress(decoder.flush().encode())

        return self._evaluate(pieces(), tally, exact=exact, reset_every=reset_every)

    def _evaluate(
        self, chunks: Iterable[Ids], tally: _Tally, *, exact: bool, reset_every: int
    ) -> Evaluation:
        if reset_every < 0:
            raise ConfigError(f"reset_every must be at least 0 (0 is never); got {reset_every}")
        began = time.monotonic()
        if reset_every:
            nats = nats_windowed(self.network, chunks, window=reset_every)
        elif exact:
            nats = nats_sequential(self.network, chunks)
        else:
            nats = nats_parallel(self.network, chunks, dtype=self._evaluation_dtype())
        seconds = time.monotonic() - began - tally.seconds
        if tally.symbols < 2 or tally.characters < 1:
            raise TextError(
                f"nothing to evaluate: {tally.symbols} symbols with {tally.characters} characters "
                "after the first; it takes two symbols and a character"
            )
        return Evaluation(
            nats=nats,
            unit=self.vocabulary.kind,
            symbols=tally.symbols - 1,
            characters=tally.characters,
            unknown_symbols=tally.unknown,
            skipped_symbols=tally.skipped,
            compressed_bits_per_char=tally.compressed_bits_per_char(),
            seconds=seconds,
        )

    def _evaluation_dtype(self) -> torch.dtype:
        """Give the type of the training's products, where this machine has it.

        It is the same at each call, unlike what is timed.
        """
        weight = self.network.head.weight
        low = self.config.training.precision == "bfloat16" and weight.dtype == torch.float32
        return torch.bfloat16 if low and has_bfloat16(weight.device) else torch.float32

    def _write(
        self,
        prompt: str,
        length: int,
        seeds: list[int],
        unknown: Unknown,
        engine: Engine,
        weights: StoredWeights,
        sampling: dict[str, Any],
    ) -> Iterator[list[str]]:
        """Check everything at once, then give the next piece of every sample, again and again."""
        if length < 0:
            raise ConfigError(f"length must be at least 0; got {length}")
        reject_unknown(sampling, [field.name for field in dataclasses.fields(Sampling)])
        start, shown = self._start(prompt, unknown)
        writer = Writer(
            self.network,
            torch.from_numpy(start.astype(np.int64)),
            Sampling(**sampling),
            seeds,
            excluded=[] if self.vocabulary.unknown_id is None else [self.vocabulary.unknown_id],
            excluded_first=self._inside_character(prompt),
            engine=engine,
            weights=weights,
        )
        return self._texts(writer, shown, length, len(seeds))

    def _inside_character(self, prompt: str) -> list[int]:
        """Give the symbols that cannot follow a prompt without changing its last character."""
        cut_off = "\udc80" <= prompt[-1:] <= "\udcff"  # Bytes that are no whole character yet.
        return [] if cut_off else np.flatnonzero(~self.vocabulary.starts_character).tolist()

    def _start(self, prompt: str, unknown: Unknown) -> tuple[Ids, Ids]:
        """Give the ids that the network reads first, and those of them that belong to the text."""
        ids = self.vocabulary.encode(prompt, unknown=unknown)
        if len(ids) > 0:
            return ids, ids
        return self._context(), ids

    def _context(self) -> Ids:
        """Give the symbol after which a text without a prompt begins: a line break or a space.

        Where the vocabulary has neither, its first symbol that begins a character.
        """
        for symbol in ("\n", " "):
            context = self.vocabulary.encode(symbol, unknown="skip")
            if len(context) > 0:
                return context
        begins = np.flatnonzero(self.vocabulary.starts_character)
        first: Ids = begins[begins != self.vocabulary.unknown_id][:1].astype(self.vocabulary.dtype)
        return first

    def _texts(self, writer: Writer, shown: Ids, length: int, samples: int) -> Iterator[list[str]]:
        """Decode symbols into pieces of text until every sample has its length."""
        decoders = [self.vocabulary.decoder() for _ in range(samples)]
        target = int(self.vocabulary.starts_character[shown].sum()) + length
        pieces = [decoder.feed(shown) for decoder in decoders]
        written = [len(piece) for piece in pieces]
        yield pieces
        count = 1
        while min(written) < target:
            began = time.monotonic()
            # No symbol gives more than one character, so that none is written in vain.
            symbols = writer.write(min(count, target - min(written)))
            pieces = [
                decoder.feed(column)[: max(0, target - so_far)]
                for decoder, column, so_far in zip(decoders, symbols.T, written, strict=True)
            ]
            written = [so_far + len(piece) for so_far, piece in zip(written, pieces, strict=True)]
            if time.monotonic() - began < _PIECE_SECONDS:
                count = min(2 * count, _PIECE_SYMBOLS)
            yield pieces


class _Tally:
    """Counts what passes by on its way to the network; ``seconds`` is what compressing took."""

    def __init__(self, vocabulary: Vocabulary, *, compressors: bool) -> None:
        self._vocabulary = vocabulary
        self._sizes = CompressedSizes() if compressors else None
        self.symbols = 0
        self.characters = 0
        self.unknown = 0
        self.skipped = 0
        self.seconds = 0.0
        self._all_characters = 0

    def count(self, ids: Ids) -> None:
        """Count a piece; the very first symbol of the text is context, not a prediction."""
        predicted = ids if self.symbols else ids[1:]
        self.symbols += len(ids)
        self.characters += int(self._vocabulary.starts_character[predicted].sum())
        self._all_characters += int(self._vocabulary.starts_character[ids].sum())
        if self._vocabulary.unknown_id is not None:
            self.unknown += int((predicted == self._vocabulary.unknown_id).sum())

    def compress(self, data: bytes) -> None:
        """Feed the piece's bytes to the compressors, where they were asked for."""
        began = time.monotonic()
        if self._sizes is not None:
            self._sizes.feed(data)
        self.seconds += time.monotonic() - began

    def compressed_bits_per_char(self) -> dict[str, float]:
        """Give what each compressor reached on all that was fed."""
        if self._sizes is None:
            return {}
        count = self._all_characters + self.skipped
        return {name: 8 * size / count for name, size in self._sizes.finish().items()}


def pick_device(name: str) -> torch.device:
    """Give the device of a name: ``auto`` is a GPU where there is one.

    Raises
    ------
    ConfigError
            ``cuda`` where torch finds no GPU, or an unknown name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda; got {name!r}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("device 'cuda' needs a GPU, and torch finds none: use 'cpu'")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def resolve_seed(seed: int | None) -> int:
    """Give the seed, or a fresh one for ``None``; ``ConfigError`` outside [0, 2^63)."""
    if seed is not None and not 0 <= seed < 1 << 63:
        raise ConfigError(f"seed must be at least 0 and below 2^63; got {seed}")
    return secrets.randbits(32) if seed is None else seed
