"""Kills from outside, nothing of ours inside: at random times, and at exact system calls; then one plain ``sync``."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rig.fixture import REQUIREMENTS, large_wheels, small_wheels
from tests.rig.place import Place, end_group
from tests.rig.scale import IS_NIGHTLY, note
from tests.rig.store_judge import judge_store
from tests.worlds.index_server import IndexServer

__all__: list[str] = []

_SEED = 20261121
_CALLS = ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "symlink", "fsync",
          "mkdir", "openat", "write", "utimensat", "chmod", "copy_file_range", "ftruncate")  # fmt: skip


def test_killed_at_random_times(tmp_path: Path, index_world: IndexServer, launcher: Path) -> None:
    """Cold, warm, and between two versions; half of them with all processes, half only the one that was started."""
    wheels, modules = (30, 60) if IS_NIGHTLY else (8, 20)
    names = large_wheels(index_world.directory, wheels, modules)
    place = Place(tmp_path, index_world, launcher)
    place.project(*(f"{name}<2" for name in names))
    place.do("lock")
    old = place.lock_file.read_bytes()
    place.do("sync")
    place.project(*names)
    place.do("lock", "--upgrade")
    new = place.lock_file.read_bytes()
    place.do("sync")
    place.save("full")
    ways: list[tuple[str, int, Callable[[int], None]]] = [
        ("warm", 180 if IS_NIGHTLY else 8, lambda _: _without_environment(place)),
        (
            "between versions",
            80 if IS_NIGHTLY else 6,
            lambda number: _locked(place, names, old if number % 2 == 0 else new, number % 2 == 0),
        ),
        ("cold", 40 if IS_NIGHTLY else 2, lambda _: _empty(place)),
    ]
    chance = random.Random(_SEED)
    for way, count, prepare in ways:
        place.restore("full")
        prepare(0)
        begin = time.monotonic()
        place.do("sync", "--frozen")
        duration = time.monotonic() - begin
        failures: list[str] = []
        killed = 0
        for number in range(count):
            prepare(number + 1)
            moment, is_alone = chance.uniform(0, duration), number % 2 == 1
            killed += _kill_after(place, moment, is_alone=is_alone)
            told = place.run("sync")
            found = [told.err] if told.code else place.judge()
            failures += [f"{way}, killed after {moment:.4f} s (alone: {is_alone}): {one}" for one in found[:3]]
        failures += judge_store(place.cache, sorted(index_world.directory.glob("*.whl")))
        note(
            1,
            f"kill at a random time: {way} sync",
            cases=count,
            failures=len(failures),
            remark=f"{killed} died of it; one run takes {duration:.2f} s",
        )
        assert not failures, f"seed {_SEED}\n" + "\n".join(failures[:20])


def test_killed_at_exact_system_calls(tmp_path: Path, index_world: IndexServer, launcher: Path) -> None:
    """The kernel kills at the n-th call of a kind: nothing that our own counter might miss."""
    if not _can_trace():
        pytest.skip("strace is missing, or may not trace")
    small_wheels(index_world.directory)
    place = Place(tmp_path, index_world, launcher)
    place.project(*REQUIREMENTS)
    place.do("lock")
    shutil.rmtree(place.cache)
    place.save("cold")
    place.do("sync")
    _without_environment(place)
    place.save("warm")
    failures: list[str] = []
    cases = 0
    for state in ("cold", "warm"):
        place.restore(state)
        counts = _counted(place)
        for call, number in _points(counts, 26 if IS_NIGHTLY else 4):
            place.restore(state)
            inject = f"--inject={call}:signal=KILL:when={number}"
            process = _traced(place, "-o", "/dev/null", f"--trace={call}", inject)
            process.wait(timeout=60)
            end_group(process)
            cases += 1
            told = place.run("sync")
            found = [told.err] if told.code else place.judge()
            failures += [f"{state}: killed at {call} {number}: {one}" for one in found[:3]]
            failures += judge_store(place.cache, sorted(index_world.directory.glob("*.whl")))
    note(1, "kill at an exact system call: sync", cases=cases, failures=len(failures))
    assert not failures, "\n".join(failures[:20])


def _without_environment(place: Place) -> None:
    shutil.rmtree(place.environment, ignore_errors=True)


def _locked(place: Place, names: list[str], lock: bytes, is_old: bool) -> None:
    place.project(*(f"{name}<2" if is_old else name for name in names))
    place.lock_file.write_bytes(lock)


def _empty(place: Place) -> None:
    shutil.rmtree(place.cache)
    _without_environment(place)


def _kill_after(place: Place, seconds: float, *, is_alone: bool) -> bool:
    """Kill a sync after so long; whether it died of it."""
    with place.start("sync") as process:
        time.sleep(seconds)
        if is_alone:
            process.send_signal(signal.SIGKILL)
        else:
            end_group(process)
        process.wait()
        died = process.returncode == -signal.SIGKILL
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return died


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def _traced(place: Place, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["strace", "-f", "-qq", *options, str(place.launcher), "sync"],
        cwd=place.directory,
        env=place.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )


def _counted(place: Place) -> Counter[str]:
    """How often the thread that calls most makes each call."""
    log = place.root / "trace"
    process = _traced(place, "-o", str(log), f"--trace={','.join(_CALLS)}")
    assert process.wait(timeout=60) == 0
    per_thread: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        if match := re.match(r"(\d+) +(\w+)\(", line):
            per_thread[match[1], match[2]] += 1
    found: Counter[str] = Counter()
    for (_, call), count in per_thread.items():
        found[call] = max(found[call], count)
    return found


def _points(counts: Counter[str], count: int) -> list[tuple[str, int]]:
    """Spread over the calls, and within each from the first to the last."""
    calls = sorted(counts)
    found = []
    for number in range(count):
        call = calls[number % len(calls)]
        turns = (count + len(calls) - 1) // len(calls)
        found.append((call, 1 + (counts[call] - 1) * (2 * (number // len(calls)) + 1) // (2 * turns)))
    return found
