"""Restoration of case, punctuation or diacritics, compared with a word-list baseline.

    python benchmarks/restoring.py names/*.txt --restore diacritics --seeds 3
    python benchmarks/restoring.py django-5.2.whl:cs --restore diacritics

A text is a file of lines, or the translations into a language in a wheel (``WHEEL:LANGUAGE``, its
``.po`` files). Duplicate lines are removed. A random fifth of the lines, with seed 0, is the test
part; none of its lines occurs in the training part. The word list assigns each word its most
frequent labels in the training part.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import re
import statistics
import sys
import tempfile
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from nextchar.config import TaggerRunConfig, TextConfig
from nextchar.config.toml import overridden, read_options
from nextchar.runs import train
from nextchar.tasks.tagging.items import Item, read_items
from nextchar.tasks.tagging.restoration import Restoration
from nextchar.tasks.tagging.scores import ConfusionCounts, Scores
from nextchar.tasks.tagging.tagger import Tagger
from nextchar.tasks.tagging.task import split

TEST_SHARE = 0.2
_STRING = re.compile(r'(?:msgstr(?:\[\d\])? )(".*")$')


def translations(wheel: str, language: str) -> Iterator[str]:
    """Return the lines of all messages in a language."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if f"/locale/{language}/LC_MESSAGES/" in name and name.endswith(".po"):
                yield from _messages(archive.read(name).decode("utf-8"))


def _messages(text: str) -> Iterator[str]:
    message: str | None = None
    for line in [*text.split("\n"), ""]:
        begins = _STRING.match(line)
        if message is not None and line.startswith('"'):
            message += ast.literal_eval(line)
            continue
        if message and "Content-Type" not in message:
            yield from filter(None, map(str.strip, message.split("\n")))
        message = ast.literal_eval(begins[1]) if begins else None


def items_of(texts: Sequence[str], restoration: Restoration) -> list[Item]:
    """Return the items of the distinct lines, with the labels removed from the text."""
    items: list[Item] = []
    for text in texts:
        wheel, colon, language = text.rpartition(":")
        if colon:
            parts = map(restoration.split, translations(wheel, language))
            items += [Item(tuple(characters), tuple(labels)) for characters, labels in parts]
        else:
            items += read_items([text], TextConfig(), restoration)
    return list(dict.fromkeys(items))


def words(item: Item) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """Return the words of an item, and the positions of their characters."""
    places = range(len(item.characters))
    for is_space, run in itertools.groupby(places, key=lambda n: item.characters[n] in " \t"):
        where = list(run)
        if not is_space:
            yield tuple(item.characters[n] for n in where), where


def word_list(items: Sequence[Item], nothing: str) -> Callable[[Item], list[str]]:
    """Return a rule that assigns each word its most frequent labels."""
    counts: dict[tuple[str, ...], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for item in items:
        for word, where in words(item):
            counts[word][tuple(item.labels[n] for n in where)] += 1

    def guess(item: Item) -> list[str]:
        labels = [nothing] * len(item.labels)
        for word, where in words(item):
            if word in counts:
                for place, label in zip(where, counts[word].most_common(1)[0][0], strict=True):
                    labels[place] = label
        return labels

    return guess


def evaluate(
    items: Sequence[Item], guess: Callable[[Item], list[str]], restoration: Restoration
) -> Scores:
    """Return the scores of a rule's labels."""
    names = sorted({label for item in items for label in (*item.labels, *guess(item))})
    number = {name: place for place, name in enumerate(names)}
    tally = ConfusionCounts([restoration.parts(name) for name in names])
    for item in items:
        right, given = ([number[label] for label in each] for each in (item.labels, guess(item)))
        tally.add(np.array(right), np.array(given))
    return tally.scores()


def table(rows: dict[str, list[Scores]], listed: int) -> Iterator[str]:
    """Print the overall scores, then the scores of the most frequent labels."""
    yield "| | F1 | precision | recall | accuracy | whole lines |"
    yield "|---|---|---|---|---|---|"
    for name, scores in rows.items():
        f1 = [each.overall.f1 for each in scores]
        spread = f" ± {statistics.stdev(f1):.4f}" if len(f1) > 1 else ""
        others = (
            f"{statistics.mean(each.figures()[figure] for each in scores):.4f}"
            for figure in ("precision", "recall", "accuracy", "whole_items")
        )
        yield f"| {name} | {statistics.mean(f1):.4f}{spread} | {' | '.join(others)} |"
    parts = list(next(iter(rows.values()))[0].parts.items())[:listed]
    yield f"\n| label | test items | {' | '.join(rows)} |"
    yield f"|---|---|{'---|' * len(rows)}"
    for part, found in parts:
        each = (
            f"{statistics.mean(s.parts[part].f1 if part in s.parts else 0.0 for s in scores):.4f}"
            for scores in rows.values()
        )
        yield f"| `{part}` | {found.actual:,} | {' | '.join(each)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("texts", nargs="+", help="files, or WHEEL:LANGUAGE")
    parser.add_argument("--restore", default="diacritics")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--config", type=Path, help="options of nextchar tag train, in TOML")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--labels", type=int, default=12, help="number of labels to list")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    file = {} if options.config is None else read_options(options.config, TaggerRunConfig)
    given = {"restore": options.restore, "epochs": options.epochs}
    chosen = overridden(file, {name: value for name, value in given.items() if value is not None})
    restoration = Restoration(TaggerRunConfig.from_options(chosen).tagging.kinds)
    learned, test = split(items_of(options.texts, restoration), TEST_SHARE, 0)
    print(f"{len(learned):,} training lines, {len(test):,} test lines\n")
    lists = evaluate(test, word_list(learned, restoration.unchanged), restoration)
    runs = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            began, busy = time.monotonic(), time.process_time()
            train("tag", learned, Path(folder, "run"), **{**chosen, "seed": seed})
            seconds = (
                f"{time.monotonic() - began:.0f} s, {time.process_time() - busy:.0f} s of CPU time"
            )
            runs.append(Tagger.load(Path(folder, "run")).evaluate_items(test).scores)
        print(f"seed {seed}: F1 {runs[-1].overall.f1:.4f}, {seconds}", file=sys.stderr)
    rows = {"word list": [lists], "nextchar tag": runs}
    print("\n".join(table(rows, options.labels)))
    if options.json is not None:
        figures = {name: [each.to_dict() for each in scores] for name, scores in rows.items()}
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
