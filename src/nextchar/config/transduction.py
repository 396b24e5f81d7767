"""Configuration of transduction: from a source text to a target text."""

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
    """Target vocabulary, attention and validation of a transducer."""

    target_vocabulary: TargetKind = option(
        "char", "Symbols of the target: char, byte, jamo, or token (separated by spaces)."
    )
    attention: AttentionName = option(
        "dot", "Attention scores: dot (Luong 2015) or additive (Bahdanau 2015)."
    )
    bidirectional: bool = option(True, "Read the source in both directions.")
    decoded_items: int = option(
        1000, "Held-out items to decode at each validation; the loss uses all items.",
        at_least=1, at_most=1 << 50,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TransducerRunConfig(ItemRunConfig):
    """The configuration of a run of ``nextchar transduce``.

    Attributes
    ----------
    transduction
        The section of this task.
    """

    USUAL: ClassVar[Mapping[str, Any]] = {
        "batch_size": 64, "dropout": 0.1, "learning_rate": 4e-3, "epochs": 10.0,
        "max_length": 1000,  # The cost of attention is quadratic in the length.
    }  # fmt: skip

    transduction: TransductionConfig = field(default_factory=TransductionConfig)
