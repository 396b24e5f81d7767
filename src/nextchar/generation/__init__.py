"""Text generation: sampling, beam search, completion, and the loops that run them."""
