"""Archives as the tools of the field write them are read, whatever a header of fixed width leaves of a long name."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from provenv.archives.judge import Judge
from provenv.archives.tar import read_tar
from provenv.build.source import read_from_source, unpack_source
from provenv.errors import IntegrityError
from tests.worlds.hostile_sdists import Block, raw_tar

_FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}
_CUT = ["x.h", "é.py", "..data/x", ".github/x", "con figure.txt", "conda/x", "nul_", "日本語", "a b.c"]
"""What begins a few bytes before the end of the field: the cut leaves a dot, a device or a part of a letter."""


def _written(names: list[str], form: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name.encode())
            archive.addfile(member, io.BytesIO(name.encode()))
    return file.getvalue()


def _read(data: bytes) -> dict[str, str]:
    file = io.BytesIO(data)
    return {entry.path: b"".join(pieces).decode() for entry, pieces in read_tar(file.read, Judge("x.tar"))}


@pytest.mark.parametrize("form", _FORMATS)
@pytest.mark.parametrize("start", range(90, 101))
def test_the_end_of_a_cut_name_is_nobodys(form: str, start: int) -> None:
    names = ["top/" + "d" * (start - 10 - len("top/")) + f"/{number:08}/{end}" for number, end in enumerate(_CUT)]
    names = [name for name in names if not name.rsplit("/", 1)[0].endswith((".", " "))]
    assert _read(_written(names, _FORMATS[form])) == {name: name for name in names}


_PARTS = some.text(some.sampled_from("aé日. _-?"), min_size=1, max_size=60).map(lambda text: text.rstrip(". ") + "z")


@pytest.mark.parametrize("form", _FORMATS)
@given(paths=some.lists(some.lists(_PARTS, min_size=1, max_size=5).map("/".join), max_size=5, unique_by=str.casefold))
def test_what_was_written_is_read(form: str, paths: list[str]) -> None:
    # A directory of its own for each: a file cannot have members.
    names = [f"{number}/{path}" for number, path in enumerate(paths)]
    assert _read(_written(names, _FORMATS[form])) == {name: name for name in names}


@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax"])
def test_gnu_tar(form: str, tmp_path: Path) -> None:
    names = [f"top/{'d' * length}/{end}" for length in range(80, 101) for end in _CUT]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    out = tmp_path / "x.tar"
    subprocess.run(["tar", "--format", form, "-cf", out, "-C", tmp_path / "in", "top"], check=True)
    assert {path: text for path, text in _read(out.read_bytes()).items() if text} == {name: name for name in names}


@pytest.mark.parametrize("short", ["../" * 33 + "up", "/etc/" + "x" * 95, "top/../" + "y" * 93])
def test_a_short_form_that_leads_elsewhere_is_refused(short: str) -> None:
    long = "top/" + "x" * 120
    data = bytearray(_written([long], tarfile.GNU_FORMAT))
    header = data.index(long[:100].encode() + b"0000644", 1024)
    data[header : header + 100] = short.encode()[:100].ljust(100, b"\0")
    block = data[header : header + 512]
    block[148:156] = b" " * 8
    data[header + 148 : header + 156] = b"%06o\0 " % sum(block)
    with pytest.raises(IntegrityError, match=r"expected a (relative )?path"):
        _read(bytes(data))


_TOP = "demo-1.0"
_FILE = Block(f"{_TOP}/x", b"x = 1\n")
_ORDINARY = {
    "a type that is not said, as tools for Rust packages write it": [Block(f"{_TOP}/x", b"x = 1\n", kind=b"\0")],
    "a header of before 1988": [Block(f"{_TOP}/x", b"x = 1\n", kind=b"\0", magic=bytes(8))],
    "begins with a dot": [Block("./", kind=b"5"), Block(f"./{_TOP}/", kind=b"5"), Block(f"./{_TOP}/x", b"x = 1\n")],
    "a directory twice": [Block(f"{_TOP}/", kind=b"5"), Block(f"{_TOP}/", kind=b"5", mode=b"0000700\0"), _FILE],
    "a directory after its member": [_FILE, Block(f"{_TOP}/", kind=b"5")],
    "a file twice": [_FILE, _FILE],
    "a file twice, once with a dot": [_FILE, Block(f"./{_TOP}/x", b"x = 1\n")],
    "an empty file thrice": [_FILE, *[Block(f"{_TOP}/y")] * 3],
    "a file that runs as its owner": [Block(f"{_TOP}/x", b"x = 1\n", mode=b"0006644\0")],
}


@pytest.mark.parametrize("name", _ORDINARY)
def test_what_is_only_odd_needs_no_word_of_the_user(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{_TOP}.tar.gz"
    path.write_bytes(gzip.compress(raw_tar(*_ORDINARY[name])))
    (tmp_path / "into").mkdir()
    file = Path(unpack_source(str(path), str(tmp_path / "into"))) / "x"
    assert file.read_text() == "x = 1\n"
    assert file.stat().st_mode & 0o7777 == 0o644


def test_a_text_twice_is_read_where_both_are_alike(tmp_path: Path) -> None:
    path = tmp_path / f"{_TOP}.tar.gz"
    one, other = (Block(f"{_TOP}/PKG-INFO", text) for text in (b"Name: demo\n", b"Name: evil\n"))
    path.write_bytes(gzip.compress(raw_tar(one, one)))
    assert read_from_source(str(path), ("PKG-INFO", "setup.py")) == {"PKG-INFO": b"Name: demo\n"}
    path.write_bytes(gzip.compress(raw_tar(one, other)))
    with pytest.raises(IntegrityError, match="expected one member of this name, found two that differ"):
        read_from_source(str(path), ("PKG-INFO", "setup.py"))


def test_a_name_in_another_encoding_is_refused_where_nothing_else_names_the_member() -> None:
    data = bytearray(_written(["top/nace"], tarfile.PAX_FORMAT))
    data[5] = 0xE9
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    with pytest.raises(IntegrityError, match="a name in UTF-8"):
        _read(bytes(data))
