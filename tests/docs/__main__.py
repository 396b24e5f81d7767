"""List everything that the documentation tells its readers to run: ``python -m tests.docs``."""

from __future__ import annotations

from tests.docs.commands import pages, steps_of

_HOW = {
    "make": "target looked up",
    "pip": "extra looked up",
    "python": "arguments read",
    "tensorboard": "events looked up",
}


def main() -> None:
    run = marked = 0
    for page in pages():
        for step in steps_of(page):
            if step.not_run is None:
                run += 1
                what = "run first" if step.is_hidden else _HOW.get(step.code.split()[0], "run")
            else:
                marked += 1
                what = f"not run ({step.not_run})"
            print(f"{step.place}: {what}: {step.title}")
    print(f"{run} are tested, {marked} are not")


if __name__ == "__main__":
    main()
