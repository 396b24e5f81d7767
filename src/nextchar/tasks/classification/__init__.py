"""Classification: a label for each text, from all of it (many to one).

texts ──▶ symbols between two borders ──▶ encoder ──▶ pool ──▶ head ──▶ probabilities of labels
"""
