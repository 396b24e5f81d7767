"""The mixture of a network with experts in generation: after one prompt, for any number of texts.

Learning and adaptive experts learn from the prompt, and not from the texts that are generated.

Shapes: B texts, V vocabulary size, n symbols of the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nextchar.config import ExpertUse
from nextchar.experts import REACH
from nextchar.experts.experts import Experts
from nextchar.experts.texts import Texts, append_each, predict_each, texts_after


class Mixer:
    """Mixes logits with experts for texts that continue a prompt.

    Parameters
    ----------
    experts, use
        The experts, and what learns from the prompt.
    prompt
        int64[n], n ≥ 1.
    logits
        The logits of the network after each symbol of the prompt, [n, V].
    """

    def __init__(self, experts: Experts, use: ExpertUse, prompt: Tensor, logits: Tensor) -> None:
        ids = prompt.cpu().numpy()
        reader = experts.reader(use)
        if use != "fixed":
            reader.nats(ids, np.arange(1, len(ids)), logits[:-1].float().cpu().numpy())
        self._mixture = reader.mixture
        self._prompt = ids[-REACH:]

    def texts(self, B: int) -> MixedTexts:
        """Return B texts that begin with the prompt."""
        return MixedTexts(texts_after(self._mixture, self._prompt, B))

    def after(self, symbols: Sequence[Sequence[int]], logits: Tensor) -> Tensor:
        """Return ln p of the next symbol after some symbols that follow the prompt, [B, V].

        ``logits`` [B, V] are those of the network.
        """
        texts = texts_after(self._mixture, self._prompt[:0], len(symbols))
        for row, each in enumerate(symbols):
            known = [*self._prompt.tolist(), *each][-REACH:]
            texts.ids[row, : len(known)] = known
            texts.ends[row] = len(known)
        return MixedTexts(texts).predict(logits)


class MixedTexts:
    """B texts that are written side by side.

    Attributes
    ----------
    compiled
        Their symbols and the mixture, for compiled code.
    """

    def __init__(self, texts: Texts) -> None:
        self.compiled = texts

    def predict(self, logits: Tensor) -> Tensor:
        """Return ln p of the next symbol of each text for the network's logits [B, V]."""
        predict_each(self.compiled, logits.float().cpu().contiguous().numpy())
        return torch.from_numpy(self.compiled.mixed.copy()).to(logits.device)

    def append(self, symbols: Tensor) -> None:
        """Append a symbol to each text, int64[B]."""
        append_each(self.compiled, symbols.cpu().numpy())
