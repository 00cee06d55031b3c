"""Makes an ordinary, empty virtual environment (PEP 405) without starting a process."""

from __future__ import annotations

import os

from provenv.env import receipt as receipts
from provenv.env.activation import activation_scripts
from provenv.env.paths import Paths
from provenv.errors import InstallError
from provenv.store.failure import told_as_install_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.model.machine import Interpreter

__all__ = ["create", "is_environment", "own_paths"]


_NARROW = ("i386", "i486", "i586", "i686", "armv6l", "armv7l")
"""32-bit machines, in the words of ``sysconfig.get_platform()``."""
_WINDOWS_PROGRAMS = ("python.exe", "pythonw.exe")


def is_environment(root: str) -> bool:
    """Whether ``root`` is a virtual environment: it holds ``pyvenv.cfg``."""
    return os.path.isfile(root + "/pyvenv.cfg")


def create(
    root: str,
    interpreter: Interpreter,
    prompt: str | None = None,
    *,
    version: str = "",
    is_cleared: bool = True,
    is_marked: bool = False,
) -> None:
    """Make the environment at ``root`` (absolute), replacing one that is there.

    ``prompt`` is shown by the activation scripts and defaults to the name of the directory above; ``version`` is
    provenv's own, noted in ``pyvenv.cfg``. A directory that is no environment and not empty is left alone, with an
    InstallError. ``pyvenv.cfg`` is written last, so that what a crash leaves is no environment. Without ``is_cleared``
    what makes the directory an environment is put there anew, and everything else stays. With ``is_marked`` it is told
    to be unfinished, until a receipt is written.
    """
    if is_cleared:
        _clear(root)
    prompt = prompt or os.path.basename(os.path.dirname(root)) or "venv"
    prompt = "".join(letter for letter in prompt if letter.isprintable())
    paths = Paths.from_interpreter(root, interpreter)
    with told_as_install_error("make the environment", root):
        if is_marked:
            os.makedirs(root, exist_ok=True)
            receipts.forget(root)
        for directory in (paths.scripts, paths.purelib, paths.platlib, paths.include):
            _make(root, directory)
        if paths.is_windows:
            _copy_programs(paths, interpreter)
        else:
            _link_programs(paths, interpreter)
        _write(root + "/.gitignore", "*\n")
        for name, text in activation_scripts(root, prompt, is_windows=paths.is_windows).items():
            _write(paths.absolute(f"{paths.scripts}/{name}"), text)
        _write(root + "/pyvenv.cfg.new", _configuration(root, interpreter, prompt, version))
        if os.path.isdir(root + "/pyvenv.cfg") or os.path.islink(root + "/pyvenv.cfg"):
            _make_room(root + "/pyvenv.cfg")
        os.replace(root + "/pyvenv.cfg.new", root + "/pyvenv.cfg")


def own_paths(paths: Paths, interpreter: Interpreter) -> tuple[str, ...]:
    """What ``create`` writes and links, relative to the root."""
    names = [*activation_scripts(paths.root, "", is_windows=paths.is_windows)]
    if paths.is_windows:
        return (".gitignore", "pyvenv.cfg", *(f"{paths.scripts}/{name}" for name in (*names, *_WINDOWS_PROGRAMS)))
    names += ["python", *_program_names(interpreter)]
    has_link = _has_lib64(interpreter)
    return (
        ".gitignore",
        "pyvenv.cfg",
        *(["lib64"] if has_link else []),
        *(f"{paths.scripts}/{name}" for name in names),
    )


def _clear(root: str) -> None:
    if not os.path.lexists(root):
        return
    if os.path.islink(root) or not os.path.isdir(root):
        raise InstallError(
            f"{root} is not a directory, so no environment can be made there",
            hint="move it away, or name another place",
        )
    if os.listdir(root) and not is_environment(root) and not _is_remains(root):
        raise InstallError(
            f"{root} is not empty and not an environment; nothing was changed",
            hint="move it away, or name another place",
        )
    from shutil import rmtree

    with told_as_install_error("clear", root):
        # The mark goes first: a crash on the way leaves remains, not a broken environment.
        if is_environment(root):
            os.replace(root + "/pyvenv.cfg", root + "/pyvenv.cfg.new")
        if os.path.lexists(f"{root}/{receipts.NAME}"):
            receipts.forget(root)
        for entry in sorted(os.scandir(root), key=lambda entry: entry.name == "pyvenv.cfg.new"):
            if entry.is_dir(follow_symlinks=False):
                rmtree(entry.path)
            else:
                os.unlink(entry.path)


def _is_remains(root: str) -> bool:
    """Left by a crash while an environment was made or cleared: nothing but what we put there."""
    ours = {"bin", "lib", "lib64", "include", "Scripts", "Lib", "Include", "share", "etc", ".gitignore"}
    names = set(os.listdir(root))
    return bool(names & {"pyvenv.cfg.new", receipts.NAME, receipts.UNFINISHED}) or names <= ours


def _make(root: str, directory: str) -> None:
    """A directory below ``root``, with its parents; a link or file in its place is no directory of an environment."""
    place = root
    os.makedirs(root, exist_ok=True)
    for part in directory.split("/"):
        place += "/" + part
        if os.path.islink(place) or os.path.isfile(place):
            os.unlink(place)
        if not os.path.isdir(place):
            os.mkdir(place)


def _make_room(place: str) -> None:
    """Remove what is in the way of a file or link of ours."""
    if os.path.isdir(place) and not os.path.islink(place):
        from shutil import rmtree

        rmtree(place)
    elif os.path.lexists(place):
        os.unlink(place)


def _program_names(interpreter: Interpreter) -> list[str]:
    """Names of the interpreter besides ``python``."""
    major, minor = interpreter.minor
    names = [f"python{major}", f"python{major}.{minor}"]
    if interpreter.implementation == "pypy":
        names += ["pypy", f"pypy{major}", f"pypy{major}.{minor}"]
    elif "t" in interpreter.soabi_flags:
        names.append(f"python{major}.{minor}t")
    return names


def _has_lib64(interpreter: Interpreter) -> bool:
    """As the standard library does, for distributions that keep 64-bit platform libraries in lib64."""
    is_mac = interpreter.platform.startswith("macos")
    return not is_mac and interpreter.platform.rpartition("-")[2] not in _NARROW


def _link_programs(paths: Paths, interpreter: Interpreter) -> None:
    programs = paths.absolute(paths.scripts)
    _link(interpreter.base_executable, programs + "/python")
    for name in _program_names(interpreter):
        _link("python", f"{programs}/{name}")
    if _has_lib64(interpreter):
        _link("lib", paths.root + "/lib64")


def _link(target: str, place: str) -> None:
    _make_room(place)
    os.symlink(target, place)


def _copy_programs(paths: Paths, interpreter: Interpreter) -> None:
    """Windows: the launchers that the standard library keeps for environments, or the interpreter's own files."""
    from shutil import copyfile

    base = os.path.dirname(interpreter.base_executable)
    for name, launcher in zip(_WINDOWS_PROGRAMS, ("venvlauncher.exe", "venvwlauncher.exe"), strict=True):
        candidates = [
            f"{interpreter.stdlib}/venv/scripts/nt/{launcher}",
            f"{interpreter.stdlib}/venv/scripts/nt/{name}",
            f"{base}/{name}",
        ]
        source = next((candidate for candidate in candidates if os.path.isfile(candidate)), None)
        if source is None:
            raise InstallError(f"{interpreter.executable} has no {name} for environments")
        copyfile(source, paths.absolute(f"{paths.scripts}/{name}"))


def _configuration(root: str, interpreter: Interpreter, prompt: str, version: str) -> str:
    lines = [
        f"home = {os.path.dirname(interpreter.base_executable)}",
        f"implementation = {interpreter.implementation}",
        "include-system-site-packages = false",
        f"version = {interpreter.version}",
        f"version_info = {interpreter.version}",
        f"executable = {os.path.realpath(interpreter.base_executable)}",
        f"prompt = {prompt}",
        f"provenv = {version}",
    ]
    return "\n".join(lines) + "\n"


def _write(path: str, text: str) -> None:
    _make_room(path)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
