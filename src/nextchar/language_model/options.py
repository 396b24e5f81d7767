"""The types of keyword arguments for generation, search and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from nextchar.config import ExpertUse
from nextchar.evaluation.dynamic import Adaptation
from nextchar.generation.engine import Engine
from nextchar.generation.fixing import Fixed
from nextchar.generation.plain import StoredWeights
from nextchar.text.vocabulary import Unknown


class SamplingOptions(TypedDict, total=False):
    """Options of ``generation.sampling.Sampling``."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    repetition_window: int


class ConstraintOptions(TypedDict, total=False):
    """Stopping criteria and constraints on the text; see ``LanguageModel.generate``."""

    stop: str | Sequence[str]
    lines: int
    match: str | None
    forbid: str | Sequence[str]
    unknown: Unknown


class StreamOptions(SamplingOptions, ConstraintOptions, total=False):
    """Options of ``LanguageModel.stream``; see ``LanguageModel.generate``."""

    length: int | None
    seed: int | None
    engine: Engine
    weights: StoredWeights
    experts: ExpertUse | None
    fix: Fixed | None


class SearchOptions(ConstraintOptions, total=False):
    """Options of ``LanguageModel.search``."""

    width: int
    length: int
    length_penalty: float
    groups: int
    diversity: float
    experts: ExpertUse | None


class EvaluationOptions(TypedDict, total=False):
    """Options of ``LanguageModel.evaluate``."""

    unknown: Unknown | None
    exact: bool
    reset_every: int
    adaptation: Adaptation | None
    experts: ExpertUse | None
    compressors: bool
