"""The table of kernels: every name in it is that of a cell, and every cell's name is in it."""

from __future__ import annotations

from nextchar.nn.kernels.table import KERNELS
from tests.nn.cases import CONFIGS, random_cell


def test_the_names_of_cells_and_kernels_agree() -> None:
    named = {random_cell(name).kernel for name in CONFIGS}

    assert named - {None} == set(KERNELS)
