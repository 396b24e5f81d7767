"""Patterns and forbidden words from a stranger: accepted or refused, within bounded work.

The fast tests count steps, which do not depend on the machine. The slow ones measure seconds and
bytes in a process of its own.
"""

from __future__ import annotations

import random
import re
import resource
import subprocess
import sys
import textwrap

import pytest

from nextchar.constraints import budget as budgets
from nextchar.constraints import building, constrain
from nextchar.constraints.budget import Budget
from nextchar.constraints.expressions import parse, repeat
from nextchar.errors import ConfigError
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary, learn

ASCII = "".join(map(chr, range(32, 127))) + "\n"
SYLLABLES = "".join(map(chr, range(0xAC00, 0xD7A4, 7)))
IDEOGRAPHS = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))


def vocabularies() -> dict[str, Vocabulary]:
    return {
        "char": CharVocabulary(list(ASCII), unknown=True),
        "byte": ByteVocabulary(),
        "jamo": learn("jamo", [ASCII + SYLLABLES], 1),
        "20,000 symbols": CharVocabulary(list(ASCII + IDEOGRAPHS), unknown=True),
    }


def words() -> Vocabulary:
    draw = random.Random(0)
    text = ("".join(draw.choices("abcdefghij가나다", k=draw.randint(1, 9))) for _ in range(20_000))
    return learn("word", [" ".join(text), " ".join(ASCII)], 1, unknown=True)


CRAFTED = [
    "(a?){10000}",
    "(a{0,100}){100}",
    "a" * 1_000_000,
    "a" * 49_000,
    "(a?b?){10000}",
    "((a?b?)*c?){3000}",
    "(a*)*" * 3000,
    "[ab]*a[ab]{18}",
    "(.*a){20}",
    "(a|a)*" * 500,
    "((a|b)?){10000}",
    "(((((a?){9}){9}){9}){9}b){9}",
    "((((a{0,9}){0,9}){0,9}){0,9}b){9}",
    "(.{0,100}b){100}",
    "|".join("ab" for _ in range(16_000)),
    "|".join(f"w{n}" for n in range(9_000)),
    "(" * 99 + "a" + "?)*" * 99,
    "[" + IDEOGRAPHS + "]*",
    "".join(f"[{IDEOGRAPHS[n : n + 50]}]" for n in range(0, 20_000, 60)),
    "".join(f"[^{c}]" for c in IDEOGRAPHS[:9000]),
    "".join(IDEOGRAPHS[:19_000]),
    "(?i)" + "aB" * 20_000,
    "(?i)" + "".join(f"[{chr(97 + n % 26)}-z{chr(0x100 + n)}]" for n in range(300)),
    r"(\p{L}\p{Lu}\p{Nd}\p{Ll}\p{P}\p{S}\w\d\s[^a][^b]){1000}",
    "".join(rf"\p{{{c}}}?" for c in ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Nd", "Nl", "Pc", "Sc")),
    ".{10000}",
    "(.|\n){0,10000}",
    "([a-z]{1,50}[0-9]{1,50}){50}",
    "a{10000}{10000}",
    "(a{10000}){10000}",
    "(a{3,}){3,}b{1,9999}" * 5,
    "\\" * 50_000,
    "[" * 50_000,
    "(?:" * 10_000,
    "가" * 20_000,
    "\U0001f600?" * 5000,
]


def hostile(count: int, seed: int) -> list[str]:
    """Draw patterns with many and large repetitions."""
    draw = random.Random(seed)
    atoms = [
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        r"\w",
        r"\d",
        r"\p{L}",
        "가",
        "[가-힣]",
        "ab",
        "(?:)",
        "é",
    ]

    def pattern(depth: int) -> str:
        if depth == 0:
            return draw.choice(atoms)
        inner = [pattern(depth - 1) for _ in range(draw.randint(1, 3))]
        joined = "|".join(inner) if draw.random() < 0.4 else "".join(inner)
        many = draw.choice([2, 9, 30, 100, 1000, 9999])
        quantifier = draw.choice(
            ["", "*", "+", "?", f"{{{many}}}", f"{{0,{many}}}", f"{{2,{many}}}"]
        )
        return f"({joined}){quantifier}"

    return [pattern(draw.randint(1, 4)) * draw.choice([1, 1, 5, 200]) for _ in range(count)]


REASONABLE = [
    r"\d{4}-\d{2}-\d{2}",
    r"[a-z.]+@[a-z]+\.(com|org)",
    r"([A-Z][a-z]+ ){3,8}",
    r"(\w+ ){5}\w+[.!?]",
    r"\{\"name\": \"[^\"]{1,20}\"\}",
    r"([^\n]{20,40}\n){14}",
    r"(?i)[a-z ]{10,80}",
    "|".join(f"word{n}" for n in range(500)),
    r"(a?){10000}",
    r".{0,300}",
]


@pytest.mark.parametrize("name", vocabularies())
def test_reasonable_patterns_are_accepted(name: str) -> None:
    vocabulary = vocabularies()[name]
    for pattern in REASONABLE:
        assert len(constrain(vocabulary, match=pattern).accepts) > 0, pattern


def require_bounded(vocabulary: Vocabulary, spent: list[Budget], **what: object) -> None:
    message = ""
    try:
        constrain(vocabulary, **what)  # type: ignore[arg-type]
    except ConfigError as error:
        message = str(error)
    assert len(message) < 400
    assert "\n" not in message
    if spent:  # The last charge may exceed the limit, but by no more than the largest operation.
        assert spent[-1].spent < 2 * budgets.MAX_STEPS


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[Budget]:
    """The budgets of the constraints that the test builds."""
    made: list[Budget] = []

    def make() -> Budget:
        made.append(Budget())
        return made[-1]

    monkeypatch.setattr(building, "Budget", make)
    return made


@pytest.mark.parametrize("name", ["char", "byte", "jamo"])
def test_the_work_for_a_hostile_pattern_is_bounded(name: str, spent: list[Budget]) -> None:
    vocabulary = vocabularies()[name]
    for pattern in [*random.Random(1).sample(CRAFTED, 5), *hostile(5, seed=len(name))]:
        require_bounded(vocabulary, spent, match=pattern)
    assert max(each.spent for each in spent) > 10_000


FORBIDDEN = {
    "long": ["a" * 1_000_000],
    "many": [f"w{n:06d}" for n in range(100_000)],
    "2,000": [f"{n}x" for n in range(2000)],
    "ideographs": list(IDEOGRAPHS[:15_000]),
    "nested": ["ab" * n for n in range(1, 200)],
    "signs": ["-" * n for n in range(1, 200)],
}


@pytest.mark.parametrize("words", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_work_for_forbidden_words_is_bounded(words: list[str], spent: list[Budget]) -> None:
    for vocabulary in vocabularies().values():
        require_bounded(vocabulary, spent, forbid=words)


def test_two_thousand_forbidden_words_are_accepted() -> None:
    vocabulary = vocabularies()["char"]
    words = [f"{a}{b}{c}xyz" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyz0123"]
    automaton = constrain(vocabulary, forbid=words)
    state = 0
    for letter in "an-axyz":
        state = int(automaton.following[state, automaton.classes[vocabulary.encode(letter)[0]]])
        assert state >= 0


@pytest.mark.parametrize("outer", ["{0}", "{1}", "{3}", "{0,2}", "{2,3}", "*", "+", "?", "{2,}"])
@pytest.mark.parametrize("inner", ["{0}", "{2}", "{1,2}", "{2,3}", "{0,2}", "*", "+", "?", "{2,}"])
def test_nested_repetitions_match_as_in_python(inner: str, outer: str) -> None:
    """They may become a single repetition."""
    vocabulary = vocabularies()["char"]
    pattern = f"(a{inner}){outer}"
    wanted = {n for n in range(12) if re.fullmatch(pattern, "a" * n)}
    automaton = constrain(vocabulary, match=pattern)
    found, state = set(), 0
    letter = automaton.classes[vocabulary.encode("a")[0]]
    for n in range(12):
        if automaton.accepts[state]:
            found.add(n)
        state = int(automaton.following[state, letter])
        if state < 0:
            break
    assert found == wanted


def test_a_repetition_with_gaps_stays_as_it_is() -> None:
    assert repeat(parse("a{5}"), 0, 2) != parse("a{0,10}")
    assert repeat(parse("a?"), 7, 7) == parse("a{0,7}")


# Each case in a process of its own, which has neither the caches nor the memory of an earlier one.
_MEASURE = """
    import os, resource, sys
    from nextchar.constraints import constrain
    from nextchar.errors import ConfigError
    from tests.memory import peak, reset_peak
    from tests.regression import test_hostile_patterns as cases
    vocabulary = cases.words() if sys.argv[1] == "word" else cases.vocabularies()[sys.argv[1]]
    patterns = [*cases.CRAFTED, *cases.hostile(125 - len(cases.CRAFTED), int(sys.argv[2]))]
    given = [{"match": each} for each in patterns]
    given += [{"forbid": words} for words in cases.FORBIDDEN.values()]
    for number, options in enumerate(given):
        sys.stdout.flush()
        child = os.fork()
        if not child:
            before = reset_peak()
            try:
                constrain(vocabulary, **options)
            except ConfigError:
                pass
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(number, used.ru_utime + used.ru_stime, peak() - before, flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", [*vocabularies(), "word"])
def test_a_hostile_pattern_needs_a_second_and_200_megabytes(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEASURE), name, str(len(name))],
        capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (600, 600)),
    )  # fmt: skip
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert len(lines) == 125 + len(FORBIDDEN)
    assert [line for line in lines if float(line[1]) > 1] == []  # seconds of a core
    assert [line for line in lines if int(line[2]) > 200 << 20] == []  # bytes
