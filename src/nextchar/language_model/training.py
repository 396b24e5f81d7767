"""``nextchar.train``: train a language model, the usual task."""

from __future__ import annotations

from nextchar.language_model.model import LanguageModel

train = LanguageModel.train
