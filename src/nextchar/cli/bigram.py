"""``nextchar bigram``: the baseline that looks at one symbol, and its table."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nextchar.cli.output import JSON_HELP, QUIET_HELP, part_display, print_json
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows

if TYPE_CHECKING:
    from nextchar.config import TextConfig
    from nextchar.language_model.bigram import BigramModel
    from nextchar.text.corpus import Corpus

_ROWS = 12
_SUCCESSORS = 6
_SYMBOLS_DRAWN = 40


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("bigram")(_bigram)


def _bigram(
    text: list[str] = typer.Argument(help="Files, folders, globs, or -."),
    vocabulary: Literal["char", "byte", "jamo"] = typer.Option("char", help="Kind of symbols."),
    min_count: int = typer.Option(1, help="Symbols rarer than this become <unk>."),
    validation_fraction: float = typer.Option(
        0.1, help="Share of the text held out at its end for the measurement."
    ),
    smoothing: float = typer.Option(0.1, help="Number added to every count."),
    length: int = typer.Option(200, help="Length of the sample in symbols."),
    seed: int = typer.Option(0, help="Seed of the sample."),
    network: int = typer.Option(
        0, help="Steps to train a linear softmax, which converges to the counts; 0 trains none."
    ),
    picture: Path | None = typer.Option(None, help="Draw the table: a .png, .svg or .pdf file."),
    encoding: str = typer.Option("utf-8", help="Encoding of the files."),
    errors: Literal["strict", "replace", "ignore", "backslashreplace"] = typer.Option(
        "strict", help="Handling of bytes that cannot be decoded."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
    quiet: bool = typer.Option(False, "--quiet", "-q", help=QUIET_HELP),
) -> None:
    """Measure the bigram baseline of a text.

    The baseline predicts each symbol from the one before it; every network has to beat it. The end
    of the text is held out and measured, as in training.
    """
    from nextchar.cli.options import picture_format
    from nextchar.config import TextConfig
    from nextchar.errors import ConfigError
    from nextchar.storage import write_bytes

    for name, value in (("length", length), ("seed", seed), ("network", network)):
        if value < 0:
            raise ConfigError(f"--{name} must be at least 0; got {value}")
    drawn_as = picture_format(picture)
    config = TextConfig(
        vocabulary=vocabulary,
        min_count=min_count,
        validation_fraction=validation_fraction,
        encoding=encoding,
        errors=errors,
    )
    with tempfile.TemporaryDirectory(prefix="nextchar-") as folder:
        model, corpus = _learned(text, config, smoothing, Path(folder), quiet=quiet)
        values = _values(model, corpus, length, seed)
    values["network_train_nats_per_symbol"] = _network_nats(model, network, quiet=quiet)
    if picture is not None:
        write_bytes(picture, _drawn(model, drawn_as))
    if as_json:
        print_json(values)
    else:
        _print(values, model)


def _learned(
    text: list[str], config: TextConfig, smoothing: float, folder: Path, *, quiet: bool
) -> tuple[BigramModel, Corpus]:
    from nextchar.language_model.bigram import BigramModel
    from nextchar.text.corpus import Corpus
    from nextchar.text.folds import learn_vocabulary
    from nextchar.text.reading import open_text

    with open_text(text, config) as source:
        symbols = learn_vocabulary(source, config)
        with part_display("encoding", quiet=quiet) as progress:
            corpus = Corpus.build(source, symbols, folder, config, progress=progress)
    return BigramModel.of(symbols, corpus.train, smoothing=smoothing), corpus


def _values(model: BigramModel, corpus: Corpus, length: int, seed: int) -> dict[str, Any]:
    """Return all figures by name, each name with its unit."""
    measured: dict[str, Any] = {}
    if len(corpus.validation) > 1:
        unigram = model.evaluate(corpus.validation, context=False)
        measured = {
            **model.evaluate(corpus.validation).to_dict(),
            "unigram_nats_per_char": unigram.nats_per_char,
            "unigram_bits_per_char": unigram.bits_per_char,
        }
    names = model.vocabulary.symbols
    return {
        "text": ", ".join(corpus.names),
        **measured,
        "train_nats_per_symbol": model.training_nats,
        "symbols": len(names),
        "pairs_seen": int((model.counts > 0).sum()),
        "smoothing": model.smoothing,
        "successors": {
            names[number]: {names[each]: p for each, p in model.successors(number, _SUCCESSORS)}
            for number in model.by_frequency[:_ROWS].tolist()
        },
        "sample": model.generate(length, seed=seed),
    }


def _network_nats(model: BigramModel, steps: int, *, quiet: bool) -> list[float]:
    from nextchar.language_model.bigram import BigramNetwork

    if not steps:
        return []
    nats: list[float] = []
    with part_display("training", quiet=quiet) as progress:
        for each in BigramNetwork(len(model.vocabulary)).fit(model.counts, steps):
            nats.append(each)
            progress((len(nats) - 1) / steps)
    return nats


def _drawn(model: BigramModel, picture_format: str) -> bytes:
    """Draw the table of the most frequent symbols."""
    from nextchar.rendering.bigram_table import table_picture

    numbers = model.by_frequency[:_SYMBOLS_DRAWN].tolist()
    names = [model.vocabulary.symbols[number] for number in numbers]
    return table_picture(names, model.probabilities[numbers][:, numbers], picture_format)


def _print(values: dict[str, Any], model: BigramModel) -> None:
    pairs = len(model.vocabulary) ** 2
    rows = [("text", values["text"])]
    if "bits_per_char" in values:
        rows += [
            ("measured", f"{values['characters']:,} characters held out"),
            ("unigram", f"{values['unigram_bits_per_char']:.4f} bits/char"),
            (
                "bigram",
                f"{values['bits_per_char']:.4f} bits/char, {values['nats_per_char']:.4f} nats/char",
            ),
        ]
    rows += [("table", f"{values['pairs_seen']:,} of {pairs:,} pairs occur in training")]
    print_rows(rows)
    sys.stdout.write("\nsuccessors of the most frequent symbols\n")
    for name, successors in values["successors"].items():
        listed = "  ".join(f"{_shown(each)} {p:.2f}" for each, p in successors.items())
        write_view(f"  {_shown(name)} → {listed}\n")
    _print_network(values["network_train_nats_per_symbol"], values["train_nats_per_symbol"])
    sys.stdout.write(f"\nsample\n{values['sample']}\n")


def _print_network(nats: list[float], optimum: float) -> None:
    """Show the loss after 0, 1, 2, 5, 10, 20, 50 … steps, and the last."""
    if not nats:
        return
    last = len(nats) - 1
    steps = {each * 10**power for power in range(7) for each in (1, 2, 5)}
    sys.stdout.write("\ntraining of the linear softmax, in nats/symbol\n")
    for step in sorted({0, last} | {each for each in steps if each < last}):
        sys.stdout.write(f"  {step:6,} steps  {nats[step]:.4f}\n")
    sys.stdout.write(f"  the counts    {optimum:.4f}\n")


def _shown(name: str) -> str:
    return "␣" if name == " " else name
