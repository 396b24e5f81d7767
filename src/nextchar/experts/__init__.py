"""Experts beside the network: counts of the training text, mixed with the network's predictions."""
