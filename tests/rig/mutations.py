"""A launcher of provenv whose every call that changes the file system is counted, and can be the last, or can fail.

::

    RIG_KILL_AT=17          SIGKILL for the whole process group right before the 17th such call
    RIG_TEAR=1              ... but if that call writes, half of the bytes are written first
    RIG_FAIL_AT=17:28       the 17th such call raises OSError with errno 28
    RIG_FAIL_FROM=17:28     so does every later one of the same name: a disk stays full
    RIG_LOG=path            one line per call: its number, name and path

Run as ``python -I -S mutations.py SITE-PACKAGES words...``. The counter lives in memory that forked children share.
Nothing of it is in the product: it calls ``os.rename`` and so on by their names in ``os``, which are wrapped here
before it is imported. Compile workers are other interpreters: they are not counted, but die with the group.
"""

from __future__ import annotations

import builtins
import fcntl
import io
import mmap
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["install"]

_NAMES = (
    "chmod", "copy_file_range", "fchmod", "fork", "fsync", "ftruncate", "link", "mkdir", "posix_spawn", "pwrite",
    "remove", "rename", "replace", "rmdir", "sendfile", "symlink", "truncate", "unlink", "utime", "write", "writev",
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TALK = (1, 2)
"""Descriptors through which a command talks."""


class _Counter:
    """Counts, and does at one number what the variables say."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.memory = mmap.mmap(-1, 8)
        self.kill_at = int(variables.get("RIG_KILL_AT", "0"))
        self.tears = "RIG_TEAR" in variables
        self.fail_at, self.error = _point(variables.get("RIG_FAIL_AT"))
        self.fail_from, self.lasting_error = _point(variables.get("RIG_FAIL_FROM"))
        self.failing = ""
        """The name of the calls that fail from now on."""
        log = variables.get("RIG_LOG")
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if log else -1
        self.write = os.write

    def __call__(self, name: str, what: object, tear: Callable[[], object] | None = None) -> None:
        number = int.from_bytes(self.memory[:8], "little") + 1
        self.memory[:8] = number.to_bytes(8, "little")
        if self.log >= 0:
            self.write(self.log, f"{number} {name} {what}\n".encode(errors="replace"))
        if self.kill_at and number >= self.kill_at:
            if self.tears and tear is not None:
                tear()
            os.killpg(0, signal.SIGKILL)
            while True:
                signal.pause()
        if number == self.fail_at:
            raise OSError(self.error, os.strerror(self.error), what if isinstance(what, str) else None)
        if number == self.fail_from:
            self.failing = name
        if self.failing == name:
            raise OSError(self.lasting_error, os.strerror(self.lasting_error), what if isinstance(what, str) else None)


def _point(text: str | None) -> tuple[int, int]:
    number, _, error = (text or "0:0").partition(":")
    return int(number), int(error)


def install(variables: dict[str, str]) -> None:
    """Wrap what changes the file system, in this process and its forks."""
    count = _Counter(variables)
    for name in _NAMES:
        _replace(os, name, _wrapped(count, name, getattr(os, name)))
    _replace(os, "open", _opening(count, os.open))
    _replace(fcntl, "flock", _wrapped(count, "flock", fcntl.flock))
    _replace(fcntl, "ioctl", _wrapped(count, "ioctl", fcntl.ioctl))
    io.open = builtins.open = _opener(count, io.open)


def _replace(module: Any, name: str, wrapper: Callable[..., Any]) -> None:
    original = getattr(module, name)
    for ability in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if original in ability:
            ability.add(wrapper)
    setattr(module, name, wrapper)


def _wrapped(count: _Counter, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    has_bytes = name in ("write", "pwrite")

    def call(*words: Any, **named: Any) -> Any:
        if has_bytes and words[0] in _TALK:
            return original(*words, **named)
        tear = None
        if has_bytes:

            def tear() -> object:
                return original(words[0], bytes(words[1])[: len(words[1]) // 2], *words[2:])

        count(name, words[0] if words else "", tear)
        return original(*words, **named)

    return call


def _opening(count: _Counter, original: Callable[..., int]) -> Callable[..., int]:
    def call(path: Any, flags: int, *words: Any, **named: Any) -> int:
        if flags & _WRITES:
            count("open", path)
        return original(path, flags, *words, **named)

    return call


def _opener(count: _Counter, original: Callable[..., Any]) -> Callable[..., Any]:
    """``open`` whose files count their writes, as they reach the system."""

    class Counted(io.FileIO):
        def write(self, data: Any, /) -> int:
            if self.fileno() in _TALK:
                return super().write(data)
            half = bytes(data)[: len(data) // 2]
            count("write", self.name, lambda: super(Counted, self).write(half))
            return super().write(data)

    def call(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if not set(mode) & set("wxa+"):
            return original(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if not isinstance(file, int):
            count("open", os.fspath(file))
        raw = Counted(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)

    return call


if __name__ == "__main__":
    install(dict(os.environ))
    for _name in [name for name in os.environ if name.startswith("RIG_")]:
        del os.environ[_name]
    sys.path.append(sys.argv[1])
    from provenv.cli.quick import leave, main

    leave(main(sys.argv[2:]))
