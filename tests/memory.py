"""Memory of this process, as the kernel counts it, in bytes.

``ru_maxrss`` would not do: a new process begins with the peak of the process that started it.
"""

from __future__ import annotations

from pathlib import Path


def reset_peak() -> int:
    """Reset the peak of the resident memory, and return the resident memory."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def peak() -> int:
    """Return the peak of the resident memory since the start of the program or the last reset."""
    return memory("VmHWM")


def memory(name: str) -> int:
    """Return a value of ``/proc/self/status``."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) << 10
