"""The kinds of errors in tables for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nextchar.inspection.error_report import KINDS, MEMORY, RARE, THRESHOLD, ErrorReport, Kind
from nextchar.rendering.characters import width
from nextchar.visible import printable_text

NO_PAIRS = "the text has no closing bracket or quote, so there is no improvement by distance."


def network_names(reports: Sequence[ErrorReport]) -> list[str]:
    """Return the name of each network: that of its cells, and of its run where two are equal."""
    times = Counter(report.network for report in reports)
    return [
        report.network if times[report.network] == 1 else f"{report.network} ({report.name})"
        for report in reports
    ]


def shown_kinds(reports: Sequence[ErrorReport]) -> list[Kind]:
    """Return the kinds that any of the networks was asked for, in their order."""
    return [kind for kind in KINDS if any(kind in report.kinds for report in reports)]


def error_lines(reports: Sequence[ErrorReport]) -> list[str]:
    """Return the losses, the kinds, and the improvement by distance of networks on one text."""
    names = network_names(reports)
    return [
        *_losses(reports, names),
        "",
        *_kinds(reports, names),
        "",
        *_explanations(reports),
        "",
        *_distances(reports, names),
    ]


def _losses(reports: Sequence[ErrorReport], names: Sequence[str]) -> list[str]:
    """Return the loss and the errors of each network, and of the n-grams."""
    rows = [("", "predictions", "nats", "errors", "of predictions", "of nats")]
    for name, report in zip(names, reports, strict=True):
        all_errors = report.all
        rows.append(
            (
                name,
                f"{report.predictions:,}",
                f"{report.nats / report.predictions:.3f}",
                f"{all_errors.errors:,}",
                _percent(all_errors.errors, report.predictions),
                _percent(all_errors.nats, report.nats),
            )
        )
    for number, report in enumerate(reports):
        if report.ngram is None or report.ngram in [each.ngram for each in reports[:number]]:
            continue
        rows.append(
            (
                f"{report.ngram.order}-gram",
                f"{report.predictions:,}",
                f"{report.ngram.nats / report.predictions:.3f}",
                f"{report.ngram.errors:,}",
                _percent(report.ngram.errors, report.predictions),
                "",
            )
        )
    return [f"nats per prediction; an error has a probability below {THRESHOLD}", *_aligned(rows)]


def _kinds(reports: Sequence[ErrorReport], names: Sequence[str]) -> list[str]:
    """Return the share of each kind in the errors of each network, and in their nats."""
    head = ["", *(part for name in names for part in (name, ""))]
    rows = [head, ["kind", *("errors", "nats") * len(reports)]]
    for kind in shown_kinds(reports):
        row: list[str] = [kind]
        for report in reports:
            share, whole = report.kinds.get(kind), report.all
            row += (
                ("–", "–")
                if share is None
                else (_percent(share.errors, whole.errors), _percent(share.nats, whole.nats))
            )
        rows.append(row)
    told = _aligned(rows if len(reports) > 1 else rows[1:])
    return ["kinds, as shares of the errors and of their nats", *told]


def _explanations(reports: Sequence[ErrorReport]) -> list[str]:
    orders = sorted({report.ngram.order for report in reports if report.ngram is not None})
    counted = " or ".join(dict.fromkeys(report.rare_in for report in reports))
    lines = []
    if orders:
        lines.append(f"n-gram: right by counts of the training text, order {_listed(orders)}")
    return [
        *lines,
        f"long memory: the word is among the last {MEMORY:,} symbols, and its beginning was read",
        f"rare word: fewer than {RARE} times in {counted}",
        "word model: other words; punctuation: with the white space after it; rest: other white "
        "space",
        *dict.fromkeys(f"note: {note}" for report in reports for note in report.notes),
    ]


def _distances(reports: Sequence[ErrorReport], names: Sequence[str]) -> list[str]:
    """Return the improvement over the n-gram by distance."""
    if not any(report.distances for report in reports):
        return [NO_PAIRS]
    bins = sorted({(each.first, each.name) for report in reports for each in report.distances})
    has_ngram = any(report.ngram is not None for report in reports)
    rows = [[f"distance in {reports[0].unit}", "pairs", *names]]
    for first, name in bins:
        found = [
            next((each for each in report.distances if each.first == first), None)
            for report in reports
        ]
        row = [name, f"{max(each.pairs for each in found if each is not None):,}"]
        for each in found:
            value = None if each is None else (each.improvement if has_ngram else each.network)
            row.append("–" if value is None else f"{value:+.2f}")
        rows.append(row)
    title = (
        "closing brackets and quotes: network minus n-gram in bits; above 0 the network is better"
        if has_ngram
        else "closing brackets and quotes: mean log2 probability"
    )
    return [title, *_aligned(rows)]


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows with the first column on the left and the others on the right."""
    shown = [tuple(map(printable_text, row)) for row in rows]
    widths = [max(map(width, column)) for column in zip(*shown, strict=True)]
    lines = []
    for row in shown:
        first, *rest = (
            cell + " " * (wide - width(cell)) if place == 0 else " " * (wide - width(cell)) + cell
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join((first, *rest)).rstrip())
    return lines
