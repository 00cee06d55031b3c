"""What of the store is known to be on disk, and how it gets there without anybody waiting.

::

    v1/durable            one record: boot, time, windows
    v1/synced/<name>      which receipt of an environment was on disk
    v1/pending-<random>/  the same two, true as soon as a sync that runs now is over

Publishing syncs nothing. When a command ends that published something, one ``syncfs`` of the store's file system is
begun, and when it is over, the time at which it *began* is recorded: an object older than that is on disk. Times are
those that the file system itself gave (``ctime``), so no other clock matters. A younger object is as good as any while
the machine runs; once it was booted anew, it is a *suspect* and its bytes are checked before it is used.

A *window* is the span of such times that ended with a reboot. A suspect that was checked gets a new time, and so is
out of every window.
"""

from __future__ import annotations

import os

from provenv.store.packed import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    Window: TypeAlias = tuple[int, int]

__all__ = ["RECEIPT", "Known", "Pending", "is_on_disk", "load", "load_if_whole", "name_of", "receipt_stamp", "record"]

RECEIPT = "provenv-receipt"
"""What ``env`` writes last into an environment; when it is on disk, everything before it is."""

_MARK = b"provenv durable 1\n"
_MOST_WINDOWS = 8
_FUTURE_NS = 600 * 1_000_000_000
"""So much later than now a file cannot be of this boot, whatever small corrections the clock got."""
_PENDING = "pending-"
_SCRIPT = """
work() {
    if sync -f "$@"; then
        for file in "$pending"/synced/*; do [ -e "$file" ] && mv -f "$file" "$base/synced/"; done
        [ -e "$pending/durable" ] && mv -f "$pending/durable" "$base/durable"
    fi
    rm -rf "$pending"
}
base=$1 pending=$2
shift 2
work "$@" &
"""
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin"


class Known:
    """The record. Objects whose ``ctime_ns`` is below ``since`` are on disk, but for those inside a window."""

    __slots__ = ("boot", "since", "windows")

    def __init__(self, boot: str = "", since: int = 0, windows: tuple[Window, ...] = ()) -> None:
        self.boot = boot
        self.since = since
        self.windows = windows

    def is_suspect(self, ctime_ns: int, boot: str, now_ns: int) -> bool:
        """Whether an object of that time may have been lost, seen from that boot of the machine."""
        if ctime_ns >= self.since and (boot != self.boot or ctime_ns > now_ns + _FUTURE_NS):
            return True
        return any(first <= ctime_ns <= last for first, last in self.windows)

    def in_boot(self, boot: str, now_ns: int) -> Known:
        """The record as it must be before anything is published in another boot: what was not synced, is suspect."""
        return Known(boot, now_ns, _merged((*self.windows, (self.since, now_ns))))

    def synced(self, since: int) -> Known:
        """The same after a sync that began then."""
        return Known(self.boot, since, self.windows)


def _merged(windows: Iterable[Window]) -> tuple[Window, ...]:
    """The same spans, sorted; where there are too many, gaps are closed, the smallest first."""
    found: list[list[int]] = []
    for first, last in sorted(windows):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(last, found[-1][1])
        else:
            found.append([first, last])
    while len(found) > _MOST_WINDOWS:
        at = min(range(1, len(found)), key=lambda number: found[number][0] - found[number - 1][1])
        found[at - 1 : at + 1] = [[found[at - 1][0], found[at][1]]]
    return tuple((first, last) for first, last in found)


def load(base: str) -> Known:
    """The record of a store; where there is none, or a damaged one, nothing is known to be on disk."""
    return load_if_whole(base) or Known()


def load_if_whole(base: str) -> Known | None:
    """The record; None where there is none, or a damaged one."""
    try:
        with open(base + "/durable", "rb", buffering=0) as file:
            value = unpack(_MARK, file.read())
    except OSError:
        return None
    return None if value is None else Known(*value)


def record(base: str, known: Known, mode: int) -> None:
    """Replace the record; ``mode`` is that of the file, whatever the umask."""
    path = f"{base}/durable.{os.urandom(6).hex()}"
    try:
        _write(path, pack(_MARK, (known.boot, known.since, known.windows)), mode)
        os.replace(path, base + "/durable")
    except OSError:
        if os.path.lexists(path):
            os.unlink(path)
        raise


def forget_pending(base: str) -> None:
    """The clock went back: whatever a running sync would record is no longer true."""
    for name in os.listdir(base):
        if name.startswith(_PENDING):
            try:
                os.unlink(f"{base}/{name}/durable")
            except OSError:
                continue


class Pending:
    """One sync: prepared before it begins, so that all it will claim is older than itself."""

    def __init__(self, base: str, stamps: Mapping[str, str], mode: int) -> None:
        self._base = base
        self._mode = mode
        self._directory = f"{base}/{_PENDING}{os.urandom(6).hex()}"
        os.mkdir(self._directory, 0o755)
        self.began = os.stat(self._directory).st_ctime_ns
        """The file system's time before the sync."""
        if stamps:
            os.mkdir(self._directory + "/synced", 0o755)
            for root, stamp in stamps.items():
                _write(f"{self._directory}/synced/{name_of(root)}", stamp.encode(), mode)

    def promise(self, known: Known) -> None:
        """What will be recorded."""
        _write(self._directory + "/durable", pack(_MARK, (known.boot, known.since, known.windows)), self._mode)

    def begin(self, places: Iterable[str]) -> None:
        """Start the sync of the file systems that hold ``places``; it goes on when this process has ended.

        Where ``sync`` knows no ``-f`` nothing is recorded, so nothing is claimed.
        """
        actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        words = ["sh", "-c", _SCRIPT, "sh", self._base, self._directory, *places]
        variables = {"PATH": _PATH, "LC_ALL": "C"}
        try:
            child = os.posix_spawn("/bin/sh", words, variables, file_actions=actions, setsid=True)
        except NotImplementedError:
            child = os.posix_spawn("/bin/sh", words, variables, file_actions=actions)
        # The shell leaves its work to a child of its own and ends at once.
        os.waitpid(child, 0)

    def wait(self, places: Iterable[str]) -> None:
        """Do the same now, and come back when it is on disk. Raises OSError when that cannot be made sure."""
        _sync(list(places))
        synced = self._directory + "/synced"
        if os.path.isdir(synced):
            for name in os.listdir(synced):
                os.replace(f"{synced}/{name}", f"{self._base}/synced/{name}")
            os.rmdir(synced)
        os.replace(self._directory + "/durable", self._base + "/durable")
        os.rmdir(self._directory)
        _sync([self._base])


def _sync(places: list[str]) -> None:
    import subprocess

    try:
        done = subprocess.run(
            ["sync", "-f", *places],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": _PATH, "LC_ALL": "C"},
            check=False,
        )
        is_done = done.returncode == 0
    except OSError:
        is_done = False
    if not is_done:
        # Everything, where one file system cannot be named.
        os.sync()


def name_of(root: str) -> str:
    """The file name under which an environment is known to the store."""
    from _blake2 import blake2b

    return blake2b(os.fsencode(os.path.realpath(root)), digest_size=16).hexdigest()


def receipt_stamp(root: str) -> str:
    """Tells one receipt of an environment from every other; empty when there is none."""
    try:
        status = os.stat(f"{root}/{RECEIPT}")
    except OSError:
        return ""
    return f"{status.st_ino} {status.st_mtime_ns} {status.st_size}"


def is_on_disk(base: str, root: str, stamp: str) -> bool:
    """Whether the receipt with that stamp, and so everything that was written before it, was synced to disk."""
    try:
        with open(f"{base}/synced/{name_of(root)}", "rb", buffering=0) as file:
            return bool(stamp) and file.read(256) == stamp.encode()
    except OSError:
        return False


def _write(path: str, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, mode)
    try:
        if mode & 0o060:
            os.chmod(path, mode)
        if os.write(descriptor, data) != len(data):
            raise OSError(28, "No space left on device", path)
    finally:
        os.close(descriptor)
