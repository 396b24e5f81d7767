"""The page of a run in Chromium: size, time to the first character, speed, and the same text.

    python -m benchmarks.page runs/plays runs/names --json page.json
    python -m benchmarks.page runs/plays --experts fixed

Each run is exported, and its page opened in Chromium. ``first`` is the time in milliseconds from
the opening of the file to the first character written: parsing, unpacking, starting the worker, and
one character. ``simd`` and ``plain`` are characters per second at temperature 0.8 in the page's own
worker, with WebAssembly and without; ``python`` is ``nextchar generate`` with the same int8
weights, and ``ratio`` is simd ÷ python. They take turns, and the best turn of each is reported, as
other load on the machine can only slow it down.

``same`` is the number of characters, of ``--length``, that the page writes as Python does with the
seeds 1 to ``--seeds``, in all and from each text's first difference on none.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.browser import Page, open_browser

from nextchar.export.document import PageExperts, model_page
from nextchar.language_model.model import LanguageModel

TEMPERATURE = 0.8
# A second engine in the page, which the benchmark calls.
START = """
(async () => {
  const text = (id) => document.getElementById(id).textContent;
  const manifest = JSON.parse(text("manifest"));
  const began = performance.now();
  const start = async (given) => {
    const engine = new Engine(await unpacked(text("worker")), given, text("weights"));
    await engine.opened;
    return engine;
  };
  // The page unpacks its script after it is complete.
  await unpacked(text("main"));
  globalThis.simd = await start(manifest);
  await globalThis.simd.write("", options(1, 1), () => {});
  const first = performance.now() - began + performance.timing.domComplete
    - performance.timing.navigationStart;
  globalThis.plain = await start({ ...manifest, simd: false });
  return first;
  function options(length, seed) {
    return { length, seed, temperature: 0.8, topK: 0, topP: 1, minP: 0, until: "" };
  }
})()
"""
WRITE = """
(async () => {{
  const options = {{ length: {length}, seed: {seed}, temperature: 0.8, topK: 0, topP: 1, minP: 0,
    until: "" }};
  const began = performance.now();
  const {{ text }} = await globalThis.{engine}.write("", options, () => {{}});
  return {{ text, speed: (1000 * {length}) / (performance.now() - began) }};
}})()
"""


def main() -> None:
    """Measure each run, print a table, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--length", type=int, default=10_000, help="Characters of a text.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=5, help="Turns of each engine.")
    parser.add_argument("--experts", choices=("none", "fixed"), default="none")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    columns = (
        "network",
        "experts",
        "kB",
        "first",
        "simd",
        "plain",
        "python",
        "ratio",
        "same",
        "texts",
    )
    print("  ".join(f"{name:>12}" for name in columns))
    reports = []
    for run in given.runs:
        reports.append(measure(run, given.length, given.seeds, given.turns, given.experts))
        print("  ".join(f"{reports[-1][name]:>12}" for name in columns), flush=True)
    if given.json:
        given.json.write_text(json.dumps(reports, indent=2))


def measure(run: Path, length: int, seeds: int, turns: int, experts: PageExperts) -> dict[str, Any]:
    """Return the figures of a run's page."""
    model = LanguageModel.load(run)
    page = model_page(model, {}, title="benchmark", experts=experts)
    speeds: dict[str, float] = {"simd": 0, "plain": 0, "python": 0}
    with tempfile.TemporaryDirectory() as folder, open_browser(Path(folder) / "profile") as browser:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        browser.open(path)
        browser.wait("typeof Engine === 'function'")
        first = browser.value(START)
        for seed in range(1, turns + 1):
            for engine in ("simd", "plain"):
                part = length if engine == "simd" else length // 10
                speeds[engine] = max(speeds[engine], written(browser, engine, part, seed)["speed"])
            began = time.perf_counter()
            write(model, length, seed, experts)
            speeds["python"] = max(speeds["python"], length / (time.perf_counter() - began))
        texts = [
            (written(browser, "simd", length, seed)["text"], write(model, length, seed, experts))
            for seed in range(1, seeds + 1)
        ]
    network = model.config.network
    return {
        "network": f"{network.cell} {network.hidden_size}x{network.layers}",
        "experts": experts,
        "kB": len(page.encode()) // 1000,
        "first": round(first),
        **{name: round(speed) for name, speed in speeds.items()},
        "ratio": round(speeds["simd"] / speeds["python"], 2),
        "same": sum(common(one, other) for one, other in texts),
        "texts": f"{sum(one == other for one, other in texts)} of {seeds}",
    }


def written(browser: Page, engine: str, length: int, seed: int) -> dict[str, Any]:
    """Return a text that the page writes, and its speed."""
    answer: dict[str, Any] = browser.value(WRITE.format(engine=engine, length=length, seed=seed))
    return answer


def write(model: LanguageModel, length: int, seed: int, experts: PageExperts) -> str:
    """Return the text that the package writes with int8 weights."""
    return model.generate(
        length=length, seed=seed, temperature=TEMPERATURE, weights="int8", experts=experts
    )


def common(one: str, other: str) -> int:
    """Return the length of the common beginning."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    main()
