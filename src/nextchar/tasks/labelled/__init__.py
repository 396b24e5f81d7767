"""Labelled texts: reading, checking, and the figures of a classifier on them."""
