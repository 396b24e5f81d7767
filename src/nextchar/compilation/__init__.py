"""Just-in-time compilation of loops, with an on-disk cache."""
