"""The reference of the command line agrees with the program, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import GENERATED
from tests.docs.reference import PAGES, with_reference

_each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


@_each_page
def test_the_reference_is_the_one_that_the_program_makes_now(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    made = with_reference(page, korean=path != GENERATED)
    assert page == made, "run `python -m tests.docs.reference`"


@_each_page
def test_every_reference_to_another_command_has_a_target(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.+)$", page)}
    links = set(re.findall(r"\(#([a-z-]+)\)", page))
    assert links
    assert links <= headings
