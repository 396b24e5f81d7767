"""nextchar: training and use of character-level recurrent language models.

    import nextchar

    nextchar.train("plays.txt", "runs/plays", minutes=1)
    model = nextchar.LanguageModel.load("runs/plays")
    print(model.generate("KING:", length=300, temperature=0.8, seed=1))

Names are imported on first use, which keeps ``import nextchar`` fast and ``--help`` independent of
torch. In a notebook, results have displays (``nextchar.notebook``).
"""

from __future__ import annotations

import importlib
import sys
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
    from nextchar.language_model.result import TrainingResult as TrainingResult
    from nextchar.language_model.searching import Continuation as Continuation
    from nextchar.language_model.training import train as train
    from nextchar.notebook.progress import NotebookProgress as NotebookProgress
    from nextchar.runs import load as load
    from nextchar.runs import resume as resume
    from nextchar.tasks.classification.estimator import CharClassifier as CharClassifier
    from nextchar.tasks.classification.model import Classifier as Classifier
    from nextchar.tasks.conditioning.model import ConditionalModel as ConditionalModel
    from nextchar.tasks.result import ItemResult as ItemResult
    from nextchar.tasks.tagging.tagger import Tagger as Tagger
    from nextchar.tasks.transduction.model import Transducer as Transducer
    from nextchar.text.augmentation import augment as augment

__version__ = "0.1.0"

_MODULES = {
    "Adaptation": "nextchar.evaluation.dynamic",
    "ConditionalModel": "nextchar.tasks.conditioning.model",
    "CharClassifier": "nextchar.tasks.classification.estimator",
    "Config": "nextchar.config",
    "Continuation": "nextchar.language_model.searching",
    "Evaluation": "nextchar.evaluation",
    "LanguageModel": "nextchar.language_model.model",
    "NextcharError": "nextchar.errors",
    "NotebookProgress": "nextchar.notebook.progress",
    "Score": "nextchar.evaluation.score",
    "SymbolVectors": "nextchar.embeddings",
    "Transducer": "nextchar.tasks.transduction.model",
    "Tagger": "nextchar.tasks.tagging.tagger",
    "Classifier": "nextchar.tasks.classification.model",
    "ItemResult": "nextchar.tasks.result",
    "TrainingResult": "nextchar.language_model.result",
    "augment": "nextchar.text.augmentation",
    "Tuning": "nextchar.experiments",
    "compare": "nextchar.experiments",
    "crossval": "nextchar.experiments",
    "load": "nextchar.runs",
    "resume": "nextchar.runs",
    "train": "nextchar.language_model.training",
    "train_embeddings": "nextchar.embeddings",
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
    "ItemResult",
    "LanguageModel",
    "NextcharError",
    "NotebookProgress",
    "Score",
    "SymbolVectors",
    "Tagger",
    "TrainingResult",
    "Transducer",
    "Tuning",
    "augment",
    "compare",
    "crossval",
    "load",
    "resume",
    "train",
    "train_embeddings",
    "tune",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'nextchar' has no attribute '{name}'")
    value: object = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])


def _register_displays() -> None:
    """Register the displays of results if IPython is running."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        from nextchar.notebook.registration import register

        register(shell)


_register_displays()
