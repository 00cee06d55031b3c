"""What is read of ELF files, against files whose content is known, and against readelf."""

from __future__ import annotations

import random
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from provenv.binary.elf import is_elf, read_elf, read_symbols
from provenv.binary.reading import Cut, InMemory
from tests.worlds.binaries import build_elf

__all__: list[str] = []


def test_all_that_a_loader_looks_for() -> None:
    data = build_elf(
        soname="libdemo.so.1",
        needed=["libcudart.so.12", "libc.so.6"],
        runpath="$ORIGIN/../nvidia/lib:$ORIGIN",
        version_needs={"libc.so.6": ["GLIBC_2.17", "GLIBC_2.34"], "libstdc++.so.6": ["GLIBCXX_3.4.30"]},
        version_definitions=["DEMO_1", "DEMO_2"],
    )
    elf = read_elf(InMemory(data))
    assert (elf.machine, elf.bits, elf.soname) == ("x86_64", 64, "libdemo.so.1")
    assert elf.needed == ("libcudart.so.12", "libc.so.6")
    assert elf.runpath == ("$ORIGIN/../nvidia/lib", "$ORIGIN")
    assert elf.version_needs == {"libc.so.6": ("GLIBC_2.17", "GLIBC_2.34"), "libstdc++.so.6": ("GLIBCXX_3.4.30",)}
    assert elf.version_definitions == ("DEMO_1", "DEMO_2")


def test_symbols_with_their_versions() -> None:
    data = build_elf(
        soname="libdemo.so.1",
        version_needs={"libnvJitLink.so.12": ["libnvJitLink.so.12"]},
        version_definitions=["DEMO_1"],
        undefined=["__nvJitLinkComplete_12_4@libnvJitLink.so.12", "plain"],
        defined=["made@DEMO_1"],
    )
    elf = read_elf(InMemory(data))
    found = {one.name: one for one in read_symbols(InMemory(data), elf)}
    assert found["__nvJitLinkComplete_12_4"].library == "libnvJitLink.so.12"
    assert not found["__nvJitLinkComplete_12_4"].is_defined
    assert (found["plain"].version, found["plain"].library) == ("", "")
    assert (found["made"].version, found["made"].is_defined) == ("DEMO_1", True)


def test_sections_are_no_must() -> None:
    data = build_elf(soname="libdemo.so.1", needed=["libm.so.6"], defined=["one", "two"], has_sections=False)
    elf = read_elf(InMemory(data))
    assert elf.sections == ()
    assert elf.needed == ("libm.so.6",)
    assert [one.name for one in read_symbols(InMemory(data), elf)] == ["one", "two"]


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"MZ" * 40, b"\x7fELF\x02\x01" + b"\xff" * 60])
def test_what_is_no_elf_file_is_cut(data: bytes) -> None:
    with pytest.raises(Cut):
        read_elf(InMemory(data))


def test_damaged_files_end_in_a_cut_and_in_nothing_else() -> None:
    whole = build_elf(
        soname="libdemo.so.1",
        needed=["a", "b"],
        version_needs={"libc.so.6": ["GLIBC_2.34"]},
        version_definitions=["DEMO_1"],
        undefined=["_ZN3c105ErrorE"],
        defined=["one"],
    )
    chance = random.Random(4)
    for _ in range(3000):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.randrange(1, 6)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            elf = read_elf(InMemory(bytes(data)))
            list(read_symbols(InMemory(bytes(data)), elf))
        except Cut:
            continue


@pytest.mark.skipif(shutil.which("readelf") is None, reason="there is no readelf")
def test_as_readelf_has_it() -> None:
    directory = Path(sysconfig.get_config_var("DESTSHARED") or "")
    files = sorted(directory.glob("*.so"))[:25]
    if not files:
        pytest.skip("this Python has its modules inside")
    for path in files:
        data = path.read_bytes()
        assert is_elf(data)
        elf = read_elf(InMemory(data))
        told = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
        assert list(elf.needed) == [
            line.split("[")[1].split("]")[0] for line in told.splitlines() if "(NEEDED)" in line
        ]
        told = subprocess.run(["readelf", "-VW", path], capture_output=True, text=True, check=True).stdout
        needs = told.partition("Version needs section")[2]
        versions = {line.split("Name: ")[1].split()[0] for line in needs.splitlines() if "Name: " in line}
        assert {version for some in elf.version_needs.values() for version in some} == versions
        told = subprocess.run(["readelf", "--dyn-syms", "-W", path], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in told.splitlines() if line.strip()[:1].isdigit()]
        names = {row[7].partition("@")[0] for row in rows if len(row) > 7}
        assert {one.name for one in read_symbols(InMemory(data), elf)} == names
