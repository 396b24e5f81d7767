"""Classification: one label for each whole text (many to one).

texts ──▶ symbols with start and end markers ──▶ encoder ──▶ pool ──▶ head ──▶ label probabilities
"""
