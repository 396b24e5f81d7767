"""Lossless compression with a language model and an entropy coder."""

from nextchar.compression.lossless import compress, decompress

__all__ = ["compress", "decompress"]
