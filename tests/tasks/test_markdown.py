"""Names in model cards and tables are text, whatever they contain."""

from __future__ import annotations

import pytest

from nextchar.experiments.tables import markdown_table
from nextchar.tasks.markdown import name_in_command, name_in_markdown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("plays.txt", "plays.txt"),
        ("/home/anna/my run/", "my run"),
        ("a|b.txt", r"`a\|b.txt`"),
        ("# x\n- y", "`# x↵- y`"),
        ("<b>", "`<b>`"),
        ("a``b`", "``` a``b` ```"),
        ("www.example.com", "`www.example.com`"),
        ("[x](y)", "`[x](y)`"),
        ("_x_", "`_x_`"),
        ("x\u202e", "`x\ufffd`"),
    ],
)
def test_a_name_is_code_unless_it_is_plain(path: str, shown: str) -> None:
    assert name_in_markdown(path, in_table=True) == shown


def test_a_name_in_a_command_is_one_word() -> None:
    assert name_in_command("/home/anna/a b\n```") == "'a b↵```'"


def test_a_cell_of_a_table_is_one_cell() -> None:
    table = markdown_table(["x"], [["a|b\n# c"]])
    assert len(table.splitlines()) == 3
    assert r"a\|b↵\# c" in table
