"""The content policy of a page: its own styles and scripts, and nothing else."""

from __future__ import annotations

import base64
import hashlib


def content_policy(
    *, style: str, script: str = "", added: str = "", images: bool = False, worker: bool = False
) -> str:
    """Return the element that lets a page use this style sheet and this script alone.

    Parameters
    ----------
    style, script
        All text between the tags of ``<style>`` and of ``<script>``.
    added
        A further script, which the first one adds to the page.
    images
        Whether the page has pictures, which it contains as data.
    worker
        Whether the script starts a worker from its own text, and compiles WebAssembly.
    """
    rules = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    rules.append(f"style-src '{_digest(style)}'")
    if images:
        rules.append("img-src data:")
    if script:
        allowed = [f"'{_digest(each)}'" for each in (script, added) if each]
        rules.append(" ".join(["script-src", *allowed, *(["'wasm-unsafe-eval'"] * worker)]))
    if worker:
        rules.append("worker-src blob:")
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
