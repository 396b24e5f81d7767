"""``nextchar train``: from text files to a run directory."""

from __future__ import annotations

from pathlib import Path

import typer

from nextchar.cli.options import parameter
from nextchar.cli.train_command import TrainCommand
from nextchar.config import Config
from nextchar.tasks.result_rows import language_model_rows

_HELP = """Train a language model on text.

Text is a file, several files, a folder, a glob, or - for standard input. The run directory contains
everything: the model, its vocabulary, its history, and the state that --resume needs.

With --from, training starts from the network and the vocabulary of another run. Symbols that are
new in the text are added to the vocabulary.

With --embedding-from, the embedding is initialised with vectors of `embeddings train`.

With --resume and --steps or --minutes, a finished run is trained further by that amount, with a
new learning rate schedule.

With --minutes and no other option, network size and number of steps are chosen to suit the text and
the time.
"""

add_to = TrainCommand(
    task="language_model",
    help=_HELP,
    config=Config,
    data="Text files, folders, globs, or -.",
    own=[
        parameter(
            "from_run",
            Path | None,
            typer.Option(None, "--from", help="Start from the network of this run."),
        ),
        parameter(
            "embedding_from",
            Path | None,
            typer.Option(None, "--embedding-from", help="Vectors to initialise the embedding."),
        ),
    ],
    rows=language_model_rows,
    next_command="generate OUT",
).add_to
