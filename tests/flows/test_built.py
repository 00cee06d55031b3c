"""What the lock has only as a source becomes a wheel: once, side by side, and known by what it was made from."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.house import House
from tests.worlds.repositories import Repository, is_git_there
from tests.worlds.sdists import build_sdist, project_files, write_tree

needs_git = pytest.mark.skipif(not is_git_there(), reason="git is not installed")


def direct_url(house: House, name: str) -> dict[str, Any] | None:
    file = next(house.site.glob(f"{name}-*.dist-info")) / "direct_url.json"
    found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
    return found


def lib(house: House, *, is_editable: bool, version: str = "1.0") -> Path:
    rule = '{ path = "../lib", editable = true }' if is_editable else '{ path = "../lib" }'
    directory = write_tree(house.root / "lib", project_files("lib", version, is_static=True))
    house.project("lib", more=f"[tool.uv.sources]\nlib = {rule}\n")
    return directory


def test_an_editable_directory_leads_back(house: House) -> None:
    directory = lib(house, is_editable=True)
    house.do("sync")
    assert (house.site / "__editable__lib.pth").read_text().strip() == str(directory)
    assert direct_url(house, "lib") == {"url": directory.as_uri(), "dir_info": {"editable": True}}


def builds(house: House) -> int:
    """When something was last built, in nanoseconds."""
    return max(path.stat().st_mtime_ns for path in (house.cache / "logs/builds").iterdir())


def test_an_edited_source_needs_no_build(house: House) -> None:
    directory = lib(house, is_editable=True)
    house.do("sync")
    before = builds(house)
    (directory / "more.py").write_text("")
    told = house.do("sync")
    assert "nothing to do" in told.err + told.out
    assert builds(house) == before


def test_another_project_file_needs_one(house: House) -> None:
    directory = lib(house, is_editable=True)
    house.do("sync")
    before = builds(house)
    file = directory / "pyproject.toml"
    file.write_text(file.read_text() + "\n# another way to build\n")
    house.do("sync")
    assert builds(house) > before
    lib(house, is_editable=True, version="1.1")
    house.do("sync")
    assert house.installed()["lib"] == "1.1"


def test_a_copied_directory_is_built_again_when_a_file_changed(house: House) -> None:
    directory = lib(house, is_editable=False)
    house.do("sync")
    assert direct_url(house, "lib") == {"url": directory.as_uri(), "dir_info": {}}
    told = house.do("sync")
    assert "nothing to do" in told.err + told.out
    backend = directory / "small_backend.py"
    backend.write_text(backend.read_text().replace('module + "/told.json"', 'module + "/other.json"'))
    house.do("sync")
    assert (house.site / "lib/other.json").exists()


@needs_git
def test_a_repository_is_built_in_a_copy(house: House) -> None:
    origin = Repository(house.root / "origin")
    commit = origin.commit(project_files("lib", "1.0", is_static=True), tag="v1")
    house.project(f"lib @ git+{origin.url}@v1")
    house.do("sync")
    expected = {"vcs": "git", "commit_id": commit, "requested_revision": "v1"}
    assert direct_url(house, "lib") == {"url": origin.url, "vcs_info": expected}
    told = json.loads((house.site / "lib/told.json").read_text())
    assert not told["here"].startswith(str(house.cache))


@needs_git
def test_a_commit_is_what_is_locked_whatever_version_its_tags_tell(house: House) -> None:
    files = project_files("lib", "1.0", is_static=True, is_dynamic_version=True)
    files["small_backend.py"] += (
        "\n_told = _read\ndef _read():\n    project, table, *rest = _told()\n"
        "    return (project, {**table, 'version': os.environ.get('TAGGED', '1.0')}, *rest)\n"
    )
    origin = Repository(house.root / "origin")
    origin.commit(files)
    house.project(f"lib @ git+{origin.url}")
    house.do("lock")
    assert house.locked() == {"lib": "1.0"}
    house.monkeypatch.setenv("TAGGED", "2.0")
    told = house.do("sync")
    assert "lib is 2.0 here and 1.0 in the lock, from the same commit" in told.err
    assert house.installed() == {"lib": "2.0"}
    assert "nothing to do" in house.do("sync").err


def test_archives_tell_their_hash_and_those_of_an_index_nothing(house: House) -> None:
    build_sdist(house.server.directory, "indexed", "1.0")
    (house.directory / "files").mkdir()
    archive = build_sdist(house.directory / "files", "two", "2.5")
    house.project("indexed", f"two @ {archive.as_uri()}")
    house.do("sync")
    assert house.installed() == {"indexed": "1.0", "two": "2.5"}
    assert direct_url(house, "indexed") is None
    found = direct_url(house, "two")
    assert found is not None
    assert found["url"] == archive.as_uri()
    assert found["archive_info"]["hash"] == f"sha256={found['archive_info']['hashes']['sha256']}"


def test_several_are_built_side_by_side(house: House) -> None:
    names = [f"part{number}" for number in range(4)]
    for name in names:
        build_sdist(house.server.directory, name, "1.0")
    house.project(*names)
    house.do("sync")
    assert sorted(house.installed()) == names


def test_what_arrives_while_an_archive_is_read_leads_on(house: House) -> None:
    for version in ("0.9", "1.0"):  # what can be nothing else would be asked about last
        build_sdist(house.server.directory, "slow", version, ("after",))
    for version in ("1.0", "2.0"):
        house.wheel("alpha", version, ("beta",))
        house.wheel("beta", version, ("gamma",))
        house.wheel("gamma", version)
    house.wheel("after")
    house.server.fail("*/slow-1.0.tar.gz", delay=1.0)
    house.project("slow>=0.9", "alpha")
    house.do("lock")
    assert house.locked().keys() == {"after", "alpha", "beta", "gamma", "slow"}
    asked = [request.path.strip("/").rpartition("/")[2] for request in house.server.seen("/simple/*")]
    assert asked.index("gamma") < asked.index("after")


def test_a_second_environment_needs_no_build(house: House) -> None:
    build_sdist(house.server.directory, "one", "1.0")
    house.project("one")
    house.do("sync")
    first = (house.site / "one/told.json").read_text()
    for path in sorted(house.environment.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    house.environment.rmdir()
    house.do("sync", "--offline")
    assert (house.site / "one/told.json").read_text() == first


def test_a_missing_directory_is_told(house: House) -> None:
    directory = lib(house, is_editable=False)
    house.do("lock")
    directory.rename(house.root / "gone")
    assert "lib" in house.refused("sync", "--frozen")


@needs_git
def test_a_refused_build_says_what_failed(house: House) -> None:
    origin = Repository(house.root / "origin")
    origin.commit(project_files("lib", "1.0", is_static=True, small={"says": ["there is no oven"], "exits": 3}))
    house.project(f"lib @ git+{origin.url}")
    said = house.refused("sync")
    assert "no oven" in said
    assert not (house.environment / "pyvenv.cfg").exists()


def slow_beside(house: House, other: str) -> None:
    """A project with a directory whose build takes a minute, and another one."""
    files = project_files("slow", is_static=True)
    files["small_backend.py"] += "\nimport time\n_wheel = lambda *words: time.sleep(60)\n"
    write_tree(house.root / "slow", files)
    rules = '[tool.uv.sources]\nslow = { path = "../slow" }\n' + f'{other} = {{ path = "../{other}" }}\n'
    house.project("slow", other, more=rules)


def test_the_first_failure_ends_the_other_builds(house: House) -> None:
    write_tree(house.root / "broken", project_files("broken", is_static=True, small={"exits": 3}))
    slow_beside(house, "broken")
    begin = time.monotonic()
    assert "broken 1.0 cannot be built" in house.refused("sync").replace("broken cannot", "broken 1.0 cannot")
    assert time.monotonic() - begin < 30


def test_a_failure_ends_those_that_wait_for_their_turn_too(house: House) -> None:
    names = [f"many{number}" for number in range(9)]
    for name in names:
        write_tree(house.root / name, project_files(name, is_static=True, small={"exits": 3}))
    rules = "".join(f'{name} = {{ path = "../{name}" }}\n' for name in names)
    house.project(*names, more=f"[tool.uv.sources]\n{rules}")
    assert "cannot be built" in house.refused("sync")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_no_build_behind(house: House, number: int, code: int) -> None:
    write_tree(house.root / "quick", project_files("quick", is_static=True))
    slow_beside(house, "quick")
    begin = time.monotonic()
    with house.start("sync") as process:
        while not list((house.cache / "logs").rglob("slow*.log")):
            assert time.monotonic() - begin < 20
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert time.monotonic() - begin < 30


def test_a_wheel_by_path_tells_where_it_lay(house: House) -> None:
    wheel = house.wheel("one", "1.5", directory=house.directory / "files")
    house.project(f"one @ {wheel.as_uri()}")
    house.do("sync")
    found = direct_url(house, "one")
    assert found is not None
    assert found["url"] == wheel.as_uri()
    assert list(found["archive_info"]["hashes"]) == ["sha256"]


def test_what_is_built_in_the_environment_comes_last(house: House) -> None:
    house.wheel("helper", "2.0", files={"helper.py": '__version__ = "2.0"\n'})
    write_tree(house.root / "lib", project_files("lib", is_static=True, small={"imports": ["helper"]}))
    more = '[tool.uv]\nno-build-isolation-package = ["lib"]\n[tool.uv.sources]\nlib = { path = "../lib" }\n'
    house.project("lib", "helper", more=more)
    house.do("sync")
    assert json.loads((house.site / "lib/told.json").read_text())["imports"] == {"helper": "2.0"}
    told = house.do("sync")
    assert "nothing to do" in told.err + told.out
