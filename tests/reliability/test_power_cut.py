"""The power is cut right after a command, or seconds later: the next command, after another boot, heals all.

A real ext4 file system in a file is shut down by the kernel's own ioctl, as file system developers test it: what was
not written yet is lost, in the worst case with the journal written and the data not. The boot's name is another one
afterwards: in a mount namespace of the command, another file lies over the kernel's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rig.fixture import REQUIREMENTS, small_wheels
from tests.rig.place import Place
from tests.rig.scale import note, share
from tests.worlds.house import Told
from tests.worlds.index_server import IndexServer

_SHUTDOWN = 0x8004587D
_ALL_FLUSHED, _JOURNAL_FLUSHED, _NOTHING_FLUSHED = 0, 1, 2
_BOOT = "/proc/sys/kernel/random/boot_id"
_OTHER_BOOT = "00000000-0000-4000-8000-{:012d}\n"

_STORIES: dict[str, tuple[str, ...]] = {
    "sync": ("sync",),
    "lock": ("lock",),
    "add": ("add", "extra"),
    "store put": ("run", "--with", "extra", "python", "-c", "import extra"),
    "upgrade": ("sync", "--frozen"),
}


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)


class _Disk:
    """An ext4 file system whose power can be cut."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image = image
        self.place = place
        with open(image, "wb") as file:
            file.truncate(192 << 20)
        made = _command("mkfs.ext4", "-q", "-F", str(image))
        if made.returncode != 0:
            pytest.skip(f"no ext4 can be made here: {made.stderr.strip()}")

    def mount(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        mounted = _command("mount", "-o", "loop", str(self.image), str(self.place))
        if mounted.returncode != 0:
            pytest.skip(f"no loop device can be mounted here: {mounted.stderr.strip()}")

    def cut(self, flags: int) -> None:
        """Nothing reaches the disk from now on; what had not is lost."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", flags))
        except OSError as problem:
            pytest.skip(f"this kernel cuts no power: {problem}")
        finally:
            os.close(descriptor)
        self.unmount()

    def unmount(self) -> None:
        for _ in range(100):
            if _command("umount", str(self.place)).returncode == 0:
                return
            time.sleep(0.05)  # a sync in the background has not noticed yet
        _command("umount", "-l", str(self.place))


@contextmanager
def _disk(root: Path, place: Path) -> Iterator[_Disk]:
    disk = _Disk(root / "disk", place)
    disk.mount()
    try:
        yield disk
    finally:
        if os.path.ismount(place):
            disk.unmount()
        disk.image.unlink()


def _after_boot(place: Place, number: int, *words: str) -> Told:
    """Give a command in another boot of the machine."""
    boot = place.root / "boot"
    boot.write_text(_OTHER_BOOT.format(number))
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(boot), _BOOT, str(place.launcher), *words],
        cwd=place.directory,
        env=place.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Told(code=told.returncode, out=told.stdout, err=told.stderr)


@pytest.fixture(scope="module", autouse=True)
def _can_boot(tmp_path_factory: pytest.TempPathFactory) -> None:
    boot = tmp_path_factory.mktemp("boot") / "id"
    boot.write_text(_OTHER_BOOT.format(0))
    seen = _command("unshare", "-m", "sh", "-c", f"mount --bind {boot} {_BOOT} && cat {_BOOT}")
    if seen.stdout != boot.read_text():
        pytest.skip(f"no other boot can be played here: {seen.stderr.strip()}")


def _cut_after(
    root: Path,
    server: IndexServer,
    launcher: Path,
    number: int,
    *,
    story: str,
    delay: float,
    flags: int,
    durability: str,
    losses: list[str],
) -> list[str]:
    """What is wrong after the command that follows a cut; ``losses`` hears of files that the cut took."""
    place = Place(root, server, launcher)
    place.variables["PROVENV_DURABILITY"] = durability
    with _disk(root, place.world) as disk:
        place.directory.mkdir()
        place.home.mkdir()
        place.project(*REQUIREMENTS)
        if story != "lock":
            place.do("lock")
        if story in ("add", "store put", "upgrade"):
            place.do("sync")
        old = place.lock_file.read_bytes() if story != "lock" else b""
        if story == "upgrade":
            # Another lock, as after a pull: some packages go, some come back in another version.
            place.project("alpha<2", "beta<2", "gamma")
            place.do("lock")
            old = place.lock_file.read_bytes()
        _command("sync", "-f", str(place.world))
        time.sleep(0.2)
        told = place.run(*_STORIES[story])
        assert told.code == 0, told.err
        new = place.lock_file.read_bytes()
        time.sleep(delay)
        disk.cut(flags)
        disk.mount()
        wrong = []
        if not place.environment.exists() or _empty_files(place):
            losses.append(story)
        if os.path.lexists(place.lock_file) and place.lock_file.read_bytes() not in (old, new):
            wrong.append("the lock is neither the old one nor the new one")
        again = _after_boot(place, number, "sync")
        wrong += [] if again.code == 0 else [f"exit {again.code}: {again.err[-800:]}"]
        wrong += place.judge() if again.code == 0 else []
        wrong += [f"{path} is empty" for path in _empty_files(place)]
        wrong += _environment_anew(place, number)
        return wrong


def _environment_anew(place: Place, number: int) -> list[str]:
    """Another environment from the same store, in the same boot: nothing that was lost may be served."""
    shutil.rmtree(place.environment)
    again = _after_boot(place, number, "sync")
    return [f"anew: {one}" for one in (place.judge() if again.code == 0 else [again.err[-800:]])]


def _empty_files(place: Place) -> list[str]:
    """Files of the environment that should not be empty."""
    empty = {"REQUESTED", "py.typed"}
    found = []
    for directory, _, names in os.walk(place.environment):
        for name in names:
            path = f"{directory}/{name}"
            is_large_init = name == "__init__.py" and not directory.endswith("/large")
            if name in empty or (name == "__init__.py" and not is_large_init) or os.path.islink(path):
                continue
            if os.path.getsize(path) == 0:
                found.append(path)
    return found


def test_power_cuts(index_world: IndexServer, launcher: Path, tmp_path: Path) -> None:
    small_wheels(index_world.directory)
    cases = [
        (story, delay, flags, durability)
        for story in _STORIES
        for delay, flags, durability in (
            (0.0, _JOURNAL_FLUSHED, "never"),
            (0.0, _NOTHING_FLUSHED, "never"),
            (0.0, _ALL_FLUSHED, "later"),
            (0.0, _JOURNAL_FLUSHED, "later"),
            (0.5, _JOURNAL_FLUSHED, "never"),
            (5.5, _NOTHING_FLUSHED, "never"),
            (6.0, _JOURNAL_FLUSHED, "never"),
        )
    ]
    quick = [case for case in cases if case[1] < 1]
    failures: list[str] = []
    losses: list[str] = []
    chosen = share(cases, len(cases)) if len(share(cases, 2)) > 2 else [quick[0], quick[10], quick[20]]
    for number, (story, delay, flags, durability) in enumerate(chosen):
        wrong = _cut_after(
            tmp_path / str(number),
            index_world,
            launcher,
            number + 1,
            story=story,
            delay=delay,
            flags=flags,
            durability=durability,
            losses=losses,
        )
        if wrong:
            failures.append(f"{story}, cut {delay} s later, flag {flags}, durability {durability}: {wrong[:6]}")
    note(4, "power cuts", cases=len(chosen), failures=len(failures), remark=f"{len(losses)} of them took files away")
    assert not failures, "\n".join(failures)
