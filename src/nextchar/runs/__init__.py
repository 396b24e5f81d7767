"""Runs: create a run directory, train in it, resume it."""
