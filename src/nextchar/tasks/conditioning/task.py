"""The conditioning task: creates and trains runs on texts with labels or features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numpy.typing import ArrayLike

from nextchar.config.condition import ConditionRunConfig
from nextchar.runs.task import Start
from nextchar.tasks.conditioning.data import prepare
from nextchar.tasks.conditioning.items import ConditionData, condition_items
from nextchar.tasks.conditioning.model import ConditionalModel
from nextchar.tasks.item_task import ItemTask, PreparedItems
from nextchar.text.files import Input
from nextchar.text.labelled import Layout
from nextchar.training.events import noting


class ConditioningTask(ItemTask):
    """Train a model that generates text from a label or from numbers."""

    key = "condition"
    command = "nextchar condition train"
    unit = ConditionalModel.unit
    model_type = item_model = ConditionalModel

    def reader(
        self,
        data: ConditionData,
        start: Start,
        *,
        labels: Sequence[object] | None = None,
        features: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        text: str = "text",
        label: str | None = None,
        feature_columns: Sequence[str] = (),
        features_file: Input | None = None,
        layout: Layout = "auto",
        **options: object,
    ) -> Callable[[], PreparedItems[ConditionalModel]]:
        """Check the options of ``ConditionalModel.train``, and return the reader of the items."""
        config = ConditionRunConfig.from_options(options)

        def read() -> PreparedItems[ConditionalModel]:
            items = condition_items(
                data,
                config.items.reading,
                labels=labels,
                features=features,
                feature_names=feature_names,
                text=text,
                label=label,
                feature_columns=feature_columns,
                features_file=features_file,
                layout=layout,
                note=noting(start.listeners),
            )
            return prepare(items, config, start.listeners)

        return read


TASK = ConditioningTask()
