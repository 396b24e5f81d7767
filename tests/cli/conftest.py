"""A small folder of every kind that commands make, for what all commands have in common."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import english


@pytest.fixture(scope="session")
def folders(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind by its name, beside the data it was made of; tests only read them."""
    import nextchar
    from nextchar.tasks.tagging.tagger import Tagger
    from nextchar.tasks.transduction.pairs import Columns

    place = tmp_path_factory.mktemp("kinds")
    text = place / "text.txt"
    text.write_text(english(3000))
    words = [f"{a}{b}{c}" for a in "abcd" for b in "bcd" for c in "ab"]
    rows = [f"{word},{'even' if word < 'c' else 'odd'},{word.upper()}" for word in words]
    (place / "words.csv").write_text("\n".join(["text,label,target", *rows]) + "\n")
    size: dict[str, Any] = {"hidden_size": 8, "embedding_size": 4, "precision": "float32"}
    few = {**size, "batch_size": 4, "steps": 2}
    items = {**size, "batch_size": 8, "epochs": 1}
    nextchar.Classifier.train(place / "words.csv", place / "classifier", **items)
    Tagger.train(text, place / "tagger", restore="case", **items)
    nextchar.Transducer.train(
        place / "words.csv", place / "transducer", columns=Columns("text", "target"), **items
    )
    labels = [row.split(",")[1] for row in rows]
    nextchar.ConditionalModel.train(words, place / "conditional", labels=labels, **items)
    nextchar.train_embeddings(text, size=4, epochs=1).save(place / "embeddings")
    nextchar.compare(text, place / "comparison", vary={"cell": ["rnn"]}, **few)
    nextchar.crossval(text, place / "crossval", folds=2, **few)
    nextchar.tune(text, place / "tuning", search={"dropout": "0,0.2"}, trials=1, **few)
    shutil.copytree(finished, place / "model")
    return {path.name: path for path in place.iterdir()}
