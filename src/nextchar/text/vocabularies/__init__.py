"""The kinds of vocabulary; use them through ``nextchar.text.vocabulary``."""
