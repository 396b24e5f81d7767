"""The page of a model: one inert file, without a trace of the machine or the training text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.errors import ConfigError
from nextchar.export.document import model_page
from nextchar.export.facts import run_facts
from nextchar.language_model.model import LanguageModel
from tests.conftest import TINY_OPTIONS, Run
from tests.export.conftest import made_model

LETTERS = "".join(chr(code) for code in range(33, 97)) + "\n"  # 65 symbols, as Tiny Shakespeare
SENTENCE = "Quixotic zebras juggle vexing marmalade beside Wyoming fjords.\n"
OWN_KILOBYTES = 60
LIMITS = {384: 1_150_000, 512: 2_000_000}  # bytes of a page, by hidden size


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("somebody")
    (folder / "secret.txt").write_text(SENTENCE * 20)
    nextchar.train(
        folder / "secret.txt", folder / "run", **{**TINY_OPTIONS, "experts": "none", "cell": "lstm"}
    )
    return folder / "run"


def element(page: str, name: str) -> str:
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return found[1]


def unpacked(page: str, name: str) -> str:
    return zlib.decompress(base64.b64decode(element(page, name))).decode()


def test_a_page_has_nothing_of_the_machine_or_the_text(run: Path) -> None:
    page = model_page(LanguageModel.load(run), run_facts(run), title="run")
    for text in (page, unpacked(page, "worker"), unpacked(page, "main")):
        assert str(run.parent) not in text
        assert str(Path.home()) + "/" not in text
        for start in range(0, len(SENTENCE) - 12, 6):
            assert SENTENCE[start : start + 12] not in text
        assert not re.search(r"https?://|//[a-z]+\.", text)


def test_the_policy_allows_the_page_alone(run: Path) -> None:
    page = model_page(LanguageModel.load(run), {}, title="run")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    rules = policy[1].split("; ")
    assert rules[:3] == ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    texts = [re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script")]
    assert [len(found) for found in texts] == [1, 1]
    style, script, main = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (texts[0][0], texts[1][0], unpacked(page, "main"))
    )
    assert f"style-src 'sha256-{style}'" in rules
    assert f"script-src 'sha256-{script}' 'sha256-{main}' 'wasm-unsafe-eval'" in rules
    assert not re.search(r"<[^>]+\s(on\w+|style|src|href)=", page)


def test_markup_in_title_prompt_and_vocabulary_is_text() -> None:
    model = made_model(text="<>/script{}\n")
    hostile = "</script><script>alert(1)</script>{{weights}}"
    page = model_page(model, {"trainedOn": hostile}, title=hostile, prompt=hostile)
    plain = model_page(model, {}, title="plain")
    for tag in ("<script", "</script", "<style"):
        assert page.count(tag) == plain.count(tag)
    manifest = json.loads(element(page, "manifest"))
    assert (manifest["title"], manifest["prompt"]) == (hostile, hostile)


def test_the_manifest_tells_what_is_known(run: Path) -> None:
    model = LanguageModel.load(run)
    page = model_page(model, run_facts(run), title="Name", prompt="A", language="ko")
    manifest = json.loads(element(page, "manifest"))
    about = manifest["about"]
    assert about["trainedOn"] == "secret.txt"
    assert about["characters"] == 20 * len(SENTENCE)
    assert about["steps"] == TINY_OPTIONS["steps"]
    assert about["parameters"] == model.parameters
    assert about["bits"] > 0
    assert manifest["language"] == "ko"
    assert '<html lang="ko">' in page


@pytest.mark.parametrize("hidden_size", LIMITS)
def test_a_page_is_small(hidden_size: int) -> None:
    model = made_model(text=LETTERS, hidden_size=hidden_size, embedding_size=128)
    page = model_page(model, {}, title="plays").encode()
    weights = element(page.decode(), "weights")
    assert len(page) <= LIMITS[hidden_size]
    assert len(page) - len(weights) <= 1000 * OWN_KILOBYTES


def test_a_model_that_has_diverged_has_no_page() -> None:
    model = made_model()
    model.network.head.bias.data[0] = float("nan")
    with pytest.raises(ConfigError, match="not finite numbers"):
        model_page(model, {}, title="broken")


def test_the_command_writes_a_page(run: Path, nextchar: Run, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    values = nextchar(
        "export", "page", run, out, "--title", "Plays", "--licence", "CC0", "--json"
    ).values()
    size = out.stat().st_size
    assert values == {"page": str(out), "bytes": size, "title": "Plays", "experts": "none"}
    assert "<title>Plays</title>" in out.read_text()
    assert json.loads(element(out.read_text(), "manifest"))["about"]["license"] == "CC0"
    line = nextchar("export", "page", run, out).problem()
    assert f"{out} exists: --force replaces it" in line
    nextchar("export", "page", run, out, "--force").succeeded()
    assert "<title>run</title>" in out.read_text()


@pytest.mark.parametrize(
    ("out", "options", "problem"),
    [
        ("page.txt", [], "OUT is a file that ends in .html"),
        ("nowhere/page.html", [], "the folder of OUT must exist"),
        ("page.html", ["--title", " "], "--title must not be empty: by default, it is the name of"),
        ("page.html", ["--language", "fr"], "--language must be en or ko; got fr"),
        ("page.html", ["--prompt", "a\udcc1"], "--prompt must be text in UTF-8"),
        ("page.html", ["--title", "\udcff"], "--title must be text in UTF-8"),
    ],
)
def test_bad_arguments_are_one_line(
    run: Path, nextchar: Run, tmp_path: Path, out: str, options: list[str], problem: str
) -> None:
    assert problem in nextchar("export", "page", run, tmp_path / out, *options).problem()
    assert list(tmp_path.iterdir()) == []


def test_the_command_notes_what_the_model_does_not_know(
    run: Path, nextchar: Run, tmp_path: Path
) -> None:
    given = ["export", "page", run, tmp_path / "page.html", "--language", "KO", "--prompt", "Q\\n☃"]
    outcome = nextchar(*given)
    outcome.succeeded()
    assert "note: 1 character is not in the vocabulary and skipped: '☃'" in outcome.err
    assert '<html lang="ko">' in (tmp_path / "page.html").read_text()


def test_a_run_without_its_corpus_has_a_page(run: Path, tmp_path: Path, nextchar: Run) -> None:
    published = tmp_path / "published"
    published.mkdir()
    for name in ("config.json", "vocabulary.json", "model.safetensors"):
        (published / name).write_bytes((run / name).read_bytes())
    nextchar("export", "page", published, tmp_path / "page.html").succeeded()
    manifest: dict[str, Any] = json.loads(element((tmp_path / "page.html").read_text(), "manifest"))
    assert manifest["about"]["trainedOn"] is None
    assert manifest["about"]["steps"] is None
