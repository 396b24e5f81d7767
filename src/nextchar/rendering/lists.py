"""A scored text as lists: its most surprising passages, and the sums of its lines or words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nextchar.evaluation.score import Anomaly, Score, Span
from nextchar.rendering.characters import clipped, symbol_name, width
from nextchar.text.unknown import SkippedCharacter
from nextchar.visible import printable_text

_CONTEXT, _LONGEST = 30, 200  # characters around a passage, and of it
_SHOWN_ALTERNATIVES = 3

NO_ANOMALIES = "no passage of the text is surprising"


def counting_notes(score: Score) -> list[tuple[str, str]]:
    """Describe how the first character and characters outside the vocabulary were counted.

    Returns
    -------
    Names and notes; none for a case that does not occur in the text.
    """
    notes = [("first", "the first symbol is not predicted and costs nothing")]
    if unknown := int(score.unknown.sum()):
        notes.append(
            (
                "<unk>",
                f"{_counted(unknown)} not in the vocabulary, at the cost of <unk>, which is too "
                "low",
            )
        )
    if score.skipped:
        what = left_out(score.skipped, score.characters, score.first_skipped)
        notes.append(("skipped", what))
    if score.adaptation is not None:
        notes.append(
            (
                "dynamic",
                f"learning from the text at a rate of {score.adaptation.rate:g}, every "
                f"{score.adaptation.segment} symbols",
            )
        )
    return notes


def left_out(skipped: int, predicted: int, first: SkippedCharacter | None) -> str:
    """Describe the skipped characters: their number, and the place of the first."""
    share = skipped / (skipped + predicted)
    text = (
        f"{_counted(skipped)} ({share:.2%} of all) outside the vocabulary, not included in these "
        "figures"
    )
    if first is None:
        return text
    place = f"line {first.line}, column {first.column}"
    return f"{text}; the first is {_quoted(first.character)} at {place}"


def most_surprising_character(score: Score, span: Span) -> int:
    """Return the position in a passage whose cost most exceeds the expectation."""
    return span.start + int(score.excess[span.start : span.end].argmax())


def anomaly_lines(score: Score, anomalies: Sequence[Anomaly]) -> Iterator[str]:
    """Show passages: their place, cost, context, and the expected characters.

    Yields
    ------
    str
        A line, without its end; an empty one between two passages.
    """
    if not anomalies:
        yield NO_ANOMALIES
    for number, anomaly in enumerate(anomalies, 1):
        if number > 1:
            yield ""
        line, column = score.position(anomaly.start)
        indent = " " * (len(str(len(anomalies))) + 2)
        more = f"; {anomaly.repeats} more in the same words" if anomaly.repeats else ""
        yield (
            f"{number:>{len(indent) - 2}}  {line}:{column}  {anomaly.bits:.1f} bits, "
            f"{anomaly.excess:.1f} more than expected{more}"
        )
        before, marked, after = _in_context(score, anomaly)
        yield f"{indent}{before}{marked}{after}"
        yield f"{indent}{' ' * width(before)}{'^' * max(1, width(marked))}"
        place = most_surprising_character(score, anomaly)
        expected = ", ".join(
            f"{_quoted(name)} {_share(probability)}"
            for name, probability in score.alternatives(place)[:_SHOWN_ALTERNATIVES]
        )
        first, end = score.around(place, place + 1)
        yield f"{indent}instead of {_quoted(score.text[first:end])}: {expected}"


def sum_lines(score: Score, spans: Sequence[Span], *, columns: int) -> Iterator[str]:
    """Show the sums of passages as a table in the order of the text, line by line.

    Parameters
    ----------
    score, spans
        The scored text, and passages of it.
    columns
        Width of the terminal, to which the text of each is cut.

    Yields
    ------
    str
        A line, without its end; the first one names the columns.
    """
    yield f"{'place':>9}  {'bits':>9}  {'bits/char':>9}  {'excess':>9}  text"
    for span in spans:
        line, column = score.position(span.start)
        head = (
            f"{f'{line}:{column}':>9}  {span.bits:9.2f}  "
            f"{span.bits / (span.end - span.start):9.3f}  {span.excess:9.2f}  "
        )
        yield head + clipped(printable_text(score.text[span.start : span.end]), columns - len(head))


def _in_context(score: Score, span: Span) -> tuple[str, str, str]:
    """Return the context before a passage, the passage, and the context after, as one line."""
    text = score.text
    start, end = score.around(max(0, span.start - _CONTEXT), min(len(text), span.end + _CONTEXT))
    before = ("…" if start else "") + printable_text(text[start : span.start])
    after = printable_text(text[span.end : end]) + ("…" if end < len(text) else "")
    return before, clipped(printable_text(text[span.start : span.end]), _LONGEST), after


def _quoted(name: str) -> str:
    return f"'{symbol_name(name)}'"


def _share(probability: float) -> str:
    return "<1%" if probability < 0.01 else f"{probability:.0%}"


def _counted(characters: int) -> str:
    return f"{characters:,} character{'' if characters == 1 else 's'}"
