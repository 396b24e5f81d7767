"""The on-disk cache of compiled code, and log messages about compilation.

Numba raises an exception if it cannot cache compiled code. Here caching is optional: code that
cannot be loaded is compiled again, and code that cannot be stored is used by this process only.
The logger ``nextchar`` reports this, and the expected duration of a compilation.

Stored code is executed when it is loaded, and its index is a pickle. It is therefore loaded only
from a folder to which nobody else can write who cannot change the source files too.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba.core import config, event
from numba.core.caching import FunctionCache

from nextchar.errors import ConfigError

LOGGER = logging.getLogger("nextchar")

# The loops that the first call of a module's functions compiles, and the compile time in seconds
# on two cores of a 2022 server.
_LOOPS = {
    "nextchar.nn.kernels.gru_reset_after": ("the loops of training for gru cells", 15),
    "nextchar.nn.kernels.gru_reset_before": ("the loops of training for gru cells", 15),
    "nextchar.nn.kernels.fixed_point": ("the integer products of training", 15),
    "nextchar.nn.kernels.projection": ("the integer products of training", 15),
    "nextchar.generation.compiled.step": ("the loops of generation", 12),
    "nextchar.generation.compiled.matvec": ("the loops of generation", 12),
    "nextchar.experts.counting": ("the loops of experts", 10),
    "nextchar.experts.reading": ("the loops of experts", 10),
    "nextchar.experts.streams": ("the loops of experts", 10),
    "nextchar.experts.texts": ("the loops of experts", 10),
    "nextchar.compression.predictor": ("the loops of compression", 12),
    "nextchar.novelty.automaton": ("the comparison of texts", 5),
    "nextchar.novelty.matching": ("the comparison of texts", 5),
}
_KERNELS = "nextchar.nn.kernels."
_KERNEL = ("the loops of training", 15)
_STEP = ("a step of training", 2)  # of a cell alone, where torch computes the products


class _Monitor(event.Listener):
    """Measures the compilations of this process; a nested one counts as part of the outer one."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cache_folders: set[Path] = set()
        self.problem: str | None = None
        self._depth = 0
        self._began = 0.0

    def on_start(self, event: Any) -> None:  # noqa: ANN401
        """Log the start of a compilation."""
        if self._depth == 0:
            self._began = time.monotonic()
            _log_once(_loops_of(event.data["dispatcher"].py_func))
        self._depth += 1

    def on_end(self, event: Any) -> None:  # noqa: ANN401, ARG002
        """Add the duration of a compilation."""
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.monotonic() - self._began


def _loops_of(function: Callable[..., Any]) -> tuple[str, int] | None:
    module = function.__module__
    if not module.startswith(_KERNELS):
        return _LOOPS.get(module)
    return _STEP if "_step" in function.__name__ else _LOOPS.get(module, _KERNEL)


@cache
def _monitor() -> _Monitor:
    monitor = _Monitor()
    event.register("numba:compile", monitor)  # type: ignore[no-untyped-call]
    return monitor


@cache
def _log_once(loops: tuple[str, int] | None) -> None:
    if loops is not None:
        name, seconds = loops
        LOGGER.info("compiling %s, once per installation: about %d s", name, seconds)


@cache
def _warn_once(problem: str) -> None:
    _monitor().problem = problem
    LOGGER.warning("compiled code cannot be stored, so every process compiles it: %s", problem)


def require_compiler() -> None:
    """Raise ``ConfigError`` if Numba's compiler is disabled: loops in Python would take days."""
    settings: Any = config  # untyped
    if settings.DISABLE_JIT:
        raise ConfigError(
            "NUMBA_DISABLE_JIT is set, but compiled loops are required: remove it from the "
            "environment"
        )


def compilation_seconds() -> float:
    """Return the seconds that this process has spent compiling."""
    return _monitor().seconds


def storing_problem() -> str | None:
    """Return the reason why code could not be stored, if any."""
    return _monitor().problem


def cache_folders() -> tuple[Path, ...]:
    """Return the cache folders of this process's functions."""
    return tuple(sorted(_monitor().cache_folders))


class _Store(FunctionCache):
    """Numba's cache of one function, in which no failure is fatal."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
        """Load the code of a signature; return ``None`` if none can be read."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001  (reading a damaged file may raise anything)
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
        """Store the code of a signature, if possible."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001
            _warn_once(f"{self.cache_path}: {getattr(error, 'strerror', None) or error}")

    def holds(self, sig: Any, code_generator: Any) -> bool:  # noqa: ANN401
        """Return whether code for a signature (``None``: any) and this processor is stored."""
        wanted = self._index_key(sig, code_generator)  # type: ignore[no-untyped-call]
        files: Any = self._cache_file
        try:
            stored = files._load_index().items()  # noqa: SLF001
        except Exception:  # noqa: BLE001
            return False
        # The index is written first, so on a full disk it may list missing files.
        return any(
            key[1:] == wanted[1:] and (sig is None or key == wanted)
            for key, name in stored
            if Path(self.cache_path, name).is_file()
        )

    def _forget(self) -> None:
        """Clear the index, which may be the damaged file."""
        try:
            self.flush()  # type: ignore[no-untyped-call]
        except OSError as error:
            _warn_once(f"{self.cache_path}: {error.strerror or error}")


def keep(function: Callable[..., Any]) -> None:
    """Store the code that Numba compiles for a function, and load stored code."""
    _monitor()
    dispatcher: Any = function
    try:
        store = _Store(dispatcher.py_func)  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError):  # the message would be repeated for every function
        _warn_once(
            "neither the source folders nor the user's cache folder is writable (set the "
            "environment variable NUMBA_CACHE_DIR to another folder)"
        )
        return
    folder = Path(store.cache_path)
    if not _is_private(folder, Path(dispatcher.py_func.__code__.co_filename).parent):
        _warn_once(f"other users can write to the cache folder {folder}")
        return
    dispatcher._cache = store  # noqa: SLF001
    _monitor().cache_folders.add(folder)


@cache
def _is_private(folder: Path, sources: Path) -> bool:
    """Return whether nobody can write to a cache folder who cannot write to the source folder."""
    try:
        return _is_trusted(folder.stat(), sources.stat())
    except OSError:
        return False


def _is_trusted(folder: os.stat_result, sources: os.stat_result) -> bool:
    is_open = folder.st_mode & stat.S_IWOTH and not sources.st_mode & stat.S_IWOTH
    return not is_open and folder.st_uid in (0, os.geteuid(), sources.st_uid)


def cache_folder(function: Callable[..., Any]) -> Path | None:
    """Return the cache folder of a function, or ``None``."""
    dispatcher: Any = function
    path = dispatcher._cache.cache_path  # noqa: SLF001
    return None if path is None else Path(path)


def is_ready(function: Callable[..., Any], *arguments: Any) -> bool:  # noqa: ANN401
    """Return whether a call with such arguments needs no compilation."""
    dispatcher: Any = function
    kinds = tuple(dispatcher.typeof_pyval(each) for each in arguments)
    if kinds in dispatcher.overloads:
        return True
    return _is_stored(dispatcher, kinds)


def was_compiled(function: Callable[..., Any]) -> bool:
    """Return whether this installation has stored code of a function, for any arguments."""
    dispatcher: Any = function
    return bool(dispatcher.overloads) or _is_stored(dispatcher, None)


def _is_stored(dispatcher: Any, kinds: tuple[Any, ...] | None) -> bool:  # noqa: ANN401
    store = dispatcher._cache  # noqa: SLF001
    return isinstance(store, _Store) and store.holds(kinds, dispatcher.targetctx.codegen())
