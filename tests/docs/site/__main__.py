"""Build the site: ``python -m tests.docs.site``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.docs.markdown import ROOT
from tests.docs.site.build import BuildError, build


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.docs.site")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", metavar="FOLDER")
    out = parser.parse_args().out
    try:
        pages = build(ROOT / "docs", out)
    except BuildError as error:
        sys.exit(str(error))
    print(f"{pages} pages: {out / 'index.html'}")


if __name__ == "__main__":
    main()
