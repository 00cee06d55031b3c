"""The code of a command's modules in one file: a warm command reads it instead of looking for forty of them.

To find, read and check a module costs the interpreter more than to run it. So a command that needed nothing but our own
modules and what is built into the interpreter leaves their code in the cache, each with what its source was; the next
one runs it at once. A bundle that is missing, of another interpreter, older than a source, or that somebody else could
have written is passed over in silence: then every module is found the ordinary way.
"""

import marshal
import os
import sys
from _blake2 import blake2b

__all__ = ["bundle_path", "keep", "load"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

    Facts = tuple[int, int, int]
    Entry = tuple[str, bool, str, Facts, CodeType]

_FORMAT = 1
_ALSO = "__future__"
"""The only module in a bundle that is not ours: it is written in Python, and nearly all of ours import it."""


def _key(command: str) -> "tuple[int, str, int, str, str]":
    return _FORMAT, sys.version, sys.flags.optimize, __file__, command


def bundle_path(cache: str, command: str) -> str:
    """Where the bundle of a command lies: code is that of one interpreter and one installation."""
    name = blake2b(marshal.dumps(_key(command), 2), digest_size=16).hexdigest()
    return os.path.join(cache, "memory", "code", name)


def load(cache: str, command: str) -> "list[Entry]":
    """Run every module of a command's bundle, as if imported; empty when there is none that may be trusted."""
    try:
        entries = _read(bundle_path(cache, command), command)
    except (OSError, ValueError, EOFError, TypeError):
        return []
    made: list[str] = []
    try:
        for name, is_package, path, _, code in entries:
            if name not in sys.modules:
                made.append(name)
                _run(name, is_package, path, code)
    except Exception:
        # Whatever it is, the ordinary way meets it too, and tells it better.
        for name in made:
            _forget(name)
        return []
    return entries


def _read(path: str, command: str) -> "list[Entry]":
    """The modules in a bundle, each after those that it imports; none when a source is another now."""
    with open(path, "rb") as file:
        if not _is_own(os.fstat(file.fileno())):
            return []
        data = file.read()
    key, entries = marshal.loads(data)
    if key != _key(command):
        return []
    look = os.stat
    for _, _, source, facts, _ in entries:
        status = look(source)
        if (status.st_mtime_ns, status.st_size, status.st_ino) != facts:
            return []
    known: list[Entry] = entries
    return known


def _is_own(status: os.stat_result) -> bool:
    """Whether nobody but this user, or whoever may do anything, can have written a file."""
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _run(name: str, is_package: bool, path: str, code: "CodeType") -> None:
    module = type(sys)(name)
    above, _, last = name.rpartition(".")
    module.__file__ = path
    module.__package__ = name if is_package else above
    if is_package:
        module.__path__ = [os.path.dirname(path)]
    sys.modules[name] = module
    exec(code, module.__dict__)
    if above:
        setattr(sys.modules[above], last, module)


def _forget(name: str) -> None:
    above, _, last = name.rpartition(".")
    sys.modules.pop(name, None)
    if above in sys.modules:
        sys.modules[above].__dict__.pop(last, None)


def keep(cache: str, command: str, loaded: "list[Entry]") -> None:
    """Leave a bundle for the next command, if this one was warm and its bundle (``loaded``) lacked a module.

    A failure to write is no failure of the command.
    """
    if os.name != "posix" or sys.dont_write_bytecode or not _is_warm():
        return
    known = {entry[0]: entry for entry in loaded}
    ours = [name for name in sys.modules if name.partition(".")[0] == "provenv" or name == _ALSO]
    if not set(ours) - set(known):
        return
    try:
        # A module is moved to the end of this table when it is complete: what it imports comes before it.
        entries: Any = [known.get(name) or _entry(name, sys.modules[name]) for name in ours]
        _write(bundle_path(cache, command), marshal.dumps((_key(command), entries)))
    except (OSError, ImportError, AttributeError, ValueError, SyntaxError):
        return


def _is_warm() -> bool:
    """Whether everything here is ours, or came with the interpreter's start: no other module was read from a file."""
    if "packaging" in sys.modules or "re" in sys.modules:
        return False
    return not any(
        getattr(module, "__cached__", None)
        for name, module in sys.modules.items()
        if name.partition(".")[0] not in ("provenv", "encodings", "__main__", _ALSO)
    )


def _entry(name: str, module: "ModuleType") -> "Entry":
    """A module as it lies on disk now. Raises when it changes right now, or is not there as a plain file."""
    spec: Any = module.__spec__
    before = _facts(spec.origin)
    code: CodeType | None = spec.loader.get_code(name)
    if code is None or _facts(spec.origin) != before:
        raise ImportError(name)
    return name, spec.submodule_search_locations is not None, spec.origin, before, code


def _facts(path: str) -> "Facts":
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino


def _write(path: str, data: bytes) -> None:
    """Code is not run before it is known to be whole: it is on disk before it has its name."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
