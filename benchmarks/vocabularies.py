"""Bits per original character with char, byte and jamo vocabularies, for the same training time.

    python benchmarks/vocabularies.py korean_chatbot.csv --columns Q A --minutes 2

Only the named columns of a table are read, one cell per line; any other file is read as text.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import nextchar
from nextchar.config import TextConfig
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.text.tables import kind_of, read_rows


def as_text(source: Path, columns: list[str]) -> str:
    if not columns:
        return source.read_text("utf-8")
    rows = read_rows(source, columns, TextConfig(), kind=kind_of(source) or "csv")
    return "".join(f"{field}\n" for row in rows for field in row.fields)


def valid_share(text: str) -> float:
    """Return the share of whole syllables among syllables, stray letters and invalid characters."""
    syllables = sum("가" <= symbol <= "힣" for symbol in text)
    letters = sum("ㄱ" <= symbol <= "ㆎ" or "ᄀ" <= symbol <= "ᇿ" for symbol in text)
    damaged = text.count("\ufffd")
    return syllables / max(1, syllables + letters + damaged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--columns", nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()

    every = []
    print("| vocabulary | V | H | weights | bits/symbol | bits/char | whole syllables |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text(as_text(arguments.text, arguments.columns), "utf-8")
        for kind in ("char", "byte", "jamo"):
            run = Path(folder) / kind

            nextchar.train(text, run, vocabulary=kind, minutes=arguments.minutes)
            model = nextchar.LanguageModel.load(run)
            result = model.evaluate_ids(open_corpus(run).validation)
            sample = model.generate(length=2000, seed=1, temperature=0.8)
            every.append(
                {
                    "vocabulary": kind,
                    "parameters": model.parameters,
                    "valid_share": valid_share(sample),
                    "sample": sample[:400],
                    **result.to_dict(),
                }
            )
            print(
                f"| {kind} | {len(model.vocabulary)} | {model.config.network.hidden_size} "
                f"| {model.parameters:,} | {result.bits_per_symbol:.3f} "
                f"| {result.bits_per_char:.3f} | {valid_share(sample):.2%} |",
                flush=True,
            )
    for figures in every:
        print(f"\n{figures['vocabulary']}:\n{str(figures['sample'])[:200]}")
    if arguments.json:
        content = json.dumps(every, indent=2, ensure_ascii=False)
        arguments.json.write_text(f"{content}\n", "utf-8")


if __name__ == "__main__":
    main()
