"""From bytes on disk to batches of symbol ids: reading, vocabulary, corpus, streams."""
