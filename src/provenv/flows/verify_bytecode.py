"""Byte code that nobody promised, or that cannot be compared: it must be what its source compiles to.

Python trusts a ``.pyc`` file whose header names the time and size of its source, whatever code is in it (PEP 552). So
the interpreter behind the environment compiles the source once more, and compares; it runs no code of the environment.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from threading import Thread

from provenv.errors import InstallError
from provenv.events import Events
from provenv.flows.verify_ground import Ground
from provenv.model.finding import FAILS, UNKNOWN, Finding
from provenv.model.machine import Interpreter

__all__ = ["compiled_findings"]

_CHUNK = 32

_WORKER = r"""
import marshal, os, sys
from importlib.util import MAGIC_NUMBER, source_hash
told_code = compile("", "", "exec")
def number(data):
    return int.from_bytes(data, "little")
PARTS = [name for name in dir(told_code) if name.startswith("co_") and name not in ("co_filename", "co_lnotab")]
def key(value):
    # Code compares by what it does, but not where it holds "not a number", which equals nothing.
    if isinstance(value, type(told_code)):
        return [key(getattr(value, name)) for name in PARTS if not callable(getattr(value, name))]
    if isinstance(value, tuple):
        return [key(one) for one in value]
    if isinstance(value, frozenset):
        return sorted(map(repr, map(key, value)))
    return (type(value).__name__, repr(value))
def told(source, target):
    with open(target, "rb") as file:
        data = file.read()
    with open(source, "rb") as file:
        text = file.read()
        status = os.fstat(file.fileno())
    if len(data) < 16 or data[:4] != MAGIC_NUMBER:
        return "ignored"
    flags = number(data[4:8])
    if flags & ~3:
        return "ignored"
    if flags & 1:
        if flags & 2 and data[8:16] != source_hash(text):
            return "ignored"
    elif number(data[8:12]) != int(status.st_mtime) & 0xFFFFFFFF or number(data[12:16]) != len(text) & 0xFFFFFFFF:
        return "ignored"
    level = {"opt-1": 1, "opt-2": 2}.get(target.rpartition(".pyc")[0].rpartition(".")[2], 0)
    fresh = compile(text, source, "exec", dont_inherit=True, optimize=level)
    code = marshal.loads(data[16:])
    return "same" if type(code) is type(fresh) and (code == fresh or key(code) == key(fresh)) else "other"
for line in sys.stdin.buffer:
    fields = line.rstrip(b"\n").decode("utf-8", "surrogateescape").split("\0")
    answers = []
    for at in range(0, len(fields), 2):
        try:
            answers.append(told(fields[at], fields[at + 1]))
        except Exception as problem:
            answers.append("failed")
    sys.stdout.write(" ".join(answers) + "\n")
    sys.stdout.flush()
"""


def compiled_findings(
    ground: Ground, pairs: Sequence[tuple[str, str, str]], interpreter: Interpreter, workers: int, events: Events
) -> list[Finding]:
    """A finding for each ``(source, byte code, package)`` whose code is not that of its source.

    Byte code whose header does not fit its source is passed over: so does Python.
    """
    chunks = [list(pairs[at : at + _CHUNK]) for at in range(0, len(pairs), _CHUNK)]
    answers: dict[str, str] = {}
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _ask(ground.root, chunks, interpreter, answers)
        except BaseException as failure:
            failures.append(failure)

    threads = [Thread(target=work, daemon=True) for _ in range(min(workers, len(chunks)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    found = []
    for source, path, owner in pairs:
        if answers.get(path) == "other":
            found.append(_finding(FAILS, owner, path, source, "other code"))
        elif answers.get(path, "failed") == "failed":
            found.append(_finding(UNKNOWN, owner, path, source, "code that could not be compared"))
    return found


def _finding(level: str, owner: str, path: str, source: str, actual: str) -> Finding:
    return Finding(
        level=level,
        kind="bytecode",
        subject=owner,
        path=path,
        expected=f"what {source.rpartition('/')[2]} compiles to",
        actual=actual,
        remedy="remove it: Python compiles it anew",
    )


def _ask(
    root: str, chunks: list[list[tuple[str, str, str]]], interpreter: Interpreter, answers: dict[str, str]
) -> None:
    program = interpreter.base_executable
    try:
        process = subprocess.Popen(
            [program, "-I", "-S", "-W", "ignore", "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as problem:
        raise InstallError(f"cannot start {program}: {problem.strerror}") from problem
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            while chunks:
                try:
                    chunk = chunks.pop()
                except IndexError:
                    return
                words = "\0".join(f"{root}/{source}\0{root}/{path}" for source, path, _ in chunk)
                process.stdin.write(words.encode("utf-8", "surrogateescape") + b"\n")
                process.stdin.flush()
                told = process.stdout.readline().decode().split()
                for (_, path, _), answer in zip(chunk, told, strict=False):
                    answers[path] = answer
                if len(told) != len(chunk):
                    return  # it died of one of them: none of these was compared
        except BrokenPipeError:
            return
        finally:
            process.kill()
