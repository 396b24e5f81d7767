"""``nextchar play``: write together with a model, in the terminal."""

from __future__ import annotations

import inspect
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import UNKNOWN_HELP
from nextchar.errors import InputError, Interrupted, NextcharError
from nextchar.training.interruption import StopSignals

if TYPE_CHECKING:
    from nextchar.language_model.model import LanguageModel

_HELP = """\
Type a beginning, and the model continues it. An empty line lets it continue further.
  /back [N]            undo the last N additions
  /again               undo the model's last text, and generate again
  /complete            list the most probable words; ∎ ends the word, ⏎ the line
  /show                show the whole text
  /new                 start a new text
  /set NAME VALUE      set temperature, top_k, top_p, min_p, repetition_penalty, length,
                       lines or match
  /settings            show the settings
  /save FILE           write the text to a new file
  /quit                quit (also Ctrl-D); Ctrl-C interrupts the model
"""

_SETTINGS: dict[str, Callable[[str], Any]] = {
    "temperature": float,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "repetition_penalty": float,
    "length": int,
    "lines": int,
    "match": lambda text: text or None,
}


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("play")(_play)


def _play(
    run: Path = typer.Argument(help="A run directory."),
    length: int = typer.Option(
        200, help="Number of characters that the model generates at a time."
    ),
    temperature: float = typer.Option(
        0.8, help="1 is the distribution of the model; 0 always takes the most probable symbol."
    ),
    seed: int = typer.Option(0, help="The same seed and the same lines generate the same text."),
    unknown: Literal["error", "skip", "replace"] = typer.Option("skip", help=UNKNOWN_HELP),
    checkpoint: str = CHECKPOINT,
    device: Literal["cpu", "cuda"] = typer.Option("cpu", help="Device to compute on."),
) -> None:
    """Write a text together with a model, interactively.

    Type a beginning, and the model continues it. Its text can be taken back and written again.
    """
    model = load_model(run, device=device, checkpoint=checkpoint)
    game = _Game(model, {"length": length, "temperature": temperature, "unknown": unknown}, seed)
    if sys.stdin.isatty():
        import readline  # noqa: F401  (gives input() its line editing and history)

        sys.stdout.write(_HELP)
    while (line := _read_line()) is not None:
        try:
            if not game.take(line):
                break
        except Interrupted:
            raise
        except NextcharError as error:
            sys.stdout.write(f"{error.for_command_line}\n")
        except OSError as error:
            sys.stdout.write(f"{error}\n")
        except KeyboardInterrupt:
            sys.stdout.write("\n")


def _read_line() -> str | None:
    """Return the next line, or ``None`` at the end of the input."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line.removesuffix("\n") if line else None
    while True:
        try:
            return input("› ")
        except EOFError:
            sys.stdout.write("\n")
            return None
        except KeyboardInterrupt:
            sys.stdout.write("\n")


def _words(line: str) -> list[str]:
    """Split a line as a shell does, but leave backslashes: expressions are full of them."""
    lexer = shlex.shlex(line, posix=True)
    lexer.escape = lexer.commenters = ""
    lexer.whitespace_split = True
    try:
        return list(lexer) or [""]
    except ValueError as error:
        raise InputError(f"{error}: {line!r}") from None


@dataclass(frozen=True)
class _Part:
    """An addition to the text."""

    text: str
    is_written: bool  # by the model


class _Game:
    """The text so far, as a list of additions."""

    def __init__(self, model: LanguageModel, settings: dict[str, Any], seed: int) -> None:
        self._model = model
        self._settings = settings
        self._seed = seed
        self._added: list[_Part] = []

    @property
    def _text(self) -> str:
        return "".join(part.text for part in self._added)

    def take(self, line: str) -> bool:
        """Execute a line; return whether to continue."""
        if not line.startswith("/"):
            self._type(line)
            self._write()
            return True
        words = _words(line[1:])
        command, arguments = words[0], words[1:]
        commands: dict[str, Callable[..., None]] = {
            "back": self._back,
            "again": self._again,
            "complete": self._complete,
            "show": lambda: self._print(self._text),
            "new": self._added.clear,
            "set": self._set,
            "settings": lambda: self._print(
                "\n".join(f"{name} {value}" for name, value in self._settings.items())
            ),
            "save": self._save,
            "help": lambda: self._print(_HELP.rstrip()),
        }
        if command in ("quit", "exit"):
            return False
        if command not in commands:
            raise InputError(f"there is no /{command}: /help lists what there is")
        try:
            inspect.signature(commands[command]).bind(*arguments)
        except TypeError:
            raise InputError(f"/{command} takes other arguments: see /help") from None
        commands[command](*arguments)
        return True

    def _type(self, line: str) -> None:
        """Add a line as the vocabulary encodes it, so the text shown is the model's input."""
        vocabulary = self._model.vocabulary
        ids = vocabulary.encode(line, unknown=self._settings["unknown"])
        if self._settings["unknown"] == "skip":
            strangers = [c for c in dict.fromkeys(line) if not vocabulary.knows(c)]
            if strangers:
                named = ", ".join(map(repr, strangers))
                self._print(f"(left out, not in the vocabulary: {named})")
        if len(ids) > 0:
            self._added.append(_Part(vocabulary.decode(ids), is_written=False))

    def _write(self) -> None:
        """Let the model continue the text, and show it as it appears."""
        before = self._text
        pieces: list[str] = []
        self._seed += 1
        sys.stdout.write(before.rpartition("\n")[2])
        # Checked between pieces: an exception raised in the middle of other code may be lost.
        with StopSignals() as stop:
            try:
                shown = len(before)
                for piece in self._model.stream(before, seed=self._seed, **self._settings):
                    # The stream begins with the prompt, which is already shown.
                    new = piece[shown:]
                    shown = max(0, shown - len(piece))
                    pieces.append(new)
                    sys.stdout.write(new)
                    sys.stdout.flush()
                    if stop.received is not None:
                        break
            finally:
                if written := "".join(pieces):
                    self._added.append(_Part(written, is_written=True))
                sys.stdout.write("\n")
        if stop.received == signal.SIGTERM:
            raise Interrupted("stopped", signal.SIGTERM)

    def _back(self, count: str = "1") -> None:
        if not self._added:
            raise InputError("/back undoes additions: there is none yet")
        if not count.isdecimal() or not 1 <= int(count) <= len(self._added):
            raise InputError(f"/back takes 1 to {len(self._added)}; got {count!r}")
        del self._added[-int(count) :]
        self._print(self._text)

    def _again(self) -> None:
        if not self._added or not self._added[-1].is_written:
            raise InputError("/again undoes the model's last text: it has not written here")
        self._added.pop()
        self._write()

    def _complete(self) -> None:
        unknown = self._settings["unknown"]
        found = self._model.complete(self._text, unknown=unknown)
        shown = [each.text.replace("\n", "⏎") or "∎ (the word ends here)" for each in found]
        self._print("   ".join(shown))

    def _set(self, name: str, value: str = "") -> None:
        if name not in _SETTINGS:
            raise InputError(f"/set knows {', '.join(_SETTINGS)}; got {name!r}")
        try:
            new = {**self._settings, name: _SETTINGS[name](value)}
        except ValueError:
            raise InputError(f"{name} needs a number; got {value!r}") from None
        self._model.stream("", **new)  # raises an error for invalid values
        self._settings = new

    def _save(self, name: str) -> None:
        from nextchar.storage import write_bytes

        if Path(name).exists():
            raise InputError(f"{name} exists: name a new file")
        write_bytes(Path(name), self._text.encode("utf-8", "surrogateescape"))

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(f"{text}\n")
