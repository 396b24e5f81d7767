"""The choices of ``nextchar transduce train``: from a text to another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from nextchar.config.checking import Section, option
from nextchar.config.items import ItemRunConfig

AttentionName = Literal["dot", "additive"]
TargetKind = Literal["char", "byte", "jamo", "token"]


@dataclass(frozen=True, kw_only=True)
class TransductionConfig(Section):
    """How a source becomes a target."""

    target_vocabulary: TargetKind = option(
        "char", "Symbols of the target: char, byte, jamo, or token (what stands between blanks)."
    )
    attention: AttentionName = option(
        "dot", "How places of the source are scored: dot (Luong 2015) or additive (Bahdanau 2015)."
    )
    bidirectional: bool = option(True, "Read the source in both directions.")
    decoded_items: int = option(
        1000, "Held-out items that are written anew at each validation; the loss is of all.",
        at_least=1, at_most=1 << 50,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TransducerRunConfig(ItemRunConfig):
    """All choices of a run that turns one text into another.

    Attributes
    ----------
    transduction
        What is this task's own.
    """

    USUAL: ClassVar[Mapping[str, Any]] = {
        "batch_size": 64, "dropout": 0.1, "learning_rate": 4e-3, "epochs": 10.0,
        "max_length": 1000,  # Attention weighs every symbol against every other.
    }  # fmt: skip

    transduction: TransductionConfig = field(default_factory=TransductionConfig)
