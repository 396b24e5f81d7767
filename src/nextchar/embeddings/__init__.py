"""Vectors of symbols, learned from their neighbours, and what can be done with them.

vectors = train_embeddings("plays.txt", vocabulary="word")
vectors.nearest("king")
vectors.save("vectors/plays")
"""

from nextchar.embeddings.filling import fill_embedding
from nextchar.embeddings.training import train_embeddings
from nextchar.embeddings.vectors import Neighbor, SymbolVectors

__all__ = ["Neighbor", "SymbolVectors", "fill_embedding", "train_embeddings"]
