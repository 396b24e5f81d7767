"""The classification task: creates and trains runs of a classifier from labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nextchar.config import ClassifierRunConfig
from nextchar.errors import ConfigError, as_option
from nextchar.runs.task import Start
from nextchar.tasks.classification.data import prepare
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.classification.pretrained import LanguageModelSource
from nextchar.tasks.item_task import ItemTask, PreparedItems
from nextchar.tasks.labelled.items import LabelledData, labelled_items
from nextchar.text.files import Input
from nextchar.text.labelled import Layout
from nextchar.training.events import noting

# Defaults after pretraining: a language model is unidirectional and has no n-gram features.
_FROM_RUN = {"bidirectional": False, "ngrams": 1, "ngram_bag": 0}


class ClassificationTask(ItemTask):
    """Train a classifier on labelled texts."""

    key = "classify"
    command = "nextchar classify train"
    unit = Classifier.unit
    model_type = item_model = Classifier

    def reader(
        self,
        data: LabelledData,
        start: Start,
        *,
        labels: Sequence[object] | None = None,
        text: str = "text",
        label: str = "label",
        layout: Layout = "auto",
        from_run: Input | None = None,
        **options: object,
    ) -> Callable[[], PreparedItems[Classifier]]:
        """Check the options of ``Classifier.train``, and return the reader of the items."""
        source = None if from_run is None else LanguageModelSource(from_run)
        if source is not None:
            options = source.options({**_FROM_RUN, **options})
        config = ClassifierRunConfig.from_options(options)
        if source is not None and config.classifier.members > 1:
            raise ConfigError(
                f"{as_option('from_run', source.run, flag='from')} initialises one network, but "
                f"members is {config.classifier.members}"
            )

        def read() -> PreparedItems[Classifier]:
            items = labelled_items(
                data,
                config.items.reading,
                labels=labels,
                text=text,
                label=label,
                layout=layout,
                note=noting(start.listeners),
            )
            return prepare(items, config, source=source, listeners=start.listeners)

        return read


TASK = ClassificationTask()
