"""Tagging, many to many in step: a label for each character.

    x1   x2   x3   x4        characters
    ↓    ↓    ↓    ↓
    h1 ⇄ h2 ⇄ h3 ⇄ h4        layers, in both directions or in one
    ↓    ↓    ↓    ↓
    y1   y2   y3   y4        labels

Text ──▶ ``items`` (characters and labels; ``restoration`` makes them from plain text) ──▶
``encoding`` (numbers) ──▶ ``model`` ──▶ ``viterbi`` (labels) ──▶ ``restoration`` (text).
"""
