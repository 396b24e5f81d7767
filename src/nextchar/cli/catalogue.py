"""The commands by name: panel of the front page, and one line of help. Nothing is imported.

A command's module is named after the command; ``nextchar.cli.groups`` imports it on use.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command or a group of commands.

    Attributes
    ----------
    panel
        Panel of the front page.
    help
        One line: the first sentence of the command's own help.
    module
        Module in ``nextchar.cli`` if its name differs from that of the command.
    """

    panel: str
    help: str
    module: str = ""


_WRITE, _MEASURE, _TRAIN = "Write", "Measure", "Train and tune"
_TASKS, _DATA = "Tasks", "Data"

CATALOGUE: dict[str, Entry] = {
    "generate": Entry(_WRITE, "Generate text, or search for the most probable text."),
    "complete": Entry(_WRITE, "List the most probable completions of the last word of a text."),
    "play": Entry(_WRITE, "Write a text together with a model, interactively."),
    "export": Entry(_WRITE, "Turn a run into a page that writes in the browser."),
    "evaluate": Entry(_MEASURE, "Measure bits per character and perplexity on a text."),
    "score": Entry(_MEASURE, "Show the cost of each character of a text in bits."),
    "novelty": Entry(_MEASURE, "Measure the overlap of a text with the training text of a run."),
    "bigram": Entry(_MEASURE, "Measure the bigram baseline of a text."),
    "info": Entry(_MEASURE, "Show the configuration, size and learning curve of a run."),
    "inspect": Entry(_MEASURE, "Look inside a run: gradients, gates, units, memory, errors."),
    "seal": Entry(_MEASURE, "Accept changes of the configuration or the vocabulary of a run."),
    "train": Entry(_TRAIN, "Train a language model on text."),
    "compare": Entry(_TRAIN, "Train variants of a network with the same budget and compare them."),
    "crossval": Entry(_TRAIN, "Cross-validate a language model on a text."),
    "tune": Entry(_TRAIN, "Search for the best options for a text."),
    "classify": Entry(_TASKS, "Predict a label for each text: sentiment, language, spam, …"),
    "tag": Entry(_TASKS, "Label each character: restore spaces, case, accents or punctuation."),
    "transduce": Entry(_TASKS, "Map texts to texts: pronunciation, transliteration, dates, …"),
    "condition": Entry(_TASKS, "Generate text from a label or from numbers."),
    "embeddings": Entry(_TASKS, "Learn and query vectors of symbols."),
    "data": Entry(_DATA, "List, download and locate corpora."),
    "augment": Entry(_DATA, "Preview the augmentation of a text, or write augmented copies."),
    "compress": Entry(_DATA, "Compress a file without loss, with the predictions of a run."),
    "decompress": Entry(_DATA, "Restore a file written by compress.", "compress"),
}
