"""``prove --load``: extension modules are loaded, and the dynamic loader's word stands beside what was foreseen."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provenv.binary.elf import read_elf
from provenv.binary.reading import InMemory
from provenv.binary.stub import stub_library
from tests.worlds.house import House

__all__: list[str] = []

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF is loaded by Linux")
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no compiler here")


def test_the_loader_takes_an_empty_library(tmp_path: Path) -> None:
    path = tmp_path / "libcuda.so.1"
    path.write_bytes(stub_library("libcuda.so.1", os.uname().machine))
    ctypes.CDLL(str(path), mode=os.RTLD_NOW)
    assert read_elf(InMemory(stub_library("libcuda.so.1"))).soname == "libcuda.so.1"
    assert read_elf(InMemory(stub_library("x.so", "aarch64"))).machine == "aarch64"


def compiled(directory: Path, code: str, *options: str) -> bytes:
    """A shared library that gcc makes of some C."""
    source, made = directory / "code.c", directory / "made.so"
    source.write_text(code)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(made), str(source), *options], check=True)
    return made.read_bytes()


@pytest.fixture
def loading(house: House, tmp_path: Path) -> House:
    """An environment with modules that load, that load with a driver's library only, and that lack a library."""
    for soname in ("libcuda.so.1", "libnowhere.so.7"):
        (tmp_path / soname).write_bytes(stub_library(soname, os.uname().machine))
    at = ["-Wl,--no-as-needed", f"-L{tmp_path}"]
    files: dict[str, str | bytes] = {
        "good/__init__.py": "",
        "good/_good.abi3.so": compiled(tmp_path, "int f(void) { return 1; }"),
        "good/_kernels.so": compiled(tmp_path, "int g(void) { return 1; }", *at, "-l:libcuda.so.1"),
        "bad/__init__.py": "from bad import _missing\n",
        "bad/_missing.abi3.so": compiled(tmp_path, "int h(void) { return 1; }", *at, "-l:libnowhere.so.7"),
        "spare/__init__.py": "",
        "spare/_optional.abi3.so": compiled(tmp_path, "int i(void) { return 1; }", *at, "-l:libnowhere.so.7"),
        "crash/__init__.py": "",
        "crash/_crash.abi3.so": compiled(
            tmp_path, "__attribute__((constructor)) void k(void) { *(volatile int *)0 = 1; }"
        ),
    }
    for name in ("good", "bad", "spare", "crash"):
        own = {path: data for path, data in files.items() if path.startswith(name)}
        house.wheel(name, "1.0", files=own, tags="py3-none-linux_" + os.uname().machine)
    house.project("good", "bad", "spare", "crash")
    house.do("sync")
    return house


def found(house: House, *words: str) -> dict[str, dict[str, Any]]:
    """Path -> finding of kind ``load``."""
    document = json.loads(house.give("prove", "--load", "--json", *words).out)
    return {one["path"]: one for one in document["machines"][0]["findings"] if one["kind"] == "load"}


@needs_compiler
def test_what_does_not_load_is_told_with_the_loaders_words(loading: House) -> None:
    told = found(loading)
    assert sorted(told) == ["bad/_missing.abi3.so", "crash/_crash.abi3.so", "spare/_optional.abi3.so"]
    missing = told["bad/_missing.abi3.so"]
    assert missing["level"] == "fails"
    assert "libnowhere.so.7: cannot open shared object file" in missing["found"]
    assert ["foreseen", "yes"] in missing["evidence"]
    assert told["spare/_optional.abi3.so"]["level"] == "warns", "the package imports without it"
    assert "signal 11" in told["crash/_crash.abi3.so"]["found"]
    assert loading.give("prove", "--load").code == 1
    assert loading.give("prove", "--load", "--environment", str(loading.environment)).code == 1


@needs_compiler
def test_nothing_is_written_and_only_environments_are_loaded(loading: House) -> None:
    before = sorted(loading.environment.rglob("*"))
    found(loading)
    assert sorted(loading.environment.rglob("*")) == before
    assert "--load loads what is installed" in loading.refused("prove", "--load", "uv.lock", code=2)
    assert "there is no directory" in loading.refused("prove", "--load", "--environment", "nothing")
