"""Where objects of the store lie, and how each becomes visible: complete, with one rename."""

from __future__ import annotations

import errno
import os
import time
from _thread import allocate_lock
from stat import S_ISDIR, S_ISGID, S_ISREG

from provenv.errors import IntegrityError
from provenv.store.boot import boot_id
from provenv.store.durable import Known, is_on_disk, load, load_if_whole, record
from provenv.store.failure import told_as_install_error
from provenv.store.guard import Guard, Share
from provenv.store.moving import move, sync_all
from provenv.store.ownership import is_group_shared, tidy
from provenv.store.places import base_of, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from provenv.events import Events

__all__ = ["DURABILITIES", "Shelves", "checked", "read_if_there"]

DURABILITIES = ("now", "later", "never")
"""When what was published is written to disk: before the command ends, soon after, or whenever the system likes."""

_DAY = 86_400
_UNREADABLE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO, errno.ELOOP, getattr(errno, "ESTALE", errno.EIO))


class Shelves:
    """Places of content-addressed objects under ``root``; making one touches nothing.

    ``workers`` is how many threads or processes one job may use. ``durability`` is one of ``DURABILITIES``: whichever
    it is, a crash of a process loses nothing that was published, and what a power cut may have lost is checked before
    it is used again. ``boot`` names this boot of the machine, if not what the system says.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        workers: int | None = None,
        durability: str = "later",
        boot: str | None = None,
    ) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self.base = base_of(self.root)
        self.workers = workers or _core_count()
        self.durability = durability
        self.cleared: set[str] = set()
        """Suspects that this process checked, where the store cannot be told."""
        self.lax: set[str] = set()
        """Wheels that may be sloppy, by the word of the project at hand; what is lax is given to nobody else."""
        self._boot = boot
        self._known: Known | None = None
        self._is_group_shared: bool | None = None
        self._is_entered = False
        self.has_published = False
        """Whether there is something that may not be on disk yet."""
        self._lock = allocate_lock()
        self._private = ""
        self._private_descriptor = -1
        self._temporaries: set[str] = set()

    # Reading

    def blob(self, sha256: str) -> str | None:
        """Absolute path of the file with this hash, or None."""
        path = self.place("blobs", checked(sha256))
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if self.is_suspect(status.st_ctime_ns) and not self.is_cleared_blob(sha256):
            return None
        return path if S_ISREG(status.st_mode) else None

    def is_cleared_blob(self, sha256: str) -> bool:
        """Whether a suspect file was looked at and is right; whoever cannot look, says no."""
        return False

    def manifest(self, directory: str) -> tuple[bytes, bool] | None:
        """The manifest of a published directory, and whether its files must be checked first; None without one."""
        try:
            with open(directory + "/manifest", "rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                return file.read(), self.is_suspect(status.st_ctime_ns)
        except OSError as problem:
            _pass_if_unreadable(problem)
            return None

    def place(self, kind: str, key: str) -> str:
        """Absolute path where the object ``key`` (hex) of a kind lies, once it is published."""
        return place_of(self.base, kind, key)

    @property
    def is_group_shared(self) -> bool:
        """Whether several users share the store: its root has the group's bits for writing and for passing itself on.

        Raises InstallError when others could change what is in it.
        """
        if self._is_group_shared is None:
            self._is_group_shared = is_group_shared(self.root)
        return self._is_group_shared

    @property
    def file_mode(self) -> int:
        """The mode of what everybody who may read the store must read: the record, and the lock of readers."""
        return 0o664 if self.is_group_shared else 0o644

    @property
    def boot(self) -> str:
        """This boot of the machine."""
        if self._boot is None:
            self._boot = boot_id()
        return self._boot

    @property
    def known(self) -> Known:
        """What is known to be on disk."""
        if self._known is None and self.file_mode:  # which refuses the store of somebody else
            self._known = load(self.base)
        return self._known or Known()

    def is_suspect(self, ctime_ns: int) -> bool:
        """Whether an object of that time must be checked before it is used: the machine may have lost its bytes."""
        known = self.known
        return bool(self.boot) and known.is_suspect(ctime_ns, self.boot, time.time_ns())

    def touch(self, directory: str) -> None:
        """Remember that an object is in use; its directory is marked once a day."""
        try:
            now = time.time()
            if now - os.stat(directory).st_mtime > _DAY:
                os.utime(directory, (now, now))
        except OSError:
            return

    def using(self) -> Share:
        """Use in ``with`` while objects are taken out of the store: nobody prunes it meanwhile."""
        try:  # noqa: SIM105 - contextlib costs too much
            self.make(self.base)  # the first command of all, too, is seen by a pruner
        except OSError:
            pass
        return Share(self.base + "/using", self.file_mode)

    def alone(self, events: Events) -> Share:
        """Use in ``with`` to remove things: nobody takes anything out of the store meanwhile. Raises InstallError."""
        self.make(self.base)
        return Share(self.base + "/using", self.file_mode, is_alone=True, events=events)

    @property
    def has_record(self) -> bool:
        """Whether there is a record of what is on disk, and it is not damaged."""
        return load_if_whole(self.base) is not None

    def is_on_disk(self, root: str, stamp: str) -> bool:
        """Whether the receipt with that stamp (``durable.receipt_stamp``) and all before it was synced to disk."""
        return is_on_disk(self.base, root, stamp)

    # Writing

    def temporary(self) -> str:
        """A new private directory on the store's file system; the caller publishes and discards it."""
        with self._lock:
            if not self._private:
                self._enter()
            directory = f"{self._private}/{os.urandom(6).hex()}"
            os.mkdir(directory)
            self._temporaries.add(directory)
        return directory

    def discard(self, directory: str) -> None:
        """Remove a private directory, if it is still there."""
        try:
            os.rmdir(directory)  # mostly it is empty: what was in it is published
        except FileNotFoundError:
            pass
        except OSError:
            from shutil import rmtree

            rmtree(directory, ignore_errors=True)
        with self._lock:
            self._temporaries.discard(directory)
            if not self._temporaries and self._private:
                descriptor, self._private_descriptor = self._private_descriptor, -1
                private, self._private = self._private, ""
                try:
                    os.rmdir(private)
                except OSError:
                    pass
                finally:
                    if descriptor >= 0:
                        os.close(descriptor)

    def guard(self, key: str, events: Events, what: str) -> Guard:
        """A lock for one object, to be used in ``with``. Raises InstallError where nothing can be written."""
        with told_as_install_error("write to the store", self.root):
            self.make(self.base + "/locks")
        return Guard(f"{self.base}/locks/{key}", events, what, mode=0o664 if self.is_group_shared else 0o600)

    def publish(self, source: str, final: str, *, replaces: bool = False) -> None:
        """Rename a complete file or directory into its place; a complete object that is there already wins.

        With ``replaces`` the new one wins; that is for files only.
        """
        status = os.stat(source)
        is_directory = S_ISDIR(status.st_mode)
        tidy(source, is_directory=is_directory, is_shared=self.is_group_shared)
        if self.durability == "now" or (not self.boot and self.durability == "later"):
            sync_all(source)
        self._heed_clock(os.stat(source + "/manifest" if is_directory else source).st_ctime_ns)
        self.make(os.path.dirname(final))
        if is_directory and os.path.lexists(final) and not _is_same(source, final):
            # Damaged by a power cut or by hand, or another object's: out of the way, the new one is whole.
            self.quarantine(final)
        self.has_published = True
        try:
            move(source, final, replaces=replaces)
        except OSError:
            if not os.path.isdir(final):
                raise

    def quarantine(self, path: str) -> bool:
        """Take an object out of sight, where ``store verify`` and ``store prune`` find it; whether it was there.

        Environments that hold links to its files keep them.
        """
        kind = os.path.relpath(path, self.base).partition(os.sep)[0]
        self.make(self.base + "/quarantine")
        target = f"{self.base}/quarantine/{kind}-{os.path.basename(path)}-{os.urandom(4).hex()}"
        try:
            move(path, target, replaces=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def make(self, directory: str) -> None:
        """Make a directory of the store with all above it: never for everybody to write."""
        if os.path.isdir(directory):
            return
        mode = 0o775 | S_ISGID if self.is_group_shared else 0o755
        if directory == self.root:
            os.makedirs(os.path.dirname(directory), exist_ok=True)
        else:
            self.make(os.path.dirname(directory))
        try:
            os.mkdir(directory, mode)
            if self.is_group_shared:
                os.chmod(directory, mode)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise

    def enter_boot(self) -> None:
        """Before the first change in this boot: what was not synced in the last one becomes suspect for good."""
        if self._is_entered:
            return
        mode = self.file_mode
        self.make(self.base)
        self._known = known = load(self.base)
        if known.boot != self.boot:
            probe = f"{self.base}/durable.{os.urandom(6).hex()}"
            os.mkdir(probe, 0o700)
            now_ns = os.stat(probe).st_ctime_ns
            os.rmdir(probe)
            self._known = known.in_boot(self.boot, now_ns)
            record(self.base, self._known, mode)
        self._is_entered = True

    def tell_known(self, change: Callable[[Known], Known]) -> None:
        """Change the record of what is on disk."""
        self._known = change(load(self.base))
        record(self.base, self._known, self.file_mode)

    def _enter(self) -> None:
        """Make the private directory of this process: as long as it lives, it holds a lock on it."""
        from provenv.store.leftovers import collect_old, private_directory

        self.enter_boot()
        parent = self.base + "/tmp"
        self.make(parent)
        collect_old(parent)
        self._private, self._private_descriptor = private_directory(parent)

    def _heed_clock(self, ctime_ns: int) -> None:
        """When the clock went back behind what is known, less is known from now on."""
        if self._known is not None and ctime_ns < self._known.since and self.boot:
            from provenv.store.durable import forget_pending

            forget_pending(self.base)
            self.tell_known(lambda known: Known(known.boot, min(known.since, ctime_ns), known.windows))


def checked(sha256: str) -> str:
    """The hash, if it is one in the form of file names. Raises IntegrityError."""
    if len(sha256) != 64 or sha256.strip("0123456789abcdef"):
        raise IntegrityError(repr(sha256), expected="64 lower-case hex digits", actual="something else")
    return sha256


def read_if_there(path: str) -> bytes | None:
    """The bytes of a file, or None when it is not there, or its bytes cannot be had any more. Raises InstallError."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError as problem:
        _pass_if_unreadable(problem)
        return None


def _pass_if_unreadable(problem: OSError) -> None:
    """What a bad disk or a strange hand left is as good as missing: it will be made anew beside it."""
    if problem.errno not in _UNREADABLE:
        with told_as_install_error("read", str(problem.filename)):
            raise problem


def _core_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_same(source: str, final: str) -> bool:
    """Whether two directories have one manifest: everything that an object is, is in there."""
    data = read_if_there(final + "/manifest")
    return data is not None and data == read_if_there(source + "/manifest")
