"""The fast start: when nothing has changed since the same words last had nothing to do, there is nothing to do.

A *stamp* remembers, for the exact words typed in a directory, which files the command looked at and what they were. If
all of them still are so, the command's result is known. Everything here is built into the interpreter: no module is
imported that is not there already. Whatever is not certain goes the ordinary way, through ``main``.
"""

import marshal
import os
import sys
import time
from _blake2 import blake2b

__all__ = ["Stamp", "cache_directory", "leave", "main", "script_words", "stamp_path", "tool_words", "words_of"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

_FORMAT = 5
_QUICK = ("lock", "run", "sync", "tool")
_OPENING = b"# /// script"
_FOREVER = float("inf")


class Stamp:
    """What a command looked at, and what it then said.

    ``contents`` are ``(path, digest)`` of small files (None: it was missing), ``places`` are ``(path, facts)`` of files
    and directories of which only the inode is looked at. ``directories`` are those below ``environment`` that hold a
    file of ours, and for a sync those files, too, relative to it; ``times`` are when each was last changed, its size
    and its permissions.
    ``command`` runs a script, which follows it, or is the program of a tool; all of it holds ``until`` that time.
    """

    __slots__ = ("command", "contents", "directories", "environment", "message", "places", "times", "until")

    def __init__(
        self,
        contents: list[tuple[str, bytes | None]],
        places: list[tuple[str, tuple[int, int, int] | None]],
        environment: str,
        directories: list[str],
        times: list[int],
        message: str,
        command: list[str] | None = None,
        until: float = _FOREVER,
    ) -> None:
        self.contents = contents
        self.places = places
        self.environment = environment
        self.directories = directories
        self.times = times
        self.message = message
        self.command = command or []
        self.until = until

    @classmethod
    def of(
        cls,
        contents: "Sequence[str]",
        places: "Sequence[str]",
        environment: str,
        directories: "Sequence[str]",
        message: str,
        *,
        command: "Sequence[str]" = (),
        until: float = _FOREVER,
    ) -> "Stamp":
        """A stamp of the files as they are now. Raises OSError when a directory is missing."""
        return cls(
            [(path, _content(path)) for path in contents],
            [(path, _facts(path)) for path in places],
            environment,
            list(directories),
            _times(environment, directories),
            message,
            list(command),
            until,
        )

    def holds(self) -> bool:
        """Whether everything still is what it was."""
        try:
            return (
                self.until > time.time()
                and all(_facts(path) == facts for path, facts in self.places)
                and all(_content(path) == content for path, content in self.contents)
                and _times(self.environment, self.directories) == self.times
            )
        except OSError:
            return False

    def save(self, path: str) -> None:
        """Keep the stamp; a failure to write is no failure of the command."""
        told = (self.environment, self.directories, self.times, self.message, self.command, self.until)
        data = marshal.dumps((_FORMAT, self.contents, self.places, *told))
        temporary = f"{path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(data)
            try:  # noqa: SIM105 - contextlib is not there yet
                os.unlink(path)  # ext4 writes a file to disk that replaces another: 1 ms for what may be lost
            except FileNotFoundError:
                pass
            os.replace(temporary, path)
        except OSError:
            return

    @staticmethod
    def load(path: str) -> "Stamp | None":
        """The stamp in a file, or None."""
        try:
            with open(path, "rb") as file:
                form, *rest = marshal.loads(file.read())
            return Stamp(*rest) if form == _FORMAT else None
        except (OSError, ValueError, EOFError, TypeError):
            return None


def _times(environment: str, directories: "Sequence[str]") -> list[int]:
    """Time, size and mode of each. Thousands are looked at, so the walk to the environment is made once."""
    told: list[int] = []
    if not directories:
        return told
    if os.stat not in os.supports_dir_fd:
        for path in directories:
            status = os.lstat(f"{environment}/{path}")
            told += (status.st_mtime_ns, status.st_size, status.st_mode)
        return told
    look = os.stat
    root = os.open(environment, os.O_RDONLY)
    try:
        for path in directories:
            status = look(path, dir_fd=root, follow_symlinks=False)
            told += (status.st_mtime_ns, status.st_size, status.st_mode)
        return told
    finally:
        os.close(root)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).digest()
    except OSError:
        return None


def _facts(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def words_of(argv: "Sequence[str]") -> tuple[str, ...] | None:
    """The words that decide what a command does: all of them, or for ``run`` those before the command.

    None when that cannot be told without the parser.
    """
    if not argv or argv[0] not in _QUICK:
        return None
    if argv[0] == "tool":
        is_plain = argv[1:2] == ["run"] and len(argv) > 2 and not argv[2].startswith("-")
        return tool_words(argv[2]) if is_plain else None
    if argv[0] != "run":
        return tuple(argv)
    if argv[1:2] == ["--script"]:
        return script_words(argv[2]) if len(argv) > 2 and _has_metadata(argv[2]) else None
    if argv[1:2] == ["--"]:
        argv = argv[1:]
    elif len(argv) > 1 and argv[1].startswith("-"):
        return None
    if len(argv) < 2:
        return None
    return script_words(argv[1]) if argv[1].endswith(".py") and _has_metadata(argv[1]) else ("run",)


def script_words(path: str) -> tuple[str, ...]:
    """The words of every command that runs a script with inline metadata."""
    return "run", "script", os.path.abspath(path)


def tool_words(name: str) -> tuple[str, ...]:
    """The words of every command that runs a tool without flags; ``name`` may have a version."""
    return "tool", "run", name


def _has_metadata(path: str) -> bool:
    """Whether a file may have inline metadata: then it is no program of the project."""
    try:
        with open(path, "rb") as file:
            return _OPENING in file.read()
    except OSError:
        return False


def cache_directory(variables: "Mapping[str, str]") -> str:
    """Where everything is kept that can be fetched or computed again."""
    if chosen := variables.get("PROVENV_CACHE_DIR"):
        return os.path.abspath(chosen)
    if os.name == "nt":
        return os.path.join(variables.get("LOCALAPPDATA") or os.path.expanduser("~"), "provenv", "cache")
    base = variables.get("XDG_CACHE_HOME") or os.path.join(variables.get("HOME") or os.path.expanduser("~"), ".cache")
    return os.path.join(base, "provenv")


def stamp_path(words: "Sequence[str]", variables: "Mapping[str, str]") -> str:
    """Where the stamp of these words lies: they mean the same only here, in this version, under the same variables."""
    ours = sorted(
        (name, value)
        for name, value in variables.items()
        if name.startswith(("PROVENV_", "SSL_CERT_")) and not name.endswith("_PASSWORD")
    )
    if words[1:2] in (("script",), ("run",)):  # no project says which interpreter or place
        ours += [(name, variables.get(name, "")) for name in ("HOME", "PATH", "XDG_DATA_HOME")]
    key = marshal.dumps((_FORMAT, sys.version, __file__, os.getcwd(), list(words), ours), 2)
    return os.path.join(cache_directory(variables), "memory", "stamps", blake2b(key, digest_size=16).hexdigest())


def main(argv: list[str]) -> int:
    """Do nothing if that is right, else what ``cli.main`` does. Returns the exit code; ``run`` does not return."""
    words = words_of(argv) if "PROVENV_ENV_FILE" not in os.environ else None
    if words is not None and os.name == "posix":
        try:
            stamp = Stamp.load(stamp_path(words, os.environ))
        except OSError:
            stamp = None  # the current directory is gone
        if stamp is not None and stamp.holds():
            if argv[0] not in ("run", "tool"):
                if stamp.message:
                    sys.stderr.write(stamp.message + "\n")
                return 0
            from provenv.errors import UsageError
            from provenv.flows.run import become, find_program

            command = argv[2:] if argv[1].startswith("--") or argv[0] == "tool" else argv[1:]
            if stamp.command:
                command = [*stamp.command, *(command[1:] if argv[0] == "tool" else command)]
            if (found := find_program(stamp.environment, command, os.environ)) is not None:
                try:  # noqa: SIM105 - contextlib is not there yet
                    become(found)
                except UsageError:
                    pass  # the ordinary way fails in the same manner, and tells it
    return _ordinary(argv)


def _ordinary(argv: list[str]) -> int:
    """The ordinary way, with the code of the command's modules read at once where it was kept."""
    import gc

    # What a short command makes is needed until its end: to look for garbage after every 700 objects is in vain.
    gc.set_threshold(50_000, 20, 20)
    if os.name != "posix" or not argv or "provenv.cli.main" in sys.modules:
        from provenv.cli.main import main as ordinary

        return ordinary(argv)
    from provenv.cli.bundle import keep, load

    cache = cache_directory(os.environ)
    loaded = load(cache, argv[0])
    from provenv.cli.main import main as ordinary

    code = ordinary(argv)
    if code == 0:
        keep(cache, argv[0], loaded)
    return code


def leave(code: int) -> "NoReturn":
    """End the process without taking the interpreter apart: all is closed, and the kernel frees memory faster."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 141  # nobody reads any more: as if SIGPIPE had ended it
    except OSError:
        code = code or 1  # the disk is full
    os._exit(code)
