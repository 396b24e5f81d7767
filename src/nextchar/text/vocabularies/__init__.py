"""The kinds of vocabulary; ``nextchar.text.vocabulary`` is the door to them."""
