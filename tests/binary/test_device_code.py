"""Device code is found module by module, whatever the size of the pieces in which a file arrives."""

from __future__ import annotations

import random

import pytest

from provenv.binary.device_code import DeviceCode, Scanner
from provenv.binary.elf import read_elf
from provenv.binary.facts import ModuleGroup, facts_of, is_defined_in
from provenv.binary.reading import InMemory
from tests.worlds.binaries import Code, build_elf, container

__all__: list[str] = []

_MARK = (0xBA55ED50).to_bytes(4, "little")
_TWO = [Code("80"), Code("90a", size=4096, header=96), Code("90", ptx="8.4")]
_FOUND = (DeviceCode("sass", 80), DeviceCode("sass", 90, "a"), DeviceCode("ptx", 90, "", (8, 4)))


def scanned(data: bytes, size: int) -> Scanner:
    scanner = Scanner()
    for at in range(0, len(data), size):
        scanner.feed(data[at : at + size])
    return scanner


@pytest.mark.parametrize("size", [1, 7, 64, 100, 4096, 1 << 20])
def test_whatever_the_pieces(size: int) -> None:
    data = b"\0" * 24 + container(_TWO) + b"\0" * 40 + container([Code("120f")], filling=128) + container(_TWO)
    found = scanned(data + b"\0" * 8, size).modules
    assert [module.code for module in found] == [_FOUND, (DeviceCode("sass", 120, "f"),), _FOUND]
    assert found[0].offset == 24


def test_the_mark_alone_is_no_container() -> None:
    data = _MARK + b"\0" * 200 + b"1" + container([Code("80")])[:12] + b"\xff" * 300
    assert scanned(data, 64).modules == []


def test_a_container_that_lies_is_left() -> None:
    whole = bytearray(container([Code("80"), Code("90")]))
    whole[16 + 4 : 16 + 8] = (1 << 30).to_bytes(4, "little")  # the first entry's header: longer than anything
    assert [module.code for module in scanned(bytes(whole) + container([Code("75")]), 64).modules][-1:] == [
        (DeviceCode("sass", 75),)
    ]


def test_noise_is_survived() -> None:
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(container(_TWO) * 3)
        for _ in range(chance.randrange(1, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        scanned(bytes(data), chance.choice([1, 16, 333]))


def test_by_section_and_by_module() -> None:
    data = build_elf(
        soname="libops.so",
        sections={
            ".nv_fatbin": container([Code("80"), Code("90")]) * 1 + container([Code("80"), Code("90")]),
            ".lrodata": container([Code("100a")]),
            "__nv_relfatbin": container([Code("90", ptx="8.4")]),
        },
        undefined=["_ZN3c105ErrorC1E", "puts"],
        defined=["_ZN2at4addE"],
    )
    scanner = scanned(data, 1000)
    elf = read_elf(InMemory(data))
    by_section = scanner.sections((one.name, one.offset, one.size) for one in elf.sections)
    assert {name: len(some) for name, some in by_section.items()} == {
        ".nv_fatbin": 2,
        ".lrodata": 1,
        "__nv_relfatbin": 1,
    }
    facts = facts_of("pkg/libops.so", InMemory(data), scanner)
    assert facts is not None
    assert facts.modules == (
        ModuleGroup((DeviceCode("sass", 80), DeviceCode("sass", 90)), 2),
        ModuleGroup((DeviceCode("sass", 100, "a"),), 1),
    )
    assert facts.module_count == 3, "what must be linked again before it runs is not counted"
    assert facts.undefined == ("_ZN3c105ErrorC1E",)
    assert is_defined_in("_ZN2at4addE", facts.defined)
    assert not is_defined_in("_ZN2at4subE", facts.defined)
