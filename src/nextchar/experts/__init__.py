"""Experts beside the network: counts of the training text, mixed with the network's predictions."""

REACH = 64  # the last symbols of a text that a prediction reads
