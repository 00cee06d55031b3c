"""Other tools agree: with the versions that we choose, and with the lock that we write."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.pylock import Pylock
from packaging.utils import canonicalize_name

from tests.worlds.house import BASE_PYTHON, House

pytestmark = pytest.mark.network

_SETS = {
    "web": ("fastapi", "httpx", "sqlalchemy", "jinja2", "uvicorn[standard]"),
    "science": ("numpy", "pandas", "scikit-learn", "matplotlib"),
    "learning": ("transformers", "torch", "datasets", "accelerate"),
}


def _done(*words: str | Path, cwd: Path) -> str:
    finished = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("name", sorted(_SETS))
def test_the_versions_of_another_resolver(outside: House, uv: str, name: str) -> None:
    outside.project(*_SETS[name], requires_python=">=3.11")
    outside.do("lock")
    Pylock.from_dict(tomllib.loads(outside.lock_file.read_text()))
    wanted = outside.directory / "requirements.in"
    wanted.write_text("\n".join(_SETS[name]) + "\n")
    told = _done(
        uv, "pip", "compile", wanted, "--python", BASE_PYTHON, "--no-header", "--no-annotate", "-q", cwd=outside.root
    )
    ours = outside.do("export", "--no-hashes", "--no-header").out
    assert sorted(ours.split()) == sorted(told.split())


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_another_installer_installs_the_same_set(outside: House, uv: str, tool: str) -> None:
    outside.project(*_SETS["web"], requires_python=">=3.11")
    outside.do("sync")
    place = outside.root / "other"
    _done(BASE_PYTHON, "-m", "venv", *(["--without-pip"] if tool == "uv" else []), place, cwd=outside.root)
    python = place / "bin/python"
    if tool == "uv":
        _done(
            uv, "pip", "sync", "--python", python, outside.lock_file, "--preview-features", "pylock", cwd=outside.root
        )
    else:
        _done(python, "-m", "pip", "install", "-q", "--upgrade", "pip", cwd=outside.root)
        _done(python, "-m", "pip", "install", "-q", "-r", outside.lock_file, cwd=outside.root)
    theirs = {
        str(canonicalize_name(path.name.split("-")[0]))
        for path in place.glob("lib/python3.*/site-packages/*.dist-info")
    }
    ours = {str(canonicalize_name(path.name.split("-")[0])) for path in outside.site.glob("*.dist-info")}
    assert theirs - {"pip", "setuptools"} == ours


def test_an_exported_file_is_installed_by_pip(outside: House) -> None:
    outside.project("httpx", "rich", requires_python=">=3.11")
    exported = outside.root / "requirements.txt"
    outside.do("export", "-o", str(exported))
    place = outside.root / "target"
    _done(
        sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "--target", place, "-r", exported,
        cwd=outside.root,
    )  # fmt: skip
    assert len(list(place.glob("*.dist-info"))) == len(outside.locked())


def test_twenty_locks_are_one(outside: House) -> None:
    outside.project(*_SETS["web"], requires_python=">=3.11")
    seen = set()
    for number in range(20):
        outside.lock_file.unlink(missing_ok=True)
        told = outside.launch(
            "lock",
            PROVENV_DEFAULT_INDEX="",
            SSL_CERT_FILE=os.environ.get("SSL_CERT_FILE", ""),
            PYTHONHASHSEED=str(number),
            LC_ALL=("C", "C.UTF-8", "tr_TR.UTF-8")[number % 3],
            TZ=("UTC", "Asia/Kathmandu")[number % 2],
            **({"PROVENV_CACHE_DIR": str(outside.root / f"cache-{number}")} if number % 5 == 0 else {}),
        )
        assert told.code == 0, told.err
        seen.add(outside.lock_file.read_bytes())
    assert len(seen) == 1
