"""A disk or its inodes run out, for the store, the environment or the project: one clear error; later all is well."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rig.fixture import REQUIREMENTS, small_wheels
from tests.rig.place import Place
from tests.rig.scale import note, share
from tests.worlds.index_server import IndexServer

_PLACES = ("cache", "project/.venv", "project")
_SIZES = (1, 2, 4, 8, 12, 16, 22, 28, 34, 40, 46, 52, 58, 65, 72, 80, 88, 95, 105, 120)
_INODES = (2, 5, 10, 20, 35, 50, 65, 80, 95, 120)
_PAGE = 4096
_AMPLE = 64 << 20


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[None]:
    """A file system of that size at ``place``; skips where nothing can be mounted."""
    place.mkdir(parents=True, exist_ok=True)
    mounted = _command("mount", "-t", "tmpfs", "-o", options, "none", str(place))
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        _command("umount", "-l", str(place))


def _used(place: Path) -> tuple[int, int]:
    """Bytes and inodes in use."""
    told = _command("df", "--output=used,iused", "-B1", str(place)).stdout.split()
    return int(told[-2]), int(told[-1])


class _Trial:
    """One place of which one part is on a small disk."""

    def __init__(self, root: Path, server: IndexServer, launcher: Path, part: str) -> None:
        self.place = Place(root, server, launcher)
        self.disk = self.place.world / part
        self.is_project = part == "project"
        if self.is_project:
            # Here the disk is too small for project file and lock; the environment is elsewhere.
            self.place.variables["PROVENV_PROJECT_ENVIRONMENT"] = str(self.place.world / "elsewhere")

    @property
    def environment(self) -> Path:
        return self.place.world / "elsewhere" if self.is_project else self.place.environment

    def prepare(self) -> list[Path]:
        """Before the disk is full: a project, and a lock where that is not what must be written."""
        self.place.project(*REQUIREMENTS)
        self.place.do("lock")
        return self.place.wheels()

    def words(self) -> tuple[str, ...]:
        return ("add", "extra") if self.is_project else ("sync",)

    def wrong(self) -> list[str]:
        from tests.rig.judge import judge

        return judge(self.environment, self.place.wheels(), has_imports=False)


def _need(root: Path, server: IndexServer, launcher: Path, part: str) -> tuple[int, int, int, int]:
    """Bytes and inodes in use on the disk before the command and after it."""
    trial = _Trial(root, server, launcher, part)
    with small_disk(trial.disk, f"size={_AMPLE}"):
        trial.prepare()
        before = _used(trial.disk)
        trial.place.do(*trial.words())
        assert trial.wrong() == []
        return *before, *_used(trial.disk)


def _attempt(trial: _Trial, options: str, full: list[str]) -> list[str]:
    """What went wrong; empty when the command ended well or with one clear error, and the next one healed all.

    ``full`` hears of disks that were too small.
    """
    with small_disk(trial.disk, f"size={_AMPLE}"):
        trial.prepare()
        files = [trial.place.project_file, trial.place.lock_file]
        before = [path.read_bytes() for path in files]
        shrunk = _command("mount", "-o", f"remount,{options}", str(trial.disk))
        if shrunk.returncode != 0:
            return [f"cannot be made small: {shrunk.stderr}"]
        told = trial.place.run(*trial.words())
        wrong = []
        if told.code == 0:
            wrong += [f"good, it says: {one}" for one in trial.wrong()]
        else:
            full.append(options)
            wrong += [] if told.err.count("error: ") == 1 and "Traceback" not in told.err else [told.err[-600:]]
            wrong += [] if "No space left" in told.err and str(trial.place.world) in told.err else [told.err[-600:]]
            wrong += ["project file or lock was changed"] if [path.read_bytes() for path in files] != before else []
        _command("mount", "-o", f"remount,size={_AMPLE},nr_inodes=100000", str(trial.disk))
        again = trial.place.run(*trial.words())
        wrong += [] if again.code == 0 else [f"not healed: {again.err[-600:]}"]
        wrong += [f"not healed: {one}" for one in trial.wrong()]
        strays = [path for path in trial.place.directory.iterdir() if path.name.endswith((".tmp", ".new"))]
        return wrong + [f"left behind: {path}" for path in strays]


def test_full_disks(index_world: IndexServer, launcher: Path, tmp_path: Path) -> None:
    small_wheels(index_world.directory)
    cases = []
    for part in _PLACES:
        needs = _need(tmp_path / f"need-{part.replace('/', '-')}", index_world, launcher, part)
        size_before, inodes_before, size_after, inodes_after = needs
        for percent in _SIZES:
            size = size_before + max(_PAGE, (size_after - size_before) * percent // 100)
            cases.append((part, f"size={-(-size // _PAGE) * _PAGE}", percent))
        for percent in _INODES:
            inodes = inodes_before + max(1, (inodes_after - inodes_before) * percent // 100)
            cases.append((part, f"nr_inodes={inodes}", percent))
    chosen = share(cases, 6)
    failures: list[str] = []
    full: list[str] = []
    for number, (part, options, percent) in enumerate(chosen):
        trial = _Trial(tmp_path / str(number), index_world, launcher, part)
        wrong = _attempt(trial, options, full)
        if wrong:
            failures.append(f"{part}, {options} ({percent} % of the need): {wrong}")
    note(
        4,
        "disks and inodes that run out",
        cases=len(chosen),
        failures=len(failures),
        remark=f"{len(full)} were too small",
    )
    assert full
    assert not failures, "\n".join(failures)
