"""The result of an evaluation as rows of names and values."""

from __future__ import annotations

import math

from nextchar.evaluation import Evaluation
from nextchar.rendering.lists import left_out

_EXPERTS = {
    "fixed": "fixed: counts of the training text",
    "learning": "learning: counts of the training text, with weights that learn from this text",
    "adaptive": "adaptive: counts of the training text and of the text already measured",
}


def evaluation_rows(measured: str | None, result: Evaluation) -> list[tuple[str, str]]:
    """Return the rows of an evaluation.

    Parameters
    ----------
    measured
        The name of the text; ``None`` for a text without one.
    result
        The result.
    """
    text = "" if measured is None else f"{measured}: "
    rows = [
        ("text", f"{text}{result.characters:,} characters predicted"),
        ("nats/char", f"{result.nats_per_char:.4f}"),
        ("bits/char", f"{result.bits_per_char:.4f}"),
        ("perplexity", f"{result.perplexity:.3f}"),
    ]
    if result.network_nats is not None:
        alone = result.network_nats / result.characters
        rows += [
            ("network", f"{alone:.4f} nats/char, {alone / math.log(2):.4f} bits/char alone"),
            ("experts", _EXPERTS[result.experts]),
        ]
    if result.unit != "char":
        rows.append((f"bits/{result.unit}", f"{result.bits_per_symbol:.4f}"))
    if result.adaptation is not None:
        rows.append(
            (
                "dynamic",
                f"learning from the text at a rate of {result.adaptation.rate:g}, every "
                f"{result.adaptation.segment} symbols",
            )
        )
    if result.unknown_symbols:
        rows.append(
            (
                "<unk>",
                f"{result.unknown_symbols:,} predictions of <unk>, which counts as one symbol",
            )
        )
    if result.skipped_symbols:
        what = left_out(result.skipped_symbols, result.characters, result.first_skipped)
        rows.append(("skipped", what))
    # The first symbol is compressed, but not predicted.
    is_part = result.compressed_characters < result.characters
    on = f" on the first {result.compressed_characters:,} characters" if is_part else ""
    rows += [
        (name, f"{bits:.4f} bits/char{on}")
        for name, bits in result.compressed_bits_per_char.items()
    ]
    rows.append(("speed", f"{result.to_dict()['chars_per_second']:,.0f} chars/s"))
    return rows
