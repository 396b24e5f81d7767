"""A model as one HTML file that writes, measures and shows its units in any browser.

The file has no address in it and asks for nothing: styles and scripts are part of it, and its
policy allows nothing else. The sources of the page are in ``page/``.
"""

from __future__ import annotations

import base64
import html
import importlib.resources
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from nextchar.errors import ConfigError
from nextchar.export.expert_packing import describe_experts, pack_experts
from nextchar.export.modules import compact_style, join_modules, without_indentation
from nextchar.export.packing import PackedTensor, describe, pack
from nextchar.language_model.model import LanguageModel
from nextchar.rendering.policy import content_policy
from nextchar.visible import printable_text

Language = Literal["en", "ko"]
PageExperts = Literal["none", "fixed"]
FORMAT = 1

_ASSETS = importlib.resources.files(__package__) / "page"
_PLACEHOLDER = re.compile(r"\{\{(?P<name>\w+)\}\}")
# What a page tells of a model, unless it is known.
_UNKNOWN: dict[str, Any] = dict.fromkeys(
    ("trainedOn", "characters", "steps", "minutes", "bits", "license", "version")
)
_WEIGHTS_LEVEL = 6  # of zlib; the highest takes eight times as long on counts, for 1 % less
# The first script of the page unpacks the second, which starts the worker.
_FIRST, _MAIN, _WORKER = "view/first.js", "view/main.js", "engine/worker.js"


def model_page(
    model: LanguageModel,
    about: Mapping[str, Any],
    *,
    title: str,
    prompt: str = "",
    language: Language = "en",
    experts: PageExperts = "none",
) -> str:
    """Return the page of a model, as text for a file in UTF-8.

    Parameters
    ----------
    model
        The model, on the CPU and in float32.
    about
        What is known of it: rows of the page's last part; see ``run_facts``.
    title
        The name of the model on the page.
    prompt
        The text that the page begins with.
    language
        The language of the page when it is opened.
    experts
        ``"fixed"``: the page has the experts of the run, and predicts with them. They are counts
        of the training text, and so contain pieces of it.

    Raises
    ------
    ConfigError
        The weights are not finite: training has diverged. Or the run has no experts, and they were
        requested.
    RunError
        The file of the experts is damaged.
    """
    description, weights = packed_model(model, experts)
    manifest = {
        "format": FORMAT,
        "title": printable_text(title),
        "prompt": prompt,
        "language": language,
        "about": {**_UNKNOWN, **_facts(model), **about},
        **description,
    }
    style, script = compact_style(_asset("page.css")), join_modules(_FIRST, _asset)
    main = join_modules(_MAIN, _asset)
    parts = {
        "language": language,
        "policy": content_policy(style=style, script=script, added=main, worker=True),
        "title": html.escape(printable_text(title)),
        "style": style,
        "manifest": _embedded(json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))),
        "main": _packed(main.encode()),
        "worker": _packed(join_modules(_WORKER, _asset).encode()),
        "weights": weights,
        "script": script,
    }
    return _PLACEHOLDER.sub(
        lambda found: parts[found["name"]], without_indentation(_asset("index.html"))
    )


def packed_model(model: LanguageModel, experts: PageExperts = "none") -> tuple[dict[str, Any], str]:
    """Return what the engine of a page opens: the model's part of the manifest, and its weights.

    The weights are the data of the tensors, compressed, in base64. Errors are those of
    ``model_page``.
    """
    counted, _ = model.mixture_of(experts)
    tensors = pack(model.network)
    if not all(np.isfinite(each.factors if each.factors is not None else each.values).all()
               for each in tensors):  # fmt: skip
        raise ConfigError("the weights are not finite numbers: the run has diverged")
    module = (_ASSETS / "kernel.wasm").read_bytes()
    tensors.append(PackedTensor(name="kernel", values=np.frombuffer(module, np.uint8)))
    if counted is not None:
        tensors += pack_experts(counted)
    description = {
        "network": describe(model.network),
        "vocabulary": model.vocabulary.to_dict(),
        "composes": model.config.text.normalization == "nfc",
        "tensors": [each.entry for each in tensors],
        "simd": True,
        "experts": None if counted is None else describe_experts(counted),
    }
    data = b"".join(each.data for each in tensors)
    return description, _packed(data, _WEIGHTS_LEVEL)


def _asset(path: str) -> str:
    return (_ASSETS / path).read_text(encoding="utf-8")


def _embedded(text: str) -> str:
    """Return JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c")


def _packed(data: bytes, level: int = zlib.Z_BEST_COMPRESSION) -> str:
    return base64.b64encode(zlib.compress(data, level)).decode()


def _facts(model: LanguageModel) -> dict[str, Any]:
    """Return what a model itself tells."""
    network = model.config.network
    layers = "layer" if network.layers == 1 else "layers"
    sizes = f"{network.layers} {layers} of {network.hidden_size} units"
    return {
        "network": f"{network.cell.upper()}, {sizes}",
        "parameters": model.parameters,
        "symbols": len(model.vocabulary),
        "kind": model.vocabulary.kind,
    }
