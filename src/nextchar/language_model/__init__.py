"""The language model: generation, search and evaluation of text with a network and a vocabulary."""
