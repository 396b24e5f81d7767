"""Detection of artificial typos among the most surprising spans of a text.

    python benchmarks/typos.py runs/plays plays.txt --json typos.json

Twenty typos (two letters swapped, a letter dropped, doubled or replaced, inside words) are inserted
into 5,000 characters of the last tenth of the text, held out from the run. ``Score.anomalies``
lists the 30 most surprising spans. A typo is found if a span overlaps it or the character after it.
Several draws are made, each with another position and other typos.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import string
from pathlib import Path

import nextchar

SLIPS, LISTED, CHARACTERS = 20, 30, 5000


def insert_typos(text: str, draw: random.Random) -> tuple[str, list[int]]:
    """Insert typos into a text; return the text and their positions."""
    inside = [
        place
        for place in range(1, len(text) - 2)
        if all(
            text[near].isalpha() and text[near].islower() for near in range(place - 1, place + 2)
        )
    ]
    chosen: list[int] = []
    while len(chosen) < SLIPS:
        place = draw.choice(inside)
        if all(abs(place - other) > 20 for other in chosen):
            chosen.append(place)
    pieces, places, at, length = [], [], 0, 0
    for place in sorted(chosen):
        here, after = text[place], text[place + 1]
        kinds = [here + here, "", draw.choice(string.ascii_lowercase.replace(here, ""))]
        taken, slip = draw.choice(
            [(1, kind) for kind in kinds] + [(2, after + here)] * (here != after)
        )
        pieces += [text[at:place], slip]
        length += place - at
        places.append(length)
        length += len(slip)
        at = place + taken
    return "".join([*pieces, text[at:]]), places


def count_found(model: nextchar.LanguageModel, held_out: str, seed: int) -> int:
    """Insert typos, and return the number of those found."""
    draw = random.Random(seed)
    start = draw.randrange(len(held_out) - CHARACTERS)
    text, places = insert_typos(held_out[start : start + CHARACTERS], draw)
    spans = model.score(text).anomalies(LISTED)
    return sum(any(s.start <= p + 2 and p <= s.end for s in spans) for p in places)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--draws", type=int, default=24)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    text = options.text.read_bytes().decode("utf-8")
    held_out = text[-(len(text) // 10) :]
    if len(held_out) <= CHARACTERS:
        parser.error(f"a tenth of the text must be longer than {CHARACTERS:,} characters")
    model = nextchar.LanguageModel.load(options.run)
    counts = [count_found(model, held_out, seed) for seed in range(options.draws)]
    figures = {
        "slips": SLIPS,
        "listed": LISTED,
        "found": counts,
        "mean": statistics.mean(counts),
        "draws_with_15_or_more": sum(count >= 15 for count in counts),
    }
    print(
        f"of {SLIPS} typos, {figures['mean']:.1f} are among the first {LISTED} spans "
        f"({min(counts)} to {max(counts)}); 15 or more in {figures['draws_with_15_or_more']} of "
        f"{len(counts)} draws"
    )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
