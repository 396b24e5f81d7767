"""nextchar: character-level recurrent language models, from a text file to a model that writes.

    import nextchar

    nextchar.train("plays.txt", "runs/plays", minutes=1)
    model = nextchar.LanguageModel.load("runs/plays")
    print(model.generate("KING:", length=300, temperature=0.8, seed=1))

Names load when they are first used, so that importing nextchar costs nothing and the command
line answers ``--help`` without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextchar.config import Config as Config
    from nextchar.embeddings import SymbolVectors as SymbolVectors
    from nextchar.embeddings import train_embeddings as train_embeddings
    from nextchar.errors import NextcharError as NextcharError
    from nextchar.evaluation import Evaluation as Evaluation
    from nextchar.evaluation.dynamic import Adaptation as Adaptation
    from nextchar.evaluation.score import Score as Score
    from nextchar.experiments import Tuning as Tuning
    from nextchar.experiments import compare as compare
    from nextchar.experiments import crossval as crossval
    from nextchar.experiments import tune as tune
    from nextchar.language_model.model import LanguageModel as LanguageModel
    from nextchar.language_model.searching import Continuation as Continuation
    from nextchar.runs.training import TrainingResult as TrainingResult
    from nextchar.runs.training import resume as resume
    from nextchar.runs.training import train as train
    from nextchar.tasks.classification.estimator import CharClassifier as CharClassifier
    from nextchar.tasks.classification.model import Classifier as Classifier
    from nextchar.tasks.classification.training import train_classifier as train_classifier
    from nextchar.tasks.conditioning.model import ConditionalModel as ConditionalModel
    from nextchar.tasks.tagging.tagger import Tagger as Tagger
    from nextchar.tasks.tagging.training import train_tagger as train_tagger
    from nextchar.tasks.transduction.model import Transducer as Transducer
    from nextchar.tasks.transduction.training import train_transducer as train_transducer
    from nextchar.text.augmentation import augment as augment

__version__ = "0.1.0"

_HOMES = {
    "Adaptation": "nextchar.evaluation.dynamic",
    "ConditionalModel": "nextchar.tasks.conditioning.model",
    "CharClassifier": "nextchar.tasks.classification.estimator",
    "Config": "nextchar.config",
    "Continuation": "nextchar.language_model.searching",
    "Evaluation": "nextchar.evaluation",
    "LanguageModel": "nextchar.language_model.model",
    "NextcharError": "nextchar.errors",
    "Score": "nextchar.evaluation.score",
    "SymbolVectors": "nextchar.embeddings",
    "Transducer": "nextchar.tasks.transduction.model",
    "Tagger": "nextchar.tasks.tagging.tagger",
    "Classifier": "nextchar.tasks.classification.model",
    "TrainingResult": "nextchar.runs.training",
    "augment": "nextchar.text.augmentation",
    "Tuning": "nextchar.experiments",
    "compare": "nextchar.experiments",
    "crossval": "nextchar.experiments",
    "resume": "nextchar.runs.training",
    "train": "nextchar.runs.training",
    "train_embeddings": "nextchar.embeddings",
    "train_tagger": "nextchar.tasks.tagging.training",
    "train_transducer": "nextchar.tasks.transduction.training",
    "train_classifier": "nextchar.tasks.classification.training",
    "tune": "nextchar.experiments",
}

__all__ = [
    "Adaptation",
    "CharClassifier",
    "Classifier",
    "ConditionalModel",
    "Config",
    "Continuation",
    "Evaluation",
    "LanguageModel",
    "NextcharError",
    "Score",
    "SymbolVectors",
    "Tagger",
    "TrainingResult",
    "Transducer",
    "Tuning",
    "augment",
    "compare",
    "crossval",
    "resume",
    "train",
    "train_classifier",
    "train_embeddings",
    "train_tagger",
    "train_transducer",
    "tune",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'nextchar' has no attribute '{name}'")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
