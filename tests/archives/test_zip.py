"""Archives that two readers could read differently, or that reach out of their directory, are refused by name."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.archives.zip import DEFLATED, STORED, read_archive
from provenv.errors import IntegrityError
from tests.worlds.wheels import build_wheel


def archive(*members: tuple[str, bytes], mode: int = 0o100644, method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as writer:
        for name, data in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.external_attr = mode << 16
            info.compress_type = method
            writer.writestr(info, data)
    return bytearray(file.getvalue())


def refused(data: bytes | bytearray) -> str:
    with pytest.raises(IntegrityError) as caught:
        read_archive(memoryview(data), "demo.whl")
    assert "demo.whl" in caught.value.message
    return caught.value.message


def test_members_are_listed_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    wheel = build_wheel(
        tmp_path,
        "demo",
        "1.0",
        {"demo/__init__.py": "x = 1\n", "demo/run.sh": "#!/bin/sh\n"},
        executables=["demo/run.sh"],
    )
    members = read_archive(memoryview(wheel.read_bytes()), wheel.name)
    assert [member.path for member in members[:2]] == ["demo/__init__.py", "demo/run.sh"]
    assert [member.is_executable for member in members[:2]] == [False, True]
    assert members[0].size == 6
    assert members[0].method == DEFLATED


def test_stored_members_and_directories() -> None:
    data = archive(("pkg/", b""), ("pkg/a.py", b"a = 1"), mode=0, method=zipfile.ZIP_STORED)
    (member,) = read_archive(memoryview(data), "demo.whl")
    assert member.method == STORED
    assert bytes(data[member.start : member.end]) == b"a = 1"


def test_zip64_and_data_descriptors() -> None:
    class Stream(io.RawIOBase):
        """A stream that cannot seek: sizes come after the data."""

        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, piece: object) -> int:
            self.data += bytes(piece)  # type: ignore[call-overload]
            return len(bytes(piece))  # type: ignore[call-overload]

    stream = Stream()
    with zipfile.ZipFile(stream, "w") as writer, writer.open("big.bin", "w", force_zip64=True) as member:
        member.write(b"0123456789")
    (found,) = read_archive(memoryview(stream.data), "demo.whl")
    assert found.size == 10
    damaged = bytearray(stream.data)
    damaged[found.end + 4] ^= 1
    assert "big.bin" in refused(damaged)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up.py",
        "a/../../up.py",
        "a\\b.py",
        "a//b.py",
        "./a.py",
        "a/.",
        "..",
        "C:/x.py",
        "a\nb.py",
        "a\x7fb",
    ],
)
def test_unsafe_names(name: str) -> None:
    assert repr(name) in refused(archive((name, b"x")))


@pytest.mark.parametrize("name", ["a..b.py", ".hidden", "x/...y", "ä/ü.py", "a b.py", "...a"])
def test_odd_names_that_are_fine(name: str) -> None:
    (member,) = read_archive(memoryview(archive((name, b"x"))), "demo.whl")
    assert member.path == name


def test_nul_in_a_name() -> None:
    assert "x\\x00y" in refused(archive(("xAy", b"")).replace(b"xAy", b"x\0y"))


def test_a_name_that_is_not_utf8() -> None:
    assert "UTF-8" in refused(archive(("xAy", b"")).replace(b"xAy", b"x\xffy"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates() -> None:
    assert "two" in refused(archive(("a.py", b"1"), ("a.py", b"2")))


def test_a_file_that_is_also_a_directory() -> None:
    assert "both" in refused(archive(("a", b"1"), ("a/b", b"2")))
    assert "both" in refused(archive(("a", b"1"), ("a/b/c", b"2")))


@pytest.mark.parametrize("kind", [0o120777, 0o020644, 0o010644, 0o040755])
def test_links_and_devices(kind: int) -> None:
    assert "a.py" in refused(archive(("a.py", b"/etc/passwd"), mode=kind))


def _changed(data: bytearray, mark: bytes, offset: int, layout: str, value: int) -> bytearray:
    at = data.rindex(mark)
    struct.pack_into(layout, data, at + offset, value)
    return data


CHANGES: dict[str, Callable[[bytearray], bytearray]] = {
    "encrypted": lambda data: _changed(data, b"PK\x01\x02", 8, "<H", 1),
    "unknown method": lambda data: _changed(data, b"PK\x01\x02", 10, "<H", 12),
    "another size": lambda data: _changed(data, b"PK\x01\x02", 24, "<L", 7),
    "another checksum": lambda data: _changed(data, b"PK\x01\x02", 16, "<L", 7),
    "another disk": lambda data: _changed(data, b"PK\x01\x02", 34, "<H", 1),
    "another local name": lambda data: _changed(data, b"PK\x03\x04", 30, "<B", ord("z")),
    "another local method": lambda data: _changed(data, b"PK\x03\x04", 8, "<H", 0),
    "several disks": lambda data: _changed(data, b"PK\x05\x06", 4, "<H", 1),
    "more entries promised": lambda data: _changed(data, b"PK\x05\x06", 10, "<H", 9),
    "a cut directory": lambda data: _changed(data, b"PK\x05\x06", 12, "<L", 9),
    "data behind the end": lambda data: data + b"x",
    "data before the begin": lambda data: bytearray(b"x") + data,
    "a tar before the begin": lambda data: bytearray(512) + data,
    "nothing": lambda data: bytearray(),
    "half of it": lambda data: data[: len(data) // 2],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_contradictions(change: Callable[[bytearray], bytearray]) -> None:
    refused(change(archive(("a.py", b"print(1)\n" * 9), ("b.py", b"print(2)\n" * 9))))


def test_members_that_share_their_data() -> None:
    data = archive(("a.py", b"1" * 99), ("b.py", b"1" * 99))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, second + 42, 0)
    data[second + 46 : second + 50] = b"a.py"
    assert "overlap" in refused(data)


def test_a_member_hidden_between_others() -> None:
    data = archive(("a.py", b"1" * 99), ("b.py", b"2" * 99), ("c.py", b"3" * 99))
    first, second, third = (at for at in range(len(data)) if data.startswith(b"PK\x01\x02", at))
    del data[second:third]
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<HHL", data, end + 8, 2, 2, end - first)
    assert "hidden" in refused(data)


def test_a_bomb() -> None:
    data = archive(*[(f"{number}.bin", bytes(24 << 20)) for number in range(3)])
    assert "50 times" in refused(data)


@given(st.data())
def test_damage_is_an_integrity_error_or_harmless(draw: st.DataObject) -> None:
    data = archive(("pkg/__init__.py", b"x = 1\n" * 20), ("pkg/data.bin", bytes(range(64))))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        members = read_archive(memoryview(data), "demo.whl")
    except IntegrityError:
        return
    for member in members:
        assert 0 <= member.start <= member.end <= len(data)
        assert ".." not in member.path.split("/")
