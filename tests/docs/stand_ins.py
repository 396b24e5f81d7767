"""Small files that stand in for those that the pages name: of the same layout, made up."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from tests.conftest import english, korean

SPEAKERS = ("KING", "QUEEN", "ROMEO", "First Citizen", "DUKE VINCENTIO")
LANGUAGES = {
    "Czech": "ova ek ska",
    "English": "son ton ford",
    "French": "eau ier ette",
    "German": "mann berg er",
    "Greek": "is os akis",
    "Italian": "ini ari ello",
    "Japanese": "moto kawa ura",
    "Korean": "ang oon im",
    "Polish": "ski wicz czyk",
    "Portuguese": "eira inho elo",
    "Russian": "ov enko sky",
    "Spanish": "ez ero illa",
}
_WORDS = (
    "the king said to his mother thou hast thought that a woman and a man were here this night; "
    "what say you, my lord? never was the queen so fair: farewell! I may not stay, nor will he "
    "speak of days when they play'd by the light - a great duke, the prince, his father, zeal, "
    "quick exile, just grace, but not much."
)
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PHONES = "AE1 B K D EH1 F G HH IH1 JH K L M N OW1 P K R S T UH1 V W K Y Z"


def plays(characters: int, seed: int = 1) -> str:
    """Write speeches, whose letters are all that a page asks to be written."""
    draw = random.Random(seed)
    text = f"KING:\nBe it so, {_CAPITALS.lower()}, {_CAPITALS}.\n\n"
    while len(text) < characters:
        lines = [" ".join(draw.choices(_WORDS.split(), k=6)).capitalize() for _ in range(3)]
        text += f"{draw.choice(SPEAKERS)}:\n" + ",\n".join(lines) + ".\n\n"
    return text


def surnames(language: str, count: int, seed: int = 1) -> list[str]:
    """Make up names, with marks where the language has some."""
    draw = random.Random(f"{language} {seed}")
    marks = {"Polish": "ń", "German": "ü", "French": "é", "Spanish": "ñ", "Portuguese": "ã"}
    letters = "bdfgklmnprstvaeiouaeiou" + marks.get(language, "a")
    names = {
        "".join(draw.choices(letters, k=draw.randint(2, 5))) + draw.choice(ends.split())
        for ends in [LANGUAGES[language]]
        for _ in range(count)
    }
    if language == "English":
        names |= {"o'brien", "kowalski", "nakamura", "ferrando", "czyx-whiq"}
    return [name.capitalize() for name in sorted(names)]


def name_lines(language: str, seed: int) -> str:
    """Write a file with a name a line."""
    return "\n".join(surnames(language, 25, seed)) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write CSV of fields without commas."""
    lines = [",".join(map(str, row)) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


def sentences(count: int, seed: int) -> list[str]:
    """Make up sentences without commas."""
    return english(60 * count, seed).replace(",", "").splitlines()[:count]


def labelled_names(seed: int) -> list[tuple[str, str]]:
    """Pairs of a name and its language."""
    return [(name, language) for language in LANGUAGES for name in surnames(language, 12, seed)]


def pronunciations() -> str:
    """Words and phonemes in the layout of CMUdict."""
    found = {word.strip(",;?!.:'").lower() for word in _WORDS.split()} | set(
        english(800, 3).lower().split()
    )
    words = [*sorted(word for word in found if word.isalpha()), "nextchar", "transducer", "seoul"]
    words += ["recurrent", "phonetician", "cat", "dog", "jazz", "quiz", "vex"]
    phones = dict(zip("abcdefghijklmnopqrstuvwxyz", _PHONES.split(), strict=True))
    lines = [f"{word} {' '.join(phones[letter] for letter in word)}" for word in words]
    return "\n".join(lines) + "\n"


def chatbot() -> str:
    """Questions, answers and labels in Korean."""
    made_up = [line.replace(",", "") for line in korean(4000).splitlines()]
    lines = ["오늘은 어때?", "사랑하는 날이네요.", *made_up]
    pairs = zip(lines[::2], lines[1::2], strict=False)
    return table(("Q", "A", "label"), ((q, a, place % 3) for place, (q, a) in enumerate(pairs)))


def films(count: int, seed: int) -> str:
    """Lines of a label and a text."""
    return "".join(f"{i % 2} {text.lower()}\n" for i, text in enumerate(sentences(count, seed)))


def functions() -> str:
    """Lines of code."""
    return "".join(f"def get_x{i % 10}_of(self):\n    return a[{i}]\n\n" for i in range(150))


def requests() -> str:
    """Lines of a log."""
    days = (f"2026-{1 + i % 12:02}-{1 + i % 28:02} GET /{i}\n" for i in range(300))
    return "".join(days)


FILES: dict[str, Callable[[], str]] = {
    "tinyshakespeare.txt": lambda: plays(8000),
    "plays.txt": lambda: plays(8000),
    "corpus.txt": lambda: plays(6000, 2),
    "new.txt": lambda: plays(6000, 3) + "~ | ~\n",
    "small.txt": lambda: plays(4000, 4),
    "other.txt": lambda: plays(1000, 5),
    "draft.txt": lambda: plays(600, 6).replace("thou", "thuo", 1),
    "sample.txt": lambda: plays(800, 7),
    "test.txt": lambda: plays(1000, 12),
    "good.txt": lambda: plays(3000, 8),
    "messages.txt": lambda: plays(1000, 9),
    "code.py": functions,
    "server.log": requests,
    "korean.txt": lambda: korean(2500),
    "korean_chatbot.csv": chatbot,
    "cmudict.dict": pronunciations,
    "names.txt": lambda: name_lines("Italian", 2),
    "test.csv": lambda: table(("text", "label"), labelled_names(3)),
    "split/train.csv": lambda: table(("text", "label"), labelled_names(4)),
    "split/test.csv": lambda: table(("text", "label"), labelled_names(5)),
    "reviews.csv": lambda: table(
        ("text", "label"), ((t, "+-"[i % 2]) for i, t in enumerate(sentences(150, 6)))
    ),
    "songs.csv": lambda: table(
        ("lyrics", "tempo", "year"),
        ((t, 60 + i, 1950 + i % 70) for i, t in enumerate(sentences(100, 7))),
    ),
    "captions.txt": lambda: "\n".join(sentences(100, 8)) + "\n",
    "sst2/train.txt": lambda: films(150, 9),
    "sst2/dev.txt": lambda: films(40, 10),
    "sst2/test.txt": lambda: films(40, 11),
    **{
        f"{folder}/{language}.txt": functools.partial(name_lines, language, seed)
        for folder, seed in (("names", 1), ("more-names", 2))
        for language in LANGUAGES
    },
}  # fmt: skip


def write_stand_ins(folder: Path) -> dict[Path, bytes]:
    """Write all of them into a folder, and give what is in each."""
    for name, make in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(make(), encoding="utf-8")
    np.save(folder / "images.npy", np.random.default_rng(1).normal(size=(100, 3)))
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def given_names() -> dict[str, object]:
    """What snippets of Python take for granted: texts, labels, and a row of numbers for each."""
    pairs = labelled_names(6)
    return {
        "texts": [text for text, _ in pairs],
        "labels": [label for _, label in pairs],
        "array": np.random.default_rng(2).normal((120, 1980), size=(len(pairs), 2)),
    }
