"""A trained tagger: text in, repaired or labelled text out; and how well it does."""

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

_FED = 1 << 14  # characters at once: as much memory as they take


@dataclass(frozen=True, kw_only=True)
class TagEvaluation:
    """How well a tagger labels items.

    Attributes
    ----------
    nats_per_label
        The mean cross-entropy, without the labels that the tagger does not have.
    scores
        What the labels came to.
    unknown_characters
        Places whose character the vocabulary does not have.
    unseen_labels
        TagSet that the tagger does not have, and so never gives, with the places where they are
        right.
    """

    nats_per_label: float
    scores: Scores
    unknown_characters: int
    unseen_labels: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {
            **self.scores.to_dict(),
            "nats_per_label": self.nats_per_label,
            "unknown_characters": self.unknown_characters,
            "unseen_labels": self.unseen_labels,
        }


class Tagger:
    """What labels the characters of text.

    Parameters
    ----------
    model
        The network, with what its numbers mean, in evaluation mode.
    transitions
        Which label may follow which, in place of what the run was made with.

    Raises
    ------
    ConfigError
        The labels are not of the kind that the transitions need.
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
            Files, folders or patterns; see ``items.read_items``. Items with the same characters are
            held out together.
        out
            The run directory to create; it must not exist yet, or be empty.
        columns
            The columns of tables to read.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar tag train``.

        Raises
        ------
        ConfigError, TextError, RunError
            The data or an option cannot be used; nothing was written.
        """
        result: ItemResult = train(
            TagModel.task, data, out, columns=columns, listeners=listeners, **options
        )
        return result

    @classmethod
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
            No such run is there, it is damaged, or a newer nextchar wrote it.
        """
        model = TagModel.load(Path(run), device=device, checkpoint=checkpoint)
        return cls(model, transitions=transitions)

    def __repr__(self) -> str:
        return repr(self.model).replace(type(self.model).__name__, type(self).__name__, 1)

    @property
    def config(self) -> TaggerRunConfig:
        """How the run was made."""
        return self.model.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it gives."""
        return self.model.labels.names

    @checked
    def stream(self, *, keep: bool = False) -> Stream:
        """Begin to read running text: ``feed`` gives what is certain, ``finish`` the rest.

        Parameters
        ----------
        keep
            Let what is to be put back stay where it is there already; else it is taken off first.

        Raises
        ------
        ConfigError
            ``keep``, where nothing is put back.
        """
        restoration = self.model.labels.restoration
        if restoration is not None:
            return RestoringStream(self.model, restoration, keep=keep)
        if keep:
            raise ConfigError(
                f"{as_option('keep')} is for runs that restore something; this one outputs labels"
            )
        return LabellingStream(self.model)

    def unknown_symbols(self) -> UnknownSymbols:
        """Create a counter of the characters of running text that are read as ``<unk>``.

        Marks that are removed and restored need not be known.
        """
        vocabulary, restoration = self.model.vocabulary, self.model.labels.restoration

        def knows(character: str) -> bool:
            if character in "\r\n" or readable(character) != character:
                return True  # Undecodable bytes are counted elsewhere, as they pass.
            if restoration is None:
                return vocabulary.knows(character)
            base = restoration.letter(character).base
            return restoration.takes(character) or vocabulary.knows(base)

        return UnknownSymbols(vocabulary, knows=knows)

    def apply_to(self, chunks: Iterable[str], *, keep: bool = False) -> Iterator[str]:
        """Repair (or label) a text that comes in pieces, in bounded memory; see ``apply``."""
        stream = self.stream(keep=keep)
        for chunk in chunks:
            for start in range(0, len(chunk), _FED):
                yield stream.feed(chunk[start : start + _FED])
        yield stream.finish()

    @checked
    def apply(self, text: str, *, keep: bool = False) -> str:
        """Put back into a text what the run has learned to put back.

        Everything else in it stays exactly as it is, line ends included. A run of labelled files
        gives a line for each character, as those files are.

        Parameters
        ----------
        text
            Any text.
        keep
            As for ``stream``.
        """
        return "".join(self.apply_to([text], keep=keep))

    @checked
    def tag(self, text: str) -> list[tuple[str, str]]:
        """Give each character of one item with its label.

        A run that puts something back takes it off the text first; where something can stand
        behind a character, the first character is ``""``, before all others.
        """
        restoration = self.model.labels.restoration
        if restoration is None:
            places = [MarkPlace(character, Change()) for character in text]
        else:
            reading = restoration.reading()
            reading.add(text)
            places = reading.places
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
        """Measure how well the characters of files are labelled; see ``items.read_items``.

        Parameters
        ----------
        data
            Plain text or labelled files, as the run was trained on.
        columns
            Of tables, those that are read.
        reading
            How bytes become text; as for the training if not given.
        note
            Called with a line for each irregularity of a file, and for omitted items.
        """
        reading = self.config.items.reading if reading is None else reading
        restoration = self.model.labels.restoration
        items = tagging_items(data, reading, restoration, columns=columns, note=note)
        return self.evaluate_items(items)

    def evaluate_items(self, items: Sequence[Item]) -> TagEvaluation:
        """Measure how well items are labelled."""
        known = set(self.labels)
        unseen: dict[str, int] = {}
        for label in (label for item in items for label in item.labels if label not in known):
            unseen[label] = unseen.get(label, 0) + 1
        vocabulary = self.model.vocabulary
        characters = {character for item in items for character in item.characters}
        strange = {c for c in characters if c != START and not vocabulary.knows(readable(c))}
        examples = encode_items(
            items, vocabulary, (*self.labels, *unseen), self.config.tagging.window
        )
        nats, scores = self.model.score(examples, tuple(unseen))
        return TagEvaluation(
            nats_per_label=nats,
            scores=scores,
            unknown_characters=sum(c in strange for item in items for c in item.characters),
            unseen_labels=unseen,
        )
