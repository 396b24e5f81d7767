"""Evaluation of text: from the predictions of symbols to figures for characters.

Shapes: N characters of text, M symbols, K alternatives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import CharacterError, ConfigError, TextError
from nextchar.evaluation import Evaluation, nats_parallel, nats_windowed
from nextchar.evaluation.dynamic import Adaptation, read_and_learn
from nextchar.evaluation.exact import Predictions, read_in_order, sum_nats
from nextchar.evaluation.mixture import MixedMeasure, mixed_predictions, sum_mixed
from nextchar.evaluation.score import Score
from nextchar.evaluation.surprisal import measure_surprisal
from nextchar.generation.engine import MixtureUse
from nextchar.nn.network import Network
from nextchar.nn.precision import Arithmetic
from nextchar.text.compressors import CompressedSizes
from nextchar.text.notes import counted
from nextchar.text.places import Place
from nextchar.text.stored_ids import TextIds
from nextchar.text.unknown import UnknownSymbols, default_treatment
from nextchar.text.vocabulary import ByteVocabulary, Ids, Unknown, Vocabulary

_IDS_AT_ONCE = 1 << 16
_CHARACTERS_AT_ONCE = 1 << 20


def counted_text(
    vocabulary: Vocabulary, pieces: Iterable[str], unknown: Unknown | None, tally: TextCounts
) -> Iterator[Ids]:
    """Encode the pieces of a text in order, and count symbols and characters.

    Skipped characters are not compressed either, so all figures cover the same characters.
    """
    unknown = default_treatment(vocabulary, unknown)
    place = Place()
    for piece in _short(pieces):
        try:
            ids = vocabulary.encode(piece, unknown=unknown)
        except CharacterError as error:
            first = place.after(piece[: piece.index(error.character)])
            raise error.at(str(first)) from error
        tally.count(ids)
        skipped = unknown == "skip" and tally.skipped.read(piece, place) > 0
        place = place.after(piece)
        if tally.is_compressing:
            kept = vocabulary.decode(ids) if skipped else piece
            tally.compress(kept.encode("utf-8", "surrogateescape"))
        yield ids


def _short(pieces: Iterable[str]) -> Iterator[str]:
    """Cut long pieces, so that memory does not grow with them."""
    for piece in pieces:
        for start in range(0, len(piece), _CHARACTERS_AT_ONCE):
            yield piece[start : start + _CHARACTERS_AT_ONCE]


def counted_ids(
    vocabulary: Vocabulary,
    ids: TextIds,
    tally: TextCounts,
    *,
    progress: Callable[[float], None] | None,
) -> Iterator[Ids]:
    """Split an encoded text into pieces, and count symbols and characters.

    ``progress`` is called with the completed fraction, 0 to 1.
    """
    decoder = vocabulary.decoder()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        piece = np.array(ids[start : start + _IDS_AT_ONCE])
        tally.count(piece)
        if tally.is_compressing and isinstance(vocabulary, ByteVocabulary):
            tally.compress(vocabulary.decode_bytes(piece))
        elif tally.is_compressing:
            tally.compress(decoder.feed(piece).encode())
        yield piece
        if progress is not None:
            progress(min(1.0, (start + len(piece)) / len(ids)))
    if tally.is_compressing:
        tally.compress(decoder.flush().encode())


def evaluate_chunks(
    network: Network,
    unit: str,
    chunks: Iterable[Ids],
    tally: TextCounts,
    *,
    arithmetic: Arithmetic,
    exact: bool,
    reset_every: int,
    adaptation: Adaptation | None,
    mixture: MixtureUse = (None, "none"),
) -> Evaluation:
    """Evaluate a network on encoded chunks, counted in ``tally``; see ``LanguageModel.evaluate``.

    Raises
    ------
    TextError
        There was nothing to predict.
    """
    experts, use = mixture
    if reset_every < 0:
        raise ConfigError(f"reset_every must be at least 0 (0 means never); got {reset_every}")
    if reset_every and adaptation is not None:
        raise ConfigError("dynamic evaluation carries the state: it cannot use reset_every")
    if reset_every and experts is not None:
        raise ConfigError("experts read the text without resets: they cannot use reset_every")
    began = time.monotonic()
    network_nats: float | None = None
    if reset_every:
        nats = nats_windowed(network, chunks, window=reset_every)
    elif experts is not None and (exact or adaptation is not None or use != "fixed"):
        predictions = _predictions(network, chunks, adaptation)
        reader = experts.reader(use)
        network_nats, nats = sum_mixed(predictions, reader)
    elif experts is not None:
        measure = MixedMeasure(experts.reader())
        network_nats = nats_parallel(network, chunks, arithmetic=arithmetic, measure=measure)
        nats = measure.mixed
    elif exact or adaptation is not None:
        nats = sum_nats(_predictions(network, chunks, adaptation))
    else:
        nats = nats_parallel(network, chunks, arithmetic=arithmetic)
    seconds = time.monotonic() - began - tally.seconds
    if tally.symbols < 2 or tally.characters < 1:
        raise _nothing_to("evaluate", tally.symbols, tally.characters, tally.skipped.count)
    return Evaluation(
        nats=nats,
        unit=unit,
        symbols=tally.symbols - 1,
        characters=tally.characters,
        unknown_symbols=tally.unknown,
        skipped_symbols=tally.skipped.count,
        first_skipped=tally.skipped.first_skipped,
        compressed_bits_per_char=tally.compressed_bits_per_char(),
        compressed_characters=tally.compressed_characters,
        adaptation=adaptation,
        experts=use,
        network_nats=network_nats,
        seconds=seconds,
    )


def _predictions(
    network: Network, chunks: Iterable[Ids], adaptation: Adaptation | None
) -> Predictions:
    if adaptation is None:
        return read_in_order(network, chunks)
    return read_and_learn(network, chunks, adaptation)


def score_text(
    network: Network,
    vocabulary: Vocabulary,
    text: str,
    *,
    unknown: Unknown | None,
    adaptation: Adaptation | None,
    alternatives: int,
    progress: Callable[[float], None] | None,
    mixture: MixtureUse = (None, "none"),
) -> Score:
    """Return the bits of every character of a text; see ``LanguageModel.score``.

    Raises
    ------
    TextError
        There is nothing to predict.
    """
    began = time.monotonic()
    unknown = default_treatment(vocabulary, unknown)
    ids = vocabulary.encode(text, unknown=unknown)
    characters = int(vocabulary.starts_character[ids[1:]].sum())
    if characters < 1:
        left_out = len(text) - int(vocabulary.starts_character[ids].sum())
        raise _nothing_to("score", len(ids), characters, left_out if unknown == "skip" else 0)
    counts, is_unknown = _symbols_of_each(vocabulary, text, unknown)
    character = np.repeat(np.arange(len(text)), counts)
    if len(character) != len(ids):
        raise TextError("the vocabulary does not encode this text character by character")
    predictions = _predictions(network, [ids], adaptation)
    experts, use = mixture
    if experts is not None:
        reader = experts.reader(use)
        predictions = mixed_predictions(predictions, reader)
    surprisal = measure_surprisal(
        _reported(predictions, len(ids) - 1, progress),
        len(ids),
        min(alternatives, len(vocabulary)),
    )
    symbol_bits, entropy = surprisal.nats, surprisal.entropy
    for nats in (symbol_bits, entropy):
        np.divide(nats, np.log(2), out=nats)
    return Score(
        text=text,
        bits=_summed(symbol_bits, character, counts),
        expected_bits=_summed(entropy, character, counts),
        symbol_ids=ids.astype(np.int64),
        symbol_bits=symbol_bits,
        symbol_character=character,
        alternative_ids=surprisal.expected,
        alternative_probabilities=surprisal.probabilities,
        names=vocabulary.symbols,
        characters=characters,
        adaptation=adaptation,
        experts=use,
        unknown=is_unknown,
        seconds=time.monotonic() - began,
    )


def _nothing_to(task: str, symbols: int, characters: int, left_out: int) -> TextError:
    """Return the error for a text with nothing to predict."""
    unseen = f", and {left_out:,} that the vocabulary does not have" if left_out else ""
    return TextError(
        f"nothing to {task}: {counted(symbols, 'symbol', 'symbols')} with "
        f"{counted(characters, 'character', 'characters')} after the first"
        f"{unseen}; at least two symbols and a character are needed"
    )


def _symbols_of_each(
    vocabulary: Vocabulary, text: str, unknown: Unknown
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of symbols of each character, and whether one of them is ``<unk>``."""
    each = {character: vocabulary.encode(character, unknown=unknown) for character in set(text)}
    counts = np.fromiter((len(each[character]) for character in text), np.int64, len(text))
    unknown_characters = {c for c, ids in each.items() if vocabulary.unknown_id in ids.tolist()}
    return counts, np.fromiter((c in unknown_characters for c in text), np.bool_, len(text))


def _summed(
    values: NDArray[np.float64], character: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sum over the symbols of each character; NaN for a character without symbols."""
    sums = np.bincount(character, weights=values, minlength=len(counts))
    return np.where(counts > 0, sums, np.nan)


def _reported(
    predictions: Predictions, count: int, progress: Callable[[float], None] | None
) -> Predictions:
    """Pass the predictions on and report the completed fraction of ``count`` predictions."""
    done = 0
    for logits, ids in predictions:
        yield logits, ids
        done += len(ids) - 1
        if progress is not None:
            progress(done / count)


class TextCounts:
    """Counts the symbols and characters of a text, and compresses its beginning.

    ``seconds`` is the time spent compressing.
    """

    def __init__(self, vocabulary: Vocabulary, *, compressors: bool) -> None:
        self._vocabulary = vocabulary
        self._sizes = CompressedSizes() if compressors else None
        self.symbols = 0
        self.characters = 0
        self.unknown = 0
        self.skipped = UnknownSymbols(vocabulary)
        self.seconds = 0.0
        self.compressed_characters = 0
        self._all_characters = 0

    def count(self, ids: Ids) -> None:
        """Count a piece; the first symbol of the text is context, not a prediction."""
        predicted = ids if self.symbols else ids[1:]
        self.symbols += len(ids)
        self.characters += int(self._vocabulary.starts_character[predicted].sum())
        self._all_characters += int(self._vocabulary.starts_character[ids].sum())
        if self._vocabulary.unknown_id is not None:
            self.unknown += int((predicted == self._vocabulary.unknown_id).sum())

    @property
    def is_compressing(self) -> bool:
        """Whether the pieces counted last are compressed too."""
        return self._sizes is not None and not self._sizes.is_full

    def compress(self, data: bytes) -> None:
        """Feed the bytes of a piece, counted before, to the compressors, if it is compressed."""
        if self._sizes is None or self._sizes.is_full:
            return
        began = time.monotonic()
        self._sizes.feed(data)
        self.compressed_characters = self._all_characters
        self.seconds += time.monotonic() - began

    def compressed_bits_per_char(self) -> dict[str, float]:
        """Return the bits per character of each compressor on the data fed to it."""
        if self._sizes is None:
            return {}
        count = self.compressed_characters
        return {name: 8 * size / count for name, size in self._sizes.finish().items()}
