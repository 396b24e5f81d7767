"""Compiled code for training: cells, matrix products and threads. It imports nothing of ``nn``."""
