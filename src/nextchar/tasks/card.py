"""The model card: the README.md of a task's run directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nextchar.tasks.markdown import name_in_command, name_in_markdown

_TEMPLATE = """\
# {title}

A model of `nextchar {task}`: {layers} layer{plural} of {cell}, {hidden_size} units, \
{parameters:,} weights, trained with nextchar.

| | |
|---|---|
| training | {items:,} items, {epochs:.3g} epochs in {seconds:.0f} s |
| validation | {held_out_items:,} items |
{figures}\

```
nextchar {task} --help
nextchar info {run}
```

The model consists of `config.json`, `model.safetensors` and the other JSON files. `items/` contains
the training data, and `last/` the training state for resuming. Omit both to keep the data private.
"""


def model_card(result: Mapping[str, Any], task: str, network: Mapping[str, Any]) -> str:
    """Return the model card, as Markdown.

    Parameters
    ----------
    result
        The figures, from ``ItemResult.to_dict``.
    task
        The task's command.
    network
        The options of the network.
    """
    figures = {
        name: value
        for name, value in result.items()
        if isinstance(value, float) and name not in ("seconds", "chars_per_second", "epochs")
    }
    return _TEMPLATE.format(
        title=name_in_markdown(result["run"]),
        task=task,
        plural="" if network["layers"] == 1 else "s",
        **{
            **network,
            **result,
            "run": name_in_command(result["run"]),
            "figures": "".join(
                f"| {name.replace('_', ' ')} | {value:.4f} |\n" for name, value in figures.items()
            ),
        },
    )
