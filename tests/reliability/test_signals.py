"""Signals while a command resolves, downloads, builds, unpacks, compiles, links or waits.

It ends with 128 + n, without a traceback; nothing that it started lives on, nothing stays locked, and the next
command makes everything right.
"""

from __future__ import annotations

import array
import fcntl
import os
import shutil
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.rig.fixture import small_wheels
from tests.rig.place import Place, end_group
from tests.rig.scale import IS_NIGHTLY, note
from tests.worlds.index_server import IndexServer
from tests.worlds.sdists import build_sdist
from tests.worlds.wheels import build_wheel

__all__: list[str] = []

_PATIENCE = 20.0
_SLEEPER = "import subprocess, time\nsubprocess.Popen(['sleep', '61'])\ntime.sleep(60)\n"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Moment:
    """Something that a command may be doing: how to bring it there, and how to see that it is there."""

    def __init__(self, name: str, requirement: str, words: tuple[str, ...] = ("sync",)) -> None:
        self.name = name
        self.requirement = requirement
        self.words = words

    def __repr__(self) -> str:
        return self.name

    def hinder(self, place: Place) -> None:
        """Make it last."""
        if self.name == "resolve":
            place.server.fail("/simple/gamma/", delay=60, times=1)
        if self.name in ("download", "wait"):
            place.server.fail("/files/large-*.whl", stall_after=100, times=1)

    def is_there(self, place: Place, process: subprocess.Popen[str]) -> bool:
        """Whether the command is doing it now."""
        match self.name:
            case "resolve":
                return place.server.is_delaying.is_set()
            case "download":
                return bool(place.server.seen("/files/large-*.whl"))
            case "build":
                return any(b"sleep\x0061" in _words(number) for number in _children_of(place))
            case "unpack":
                return any(place.cache.glob("store/v1/tmp/*/files/bulk"))
            case "compile":
                return any(b"-W\0ignore\0-c" in _words(number) for number in _children_of(place))
            case "link":
                return (place.environment / "pyvenv.cfg").exists()
            case _:
                return b"waiting" in _said(process)


_MOMENTS = (
    _Moment("resolve", "gamma", ("lock",)),
    _Moment("download", "large"),
    _Moment("build", "built"),
    _Moment("unpack", "bulk"),
    _Moment("compile", "slow"),
    _Moment("link", "many"),
    _Moment("wait", "large"),
)
_CASES = [(moment, number, is_group) for moment in _MOMENTS for number in _SIGNALS for is_group in (False, True)]


@pytest.fixture
def place(tmp_path: Path, index_world: IndexServer, launcher: Path) -> Place:
    directory = index_world.directory
    small_wheels(directory)
    build_wheel(directory, "sleeper", "1.0", {"sleeper.py": _SLEEPER})
    build_sdist(directory, "built", build_requires=["sleeper"], small={"imports": ["sleeper"]}, is_static=True)
    build_wheel(directory, "bulk", "1.0", {f"bulk/{number}.bin": bytes(4 << 20) for number in range(24)})
    body = "".join(f"def f{number}(a, b):\n    return [a + x * b for x in range({number})]\n" for number in range(900))
    build_wheel(directory, "slow", "1.0", {f"slow/part{number}.py": body for number in range(12)})
    build_wheel(directory, "many", "1.0", {f"many/d{number % 40}/{number}.txt": b"." for number in range(4000)})
    return Place(tmp_path, index_world, launcher)


def test_signals(place: Place) -> None:
    failures: list[str] = []
    cases = _CASES if IS_NIGHTLY else [case for case in _CASES if _CASES.index(case) % 6 == _MOMENTS.index(case[0]) % 6]
    missed: list[str] = []
    for moment, number, is_group in cases:
        what = f"{number.name} to {'all' if is_group else 'one'} during {moment}"
        found = _tried(place, moment, number, is_group=is_group)
        missed += [what] if found is None else []
        failures += [f"{what}: {one}" for one in found or ()]
    note(1, "signals", cases=len(cases) - len(missed), failures=len(failures), remark=f"{len(missed)} came too late")
    assert not failures, "\n".join(failures)
    assert len(missed) <= len(cases) // 5, missed


def test_nobody_reads_any_more(place: Place) -> None:
    place.project("gamma")
    place.do("lock")
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [str(place.launcher), "export"],
        cwd=place.directory,
        env=place.variables,
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 141, err
    assert "Traceback" not in err


def _tried(place: Place, moment: _Moment, number: signal.Signals, *, is_group: bool) -> list[str] | None:
    """What is wrong after a signal at that moment; None when the command was over before."""
    for directory in (place.cache, place.environment):
        shutil.rmtree(directory, ignore_errors=True)
    place.lock_file.unlink(missing_ok=True)
    place.server.heal()
    place.server.requests.clear()
    place.server.is_delaying.clear()
    place.project(moment.requirement)
    if moment.name != "resolve":
        place.do("lock")
    moment.hinder(place)
    with (
        _holder(place, is_needed=moment.name == "wait"),
        place.start(*moment.words, RIG_TOKEN=_token(place)) as process,
    ):
        try:
            if not _wait(lambda: moment.is_there(place, process) or process.poll() is not None):
                return ["that moment never came"]
            if process.poll() is not None:
                return None
            begin = time.monotonic()
            os.killpg(process.pid, number) if is_group else process.send_signal(number)
            out, err = process.communicate(timeout=_PATIENCE)
            seconds = time.monotonic() - begin
        except subprocess.TimeoutExpired:
            end_group(process)
            return ["it did not end"]
        finally:
            end_group(process)
    if process.returncode == 0:
        return None
    wrong = []
    if process.returncode not in (128 + number, -number):
        wrong.append(f"ended with {process.returncode}: {out}{err}")
    if "Traceback" in err or "Exception" in err:
        wrong.append(err)
    if seconds > 3:
        wrong.append(f"ended only after {seconds:.1f} s")
    if not _wait(lambda: not _children_of(place), seconds=2):
        wrong.append(f"left behind: {[_words(child) for child in _children_of(place)]}")
        for child in _children_of(place):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    place.server.heal()
    if moment.name == "build":
        return wrong
    told = place.run("sync")
    if told.code or "waiting" in told.err:
        wrong.append(f"the next command: {told.code} {told.err}")
    return wrong + place.judge()


@contextmanager
def _holder(place: Place, *, is_needed: bool) -> Iterator[None]:
    """Another sync, which holds the environment while its download hangs."""
    if not is_needed:
        yield
        return
    with place.start("sync") as process:
        try:
            assert _wait(lambda: bool(place.server.seen("/files/large-*.whl")))
            yield
        finally:
            end_group(process)


def _wait(is_so: Callable[[], bool], seconds: float = _PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


def _token(place: Place) -> str:
    return str(place.root)


def _children_of(place: Place) -> list[int]:
    """All processes that were started by a command of this place, whatever group or session they are in now."""
    token = f"RIG_TOKEN={_token(place)}\0".encode()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError):
                if token in Path(entry.path, "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def _words(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def _said(process: subprocess.Popen[str]) -> bytes:
    """What a running command has said on stderr so far; it stays to be read."""
    assert process.stderr is not None
    waiting = array.array("i", [0])
    fcntl.ioctl(process.stderr.fileno(), termios.FIONREAD, waiting)
    # Nobody else speaks there: a line of ours is the message that it waits.
    return b"waiting" if waiting[0] else b""
