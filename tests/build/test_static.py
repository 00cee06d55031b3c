"""METADATA without building."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from provenv.build.static import archive_metadata, metadata_of_table, static_metadata
from provenv.universe.rows import headers_of
from tests.worlds.sdists import write_tar, write_tree
from tests.worlds.wheels import write_archive

_SAYS_ALL = "Metadata-Version: 2.2\nName: a\nVersion: 1\nRequires-Dist: from-pkg-info\n"


def _project(text: str) -> str:
    return f'[build-system]\nrequires = []\n[project]\nname = "a"\n{text}'


class TestPkgInfo:
    def test_it_is_trusted_from_2_2_on(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"PKG-INFO": _SAYS_ALL})
        assert static_metadata(tmp_path.as_posix(), is_release=True) == _SAYS_ALL.encode()
        write_tree(tmp_path, {"PKG-INFO": _SAYS_ALL.replace("2.2", "2.1")})
        assert static_metadata(str(tmp_path), is_release=True) is None

    @pytest.mark.parametrize("field", ["Requires-Dist", "requires-python", "Provides-Extra", "Version"])
    def test_it_is_not_where_it_says_that_a_build_may_differ(self, tmp_path: Path, field: str) -> None:
        write_tree(tmp_path, {"PKG-INFO": f"{_SAYS_ALL}Dynamic: {field}\n"})
        assert static_metadata(str(tmp_path), is_release=True) is None

    def test_a_dynamic_description_does_no_harm(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"PKG-INFO": f"{_SAYS_ALL}Dynamic: License-File\n\nDynamic: Requires-Dist\n"})
        assert static_metadata(str(tmp_path), is_release=True) is not None

    def test_in_a_working_directory_it_may_be_stale(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"PKG-INFO": _SAYS_ALL, "pyproject.toml": _project('version = "2"\n')})
        assert b"Version: 2\n" in (static_metadata(str(tmp_path)) or b"")


class TestProject:
    def test_what_it_says_becomes_headers(self, tmp_path: Path) -> None:
        text = _project(
            'version = "1.0"\nrequires-python = ">=3.9"\n'
            "dependencies = ['b>=1', 'c @ https://host.example/c-1.tar.gz', 'd; sys_platform == \"win32\"']\n"
            "[project.optional-dependencies]\nFast_one = ['e; python_version < \"3\" or os_name == \"nt\"', 'f']\n"
        )
        write_tree(tmp_path, {"pyproject.toml": text})
        headers = headers_of(static_metadata(str(tmp_path)) or b"")
        assert headers["requires-python"] == [">=3.9"]
        assert headers["provides-extra"] == ["fast-one"]
        assert (
            headers["requires-dist"][1] == "c@ https://host.example/c-1.tar.gz" or "c @" in headers["requires-dist"][1]
        )
        marker = Requirement(headers["requires-dist"][3]).marker
        assert marker is not None
        assert marker.evaluate({"extra": "fast-one", "os_name": "nt"})
        assert not marker.evaluate({"extra": "", "os_name": "nt"})

    @pytest.mark.parametrize(
        "text",
        [
            'version = "1"\ndynamic = ["dependencies"]\n',
            'version = "1"\ndynamic = ["optional-dependencies"]\n',
            'version = "1"\ndynamic = ["requires-python"]\n',
            'dynamic = ["version"]\n',
            'version = "1"\ndependencies = ["{root:uri}/x"]\n',
            'version = "not a version"\n',
            'version = "1"\n[tool.poetry.dependencies]\nb = "*"\n',
            "not toml",
        ],
    )
    def test_what_only_a_build_can_tell_is_left_to_it(self, tmp_path: Path, text: str) -> None:
        write_tree(tmp_path, {"pyproject.toml": _project(text)})
        assert static_metadata(str(tmp_path)) is None

    def test_a_version_that_is_known_otherwise_is_taken(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"pyproject.toml": _project('dynamic = ["version"]\n')})
        assert b"Version: 3.1\n" in (static_metadata(str(tmp_path), version="3.1") or b"")

    def test_without_a_table_there_is_nothing_to_read(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"setup.py": "", "pyproject.toml": "[build-system]\nrequires = []\n"})
        assert static_metadata(str(tmp_path)) is None


def test_archives_are_read_without_unpacking(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar.gz", {"./a-1/PKG-INFO": _SAYS_ALL, "a-1/deep/PKG-INFO": "wrong"})
    write_tar(tmp_path / "a.tar.xz", {"a-1/deep/PKG-INFO": "wrong", "a-1/PKG-INFO": _SAYS_ALL}, "w:xz")
    write_archive(tmp_path / "a.zip", {"a-1/PKG-INFO": _SAYS_ALL.encode()})
    for name in ("a.tar.gz", "a.tar.xz", "a.zip"):
        assert archive_metadata(str(tmp_path / name)) == _SAYS_ALL.encode()
    (tmp_path / "broken.tar.gz").write_bytes((tmp_path / "a.tar.gz").read_bytes()[:60])
    assert archive_metadata(str(tmp_path / "broken.tar.gz")) is None


def test_archives_are_read_as_far_as_need_be(tmp_path: Path) -> None:
    large = "x" * 5000
    write_tar(tmp_path / "a.tar", {"a-1/PKG-INFO": _SAYS_ALL, "a-1/big": large, "b-1/../x": ""}, "w")
    assert archive_metadata(str(tmp_path / "a.tar")) == _SAYS_ALL.encode(), "what follows is not looked at here"
    project = _project('version = "1"\ndependencies = []\n')
    write_tar(tmp_path / "b.tar", {"b-1/big": large, "b-1/more": large, "b-1/pyproject.toml": project}, "w")
    assert archive_metadata(str(tmp_path / "b.tar"), version="1") is not None
    assert archive_metadata(str(tmp_path / "b.tar"), version="1", most=20_000) is not None
    assert archive_metadata(str(tmp_path / "b.tar"), version="1", most=4_000) is None


def test_a_table_of_the_project_becomes_metadata() -> None:
    told = metadata_of_table("a", "1", requires=["b; extra == 'x'"], provides=["x"]).decode()
    assert told == 'Metadata-Version: 2.2\nName: a\nVersion: 1\nRequires-Dist: b; extra == "x"\nProvides-Extra: x\n'
