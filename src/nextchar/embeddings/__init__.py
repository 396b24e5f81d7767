"""Symbol vectors: training with word2vec, nearest neighbours, and pretrained embeddings.

vectors = train_embeddings("plays.txt", vocabulary="word")
vectors.nearest("king")
vectors.save("vectors/plays")
"""

from nextchar.embeddings.filling import fill_embedding
from nextchar.embeddings.training import train_embeddings
from nextchar.embeddings.vectors import Neighbor, SymbolVectors

__all__ = ["Neighbor", "SymbolVectors", "fill_embedding", "train_embeddings"]
