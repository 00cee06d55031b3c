"""What the installed command imports, by the interpreter's own account."""

from __future__ import annotations

import os
import subprocess

from tests.worlds.house import House

__all__ = ["HEAVY", "heavy_imports", "imports_of"]

#: What a command with nothing to do has no time to import.
HEAVY = {
    "argparse",
    "asyncio",
    "dataclasses",
    "distlib",
    "email",
    "enum",
    "functools",
    "httpx",
    "isal",
    "json",
    "msgspec",
    "packaging",
    "pathlib",
    "pycurl",
    "re",
    "rich",
    "shutil",
    "site",
    "ssl",
    "subprocess",
    "tomlkit",
    "tomllib",
    "typing",
    "urllib",
    "zipfile",
}


def imports_of(house: House, *words: str) -> tuple[set[str], str]:
    """The modules that a command line imports until it becomes another program, and what it prints; it must succeed."""
    done = subprocess.run(
        [house.launcher.parent / "python3", "-X", "importtime", "-I", "-S", house.launcher, *words],
        cwd=house.directory,
        env={"PATH": os.environ["PATH"], **house.variables()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, done.stdout


def heavy_imports(imported: set[str]) -> list[str]:
    """Those of the modules that are heavy."""
    return sorted({name.partition(".")[0] for name in imported} & HEAVY)
