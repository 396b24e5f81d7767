"""The site: what is built of made-up pages, that its search finds words, and the real pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Page, open_browser
from tests.docs.markdown import ROOT, english_pages
from tests.docs.site.build import BuildError, build
from tests.docs.site.hangul import SearchKorean
from tests.docs.site.hrefs import broken_links

PAGES = {
    "docs/index.md": "# Home\n\n[한국어](index.ko.md)\n\nSee [gates](in/gates.md#more).\n",
    "docs/index.ko.md": "# 처음\n\n[English](index.md)\n\n[게이트](in/gates.ko.md#더)를 보라.\n",
    "docs/README.md": (
        "# Contents\n\n[한국어](README.ko.md)\n\n## Lessons\n\n| | |\n|---|---|\n"
        "| gates | [page](in/gates.md), [notebook](in/gates.ipynb) |\n\n"
        "## Facts\n\n[Rates](rates.md)\n"
    ),
    "docs/README.ko.md": (
        "# 차례\n\n[English](README.md)\n\n## 배우기\n\n[관문](in/gates.ko.md)\n\n"
        "## 찾기\n\n[학습률](rates.ko.md)\n"
    ),
    "docs/in/gates.md": (
        "# Gates\n\n[한국어](gates.ko.md)\n\nNetworks forget. `[no](link.md)`, with --beam.\n\n"
        "## More\n\n    [no](link.md)\n\nBack [home](../../README.md), "
        "[changes](../../CHANGES.md), [source](../../src/a.py), ![a dot](../images/dot.svg).\n"
    ),
    "docs/in/gates.ko.md": (
        "<!-- of gates.md 0123456789abcdef -->\n\n# 관문\n\n[English](gates.md)\n\n"
        "게이트는 LSTM에 있다.\n\n## 더\n\n    [no](link.md)\n\n[학습률](../rates.ko.md), "
        "[저장소](../../README.ko.md#더)\n"
    ),
    "docs/in/gates.ipynb": "{}\n",
    "docs/rates.md": "# Rates\n\nAs [gates](in/gates.md#more), in [Korean](in/gates.ko.md).\n",
    "docs/images/dot.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>\n',
    "README.md": "# Of the repository\n",
    "README.ko.md": "# 저장소\n",
    "CHANGES.md": "# Changes\n\n[Gates](docs/in/gates.md), [Korean](README.ko.md)\n",
    "src/a.py": "a = 1\n",
}  # fmt: skip


def _written(folder: Path) -> Path:
    for name, text in PAGES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the made-up pages."""
    folder = tmp_path_factory.mktemp("pages")
    build(_written(folder), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def browser(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


def _read(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def _links(page: str) -> dict[str, str]:
    """Return the links in the text of a page, by their words."""
    article = page.partition('<article role="main"')[2].partition("</article>")[0]
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', article, re.DOTALL)
    return {re.sub(r"<[^>]*>", "", words): target for target, words in found}


def test_the_root_leads_to_both_languages(site: Path) -> None:
    page = _read(site, "index.html")
    assert re.findall('href="(.*?)"', page) == ["en/index.html", "ko/index.html"]
    assert (site / "en" / "index.html").exists()
    assert (site / "ko" / "index.html").exists()


@pytest.mark.parametrize(
    ("name", "words", "target"),
    [
        ("en/index.html", "한국어", "../ko/index.html"),
        ("en/in/gates.html", "한국어", "../../ko/in/gates.html"),
        ("ko/in/gates.html", "English", "../../en/in/gates.html"),
        ("en/index.html", "gates", "in/gates.html#more"),
        ("ko/index.html", "게이트", "in/gates.html#id2"),
        ("ko/in/gates.html", "학습률", "../rates.html"),
        ("en/in/gates.html", "home", "../index.html"),
        ("en/in/gates.html", "changes", "../CHANGES.html"),
        ("ko/in/gates.html", "저장소", "../index.html"),
        ("en/CHANGES.html", "Gates", "in/gates.html"),
        ("en/CHANGES.html", "Korean", "../ko/index.html"),
        ("en/rates.html", "Korean", "../ko/in/gates.html"),
    ],
)
def test_a_link_leads_to_the_page_in_its_language(
    site: Path, name: str, words: str, target: str
) -> None:
    assert _links(_read(site, name))[words] == target


def test_a_file_of_the_repository_comes_along(site: Path) -> None:
    target = _links(_read(site, "en/in/gates.html"))["source"]
    assert _read(site, f"en/in/{target}") == "a = 1\n"


def test_code_stays_as_it_is(site: Path) -> None:
    page = re.sub(r"</?span[^>]*>", "", _read(site, "en/in/gates.html"))
    assert page.count("[no](link.md)") == 2
    assert "with --beam" in page


def test_a_page_without_a_translation_is_in_english_and_says_so(site: Path) -> None:
    page = _read(site, "ko/rates.html")
    assert "아직 한국어로 옮기지 않은 글이다." in page
    assert _links(page)["English"] == "../en/rates.html"
    assert _links(page)["gates"] == "in/gates.html"
    assert "한국어로" not in _read(site, "en/rates.html")


@pytest.mark.parametrize(
    ("language", "groups", "pages"),
    [
        ("en", ["Lessons", "Facts"], ["Contents", "Gates", "Rates"]),
        ("ko", ["배우기", "찾기"], ["차례", "관문", "Rates"]),
    ],
)
def test_the_navigation_has_the_groups_of_the_contents(
    site: Path, language: str, groups: list[str], pages: list[str]
) -> None:
    page = _read(site, f"{language}/index.html")
    assert re.findall(r'"caption-text">(.*?)<', page) == groups
    assert re.findall(r'class="toctree-l1"><a [^>]*>(.*?)</a>', page) == pages


def test_terms_of_korean_are_pairs_of_syllables() -> None:
    assert SearchKorean({}).split("게이트는 LSTM의 셀, h_2") == [
        "게", "게이", "이트", "트는", "LSTM", "의", "셀", "h_2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "query", "found"),
    [
        ("ko", "이트", ["관문", "처음"]),
        ("ko", "게이트", ["관문", "처음"]),
        ("ko", "lstm", ["관문"]),
        ("ko", "관문", ["관문", "차례"]),
        ("ko", "게트", []),
        ("en", "forgetting", ["Gates"]),
        ("en", "nothing", []),
    ],
)
def test_search_finds_words(
    site: Path, browser: Page, language: str, query: str, found: list[str]
) -> None:
    path = site / language / "search.html"
    browser.call("Page.navigate", url=f"{path.as_uri()}?q={query}")
    browser.wait("document.querySelector('.search-summary')?.textContent")
    titles = browser.value(
        "[...document.querySelectorAll('ul.search a')].map((link) => link.textContent)"
    )
    assert sorted(titles) == found
    if language == "ko" and found:
        summary = browser.value("document.querySelector('.search-summary').textContent")
        assert summary == f"{len(found)}건을 찾았다."
        assert browser.value("localStorage.getItem('sphinx_highlight_terms')") == query


def test_warnings_fail_the_build(tmp_path: Path) -> None:
    docs = _written(tmp_path)
    (docs / "rates.md").write_text(
        "# Rates\n\n[nowhere](none.md)\n\n[no heading](in/gates.md#none)\n", encoding="utf-8"
    )
    with pytest.raises(BuildError) as raised:
        build(docs, tmp_path / "site")
    for line in (3, 5):
        assert re.search(rf"en/rates\.md:{line}: WARNING", str(raised.value))


def test_a_broken_link_of_a_built_page_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">x</a><a href="b.html#there">x</a><a href="#none">x</a>'
        '<img src="c.png"><a href="https://example.org/">x</a>'
    )
    (tmp_path / "b.html").write_text('<p id="here">')
    assert broken_links(tmp_path) == [
        "a.html: b.html#there leads nowhere",
        "a.html: #none leads nowhere",
        "a.html: c.png leads nowhere",
    ]


@pytest.mark.slow
def test_the_documentation_is_built_in_both_languages(tmp_path: Path) -> None:
    build(ROOT / "docs", tmp_path)
    for page in english_pages(ROOT / "docs"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html")
        assert (tmp_path / "en" / name).exists()
        assert (tmp_path / "ko" / name).exists()
