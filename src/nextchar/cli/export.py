"""``nextchar export``: a run in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import JSON_HELP, part_display, print_json, write_note
from nextchar.cli.prompts import ESCAPES_HELP, unescaped
from nextchar.cli.tables import print_rows

if TYPE_CHECKING:
    from nextchar.export.document import Language
    from nextchar.language_model.model import LanguageModel

app = Commands("export", "Turn a run into a page that writes in the browser.")
_SUFFIXES = (".html", ".htm")
_EXPERTS_NOTE = (
    "counts that contain pieces of the training text: do not publish the page of a private text"
)


@app.command("page")
def _page(
    run: Path = typer.Argument(help="A run directory."),
    out: Path = typer.Argument(help="The .html file to write."),
    title: str | None = typer.Option(
        None, help="The title of the page.", show_default="the name of RUN"
    ),
    prompt: str = typer.Option("", help=f"The text that the page begins with: {ESCAPES_HELP}."),
    language: str = typer.Option("en", help="The language of the page when it opens: en or ko."),
    licence: str | None = typer.Option(None, help="The licence of the page, shown on it."),
    experts: Literal["none", "fixed"] = typer.Option(
        "none", help="fixed: the page has the counts of the training text, and predicts with them."
    ),
    force: bool = typer.Option(False, help="Replace an existing file."),
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Write a page with the model in it: it writes, measures texts and shows its units offline.

    The page is one file that opens by double-click. It has the weights in int8, and no text that
    the model was trained on. With --experts fixed, it also has the counts of that text, which
    contain pieces of it.
    """
    import nextchar
    from nextchar.errors import ConfigError
    from nextchar.export.document import Language, model_page
    from nextchar.export.facts import run_facts
    from nextchar.run_files.origin import name_of
    from nextchar.storage import write_bytes

    if language.lower() not in get_args(Language):
        raise ConfigError(f"--language must be {' or '.join(get_args(Language))}; got {language}")
    if title is not None and not title.strip():
        raise ConfigError("--title must not be empty: by default, it is the name of RUN")
    for name, text in (("--title", title), ("--prompt", prompt), ("--licence", licence)):
        if any("\ud800" <= character <= "\udfff" for character in text or ""):
            raise ConfigError(f"{name} must be text in UTF-8; it has a byte that is none")
    _require_place(out, force=force)
    prompt = unescaped(prompt)
    model = load_model(run, device="cpu", checkpoint=checkpoint)
    with part_display("exporting", quiet=False):
        page = model_page(
            model,
            {"version": nextchar.__version__, "license": licence, **run_facts(run)},
            title=title or name_of(run),
            prompt=prompt,
            language=cast("Language", language.lower()),
            experts=experts,
        ).encode()
    write_bytes(out, page)
    _note_unknown(prompt, model)
    values: dict[str, Any] = {
        "page": str(out),
        "bytes": len(page),
        "title": title or name_of(run),
        "experts": experts,
    }
    rows = [("page", f"{out}, {len(page):,} bytes"), ("opens", "by double-click, offline")]
    if experts != "none":
        rows.append(("experts", _EXPERTS_NOTE))
    if as_json:
        print_json(values)
    else:
        print_rows(rows)


def _require_place(out: Path, *, force: bool) -> None:
    """Raise ``ConfigError`` if the file cannot or must not be written."""
    from nextchar.cli.options import require_folder
    from nextchar.errors import ConfigError

    if out.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"OUT is a file that ends in .html; got {out}")
    require_folder(out, "OUT")
    if out.exists() and not force:
        raise ConfigError(f"{out} exists: --force replaces it")


def _note_unknown(prompt: str, model: LanguageModel) -> None:
    """Write a note if the page cannot read all of its prompt."""
    from nextchar.text.hangul import COMPATIBILITY
    from nextchar.text.normal_forms import NormalForm
    from nextchar.text.unknown import UnknownSymbols, default_treatment

    vocabulary = model.vocabulary
    # The page reads a letter that stands alone as the model writes it.
    letters = COMPATIBILITY if vocabulary.kind == "jamo" else ""
    unknown = UnknownSymbols(vocabulary, knows=lambda one: one in letters or vocabulary.knows(one))
    unknown.read(NormalForm(vocabulary, model.config.text.normalization).of(prompt), "the prompt")
    if unknown.count:
        write_note(unknown.note(unknown=default_treatment(vocabulary, None)))


add_to = app.add_to
