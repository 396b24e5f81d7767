"""The reference of the command line agrees with the program."""

from __future__ import annotations

import re

from tests.docs.reference import PAGE, reference


def test_the_reference_is_the_one_that_the_program_makes_now() -> None:
    made = reference()
    assert PAGE.read_text(encoding="utf-8") == made, "run `python -m tests.docs.reference`"


def test_every_reference_to_another_command_has_a_target() -> None:
    page = reference()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.+)$", page)}
    assert set(re.findall(r"\(#([a-z-]+)\)", page)) <= headings
