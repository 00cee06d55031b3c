"""Reads the facts of one interpreter by starting it once, and remembers them until the program changes."""

from __future__ import annotations

import marshal
import os
from _blake2 import blake2b

from provenv.errors import Unavailable
from provenv.model.machine import Interpreter

__all__ = ["inspect"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MEMORY_VERSION = 1

#: Runs inside the inspected interpreter (3.8 or newer), isolated. It reads what PEP 508, PEP 600 and PEP 656 need.
_SCRIPT = r"""
import json, os, platform, sys, sysconfig
def libc():
    try:
        name, _, version = os.confstr("CS_GNU_LIBC_VERSION").partition(" ")
        if name == "glibc":
            parts = version.split(".")
            return ["glibc", int(parts[0]), int(parts[1])]
    except (AttributeError, ValueError, OSError):
        pass
    if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        import glob, re, subprocess
        for loader in glob.glob("/lib/ld-musl-*.so.1"):
            told = subprocess.run([loader], stderr=subprocess.PIPE, universal_newlines=True).stderr
            found = re.search(r"Version (\d+)\.(\d+)", told)
            if found:
                return ["musl", int(found.group(1)), int(found.group(2))]
    return None
def full(info):
    text = "%d.%d.%d" % (info.major, info.minor, info.micro)
    return text if info.releaselevel == "final" else text + info.releaselevel[0] + str(info.serial)
mac = platform.mac_ver()[0] if sys.platform == "darwin" else ""
print(json.dumps({
    "executable": sys.executable,
    "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
    "base_prefix": sys.base_prefix,
    "implementation": sys.implementation.name,
    "version": platform.python_version(),
    "cache_tag": sys.implementation.cache_tag or "",
    "platform": sysconfig.get_platform(),
    "stdlib": sysconfig.get_path("stdlib"),
    "platlib_suffix": getattr(sys, "platlibdir", "lib"),
    "soabi_flags": getattr(sys, "abiflags", ""),
    "libc": libc(),
    "macos": [int(part) for part in mac.split(".")[:2]] if mac else None,
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full(sys.implementation.version),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    },
}))
"""


def inspect(executable: str, memory: str | None = None) -> Interpreter:
    """The facts of the program ``executable``.

    ``memory`` is a directory in which facts are kept, or None to start the program each time. Raises Unavailable when
    the program cannot be started or is no Python of 3.8 or newer.
    """
    try:
        status = os.stat(executable)
    except OSError as error:
        raise Unavailable(f"{executable}: {error.strerror}", hint="give the path of a Python interpreter") from error
    stamp = (_MEMORY_VERSION, status.st_mtime_ns, status.st_size, status.st_ino)
    place = memory and os.path.join(memory, blake2b(executable.encode(), digest_size=16).hexdigest())
    if place and (known := _recall(place, stamp)) is not None:
        return _interpreter(known)
    facts = _ask(executable)
    if place:
        _remember(place, stamp, facts)
    return _interpreter(facts)


def _ask(executable: str) -> dict[str, Any]:
    import json
    import subprocess

    try:
        finished = subprocess.run([executable, "-I", "-c", _SCRIPT], capture_output=True, text=True, timeout=60)
        facts = json.loads(finished.stdout)
        if not isinstance(facts, dict) or "markers" not in facts:
            raise ValueError("something else was said")
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Unavailable(
            f"{executable}: this is not a Python interpreter that can be started",
            hint="give the path of a Python interpreter, a version such as 3.12, or a name such as python3.12",
        ) from error
    return facts


def _recall(place: str, stamp: tuple[int, ...]) -> dict[str, Any] | None:
    try:
        with open(place, "rb") as file:
            kept_stamp, facts = marshal.loads(file.read())
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return facts if kept_stamp == stamp else None


def _remember(place: str, stamp: tuple[int, ...], facts: dict[str, Any]) -> None:
    temporary = f"{place}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(marshal.dumps((stamp, facts)))
        os.replace(temporary, place)
    except OSError:
        return  # only a memory: the command works without it


def _interpreter(facts: dict[str, Any]) -> Interpreter:
    libc, macos = facts["libc"], facts["macos"]
    return Interpreter(
        executable=facts["executable"],
        base_executable=facts["base_executable"],
        base_prefix=facts["base_prefix"],
        implementation=facts["implementation"],
        version=facts["version"],
        cache_tag=facts["cache_tag"],
        platform=facts["platform"],
        stdlib=facts["stdlib"],
        platlib_suffix=facts["platlib_suffix"],
        soabi_flags=facts["soabi_flags"],
        libc=(libc[0], libc[1], libc[2]) if libc else None,
        markers=tuple(sorted(facts["markers"].items())),
        macos=(macos[0], macos[1]) if macos else None,
    )
