"""Makes an ordinary, empty virtual environment (PEP 405) without starting a process."""

from __future__ import annotations

import os

from provenv.env.activation import activation_scripts
from provenv.env.paths import Paths
from provenv.errors import InstallError
from provenv.store.failure import told_as_install_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.model.machine import Interpreter

__all__ = ["create", "is_environment"]


_NARROW = ("i386", "i486", "i586", "i686", "armv6l", "armv7l")
"""32-bit machines, in the words of ``sysconfig.get_platform()``."""


def is_environment(root: str) -> bool:
    """Whether ``root`` is a virtual environment: it holds ``pyvenv.cfg``."""
    return os.path.isfile(root + "/pyvenv.cfg")


def create(
    root: str, interpreter: Interpreter, prompt: str | None = None, *, version: str = "", is_cleared: bool = True
) -> None:
    """Make the environment at ``root`` (absolute), replacing one that is there.

    ``prompt`` is shown by the activation scripts and defaults to the name of the directory above; ``version`` is
    provenv's own, noted in ``pyvenv.cfg``. A directory that is no environment and not empty is left alone, with an
    InstallError. ``pyvenv.cfg`` is written last, so that what a crash leaves is no environment.
    """
    if is_cleared:
        _clear(root)
    prompt = prompt or os.path.basename(os.path.dirname(root)) or "venv"
    prompt = "".join(letter for letter in prompt if letter.isprintable())
    paths = Paths.from_interpreter(root, interpreter)
    with told_as_install_error("make the environment", root):
        for directory in (paths.scripts, paths.purelib, paths.platlib, paths.include):
            os.makedirs(paths.absolute(directory), exist_ok=True)
        if paths.is_windows:
            _copy_programs(paths, interpreter)
        else:
            _link_programs(paths, interpreter)
        _write(root + "/.gitignore", "*\n")
        for name, text in activation_scripts(root, prompt, is_windows=paths.is_windows).items():
            _write(paths.absolute(f"{paths.scripts}/{name}"), text)
        _write(root + "/pyvenv.cfg.new", _configuration(root, interpreter, prompt, version))
        os.replace(root + "/pyvenv.cfg.new", root + "/pyvenv.cfg")


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
        for entry in sorted(os.scandir(root), key=lambda entry: entry.name == "pyvenv.cfg.new"):
            if entry.is_dir(follow_symlinks=False):
                rmtree(entry.path)
            else:
                os.unlink(entry.path)


def _is_remains(root: str) -> bool:
    """Left by a crash while an environment was made or cleared: nothing but what we put there."""
    ours = {"bin", "lib", "lib64", "include", "Scripts", "Lib", "Include", "share", "etc", ".gitignore"}
    names = set(os.listdir(root))
    return "pyvenv.cfg.new" in names or names <= ours


def _link_programs(paths: Paths, interpreter: Interpreter) -> None:
    major, minor = interpreter.minor
    programs = paths.absolute(paths.scripts)
    names = [f"python{major}", f"python{major}.{minor}"]
    if interpreter.implementation == "pypy":
        names += ["pypy", f"pypy{major}", f"pypy{major}.{minor}"]
    elif "t" in interpreter.soabi_flags:
        names.append(f"python{major}.{minor}t")
    _link(interpreter.base_executable, programs + "/python")
    for name in names:
        _link("python", f"{programs}/{name}")
    # As the standard library does, for distributions that keep 64-bit platform libraries in lib64.
    if not interpreter.platform.startswith("macos") and interpreter.platform.rpartition("-")[2] not in _NARROW:
        _link("lib", paths.root + "/lib64")


def _link(target: str, place: str) -> None:
    if os.path.lexists(place):
        os.unlink(place)
    os.symlink(target, place)


def _copy_programs(paths: Paths, interpreter: Interpreter) -> None:
    """Windows: the launchers that the standard library keeps for environments, or the interpreter's own files."""
    from shutil import copyfile

    base = os.path.dirname(interpreter.base_executable)
    for name, launcher in (("python.exe", "venvlauncher.exe"), ("pythonw.exe", "venvwlauncher.exe")):
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
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
