"""What a vocabulary does not know is counted, each time that it occurs, and the first is placed."""

from __future__ import annotations

from nextchar.text.places import Place
from nextchar.text.unknown import UnknownSymbols
from nextchar.text.vocabulary import learn


def test_each_time_counts_and_the_first_has_its_place() -> None:
    unknown = UnknownSymbols(learn("char", ["abc\n"], 1))
    assert unknown.note() == ""
    unknown.read("abc\n", Place(name="a.txt"))
    unknown.read("a§b§\n☃", Place(4, 1, "a.txt"))
    unknown.read("§", Place(9, 9, "a.txt"))
    assert unknown.count == 4
    assert unknown.note() == (
        "4 characters are not in the vocabulary and read as <unk>: '§', '☃'; the first at a.txt, "
        "line 4, column 2"
    )


def test_what_was_done_with_one_is_told() -> None:
    unknown = UnknownSymbols(learn("char", ["abc"], 1))
    unknown.read("ab☃", "names.csv, line 3")
    assert unknown.note(unknown="skip") == (
        "1 character is not in the vocabulary and left out: '☃'; the first at names.csv, line 3, "
        "column 3"
    )


def test_of_words_words_are_counted() -> None:
    unknown = UnknownSymbols(learn("word", ["the cat"], 1))
    unknown.read("the  dog\tsat", "line 1")
    assert unknown.note().startswith("2 words are not in the vocabulary and read as <unk>: 'dog'")
    assert unknown.first == "line 1, column 6"


def test_only_some_of_many_are_named() -> None:
    unknown = UnknownSymbols(learn("char", ["abc"], 1))
    unknown.read("defghij")
    assert "'d', 'e', 'f', 'g', 'h', …; the first at column 1" in unknown.note()
