"""Labelled texts: reading, validation, and classification metrics."""
