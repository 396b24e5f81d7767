"""Build both languages with Sphinx, and check the links of what comes out."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.markdown import ROOT
from tests.docs.site.arrange import LANGUAGES, arrange
from tests.docs.site.hrefs import broken_links

_HERE = Path(__file__).parent


class BuildError(Exception):
    """What Sphinx warns of, or links that lead nowhere."""


def build(docs: Path, site: Path) -> int:
    """Build the site of a folder of pages, and return the number of its HTML pages.

    The folder ``site`` is written anew. A warning is an error.
    """
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        builds = []
        for language in LANGUAGES:
            source = Path(folder) / language
            arrange(docs, language, source)
            shutil.copytree(_HERE / "locales", source / "locales")
            builds.append(_start(source, language, site / language))
        said = [process.communicate()[0] for process in builds]
    failed = [text for text, process in zip(said, builds, strict=True) if process.returncode]
    if failed:
        raise BuildError("\n".join(failed).strip())
    shutil.copy(_HERE / "index.html", site)
    broken = broken_links(site)
    if broken:
        raise BuildError("\n".join(broken))
    return sum(1 for _ in site.rglob("*.html"))


def _start(source: Path, language: str, out: Path) -> subprocess.Popen[str]:
    """Start Sphinx, in the folder from which it can import its extension."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--fresh-env",
               "--conf-dir", str(_HERE), "--doctree-dir", f"{source}.trees",
               "--define", f"language={language}", str(source), str(out)]  # fmt: skip
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
