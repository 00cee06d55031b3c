"""Programs of a wheel: launchers for its entry points, and shipped scripts with a ``#!python`` line.

Names and references come from strangers: both are checked before they become a file name and Python source.
"""

from __future__ import annotations

from provenv.errors import InputError

__all__ = [
    "check_data_path",
    "check_entry_point",
    "check_script_name",
    "launcher",
    "rewritten",
    "shebang",
    "windows_launcher",
]

_RESERVED = {
    "activate",
    "activate.bat",
    "activate.csh",
    "activate.fish",
    "activate.nu",
    "activate.ps1",
    "activate.xsh",
    "activate_this.py",
    "deactivate",
    "deactivate.bat",
}
"""Programs of the environment itself, beside its interpreters."""
_LONGEST_SHEBANG = 127
"""Linux cuts the first line after 127 bytes before 5.1 and after 255 since; macOS allows 512."""


def check_script_name(name: str, where: str) -> None:
    """InputError unless ``name`` can be a file in ``bin``: no path, and no program of the environment itself."""
    # Checked by hand: importing the regular expressions would cost more than all of an installation's names.
    are_letters_plain = all(letter.isalnum() or letter in "_.+ -" for letter in name)
    if not are_letters_plain or not name or name[0] in ". -" or name[-1] in " .":
        raise InputError(where, f"{name!r} cannot be the name of a script")
    if _is_own(name):
        raise InputError(where, f"a package may not replace the environment's own {name!r}")


def check_data_path(path: str, where: str) -> None:
    """InputError when ``path``, of a wheel's ``data`` scheme, is a file of the environment itself."""
    directory, _, name = path.rpartition("/")
    if path.lower() == "pyvenv.cfg" or (directory.lower() in ("bin", "scripts") and _is_own(name)):
        raise InputError(where, f"a package may not replace the environment's own {path!r}")


def _is_own(name: str) -> bool:
    bare = name.lower().removesuffix(".exe")
    is_interpreter = bare.startswith("python") and not bare[6:].removeprefix("w").removesuffix("t").strip("0123456789.")
    return is_interpreter or bare in _RESERVED


def check_entry_point(name: str, reference: str, where: str) -> None:
    """InputError unless a script of that name can be made that calls ``module:object.attribute``."""
    _reference(name, reference, where)


def shebang(python: str, *, limit: int = _LONGEST_SHEBANG) -> str:
    """The first line of a POSIX script for the interpreter at ``python``, with its line end.

    A path that is too long or holds a space is run through ``/bin/sh``: three lines that are a string for Python.
    """
    if " " not in python and "\t" not in python and len(python.encode()) + 2 <= limit:
        return f"#!{python}\n"
    quoted = "".join("\\" + letter if letter in '\\"$`' else letter for letter in python)
    return f"#!/bin/sh\n'''exec' \"{quoted}\" \"$0\" \"$@\"\n' '''\n"


def launcher(name: str, reference: str, python: str, where: str) -> bytes:
    """The POSIX script that calls ``module:object.attribute`` and exits with its result."""
    module, attribute = _reference(name, reference, where)
    return (shebang(python) + _body(module, attribute)).encode()


def windows_launcher(
    name: str, reference: str, python: str, where: str, *, is_gui: bool, machine: str = "t64"
) -> bytes:
    """The ``.exe`` that does the same on Windows: distlib's stub, a first line, and a ZIP with ``__main__.py``.

    ``machine`` is distlib's word for the processor: ``32``, ``64`` or ``64-arm``, with the stub's kind before it.
    """
    from importlib.resources import files
    from io import BytesIO
    from zipfile import ZipFile, ZipInfo

    module, attribute = _reference(name, reference, where)
    stub_name = ("w" if is_gui else "t") + machine.lstrip("tw") + ".exe"
    stub = files("distlib").joinpath(stub_name).read_bytes()
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr(ZipInfo("__main__.py", (2020, 1, 1, 0, 0, 0)), _body(module, attribute))
    program = python.replace("python.exe", "pythonw.exe") if is_gui else python
    line = f'#!"{program}"\r\n' if " " in program else f"#!{program}\r\n"
    return stub + line.encode() + packed.getvalue()


def rewritten(data: bytes, python: str) -> bytes:
    """A shipped script with ``#!python`` or ``#!pythonw`` pointed to the interpreter; others as they are (PEP 427)."""
    first, newline, rest = data.partition(b"\n")
    if not first.startswith(b"#!python"):
        return data
    return shebang(python).encode() + (rest if newline else b"")


def _reference(name: str, reference: str, where: str) -> tuple[str, str]:
    check_script_name(name, where)
    module, colon, attribute = (part.strip() for part in reference.partition(":"))
    names = module.split(".") + attribute.split(".")
    if not colon or not all(part.isidentifier() for part in names):
        raise InputError(where, f"{name} = {reference!r} is not 'module:object'")
    return module, attribute


def _body(module: str, attribute: str) -> str:
    first = attribute.partition(".")[0]
    return (
        "import sys\n"
        f"from {module} import {first}\n"
        'if __name__ == "__main__":\n'
        '    if sys.argv[0].endswith(".exe"):\n'
        "        sys.argv[0] = sys.argv[0][:-4]\n"
        f"    sys.exit({attribute}())\n"
    )
