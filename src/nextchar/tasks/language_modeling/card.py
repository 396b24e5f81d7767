"""The model card, README.md, of a run directory: the model, its training and its usage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nextchar.config import Config
from nextchar.run_files.origin import Origin
from nextchar.tasks.markdown import name_in_command, name_in_markdown

_TEMPLATE = """\
# {title}

A character-level language model: {layers} layer{plural} of {cell}, {hidden_size} units, \
{parameters:,} weights, made with nextchar.

| | |
|---|---|
| training text | {sources}, {characters:,} characters |
| vocabulary | {vocabulary}, {symbols} symbols |
{origin}\
| training | {steps:,} steps of {batch_size} × {sequence_length}, {optimizer}, {seconds:.0f} s |
| {measured} | {nats:.4f} nats/char, {bits:.4f} bits/char, perplexity {perplexity:.2f} |

```
nextchar generate {run} --length 500
nextchar evaluate {run}
nextchar info {run}
```

The model needs `config.json`, `vocabulary.json` and `model.safetensors`, and
`experts.safetensors` if there is one. `corpus/` has the training text, `last/` the files for
resuming, and `experts.safetensors` counts of all its words: do not publish them if the text is
private.
"""


def model_card(
    result: Mapping[str, Any],
    config: Config,
    *,
    sources: tuple[str, ...],
    characters: int,
    symbols: int,
    held_out: bool,
    origin: Origin | None,
) -> str:
    """Return the model card as Markdown.

    Parameters
    ----------
    result
        The values of ``TrainingResult.to_dict``.
    config
        The configuration of the run.
    sources, characters
        Names of the source files, and length of the text in characters.
    symbols
        Size of the vocabulary.
    held_out
        Whether the loss is that of held-out text.
    origin
        The pretrained model of the run, if any.
    """
    network, training = config.network, config.training
    shown = ", ".join(name_in_markdown(each, in_table=True) for each in sources[:3]) + (
        f" and {len(sources) - 3} more" if len(sources) > 3 else ""
    )
    return _TEMPLATE.format(
        title=name_in_markdown(result["run"]),
        layers=network.layers,
        plural="" if network.layers == 1 else "s",
        cell=network.cell,
        hidden_size=network.hidden_size,
        parameters=result["parameters"],
        sources=shown,
        characters=characters,
        vocabulary=config.text.vocabulary,
        symbols=symbols,
        origin="" if origin is None else f"| initialised from | {_described(origin)} |\n",
        steps=result["steps"],
        batch_size=training.batch_size,
        sequence_length=training.sequence_length,
        optimizer=training.optimizer,
        seconds=result["seconds"],
        measured="validation (held out)" if held_out else "training loss (nothing held out)",
        nats=result["nats_per_char"],
        bits=result["nats_per_char"] / math.log(2),
        perplexity=result["perplexity"],
        run=name_in_command(result["run"]),
    )


def _described(origin: Origin) -> str:
    name = name_in_markdown(origin.run, in_table=True)
    return f"{name}{origin.description.removeprefix(origin.run)}"
