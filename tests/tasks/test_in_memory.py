"""Data in memory are checked as data in files are, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextchar
from nextchar.errors import ConfigError, TextError
from nextchar.tasks.tagging.items import Item
from nextchar.text.labelled import LabelledText

ITEM = LabelledText("here", "text", "label")
train_classifier: Any = nextchar.Classifier.train
train_conditional: Any = nextchar.ConditionalModel.train
train_transducer: Any = nextchar.Transducer.train
train_tagger: Any = nextchar.Tagger.train


@pytest.mark.parametrize(
    ("train", "data", "options", "words"),
    [
        (train_classifier, [ITEM], {"labels": ["x"]}, "text 1 must be text; got LabelledText"),
        (train_classifier, [Path("a"), Path("b")], {"labels": ["x", "y"]}, "text 1 must be text"),
        (train_classifier, ["a", None], {"labels": ["x", "y"]}, "text 2 must be text; got None"),
        (train_classifier, ["a", "b"], {"labels": ["x", None]}, "label 2 is missing; got None"),
        (train_classifier, ["a", "b"], {"labels": ["x", float("nan")]}, "label 2 is missing"),
        (train_classifier, ["a", "b"], {"labels": ["x"]}, "2 texts need as many labels; got 1"),
        (train_classifier, ["a"], {"labels": ["x"], "text": "t"}, "text is for files"),
        (train_classifier, [ITEM, "a.csv"], {}, "either files or labelled texts; got both"),
        (train_classifier, [1, 2, 3], {}, "data must be files or labelled texts; got 1"),
        (train_classifier, 5, {}, "data must be"),
        (train_conditional, ["a"], {"labels": ["x"], "features_file": "x.npy"}, "is for files"),
        (train_conditional, ["a"] * 2, {"features": [["a"], ["b"]]}, "features must be numbers"),
        (train_conditional, ["a"] * 2, {"features": [[1], [1, 2]]}, "features must be numbers"),
        (
            train_conditional,
            "a.csv",
            {"label": "x", "feature_columns": ["y"]},
            "exclude each other",
        ),
        (train_transducer, [("a", "b", "c")], {}, "pair 1 must be two texts"),
        (train_transducer, [(1, 2)], {}, "pair 1 must be two texts"),
        (train_transducer, [("", "b")], {}, "pair 1: the source is empty"),
        (train_transducer, [("a", "b"), "c.tsv"], {}, "either files or pairs of texts; got both"),
        (train_transducer, [("a", "b")], {"file_format": "cmudict"}, "file_format is for files"),
        (train_transducer, "a.csv", {"columns": ["a"]}, "columns must be two names"),
        (train_tagger, [Item(("a",), ("x",))], {"restore": "case"}, "restore is for plain text"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    train: Any, data: Any, options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, TextError), match=words) as caught:
        train(data, tmp_path / "run", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_item_has_a_label_for_each_character() -> None:
    with pytest.raises(ConfigError, match="2 characters and 1 labels"):
        Item(("a", "b"), ("x",))


def test_texts_and_pairs_come_in_any_sequence(tmp_path: Path) -> None:
    small: dict[str, Any] = {"hidden_size": 4, "embedding_size": 2, "steps": 1, "batch_size": 4}
    texts = np.array([f"{n} word" for n in range(20)])
    train_classifier(texts, tmp_path / "a", labels=np.arange(20) % 2, **small)
    assert nextchar.load(tmp_path / "a").label_names == ("0", "1")
    pairs = [[str(n), str(n)] for n in range(20)]
    nextchar.Transducer.train(pairs, tmp_path / "b", **small)
    (tmp_path / "c.csv").write_text("word,sound\n" + "".join(f"{n},{n}\n" for n in range(20)))
    result = nextchar.Transducer.train(
        tmp_path / "c.csv", tmp_path / "c", columns=("word", "sound"), **small
    )
    assert result.items + result.held_out == 20
    assert nextchar.resume(tmp_path / "c", steps=1).steps == 2
