"""Sequence-to-sequence transduction: pronunciation, transliteration, normalisation.

pairs ──▶ symbols ──▶ examples ──▶ encoder, attention, decoder ──▶ beam search ──▶ texts
"""
