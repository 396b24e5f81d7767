"""A scored text as lists."""

from __future__ import annotations

import math

from nextchar.rendering.characters import width
from nextchar.rendering.lists import anomaly_lines, counting_notes, sum_lines
from tests.rendering.scores import score_of


def test_a_stretch_is_shown_where_it_is_in_its_context() -> None:
    text = "first\n한국 wrong\x1b here\n"
    bits = [1.0] * len(text)
    at = text.index("on")
    bits[at] = bits[at + 1] = 9.0
    score = score_of(text, bits)
    place, context, carets, instead = anomaly_lines(score, score.anomalies(1))
    assert place == "1  2:6  18.0 bits, 14.0 more than expected"
    assert context.strip() == "first↵한국 wrong␛ here↵"
    assert width(carets[: carets.index("^")]) == width(context[: context.index("on")])
    assert carets.count("^") == 2
    assert instead.strip().startswith("instead of 'o': ")
    assert "<1%" in instead


def test_repeats_are_counted() -> None:
    text = "Zorg x Zorg x Zorg"
    bits = [9.0 if character == "Z" else 1.0 for character in text]
    score = score_of(text, bits)
    assert "2 more in the same words" in next(anomaly_lines(score, score.anomalies(9)))


def test_sums_are_a_table_that_fits() -> None:
    text = "one two\n" + "한" * 60 + "\n"
    score = score_of(text, [2.0] * len(text))
    head, first, second = sum_lines(score, score.lines(), columns=80)
    assert head.split() == ["place", "bits", "bits/char", "excess", "text"]
    assert first.split()[:4] == ["1:1", "16.00", "2.000", "0.00"]
    assert width(second) <= 80
    assert second.endswith("…")
    assert [row.split()[0] for row in sum_lines(score, score.words(), columns=80)][1:3] == [
        "1:1",
        "1:5",
    ]


def test_what_is_special_is_said_where_there_is_any() -> None:
    assert [name for name, _ in counting_notes(score_of("ab"))] == ["first"]
    notes = dict(counting_notes(score_of("abΩc", [0, 1, math.nan, 1], unknown=[1, 3])))
    assert notes["<unk>"].startswith("2 characters ")
    assert notes["skipped"].startswith("1 character ")


def test_a_long_stretch_is_cut_to_a_line() -> None:
    text = "a" + "Q" * 5000 + "b"
    score = score_of(text, [0.0, *([9.0] * 5000), 0.0])
    _, context, carets, _ = anomaly_lines(score, score.anomalies(1))
    assert len(context) < 300
    assert carets.count("^") == 200
