"""Seeds of single steps, derived from the seed of a run."""

from __future__ import annotations


def seed_of(seed: int, number: int) -> int:
    """Return a 63-bit seed derived from a seed and a number (splitmix64, Steele et al. 2014)."""
    mask = (1 << 64) - 1
    value = (seed + (number + 1) * 0x9E3779B97F4A7C15) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return (value ^ (value >> 31)) >> 1
