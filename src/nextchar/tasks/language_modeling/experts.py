"""The experts of a language model: counted and fitted when its training ends.

The weights of the mixture are fitted on pieces of the training part that are kept from the network
and, until then, from the counts: on a text that they have seen, both look better than they are.

Shapes: N symbols of text, n predictions, V vocabulary size.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from nextchar.config import ExpertsConfig
from nextchar.evaluation.exact import read_in_order
from nextchar.experts.experts import Experts
from nextchar.experts.fitting import Slice
from nextchar.experts.tables import MOST_SYMBOLS
from nextchar.language_model.model import LanguageModel
from nextchar.run_files.expert_files import EXPERTS_FILE, save_experts
from nextchar.tasks.language_modeling.data import Piece, held_out_pieces
from nextchar.text.corpus import Corpus
from nextchar.text.vocabulary import Ids, Vocabulary
from nextchar.training.events import Listener, Noticed, Preparing, tell

_BEFORE_PIECE = 256  # symbols that bring the network's state close to that of the whole text
_COUNTED_AGAIN = 1 << 25  # symbols; of a longer text, the held-out pieces stay uncounted
_SHORT_CONTEXT, _LONG_CONTEXT = 8, 10
_BYTES_PER_SYMBOL, _FEWEST_BYTES, _MOST_BYTES = 40, 16_000_000, 300_000_000


def add_experts(folder: Path, corpus: Corpus, listeners: Sequence[Listener]) -> None:
    """Count the training part of a run, fit the mixture for its best weights, and save both.

    Raises
    ------
    CorpusError
        The corpus has changed.
    StorageError
        The file cannot be written.
    """
    model = LanguageModel.load(folder)
    if len(model.vocabulary) > MOST_SYMBOLS:
        message = f"no experts: the vocabulary has more than {MOST_SYMBOLS:,} symbols"
        tell(listeners, Noticed(message=message))
        return
    ids: Ids = np.asarray(corpus.original)
    pieces = held_out_pieces(corpus, model.config.experts)
    edges = [0, *itertools.chain.from_iterable(pieces), len(ids)]
    seen = [ids[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]

    def count(text: Ids, stage: str) -> Experts:
        def progress(fraction: float) -> None:
            tell(listeners, Preparing(stage=stage, fraction=fraction))

        return _count(text, model.vocabulary, model.config.experts, progress)

    experts = count(np.concatenate(seen), "counting the text")
    fitted_on = "weights that are the same for all texts"
    if pieces:
        experts = experts.fitted(_slices(model, ids, pieces))
        if len(ids) <= _COUNTED_AGAIN:
            whole = count(ids, "counting the whole text")
            experts = dataclasses.replace(experts, tables=whole.tables)
        fitted_on = f"weights fitted on {sum(end - start for start, end in pieces):,} of them"
    save_experts(folder, experts)
    size = experts.tables.nbytes / 1e6
    message = f"experts: counts of {len(ids):,} symbols in {size:.1f} MB, mixed with {fitted_on}"
    tell(listeners, Noticed(message=message))


def has_experts(folder: Path) -> bool:
    """Return whether a run has experts."""
    return (folder / EXPERTS_FILE).exists()


def _count(
    text: Ids, vocabulary: Vocabulary, options: ExpertsConfig, progress: Callable[[float], None]
) -> Experts:
    M = options.expert_context
    if M is None:
        M = _SHORT_CONTEXT if vocabulary.kind == "char" else _LONG_CONTEXT
    usual = min(_MOST_BYTES, max(_FEWEST_BYTES, _BYTES_PER_SYMBOL * len(text)))
    given = options.expert_megabytes
    most_bytes = usual if given is None else int(1e6 * given)
    return Experts.count(text, vocabulary, M, most_bytes=most_bytes, progress=progress)


def _slices(model: LanguageModel, ids: Ids, pieces: Sequence[Piece]) -> list[Slice]:
    """Return the pieces with the predictions of the network."""
    slices = []
    for start, end in pieces:
        text = ids[max(0, start - _BEFORE_PIECE) : end]
        logits = torch.cat([each for each, _ in read_in_order(model.network, [text])])
        slices.append(Slice(text, logits[start - end :].float().numpy()))
    return slices
