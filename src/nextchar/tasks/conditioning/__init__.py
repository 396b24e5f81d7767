"""Text that is written from a condition: one to many.

labels, numbers ──▶ vector ──▶ beside every symbol ──▶ network ──▶ text, to its end
"""
