"""Configuration of the experts: counts of the training text, mixed with the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextchar.config.checking import Section, option

# In ``learning``, the weights of the mixture learn from the text that is read; in ``adaptive``, the
# counts learn too.
ExpertUse = Literal["none", "fixed", "learning", "adaptive"]
CountedExperts = Literal["none", "fixed"]


@dataclass(frozen=True, kw_only=True)
class ExpertsConfig(Section):
    """The counts of the training text, and the text that their mixture is fitted on."""

    IN_OLDER_RUNS: ClassVar[Mapping[str, Any]] = {"experts": "none"}

    experts: CountedExperts = option(
        "fixed", "What is mixed with the network: fixed, counts of the training text, or none."
    )
    expert_context: int | None = option(
        None, "Longest context of the counts, in symbols (default 8; 10 for jamo and byte).",
        at_least=1, at_most=16,
    )  # fmt: skip
    expert_megabytes: float | None = option(
        None,
        "Maximum size of the counts in MB (default: 40 bytes per symbol, within 16 and 300).",
        above=0, at_most=500,
    )  # fmt: skip
    mixing_fraction: float = option(
        0.02,
        "Share of the training text held out to fit the mixture (at most 65,536 symbols); 0 fits "
        "nothing.",
        at_least=0, at_most=0.5,
    )  # fmt: skip
