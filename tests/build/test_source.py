"""Source archives are unpacked, and nothing else happens."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from provenv.build.source import unpack_source
from provenv.build.system import BuildSystem
from provenv.errors import BuildError, InputError, IntegrityError
from tests.worlds.sdists import write_tar
from tests.worlds.wheels import write_archive


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def _unpack(path: Path) -> Path:
    into = path.parent / "into"
    into.mkdir()
    return Path(unpack_source(str(path), str(into)))


@pytest.mark.parametrize(("suffix", "mode"), [("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("tar.xz", "w:xz")])
def test_a_tar_archive_gives_its_one_directory(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a-1.{suffix}"
    write_tar(path, {"a-1/setup.py": "x", "a-1/deep/file": "y", "._a-1": "a remark of another system"}, mode)
    top = _unpack(path)
    assert top.name == "a-1"
    assert (top / "deep/file").read_text() == "y"
    assert (top / "setup.py").stat().st_mtime == 1_704_067_200


def test_a_zip_archive_keeps_who_may_run(tmp_path: Path) -> None:
    path = tmp_path / "a-1.zip"
    write_archive(path, {"a-1/configure": b"#!/bin/sh", "a-1/file": b""}, executables=["a-1/configure"])
    top = _unpack(path)
    assert os.access(top / "configure", os.X_OK)
    assert not os.access(top / "file", os.X_OK)


def test_links_inside_become_copies(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    members: dict[str, str | tarfile.TarInfo] = {
        "a-1/docs/link": _special("a-1/docs/link", tarfile.SYMTYPE, "../README"),
        "a-1/README": "read me",
        "a-1/again": _special("a-1/again", tarfile.LNKTYPE, "a-1/README"),
    }
    write_tar(path, members)
    top = _unpack(path)
    assert (top / "docs/link").read_text() == (top / "again").read_text() == "read me"
    assert not (top / "docs/link").is_symlink()
    assert (top / "again").stat().st_nlink == 1


@pytest.mark.parametrize(
    "member",
    [
        "/absolute",
        "../outside",
        "a-1/../../outside",
        _special("a-1/link", tarfile.SYMTYPE, "/etc/passwd"),
        _special("a-1/link", tarfile.SYMTYPE, "../../outside"),
        _special("a-1/link", tarfile.LNKTYPE, "../outside"),
        _special("a-1/link", tarfile.LNKTYPE, "a-1/missing"),
        _special("a-1/device", tarfile.CHRTYPE),
        _special("a-1/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: member if isinstance(member, str) else f"{member.name} {member.linkname}",
)
def test_nothing_leads_outside(tmp_path: Path, member: str | tarfile.TarInfo) -> None:
    path = tmp_path / "a-1.tar.gz"
    name = member if isinstance(member, str) else member.name
    write_tar(path, {"a-1/setup.py": "", name: "" if isinstance(member, str) else member})
    with pytest.raises(IntegrityError, match=r"a-1\.tar\.gz: '"):
        _unpack(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a-1.tar.gz", "into"]


def test_nothing_is_written_through_a_chain_of_links(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    members = {
        "a-1/deep/here": _special("a-1/deep/here", tarfile.SYMTYPE, "../.."),
        "a-1/up": _special("a-1/up", tarfile.SYMTYPE, "deep/here/.."),
        "a-1/up/evil": _special("a-1/up/evil", tarfile.SYMTYPE, "x"),
    }
    write_tar(path, {"a-1/setup.py": "", **members})
    with pytest.raises(IntegrityError, match="'a-1/up"):
        _unpack(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a-1.tar.gz", "into"]


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    write_tar(path, {"a-1/setup.py": "x" * 1000})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match="the end of the file"):
        _unpack(path)


def test_two_directories_are_no_source(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    write_tar(path, {"a-1/setup.py": "", "b-1/setup.py": ""})
    with pytest.raises(InputError, match="holds 2 files"):
        _unpack(path)


@pytest.mark.parametrize(
    ("suffix", "mode"), [("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("tar.xz", "w:xz"), ("tar", "w")]
)
def test_what_packs_well_is_whole_all_the_same(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a-1.{suffix}"
    write_tar(path, {"a-1/setup.py": "x" * 3_000_000, "a-1/end": "."}, mode)
    top = _unpack(path)
    assert (top / "setup.py").stat().st_size == 3_000_000
    assert (top / "end").read_text() == "."


@pytest.mark.parametrize("place", ["../outside", "/", "link"])
def test_a_backend_is_never_outside_of_its_source(tmp_path: Path, place: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "link").symlink_to(tmp_path)
    (source / "pyproject.toml").write_text(
        f"[build-system]\nrequires = []\nbuild-backend = 'evil'\nbackend-path = [{place!r}]\n"
    )
    with pytest.raises(BuildError, match="leads out of its directory"):
        BuildSystem.from_directory(str(source), "evil 1.0")
