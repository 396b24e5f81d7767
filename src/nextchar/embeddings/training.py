"""Training of symbol vectors: skip-gram and continuous bag of words, with negative sampling.

Mikolov, Chen, Corrado & Dean 2013 ("Efficient estimation of word representations in vector
space"); Mikolov, Sutskever, Chen, Corrado & Dean 2013 ("Distributed representations of words and
phrases and their compositionality"). The implementation is gensim's, an optional dependency.

Shapes: V vocabulary size, E embedding size.
"""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Unpack

import numpy as np
from numpy.typing import NDArray

from nextchar.config.arguments import checked
from nextchar.config.embeddings import EmbeddingConfig
from nextchar.config.options import EmbeddingOptions
from nextchar.embeddings.sentences import Sentences
from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import NextcharError, NonFiniteLossError, TextError, as_option
from nextchar.text.reading import open_text
from nextchar.text.vocabulary import Vocabulary, learn
from nextchar.training.events import Listener, Preparing, tell

_LAST_RATE = 1e-4  # as in word2vec


@checked
def train_embeddings(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    listeners: Sequence[Listener] = (),
    stdin: BinaryIO | None = None,
    **options: Unpack[EmbeddingOptions],
) -> SymbolVectors:
    """Learn a vector for each symbol of a text from its neighbours in the same line.

    With one worker, the result depends only on the text and the seed.

    Parameters
    ----------
    inputs
        A file, a folder, a glob, ``-`` for standard input, or several of them.
    listeners
        Called with ``Preparing`` events to report progress.
    stdin
        The source of ``-``; ``sys.stdin.buffer`` if not given.
    **options
        The fields of ``EmbeddingConfig``.

    Returns
    -------
    SymbolVectors
        A vector for each symbol in the text; none for white space in a word vocabulary.

    Raises
    ------
    InputError
        The text or an option is invalid.
    NonFiniteLossError
        The vectors are not finite.
    NextcharError
        gensim is not installed.
    """
    config = EmbeddingConfig.from_dict(options)
    word2vec = require_gensim()
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)

    def at(stage: str) -> Callable[[float], None]:
        return lambda share: tell(listeners, Preparing(stage=stage, fraction=share))

    with (
        open_text(paths, config.reading, stdin=stdin) as source,
        tempfile.TemporaryFile(prefix="nextchar-") as file,
    ):
        chunks = source.chunks(at("finding the symbols"))
        vocabulary = learn(config.vocabulary, chunks, config.least_count)
        sentences = Sentences(source.chunks(at("encoding")), vocabulary, file)
        _require_neighbors(sentences, vocabulary)
        sentences.tell, sentences.epochs = at("learning the vectors"), config.epochs
        vectors = _train(word2vec, sentences, config)
        sentences.tell(1.0)
    return SymbolVectors(
        vocabulary=vocabulary,
        vectors=vectors,
        counts=sentences.counts,
        config=config,
        sources=source.base_names,
    )


def require_gensim() -> Any:  # noqa: ANN401  (gensim is optional)
    """Return gensim's ``Word2Vec``, or raise ``NextcharError`` if it is not installed."""
    try:
        found = importlib.import_module("gensim.models").Word2Vec
    except ModuleNotFoundError:
        raise NextcharError(
            "embeddings need the package gensim, which is not installed: "
            "pip install 'nextchar[embeddings]'"
        ) from None
    # Without a handler, gensim's messages about short texts would appear on stderr.
    logging.getLogger("gensim").addHandler(logging.NullHandler())
    return found


def _require_neighbors(sentences: Sentences, vocabulary: Vocabulary) -> None:
    """Raise ``TextError`` if no symbol has a neighbour."""
    found = np.flatnonzero(sentences.counts)
    if len(found) < 2:
        names = ", ".join(repr(vocabulary.symbols[number]) for number in found)
        raise TextError(f"the text has {len(found)} distinct symbols {names}: nothing to predict")
    if sentences.longest < 2:
        raise TextError("no line of the text has two symbols: there are no neighbours to predict")


def _train(
    word2vec: Any,  # noqa: ANN401
    sentences: Sentences,
    config: EmbeddingConfig,
) -> NDArray[np.float32]:
    """Train and return the vectors by id, float32[V, E]; zeros for symbols without a vector."""
    model = word2vec(
        sg=int(config.method == "skipgram"),
        vector_size=config.size,
        window=config.window,
        negative=config.negative,
        sample=config.sampled_share,
        alpha=config.learning_rate,
        min_alpha=min(_LAST_RATE, config.learning_rate),
        seed=config.seed,
        workers=config.workers,
        min_count=1,  # rare symbols are <unk> already
    )
    counts = enumerate(sentences.counts.tolist())
    model.build_vocab_from_freq({str(number): count for number, count in counts if count})
    model.train(sentences, total_examples=len(sentences), epochs=config.epochs)
    if sentences.failure is not None:
        raise sentences.failure
    vectors = np.zeros((len(sentences.counts), config.size), np.float32)
    vectors[[int(name) for name in model.wv.index_to_key]] = model.wv.vectors
    if not np.isfinite(vectors).all():
        raise NonFiniteLossError(
            f"the vectors are not finite: try a {as_option('learning_rate')} below "
            f"{config.learning_rate}"
        )
    return vectors
