"""What the server of forked processes imports once, so that no process has to.

Without it, every command would spend most of its time on imports: those of its own modules, of what
draws pictures, and of what Numba needs to load compiled code.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from numba.core.registry import cpu_target

import nextchar

_LATE = (
    "torch._dynamo",  # which optimisers import
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
)


def _import_all() -> None:
    for module in pkgutil.walk_packages(nextchar.__path__, "nextchar."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)
    target: Any = cpu_target  # untyped
    target.typing_context.refresh()
    target.target_context.refresh()


_import_all()
