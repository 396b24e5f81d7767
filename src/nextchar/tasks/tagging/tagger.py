"""The tagger: restoration or labelling of text, and its evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np

from nextchar.config import TaggerRunConfig, TextConfig, Transitions
from nextchar.config.arguments import checked
from nextchar.config.options import TaggerOptions
from nextchar.errors import ConfigError, as_option
from nextchar.runs import ResumeOptions, train
from nextchar.tasks.result import ItemResult
from nextchar.tasks.tagging.encoding import cut, encode, encode_items, readable
from nextchar.tasks.tagging.items import Item, TaggingData, tagging_items
from nextchar.tasks.tagging.model import TagModel
from nextchar.tasks.tagging.restoration import START, Change, MarkPlace
from nextchar.tasks.tagging.scores import Scores
from nextchar.tasks.tagging.streaming import LabellingStream, RestoringStream, Stream
from nextchar.text.files import Input
from nextchar.text.notes import Note, no_note
from nextchar.text.unknown import UnknownSymbols
from nextchar.training.events import Listener

_FED = 1 << 14  # characters per call of ``feed``, which bounds the memory


@dataclass(frozen=True, kw_only=True)
class TagEvaluation:
    """The evaluation of a tagger on items.

    Attributes
    ----------
    nats_per_label
        The mean cross-entropy, without unseen labels.
    scores
        The scores of the predicted labels.
    unknown_characters
        Number of positions with a character outside the vocabulary.
    unseen_labels
        Labels not seen in training, which are never predicted, with their number of occurrences.
    """

    nats_per_label: float
    scores: Scores
    unknown_characters: int
    unseen_labels: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            **self.scores.to_dict(),
            "nats_per_label": self.nats_per_label,
            "unknown_characters": self.unknown_characters,
            "unseen_labels": self.unseen_labels,
        }


class Tagger:
    """A model that labels the characters of text, or restores marks.

    Parameters
    ----------
    model
        The tagging model, in evaluation mode.
    transitions
        The rule for label transitions; by default that of the run.

    Raises
    ------
    ConfigError
        The labels do not fit the transition rule.
    """

    def __init__(self, model: TagModel, *, transitions: Transitions | None = None) -> None:
        self.model = model
        if transitions is not None:
            model.grammar = model.labels.grammar(transitions)

    @classmethod
    @checked
    def train(
        cls,
        data: TaggingData,
        out: Input,
        *,
        columns: Sequence[str] = (),
        listeners: Sequence[Listener] = (),
        **options: Unpack[TaggerOptions],
    ) -> ItemResult:
        """Train a tagger on plain text, with ``restore``, or on labelled characters.

        Parameters
        ----------
        data
            Files, folders or glob patterns; see ``items.read_items``. Items with the same
            characters are always in the same part of the train/validation split.
        out
            The run directory to create. It must not exist, or must be empty.
        columns
            The table columns to read.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar tag train``.

        Raises
        ------
        ConfigError, TextError, RunError
            The data or an option is invalid. Nothing was written.
        """
        result: ItemResult = train(
            TagModel.task, data, out, columns=columns, listeners=listeners, **options
        )
        return result

    @classmethod
    @checked
    def resume(cls, run: Input, **options: Unpack[ResumeOptions]) -> ItemResult:
        """Continue a run, or train it further; see ``nextchar.resume``."""
        return TagModel.resume(run, **options)

    @classmethod
    @checked
    def load(
        cls,
        run: Input,
        *,
        device: str = "cpu",
        checkpoint: str | int = "best",
        transitions: Transitions | None = None,
    ) -> Self:
        """Load a tagger from a run directory; ``checkpoint`` is as in ``LanguageModel.load``.

        Raises
        ------
        RunError
            The directory has no run of a tagger, the run is damaged, or it is from a newer version
            of nextchar.
        """
        model = TagModel.load(Path(run), device=device, checkpoint=checkpoint)
        return cls(model, transitions=transitions)

    def __repr__(self) -> str:
        return repr(self.model).replace(type(self.model).__name__, type(self).__name__, 1)

    @property
    def config(self) -> TaggerRunConfig:
        """The configuration of the run."""
        return self.model.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the tagger, sorted."""
        return self.model.labels.names

    @checked
    def stream(self, *, keep: bool = False) -> Stream:
        """Return a stream for running text: ``feed`` returns final output, ``finish`` the rest.

        Parameters
        ----------
        keep
            Keep existing marks of the restored kinds. By default they are removed first.

        Raises
        ------
        ConfigError
            ``keep`` is set, and the tagger does not restore marks.
        """
        restoration = self.model.labels.restoration
        if restoration is not None:
            return RestoringStream(self.model, restoration, keep=keep)
        if keep:
            raise ConfigError(
                f"{as_option('keep')} is for runs that restore marks; this one outputs labels"
            )
        return LabellingStream(self.model)

    def unknown_symbols(self) -> UnknownSymbols:
        """Return a counter for characters of running text that are read as ``<unk>``.

        Marks that are removed before prediction are not counted.
        """
        vocabulary, restoration = self.model.vocabulary, self.model.labels.restoration

        def knows(character: str) -> bool:
            if character in "\r\n" or readable(character) != character:
                return True  # Undecodable bytes are counted by the reader.
            if restoration is None:
                return vocabulary.knows(character)
            base = restoration.letter(character).base
            return restoration.removes(character) or vocabulary.knows(base)

        return UnknownSymbols(vocabulary, knows=knows)

    def apply_to(self, chunks: Iterable[str], *, keep: bool = False) -> Iterator[str]:
        """Yield the output of ``apply`` for a text in pieces, in bounded memory."""
        stream = self.stream(keep=keep)
        for chunk in chunks:
            for start in range(0, len(chunk), _FED):
                yield stream.feed(chunk[start : start + _FED])
        yield stream.finish()

    @checked
    def apply(self, text: str, *, keep: bool = False) -> str:
        """Return a text with its marks restored, or its characters with their labels.

        A tagger that restores marks keeps everything else unchanged, including line ends. A tagger
        trained on labelled files returns the format of those files, a line for each character.

        Parameters
        ----------
        text
            Any text.
        keep
            As in ``stream``.
        """
        return "".join(self.apply_to([text], keep=keep))

    @checked
    def tag(self, text: str) -> list[tuple[str, str]]:
        """Return each character of one item with its label.

        A tagger that restores marks removes them first. If it restores spaces or punctuation, the
        first character is ``""``, the position before the text.
        """
        restoration = self.model.labels.restoration
        if restoration is None:
            places = [MarkPlace(character, Change()) for character in text]
        else:
            parser = restoration.parser()
            parser.add(text)
            places = parser.places
        characters = [place.character for place in places]
        pieces = list(cut(characters, self.config.tagging.window))
        ends = np.cumsum([piece.end - piece.first for piece in pieces])
        possible = np.split(self.model.labels.possible(places), ends[:-1])
        labelled = self.model.label(encode(pieces, self.model.vocabulary), possible=possible)
        numbers = [number for _, _, chosen in labelled for number in chosen]
        return [(c, self.labels[n]) for c, n in zip(characters, numbers, strict=True)]

    @checked
    def evaluate(
        self,
        data: TaggingData,
        *,
        columns: Sequence[str] = (),
        reading: TextConfig | None = None,
        note: Note = no_note,
    ) -> TagEvaluation:
        """Evaluate the tagger on files; see ``items.read_items``.

        Parameters
        ----------
        data
            Plain text or labelled files, in the format of the training data.
        columns
            The table columns to read.
        reading
            How to decode bytes; by default as in training.
        note
            Called with a line for each irregularity of a file, and for omitted items.
        """
        reading = self.config.items.reading if reading is None else reading
        restoration = self.model.labels.restoration
        items = tagging_items(data, reading, restoration, columns=columns, note=note)
        return self.evaluate_items(items)

    def evaluate_items(self, items: Sequence[Item]) -> TagEvaluation:
        """Evaluate the tagger on items."""
        known = set(self.labels)
        unseen: dict[str, int] = {}
        for label in (label for item in items for label in item.labels if label not in known):
            unseen[label] = unseen.get(label, 0) + 1
        vocabulary = self.model.vocabulary
        characters = {character for item in items for character in item.characters}
        unknown = {c for c in characters if c != START and not vocabulary.knows(readable(c))}
        examples = encode_items(
            items, vocabulary, (*self.labels, *unseen), self.config.tagging.window
        )
        nats, scores = self.model.score(examples, tuple(unseen))
        return TagEvaluation(
            nats_per_label=nats,
            scores=scores,
            unknown_characters=sum(c in unknown for item in items for c in item.characters),
            unseen_labels=unseen,
        )
