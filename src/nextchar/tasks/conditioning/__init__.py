"""Conditional text generation (one to many).

label or numbers ──▶ condition vector ──▶ input at every step ──▶ network ──▶ whole text
"""
