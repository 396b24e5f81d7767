"""One seed for a run, others for its steps."""

from __future__ import annotations


def seed_of(seed: int, number: int) -> int:
    """Mix a seed and a number into a seed of 63 bits (splitmix64, Steele et al. 2014)."""
    mask = (1 << 64) - 1
    value = (seed + (number + 1) * 0x9E3779B97F4A7C15) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return (value ^ (value >> 31)) >> 1
