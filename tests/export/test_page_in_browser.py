"""The page in Chromium: it writes as the package does, measures, and asks for nothing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextchar
from nextchar.export.document import model_page
from nextchar.language_model.model import LanguageModel
from nextchar.nn.quantization import with_int8_weights
from tests.browser import Page, open_browser
from tests.conftest import TINY_OPTIONS
from tests.export.conftest import ENGLISH, KOREAN, made_model

HOSTILE = '</script><script>globalThis.broken = 1</script><img src=x onerror="broken = 1">'
PROMPT = "The "
STARTED = (
    "!document.querySelector('.paragraph').disabled && !document.getElementById('ghost').hidden"
)
TEXT = "document.getElementById('text').value"
STATE = "document.getElementById('state').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """Return a model that has hardly learned: five steps."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text(ENGLISH * 40)
    options = {**TINY_OPTIONS, "experts": "none", "cell": "lstm", "layers": 2, "steps": 5}
    nextchar.train(folder / "text.txt", folder / "run", **options)
    return LanguageModel.load(folder / "run")


def opened(browser: Page, model: LanguageModel, folder: Path, **options: Any) -> Page:
    """Open the page of a model, and wait until it can write."""
    path = folder / "page.html"
    path.write_text(model_page(model, {}, **{"title": "A", "prompt": PROMPT, **options}))
    browser.requests.clear()
    browser.problems.clear()
    browser.open(path)
    browser.wait(STARTED)
    return browser


def ask(page: Page, call: str) -> Any:
    """Return the answer of an engine of its own to a call."""
    return page.value(
        f"""(async () => {{
            const text = (id) => document.getElementById(id).textContent;
            const script = await unpacked(text("worker"));
            const engine = new Engine(script, JSON.parse(text("manifest")), text("weights"));
            return engine.{call};
        }})()"""
    )


def test_it_opens_alone_and_writes_what_the_package_writes(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path)
    page.click(".paragraph")
    page.wait(f"{TEXT} !== {PROMPT!r} && !document.getElementById('back').disabled")
    written = page.value(TEXT)
    expected = model.generate(PROMPT, length=300, temperature=0.8, seed=1, weights="int8")
    assert expected.startswith(written)
    assert len(written) > 40
    page.click("#back")
    assert page.value(TEXT) == PROMPT
    assert [address.partition(":")[0] for address in page.requests] == ["file", "blob"]
    assert page.problems == []


def test_writing_can_be_stopped_and_goes_on_after_typing(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path)
    page.value("document.getElementById('length').value = 5000")
    page.value("document.getElementById('text').focus()")
    page.click(".paragraph")
    page.wait(f"{TEXT} !== {PROMPT!r}")
    page.write("x")
    page.wait("document.querySelector('.paragraph').textContent === 'Write a paragraph'")
    stopped = page.value(TEXT)
    assert len(stopped) < 5000
    assert "x" in stopped
    page.click("#back")
    assert page.value(TEXT) == PROMPT + "x"
    assert page.problems == []


def test_a_suggestion_is_taken_with_tab_and_dismissed_with_escape(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path)
    page.value("document.getElementById('text').focus()")
    page.wait("document.getElementById('ghost').textContent.length > 1")
    page.press("Tab")
    assert page.value("document.activeElement.id") != "text"
    assert page.value(TEXT) == PROMPT
    page.value("document.getElementById('text').focus()")
    page.write("q")
    page.wait("document.getElementById('ghost').textContent.length > 1")
    ghost = page.value("document.getElementById('ghost').textContent").rstrip("\u200b")
    page.press("Tab")
    page.wait(f"{TEXT} === {json.dumps(PROMPT + 'q' + ghost)}")
    page.value("document.execCommand('undo')")
    assert page.value(TEXT) == PROMPT + "q"
    assert page.value("document.getElementById('back').disabled")
    page.value("document.execCommand('redo')")
    page.wait("document.getElementById('ghost').textContent.length > 1")
    page.press("Escape")
    page.press("Tab")
    assert page.value("document.activeElement.id") != "text"
    assert page.value(TEXT) == PROMPT + "q" + ghost


def test_a_likely_character_is_inserted(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path)
    page.wait("document.querySelectorAll('#likely button').length === 5")
    page.wait("document.querySelector('#likely b').textContent !== ''")
    page.click("#likely button")
    page.wait(f"{TEXT}.length === {len(PROMPT) + 1}")


@pytest.mark.parametrize("kind", ["char", "byte", "jamo"])
def test_the_bits_are_those_of_a_score(browser: Page, tmp_path: Path, kind: Any) -> None:
    text = (ENGLISH if kind == "char" else KOREAN) * 3
    model = made_model(text=text, kind=kind, cell="gru")
    page = opened(browser, model, tmp_path, prompt="")
    known = text.replace("é", "")
    answer = ask(
        page,
        f"""score({json.dumps(known)}, () => {{}}).then(
        ({{ bits, ...rest }}) => ({{ ...rest, bits: [...bits] }}))""",
    )
    model.network = with_int8_weights(model.network)
    score = model.score(known, experts="none")
    assert np.abs(np.array(answer["bits"]) - score.bits).max() < 1e-3 * score.bits.max()
    assert answer["perCharacter"] == pytest.approx(score.bits_per_char, abs=1e-3)
    assert (answer["measured"], answer["skipped"]) == (score.characters, 0)


def test_a_text_is_shaded_and_its_words_are_listed(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path, prompt="The lazy dog.\nThe ☃ fox.")
    page.click("#tab-measure")
    page.wait("document.querySelectorAll('#words li').length === 4")
    words = page.value("document.getElementById('words').textContent")
    assert words.count("The") == 1
    assert "The ×2" in words
    assert page.value("document.querySelectorAll('#result i').length") == 24
    assert page.value("document.querySelector('#result .unknown').textContent") == "☃"
    assert "☃" in page.value("document.getElementById('notes').textContent")
    known = LanguageModel(model.config, model.vocabulary, with_int8_weights(model.network))
    bits = known.score("The lazy dog.\nThe ☃ fox.").bits_per_char
    shown = float(page.value("document.getElementById('per-character').textContent"))
    assert shown == pytest.approx(bits, abs=0.006)
    page.value("document.getElementById('result').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert page.value("document.getElementById('here').textContent").startswith("“h”: ")


def test_units_are_shown_and_chosen_by_keys(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path, prompt="The lazy dog.")
    page.click("#tab-look")
    page.wait("document.querySelectorAll('#look-text i').length === 13")
    known = LanguageModel(model.config, model.vocabulary, with_int8_weights(model.network))
    states = known.inspect.record("The lazy dog.").layers[0].h
    liveliest = int(np.abs(np.diff(states, axis=0)).sum(axis=0).argmax())
    assert page.value("document.getElementById('unit').value") == str(liveliest + 1)
    assert page.value("document.getElementById('scale').textContent") == "−1.00−0.500.000.501.00"
    page.value("document.getElementById('strip').focus()")
    for _ in range(liveliest):
        page.press("ArrowUp")
    page.press("ArrowDown")
    page.press("ArrowLeft")
    said = page.value("document.getElementById('value').textContent")
    assert said.startswith("Unit 2 of layer 1: hidden state h = ")
    assert said.endswith("after “g”")
    value = float(said.partition("= ")[2].partition(" ")[0].replace("−", "-"))
    assert value == pytest.approx(float(states[11, 1]), abs=0.006)
    page.click("#changed button")
    assert page.value("document.getElementById('value').textContent").endswith(" · held")
    assert page.value("document.querySelectorAll('#changed button').length") == 5
    assert page.value("document.getElementById('quantity').options.length") == 6


def test_only_what_is_known_is_told(browser: Page, model: LanguageModel, tmp_path: Path) -> None:
    page = opened(browser, model, tmp_path)
    page.click("#tab-about")
    told = page.value("document.getElementById('facts').textContent")
    assert told.startswith("NetworkLSTM, 2 layers of 16 units")
    assert "undefined" not in page.value("document.querySelector('main').textContent")
    assert page.value("document.querySelectorAll('#facts dt').length") == 2


def test_tabs_are_reached_by_arrows(browser: Page, model: LanguageModel, tmp_path: Path) -> None:
    page = opened(browser, model, tmp_path)
    page.value("document.getElementById('tab-write').focus()")
    page.press("ArrowRight")
    assert page.value("document.activeElement.id") == "tab-measure"
    assert page.value("document.getElementById('write').hidden")


def test_markup_is_inert(browser: Page, model: LanguageModel, tmp_path: Path) -> None:
    page = opened(browser, model, tmp_path, title=HOSTILE, prompt=HOSTILE)
    assert page.value("document.querySelector('h1').textContent").startswith("</script>")
    assert page.value(TEXT) == HOSTILE
    page.click("#tab-measure")
    page.wait("document.querySelectorAll('#result i').length > 0")
    page.click("#tab-look")
    page.wait("document.querySelectorAll('#look-text i').length > 0")
    assert page.value("typeof broken") == "undefined"
    assert page.value("document.images.length") == 0
    assert page.problems == []


def test_korean_is_typed_letter_by_letter(browser: Page, tmp_path: Path) -> None:
    model = made_model(text=KOREAN * 5, kind="jamo", cell="lstm")
    page = opened(browser, model, tmp_path, prompt="", language="ko")
    assert page.value("document.documentElement.lang") == "ko"
    assert page.value("document.querySelector('.paragraph').textContent") == "한 문단 쓰기"
    page.value("document.getElementById('text').focus()")
    for composed in ("ㅎ", "하", "한"):
        page.call("Input.imeSetComposition", text=composed, selectionStart=1, selectionEnd=1)
        assert page.value("document.getElementById('ghost').textContent") == "\u200b"
    page.write("한")
    assert page.value(TEXT) == "한"
    page.wait("document.getElementById('ghost').textContent.length > 1")
    page.click(".paragraph")
    page.wait(f"{TEXT}.length > 20")
    page.wait("!document.getElementById('back').disabled")
    assert page.value(TEXT).startswith("한")
    page.click("button[lang=en]")
    assert page.value("document.querySelector('.paragraph').textContent") == "Write a paragraph"


def test_plain_javascript_writes_the_same(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path)
    call = """write("The ", { length: 400, temperature: 1, topK: 20, topP: 0.95, minP: 0.01,
        seed: 3, until: "" }, () => {})"""
    fast = ask(page, call)["text"]
    text = model_page(model, {}, title="A").replace('"simd":true', '"simd":false')
    (tmp_path / "plain.html").write_text(text)
    page.open(tmp_path / "plain.html")
    page.wait(STARTED)
    assert not ask(page, "opened")["simd"]
    assert ask(page, call)["text"] == fast
    options: dict[str, Any] = {
        "temperature": 1,
        "top_k": 20,
        "top_p": 0.95,
        "min_p": 0.01,
        "seed": 3,
    }
    expected = model.generate("The ", length=400, weights="int8", **options)
    assert "The " + fast == expected


def test_an_old_browser_is_told(browser: Page, model: LanguageModel, tmp_path: Path) -> None:
    removal = browser.call(
        "Page.addScriptToEvaluateOnNewDocument", source="delete globalThis.DecompressionStream"
    )
    try:
        path = tmp_path / "page.html"
        path.write_text(model_page(model, {}, title="A"))
        browser.open(path)
        said = browser.value("document.body.textContent.trim().split('\\n')[0]")
        assert said == "This browser is too old for this page. It lacks: DecompressionStream"
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", **removal)


def test_what_is_typed_before_the_model_writes_is_kept(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path, prompt="")
    page.value("document.getElementById('text').focus()")
    page.write("A text of my own")
    # Typed before the first piece can arrive.
    page.value(
        """document.querySelector('.paragraph').click();
        document.execCommand('insertText', false, ', and more')"""
    )
    assert page.value(TEXT) == "A text of my own, and more"
    assert ": 0 (" in page.value(STATE)
    assert page.value("document.getElementById('back').disabled")
    assert page.problems == []


@pytest.mark.parametrize(
    ("typed", "at", "left"),
    [
        ("x", 2, "Thxe "),
        ("x", 12, "The x"),
        ("x", None, "The x"),
        ("", 2, "Te "),
    ],
)
def test_taking_back_removes_all_of_the_model_s_text(
    browser: Page, model: LanguageModel, tmp_path: Path, typed: str, at: int | None, left: str
) -> None:
    page = opened(browser, model, tmp_path)
    page.value("document.getElementById('length').value = 30")
    page.click(".paragraph")
    page.wait(f"{TEXT}.length === {len(PROMPT) + 30}")
    page.wait("!document.getElementById('back').disabled")
    assert page.value(STATE) == "Characters written: 30 (seed 1)."
    place = f"{TEXT}.length" if at is None else str(at)
    page.value(
        f"""document.getElementById('text').focus();
        document.getElementById('text').setSelectionRange({place} - {int(not typed)}, {place});
        document.execCommand({"'insertText', false, '" + typed + "'" if typed else "'delete'"})"""
    )
    page.click("#back")
    assert page.value(TEXT) == left
    assert page.value(STATE) == "Ready."
    assert page.value("document.getElementById('speed').textContent") == ""


def test_a_long_text_is_read_once_and_the_reading_is_told(browser: Page, tmp_path: Path) -> None:
    page = opened(browser, made_model(hidden_size=256), tmp_path)
    told, again, other = page.value(
        f"""(async () => {{
            const text = (id) => document.getElementById(id).textContent;
            const script = await unpacked(text("worker"));
            const engine = new Engine(script, JSON.parse(text("manifest")), text("weights"));
            const long = {json.dumps(ENGLISH * 600)};
            const told = [], again = [], other = [];
            await engine.predict(long, {{ count: 5, temperature: 1 }}, (p) => told.push(p));
            const options = {{ length: 1, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1 }};
            await engine.write(long, options, () => {{}}, (p) => again.push(p));
            await engine.write("q" + long, options, () => {{}}, (p) => other.push(p));
            return [told, again, other];
        }})()"""
    )
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1
    assert again == []
    assert len(other) > 0


def test_a_surprising_word_is_scrolled_to(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path, prompt="The \n" * 200 + "zebra")
    page.click("#tab-measure")
    page.wait("document.querySelectorAll('#words li').length === 2")
    page.wait("document.querySelectorAll('#result i').length === 1005")
    page.value(
        "[...document.querySelectorAll('#words button')].find((b) => b.textContent === 'zebra')"
        ".click()"
    )
    page.wait(
        """(() => { const { top } = document.querySelector('.here').getBoundingClientRect();
        return top > 0 && top < innerHeight })()"""
    )
    wraps = page.value("getComputedStyle(document.querySelector('#words small')).whiteSpace")
    assert wraps == "nowrap"


def test_the_text_of_write_can_be_measured_again(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path)
    page.click("#tab-measure")
    assert page.value("document.getElementById('take').hidden")
    assert page.value("getComputedStyle(document.getElementById('status')).visibility") == "hidden"
    page.value("document.getElementById('measured').select()")
    page.write("dog")
    page.wait("!document.getElementById('take').hidden")
    page.click("#take")
    assert page.value("document.getElementById('measured').value") == PROMPT
    page.wait("document.getElementById('take').hidden")


def test_decomposed_hangul_is_all_shown_and_symbols_are_named_so(
    browser: Page, tmp_path: Path
) -> None:
    model = made_model(text=KOREAN * 3, kind="jamo", cell="gru")
    page = opened(browser, model, tmp_path, prompt=unicodedata.normalize("NFD", "나는 오늘 ☃"))
    page.click("#tab-measure")
    page.wait("document.querySelectorAll('#result i').length === 7")
    notes = page.value("document.getElementById('notes').textContent")
    assert notes.strip() == "Unknown to the model (1): ☃"
    page.value("document.getElementById('result').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert "Likeliest symbols" in page.value("document.getElementById('here').textContent")
    page.click("#tab-look")
    page.wait("document.querySelectorAll('#look-text i').length === 12")
    notes = page.value("document.getElementById('look-notes').textContent")
    assert notes.strip() == "Unknown to the model (1): ☃"
    assert page.value("document.querySelectorAll('#look-text .first').length") == 6


def test_letters_that_stand_alone_are_read_as_they_are_written(
    browser: Page, tmp_path: Path
) -> None:
    model = made_model(text="나는 오늘 학교에 가요. 크게 웃어요.\n", kind="jamo", cell="gru")
    page = opened(browser, model, tmp_path, prompt="ㅋㅏㅋ")
    page.wait("document.querySelector('#likely b').textContent !== ''")
    assert page.value("document.getElementById('lost').textContent") == ""
    page.click("#tab-look")
    page.wait("document.querySelectorAll('#look-text i').length === 3")


def test_only_the_end_of_a_long_text_is_looked_at(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path, prompt="The " * 1001)
    page.click("#tab-look")
    page.wait("document.querySelectorAll('#look-text i').length === 4000")
    notes = page.value("document.getElementById('look-notes').textContent")
    assert notes.strip() == "Only the last 4,000 symbols are shown."


def test_an_option_is_shown_as_it_is_used(
    browser: Page, model: LanguageModel, tmp_path: Path
) -> None:
    page = opened(browser, model, tmp_path)
    for field, given, used in (("top-p", "7", "1"), ("length", "", "300"), ("top-k", "2.6", "3")):
        page.value(
            f"""(() => {{ const field = document.getElementById({field!r});
            field.value = {given!r}; field.dispatchEvent(new Event("change")); }})()"""
        )
        assert page.value(f"document.getElementById({field!r}).value") == used


def test_whole_texts_are_printed_once(browser: Page, model: LanguageModel, tmp_path: Path) -> None:
    page = opened(browser, model, tmp_path, prompt="The lazy dog.\n" * 200)
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        style = "getComputedStyle(document.getElementById({}))"
        assert page.value(style.format("'text'") + ".display") == "none"
        assert page.value(style.format("'before'") + ".visibility") == "visible"
        height = page.value("document.getElementById('field').clientHeight")
        assert height == page.value("document.getElementById('field').scrollHeight") > 3000
        page.click("#tab-measure")
        assert page.value(style.format("'measured'") + ".display") == "none"
        page.click("#tab-look")
        assert page.value(style.format("'strip'") + ".display") == "none"
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_code_has_letters_of_one_width(browser: Page, model: LanguageModel, tmp_path: Path) -> None:
    family = "getComputedStyle(document.getElementById('text')).fontFamily.includes('monospace')"
    page = opened(browser, made_model(text="plain\n"), tmp_path, prompt="plain\n")
    assert not page.value(family)
    page.value("document.getElementById('text').focus()")
    page.write("  plain")
    assert page.value(family)
    opened(browser, made_model(text="a\ttable\n"), tmp_path)
    assert page.value(family)
