"""Generate whole texts: from one boundary to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from nextchar.language_model.model import LanguageModel
from nextchar.language_model.options import SearchOptions, StreamOptions
from nextchar.language_model.searching import Continuation


class ItemWriter:
    """Generates texts with the model of one condition, each to its end.

    The methods are those of ``LanguageModel``, whose options they take; ``length`` bounds what
    does not end by itself.

    Parameters
    ----------
    model
        That begins a text after a boundary, and ends it with one.
    boundary
        One symbol.
    """

    def __init__(self, model: LanguageModel, boundary: str) -> None:
        self.model = model
        self._boundary = boundary

    def stream(self, prompt: str = "", **options: Unpack[StreamOptions]) -> Iterator[str]:
        """Write a text piece by piece; see ``LanguageModel.stream``."""
        return self._shown(self.model.stream(**self._whole(prompt, options)))

    def generate(self, prompt: str = "", **options: Unpack[StreamOptions]) -> str:
        """Write a text."""
        text = self.model.generate(**self._whole(prompt, options))
        return text[len(self._boundary) :]

    def generate_batch(
        self, prompt: str = "", *, samples: int, **options: Unpack[StreamOptions]
    ) -> list[str]:
        """Write several texts; see ``LanguageModel.generate_batch``."""
        texts = self.model.generate_batch(samples=samples, **self._whole(prompt, options))
        return [text[len(self._boundary) :] for text in texts]

    def search(self, prompt: str = "", **options: Unpack[SearchOptions]) -> list[Continuation]:
        """Find the most probable texts; see ``LanguageModel.search``.

        The log-probability is of the text with its end, unless ``length`` has cut it.
        """
        return self.model.search(**self._whole(prompt, options))

    def _whole(self, prompt: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Begin after a boundary, and end before the next; no text is empty.

        A text that has to match an expression cannot hold the boundary at all.
        """
        edge = self._boundary
        stop, forbid = (list(_texts(options.get(name, ()))) for name in ("stop", "forbid"))
        if options.get("match") is not None:
            forbid.append(edge)
        else:
            stop.append(edge)
            forbid += [] if prompt else [edge + edge]
        return {**options, "prompt": edge + prompt, "stop": stop, "forbid": forbid}

    def _shown(self, pieces: Iterator[str]) -> Iterator[str]:
        left = len(self._boundary)
        for piece in pieces:
            yield piece[left:]
            left = max(0, left - len(piece))


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
