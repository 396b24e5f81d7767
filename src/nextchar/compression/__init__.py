"""Lossless compression: a model's bits, made real by an entropy coder."""

from nextchar.compression.lossless import compress, decompress

__all__ = ["compress", "decompress"]
