"""A project that comes from uv keeps its versions."""

from __future__ import annotations

from provenv.lockfile.uv_lock import UvLock
from provenv.model.target import Target

LINUX = Target(name="linux", platform="linux-x86_64", python="3.12").environment()
MAC = Target(name="mac", platform="macos-arm64", python="3.12").environment()
COMMIT = "a" * 40
TEXT = f"""
version = 1

[[package]]
name = "app"
version = "0.1"
source = {{ editable = "." }}

[[package]]
name = "core"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
resolution-markers = ["sys_platform == 'linux'"]

[[package]]
name = "core"
version = "2.0"
source = {{ registry = "https://index.example/simple" }}
resolution-markers = ["sys_platform == 'win32'", "sys_platform == 'darwin'"]

[[package]]
name = "tool"
version = "3"
source = {{ git = "https://code.example/tool?branch=main#{COMMIT}" }}
"""


def test_versions_are_told_apart_by_their_markers() -> None:
    lock = UvLock(TEXT.encode())

    assert lock.pins(LINUX) == {"core": "1.0"}
    assert lock.pins(MAC) == {"core": "2.0"}


def test_commits_are_told_with_what_was_asked_for() -> None:
    assert UvLock(TEXT.encode()).commits() == {"tool": ("https://code.example/tool", "main", COMMIT)}


def test_what_cannot_be_read_wishes_for_nothing() -> None:
    for data in (
        b"\xff",
        b"package = 3",
        b"[[package]]\nname = 1",
        b"[[package]]\nname = 'a'\nsource = 'b'",
        b"<<<<<<<",
    ):
        lock = UvLock(data)
        assert (lock.pins(LINUX), lock.commits()) == ({}, {})
