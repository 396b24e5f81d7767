"""Runs: create a run directory, train in it, resume it, load it."""

from nextchar.runs.loading import load
from nextchar.runs.training import ResumeOptions, history, resume, train

__all__ = ["ResumeOptions", "history", "load", "resume", "train"]
