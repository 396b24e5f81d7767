"""From a text to another one of another length: pronunciation, transliteration, normalisation.

pairs ──▶ symbols ──▶ examples ──▶ encoder, attention, decoder ──▶ beam search ──▶ texts
"""
