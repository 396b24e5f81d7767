"""Memory that a training step frees and the next one takes again."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
_KEPT_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Tell the C library to keep what is freed, up to a gigabyte, for the rest of the process.

    By default it gives back the tens of megabytes of a training step when they are freed, and
    the next step gets them anew from the system, page by page, each of them cleared: that was
    measured to take a third of the step's time. What is larger than 32 MB it gives back whatever
    is said of sizes, unless it may not ask for single pieces at all. Does nothing where the C
    library is not glibc.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
