"""Runs the programs of a build, each in a process group of its own, with everything they say kept in a log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from provenv.events import Events

__all__ = ["Log", "Stopped", "build_variables", "open_log", "stop_builds_until"]

#: Variables that would let another environment into a build.
_STRANGE = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
#: What a build may take for the time where it writes one down: 2 February 2020, in every zone after the first day that
#: a ZIP archive can hold. The same for everybody, so that two builds of one source give the same bytes.
_EPOCH = "1580601600"
_LOOK_EVERY = 0.2
"""Seconds between two looks at what a build has said."""


#: What runs in any thread, so that an interrupted command leaves nothing behind.
_running: set[subprocess.Popen[bytes]] = set()


class Stopped(Exception):
    """A program ended with another exit code than 0; the argument is that code."""


def build_variables(environment: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a build in an environment: ``variables`` (those of the user), cleaned and completed."""
    fresh = {name: value for name, value in variables.items() if name not in _STRANGE}
    scripts = os.path.join(environment, "Scripts" if os.name == "nt" else "bin")
    fresh["PATH"] = os.pathsep.join(filter(None, [scripts, variables.get("PATH", os.defpath)]))
    fresh["VIRTUAL_ENV"] = environment
    fresh["PYTHONUNBUFFERED"] = "1"
    fresh.setdefault("SOURCE_DATE_EPOCH", _EPOCH)
    return fresh


class Log:
    """The output of one build, in a file that stays; made by ``open_log``."""

    def __init__(self, path: str, descriptor: int, events: Events) -> None:
        self.path = path
        self._descriptor = descriptor
        self._events = events
        self._told = 0

    def write(self, text: str) -> None:
        """Add a text of our own."""
        os.write(self._descriptor, (text.rstrip("\n") + "\n").encode("utf-8", "replace"))

    def text(self) -> str:
        """Everything that was said so far."""
        with open(self.path, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def run(self, words: Sequence[str], directory: str, variables: Mapping[str, str]) -> None:
        """Run a program to its end. Raises Stopped; when this process is interrupted, the program is killed."""
        process = subprocess.Popen(
            words,
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            # Into the file itself and not through a pipe: a server that a build leaves behind (a compiler cache, for
            # one) would hold a pipe open for ever.
            stdout=self._descriptor,
            stderr=self._descriptor,
            start_new_session=True,
        )
        is_over = threading.Event()
        teller = threading.Thread(target=self._tell, args=(is_over,), daemon=True)
        teller.start()
        _running.add(process)
        try:
            code = process.wait()
        except BaseException:
            _kill(process)
            raise
        finally:
            _running.discard(process)
            is_over.set()
            teller.join()
        if code:
            raise Stopped(code)

    def _tell(self, is_over: threading.Event) -> None:
        """Pass on line by line what is said."""
        with open(self.path, "rb") as file:
            file.seek(self._told)
            rest = b""
            while True:
                is_last = is_over.wait(_LOOK_EVERY)
                data = file.read()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._events.noted(line.decode("utf-8", "replace").rstrip())
                if is_last:
                    break
            self._told = file.tell()


@contextmanager
def open_log(directory: str, subject: str, events: Events) -> Iterator[Log]:
    """A new, empty log for a build; that of the last build of the same subject goes."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, re.sub(r"[^\w.+-]+", "-", subject) + ".log")
    # Unlinked and not emptied: another process may be writing the old one.
    with suppress(FileNotFoundError):
        os.unlink(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        yield Log(path, descriptor, events)
    finally:
        os.close(descriptor)


def stop_builds_until(are_over: Callable[[], bool]) -> None:
    """End every build that runs in another thread, which then fails there, until ``are_over``.

    One between two steps has nothing to be stopped, and begins the next.
    """
    while not are_over():
        for process in list(_running):
            _kill(process)
        time.sleep(_LOOK_EVERY)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and everything it started."""
    if os.name == "nt":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
