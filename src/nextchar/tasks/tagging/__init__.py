"""Tagging: a label for each character (many to many, aligned).

    x1   x2   x3   x4        characters
    ↓    ↓    ↓    ↓
    h1 ⇄ h2 ⇄ h3 ⇄ h4        layers, bidirectional or unidirectional
    ↓    ↓    ↓    ↓
    y1   y2   y3   y4        labels

Text ──▶ ``items`` (characters and labels; ``restoration`` derives them from plain text) ──▶
``encoding`` (ids) ──▶ ``model`` ──▶ ``viterbi`` (labels) ──▶ ``restoration`` (text).
"""
