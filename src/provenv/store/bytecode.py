"""Byte code of trees, compiled once per wheel and kind of interpreter by that interpreter itself.

The files are ordinary timestamp ``.pyc`` files (PEP 3147, header of PEP 552): the source's time is the store's constant
one, so the bytes are the same on every machine, and Python still notices when somebody edits a source in site-packages
(with unchecked hashes it would not). The recorded file name is the path inside the tree; on import Python puts
the true path in its place (``_fix_co_filename``), so tracebacks name real files.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from threading import Lock, Thread

from provenv.errors import InstallError
from provenv.store.tree import MTIME, Bytecode, bytecode_key, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provenv.events import Events
    from provenv.model.machine import Interpreter
    from provenv.store.tree import Tree

__all__ = ["compile_trees"]

_CHUNK_FILES = 48
_WORKER = """
import gc, os, sys
gc.disable()
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from marshal import dumps
def number(value):
    return (value & 0xFFFFFFFF).to_bytes(4, "little")
def one(source, target, name, mtime):
    try:
        with open(source, "rb") as file:
            data = file.read()
        code = dumps(compile(data, name, "exec", dont_inherit=True))
    except Exception:
        return "-1:"
    body = MAGIC_NUMBER + number(0) + number(mtime) + number(len(data)) + code
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o444)
    with open(handle, "wb", buffering=0) as file:
        file.write(body)
    os.utime(target, (mtime, mtime))
    return f"{len(body)}:{sha256(body).hexdigest()}"
mtime = int(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin.buffer:
    fields = line.rstrip(b"\\n").decode("utf-8", "surrogateescape").split("\\0")
    made = [one(*fields[at : at + 3], mtime) for at in range(0, len(fields), 3)]
    sys.stdout.write(" ".join(made) + "\\n")
    sys.stdout.flush()
"""


class _Job:
    """One tree being compiled into a private directory."""

    __slots__ = ("directory", "entries", "left", "tree")

    def __init__(self, tree: Tree, directory: str) -> None:
        self.tree = tree
        self.directory = directory
        self.entries: list[tuple[str, int, str]] = []
        self.left = 0


class _Item:
    __slots__ = ("job", "path", "target")

    def __init__(self, job: _Job, path: str, target: str) -> None:
        self.job = job
        self.path = path
        self.target = target

    def words(self) -> str:
        return f"{self.job.tree.files}/{self.path}\0{self.job.directory}/files/{self.target}\0{self.path}"


def compile_trees(
    trees: Iterable[tuple[Tree, str]],
    interpreter: Interpreter,
    workers: int,
    events: Events,
    publish: Callable[[Tree, str], None],
) -> None:
    """Compile every tree into its directory (new, ours), and call ``publish(tree, directory)`` as each is complete.

    Files and a manifest are in the directory by then. Source that does not compile is left out.
    """
    crew = _Crew(interpreter, events, publish)
    for tree, directory in trees:
        crew.add(tree, directory)
    crew.run(workers)


class _Crew:
    def __init__(self, interpreter: Interpreter, events: Events, publish: Callable[[Tree, str], None]) -> None:
        self.interpreter = interpreter
        self.events = events
        self.publish = publish
        self.chunks: deque[list[_Item]] = deque()
        self.lock = Lock()
        self.failures: list[BaseException] = []
        self.empty: list[_Job] = []

    def add(self, tree: Tree, directory: str) -> None:
        job = _Job(tree, directory)
        os.mkdir(directory + "/files")
        items = [_Item(job, path, target) for path, target in _sources(tree, self.interpreter.cache_tag)]
        for parent in sorted({item.target.rpartition("/")[0] for item in items}):
            os.makedirs(f"{directory}/files/{parent}", exist_ok=True)
        job.left = len(items)
        if not items:
            self.empty.append(job)
        self.chunks.extend(items[at : at + _CHUNK_FILES] for at in range(0, len(items), _CHUNK_FILES))

    def run(self, workers: int) -> None:
        for job in self.empty:
            self._finish(job)
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(workers, len(self.chunks)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _work(self) -> None:
        try:
            while self.chunks and not self.failures:
                with self._start() as process:
                    try:
                        self._feed(process)
                    finally:
                        process.kill()
        except BaseException as failure:
            self.failures.append(failure)

    def _start(self) -> subprocess.Popen[bytes]:
        program = self.interpreter.executable
        try:
            return subprocess.Popen(
                [program, "-I", "-S", "-W", "ignore", "-c", _WORKER, str(MTIME)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as problem:
            raise InstallError(f"cannot start {program}: {problem.strerror}") from problem

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Hand out chunks until none is left, or the process died over one of them."""
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise InstallError(f"{self.interpreter.executable} does not start, so nothing can be compiled with it")
        while not self.failures:
            try:
                chunk = self.chunks.popleft()
            except IndexError:
                return
            try:
                process.stdin.write(
                    "\0".join(item.words() for item in chunk).encode("utf-8", "surrogateescape") + b"\n"
                )
                process.stdin.flush()
            except BrokenPipeError:
                pass
            made = process.stdout.readline().decode("ascii", "replace").split()
            if len(made) != len(chunk):
                self._split(chunk)
                return
            self._done(chunk, made)

    def _split(self, chunk: list[_Item]) -> None:
        """The process died: find the source that killed it by trying each alone, and leave that one out."""
        if len(chunk) == 1:
            self._discard(chunk[0])
            self._done(chunk, ["-1:"])
            return
        for item in chunk:
            self._discard(item)
        self.chunks.extendleft([item] for item in chunk)

    def _discard(self, item: _Item) -> None:
        path = f"{item.job.directory}/files/{item.target}"
        if os.path.lexists(path):
            os.unlink(path)

    def _done(self, chunk: list[_Item], made: list[str]) -> None:
        """Take what the process said of each: size and hash of the byte code, or a size below zero."""
        complete: list[_Job] = []
        with self.lock:
            for item, told in zip(chunk, made, strict=True):
                size, _, sha256 = told.partition(":")
                if int(size) >= 0:
                    item.job.entries.append((item.target, int(size), sha256))
                item.job.left -= 1
                if item.job.left == 0:
                    complete.append(item.job)
        for job in complete:
            self._finish(job)

    def _finish(self, job: _Job) -> None:
        bytecode = Bytecode.from_entries(job.entries, job.directory)
        with open(job.directory + "/manifest", "xb") as manifest:
            manifest.write(bytecode.manifest(bytecode_key(tag_of(self.interpreter), job.tree.sha256)))
        self.publish(job.tree, job.directory)
        self.events.advanced("compile", 1, job.tree.name)


def _sources(tree: Tree, cache_tag: str) -> list[tuple[str, str]]:
    """``(source, byte code)`` for every module that lands in site-packages, but for the test suites inside packages.

    Those are a quarter of all modules of a scientific environment, and nobody imports them: Python compiles the few
    that somebody does.
    """
    data = tree.data_dir + "/" if tree.data_dir else "\0"
    importable = (data + "purelib/", data + "platlib/")
    found = []
    for path, _, _, _ in tree.entries:
        if not path.endswith(".py") or (path.startswith(data) and not path.startswith(importable)):
            continue
        if "/tests/" in path:
            continue
        parent, slash, file = path.rpartition("/")
        found.append((path, f"{parent}{slash}__pycache__/{file[:-3]}.{cache_tag}.pyc"))
    return found
