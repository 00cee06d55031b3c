"""The warm path is nearly empty: what a command with nothing to do imports, and that it asks nobody."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.worlds.house import House

_HEAVY = {
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


def _imported(house: House, *words: str) -> set[str]:
    """The modules that the installed command imports, by the interpreter's own account."""
    done = subprocess.run(
        [house.launcher.parent / "python3", "-X", "importtime", "-I", "-S", house.launcher, *words],
        cwd=house.directory,
        env={"PATH": os.environ["PATH"], **house.variables()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def _full(house: House) -> None:
    for name in ("alpha", "beta", "gamma"):
        house.wheel(name, "1.0", extras={"fast": ("delta",)})
        house.wheel(name, "2.0", ("delta>=1",), extras={"fast": ("delta",)})
    house.wheel("delta", "1.0", entry_points={"console_scripts": {"delta": "delta:main"}})
    house.project("alpha[fast]>=1", "beta ; python_version >= '3'", more='[dependency-groups]\ndev = ["gamma"]\n')


@pytest.mark.parametrize("words", [("lock",), ("sync",), ("run", "python", "-c", ""), ("run", "--", "true")])
def test_nothing_to_do_imports_next_to_nothing(house: House, words: tuple[str, ...]) -> None:
    _full(house)
    for _ in range(3):
        assert house.launch(*words).code == 0
    house.server.requests.clear()
    imported = _imported(house, *words)
    assert "provenv.cli.quick" in imported
    assert sorted({name.partition(".")[0] for name in imported} & _HEAVY) == []
    assert not house.server.requests


@pytest.mark.parametrize("words", [("sync",), ("sync", "--frozen"), ("sync", "--no-dev"), ("sync", "--locked")])
def test_a_sync_that_looks_at_every_file_is_light(house: House, words: tuple[str, ...]) -> None:
    _full(house)
    house.do("lock")
    for _ in range(2):
        assert house.launch(*words).code == 0
    house.cache.joinpath("memory/stamps").rename(house.root / "stamps")
    imported = _imported(house, *words)
    assert sorted({name.partition(".")[0] for name in imported} & _HEAVY) == []


def test_a_resolution_with_warm_caches_is_light(house: House) -> None:
    _full(house)
    for _ in range(2):
        house.lock_file.unlink(missing_ok=True)
        assert house.launch("lock").code == 0
    first = house.lock_file.read_bytes()
    house.lock_file.unlink()
    house.server.requests.clear()
    imported = _imported(house, "lock")
    assert sorted({name.partition(".")[0] for name in imported} & _HEAVY) == []
    assert not house.server.requests
    assert house.lock_file.read_bytes() == first
