"""The README.md of a task's run directory: what the model is, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEMPLATE = """\
# {title}

A model of `nextchar {task}`: {layers} layer{plural} of {cell}, {hidden_size} units, \
{parameters:,} weights, made with nextchar.

| | |
|---|---|
| learned from | {items:,} items, {epochs:.3g} epochs in {seconds:.0f} s |
| held out | {held_out_items:,} items |
{figures}\

```
nextchar {task} --help
nextchar info {run}
```

The model is `config.json`, `model.safetensors` and the other JSON files. `items/` holds what it
learned from and `last/` what resuming needs: leave both out where that is not to be shared.
"""


def model_card(result: Mapping[str, Any], task: str, network: Mapping[str, Any]) -> str:
    """Write the card, as Markdown.

    Parameters
    ----------
    result
        What ``ItemResult.to_dict`` gives.
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
        title=result["run"].rstrip("/").rpartition("/")[2],
        task=task,
        plural="" if network["layers"] == 1 else "s",
        **{
            **network,
            **result,
            "figures": "".join(
                f"| {name.replace('_', ' ')} | {value:.4f} |\n" for name, value in figures.items()
            ),
        },
    )
