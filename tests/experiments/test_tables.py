"""Tables that read as they are."""

from __future__ import annotations

from nextchar.experiments.tables import markdown_table


def test_columns_stand_in_line() -> None:
    table = markdown_table(
        ["", "steps", "bits/char"], [["gru", "1,200", "2.1"], ["lstm", "9", "2"]]
    )
    assert table == (
        "|      | steps | bits/char |\n"
        "|------|------:|----------:|\n"
        "| gru  | 1,200 |       2.1 |\n"
        "| lstm |     9 |         2 |\n"
    )
