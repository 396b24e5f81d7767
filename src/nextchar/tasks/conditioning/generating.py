"""Generation of whole texts, from one boundary to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from nextchar.language_model.model import LanguageModel
from nextchar.language_model.options import SearchOptions, StreamOptions
from nextchar.language_model.searching import Continuation


class ItemGenerator:
    """A generator of whole texts under one condition.

    The methods have the options of their counterparts in ``LanguageModel``. ``length`` limits texts
    that do not end by themselves.

    Parameters
    ----------
    model
        A language model of texts with a boundary before and after each.
    boundary
        The boundary symbol.
    """

    def __init__(self, model: LanguageModel, boundary: str) -> None:
        self.model = model
        self._boundary = boundary

    def stream(self, prompt: str = "", **options: Unpack[StreamOptions]) -> Iterator[str]:
        """Generate a text piece by piece; see ``LanguageModel.stream``."""
        return self._without_boundary(self.model.stream(**self._whole(prompt, options)))

    def generate(self, prompt: str = "", **options: Unpack[StreamOptions]) -> str:
        """Generate a text; see ``LanguageModel.generate``."""
        text = self.model.generate(**self._whole(prompt, options))
        return text[len(self._boundary) :]

    def generate_batch(
        self, prompt: str = "", *, samples: int, **options: Unpack[StreamOptions]
    ) -> list[str]:
        """Generate several texts; see ``LanguageModel.generate_batch``."""
        texts = self.model.generate_batch(samples=samples, **self._whole(prompt, options))
        return [text[len(self._boundary) :] for text in texts]

    def search(self, prompt: str = "", **options: Unpack[SearchOptions]) -> list[Continuation]:
        """Find the most probable texts; see ``LanguageModel.search``.

        The log-probability includes the end of the text, unless ``length`` cut it off.
        """
        return self.model.search(**self._whole(prompt, options))

    def _whole(self, prompt: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options that start after a boundary and stop at the next. No text is empty.

        A text that must match an expression cannot contain the boundary at all.
        """
        edge = self._boundary
        stop, forbid = (list(_texts(options.get(name, ()))) for name in ("stop", "forbid"))
        if options.get("match") is not None:
            forbid.append(edge)
        else:
            stop.append(edge)
            forbid += [] if prompt else [edge + edge]
        return {**options, "prompt": edge + prompt, "stop": stop, "forbid": forbid}

    def _without_boundary(self, pieces: Iterator[str]) -> Iterator[str]:
        left = len(self._boundary)
        for piece in pieces:
            yield piece[left:]
            left = max(0, left - len(piece))


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
