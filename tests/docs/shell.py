"""A shell in which the commands of a page run one after the other."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path

from tests.conftest import PROCESSES
from tests.docs.processes import PROGRAMS, run_snippets, serve
from tests.docs.stand_ins import given_names

SECONDS = 300
_CLIENT = """#!{python} -ISE
import json, os, socket, struct, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(os.environ["DOCS_SOCKET"])
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
request = {{"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}}
data = json.dumps(request).encode()
socket.send_fds(connection, [struct.pack("!I", len(data))], [0, 1, 2])
connection.sendall(data)
for stream in (0, 1):
    os.close(stream)
sys.exit(int(connection.recv(16) or b"1"))
"""
_READER_CLOSED = (128 + signal.SIGPIPE, -signal.SIGPIPE)


@dataclass(frozen=True)
class Shell:
    """What runs commands and snippets in a folder; ``opened`` makes one."""

    folder: Path
    environment: dict[str, str]
    log: Path

    def run(self, command: str) -> str:
        """Run a command line of bash; give what went wrong, or nothing."""
        self.log.write_text("")
        try:
            ended = subprocess.run(
                ["/bin/bash", "-o", "pipefail", "-c", command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it did not end within {SECONDS} s"
        said = ended.stderr.decode("utf-8", "replace").strip()
        codes = [json.loads(line)["code"] for line in self.log.read_text().splitlines()]
        if "Traceback (most recent call last)" in said:
            return said
        wrong = [code for code in [ended.returncode, *codes] if code not in (0, *_READER_CLOSED)]
        return f"exit code {wrong[0]}: {said or '(nothing on stderr)'}" if wrong else ""


@contextmanager
def opened(folder: Path) -> Iterator[Shell]:
    """Open a shell whose programs run in forked processes."""
    with tempfile.TemporaryDirectory() as name:  # The path of a socket must be short.
        programs, address, log = Path(name) / "bin", f"{name}/socket", Path(name) / "log"
        programs.mkdir()
        for program in PROGRAMS:
            path = programs / program
            path.write_text(_CLIENT.format(python=sys.executable))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.defpath}",
            "DOCS_SOCKET": address,
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
        }
        environment.pop("FORCE_COLOR", None)
        server = PROCESSES.Process(target=serve, args=(address, str(log)), daemon=True)
        server.start()
        while not Path(address).exists() and server.is_alive():
            server.join(0.01)
        try:
            yield Shell(folder, environment, log)
        finally:
            server.kill()
            server.join()


class Python:
    """An interpreter whose snippets share their names."""

    def __init__(self, folder: Path) -> None:
        self._here, there = Pipe()
        arguments = (there, str(folder), given_names())
        self._process = PROCESSES.Process(target=run_snippets, args=arguments, daemon=True)
        self._process.start()
        there.close()

    def run(self, source: str, name: str, line: int) -> str:
        """Run a snippet that begins at a line of a page; give what went wrong, or nothing."""
        self._here.send(("\n" * (line - 1) + source, name))
        if not self._here.poll(SECONDS):
            return f"it did not end within {SECONDS} s"
        answer: str = self._here.recv()
        return answer

    def close(self) -> None:
        """End the process."""
        self._here.close()
        self._process.kill()
        self._process.join()
