"""What references lead to: versions, needs, what they name in turn, and what the lock then holds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.house import House
from tests.worlds.repositories import GitServer, Repository, is_git_there
from tests.worlds.sdists import build_sdist, project_files, write_tar, write_tree

needs_git = pytest.mark.skipif(not is_git_there(), reason="git is not installed")


def entries(house: House) -> dict[str, dict[str, Any]]:
    document = tomllib.loads(house.lock_file.read_text("utf-8"))
    return {package["name"]: package for package in document["packages"]}


def sources(**rules: str) -> str:
    return "[tool.uv.sources]\n" + "".join(f"{name} = {rule}\n" for name, rule in rules.items())


def tree(house: House, path: str, name: str, *requires: str, more: str = "", version: str = "1.0") -> Path:
    files = project_files(name, version, requires, is_static=True, more=more)
    return write_tree(house.root / path, files)


# -- directories ------------------------------------------------------------------------------------------


def test_a_directory_brings_what_it_needs(house: House) -> None:
    house.wheel("leaf", "2.0")
    tree(house, "lib", "lib", "leaf>=1")
    house.project("lib", more=sources(lib='{ path = "../lib", editable = true }'))
    house.do("lock")
    assert entries(house)["lib"]["directory"] == {"path": "../lib", "editable": True}
    assert entries(house)["leaf"]["version"] == "2.0"


def test_a_directory_has_sources_of_its_own(house: House) -> None:
    tree(house, "deep", "deep", version="7")
    tree(house, "lib", "lib", "deep", more=sources(deep='{ path = "../deep" }'))
    house.wheel("deep", "1.0")
    house.project("lib", more=sources(lib='{ path = "../lib" }'))
    house.do("lock")
    assert entries(house)["deep"]["directory"]["path"] == "../deep"
    assert entries(house)["deep"]["version"] == "7"


def test_sources_of_a_directory_are_left_out_with_no_sources(house: House) -> None:
    tree(house, "deep", "deep", version="7")
    tree(house, "lib", "lib", "deep", more=sources(deep='{ path = "../deep" }'))
    house.wheel("deep", "1.0")
    house.project("lib @ file:../lib")
    house.do("lock", "--no-sources")
    assert entries(house)["deep"]["version"] == "1.0"


def test_who_says_where_a_package_lies_asks_for_no_version_of_it(house: House) -> None:
    tree(house, "deep", "deep", version="7")
    tree(house, "lib", "lib", "deep<2", more=sources(deep='{ path = "../deep" }'))
    house.project("lib", more=sources(lib='{ path = "../lib" }'))
    house.do("lock")
    assert entries(house)["deep"]["version"] == "7"
    house.do("lock", "--locked")
    # Somebody else's bound holds.
    house.wheel("user", "1.0", ("deep<2",))
    house.project("lib", "user", more=sources(lib='{ path = "../lib" }'))
    assert "user" in house.refused("lock")


def test_a_member_of_a_workspace_asks_for_no_version_of_another(house: House) -> None:
    tree(house, "project/one", "one", version="3")
    tree(house, "project/two", "two", "one<2", more=sources(one="{ workspace = true }"))
    house.project("two", more='[tool.uv.workspace]\nmembers = ["one", "two"]\n' + sources(two="{ workspace = true }"))
    house.do("lock")
    assert entries(house)["one"]["version"] == "3"
    house.do("lock", "--locked")


def test_an_archive_of_this_computer_changes_and_the_lock_follows(house: House) -> None:
    path = house.wheel("leaf", "1.0", directory=house.root / "wheels")
    house.wheel("deep")
    house.project("leaf", more=sources(leaf=f'{{ path = "../wheels/{path.name}" }}'))
    for _ in range(3):
        assert house.launch("sync").code == 0
    house.wheel("leaf", "1.0", ("deep",), directory=house.root / "wheels")
    assert "the file of leaf changed" in house.launch("lock", "--check").err
    house.do("sync")
    assert sorted(house.installed()) == ["deep", "leaf"]
    # The same bytes written again are no change.
    path.write_bytes(path.read_bytes())
    house.do("lock", "--check")


def test_a_project_that_gets_another_name_is_locked_anew(house: House) -> None:
    tree(house, "project", "demo")
    house.do("sync")
    tree(house, "project", "other")
    assert "the name of the project changed" in house.refused("lock", "--check")
    house.do("sync")
    assert list(house.installed()) == ["other"]


def test_a_directory_changes_and_the_lock_follows(house: House) -> None:
    house.wheel("leaf", "2.0")
    lib = tree(house, "lib", "lib")
    house.project("lib", more=sources(lib='{ path = "../lib" }'))
    house.do("lock")
    assert "leaf" not in entries(house)
    write_tree(lib, project_files("lib", "1.0", ["leaf"], is_static=True))
    assert "what lib needs changed" in house.refused("lock", "--locked")
    house.do("lock")
    assert "leaf" in entries(house)


def test_a_dynamic_version_is_known_to_the_solver_and_not_to_the_lock(house: House) -> None:
    files = project_files("lib", "3.5", is_static=True, is_dynamic_version=True)
    write_tree(house.root / "lib", files)
    house.wheel("user", "1.0", ("lib>=3",))
    house.project("lib", "user", more=sources(lib='{ path = "../lib" }'))
    house.do("lock")
    assert "version" not in entries(house)["lib"]
    write_tree(house.root / "lib", project_files("lib", "2.0", is_static=True, is_dynamic_version=True))
    # The lock does not tell it, so another one does not make it stale; a new choice must do with it.
    house.do("lock", "--locked")
    assert "lib" in house.refused("lock", "--upgrade")


def test_an_index_of_a_directory_is_told_to_be_left_out(house: House) -> None:
    tree(house, "lib", "lib", "leaf", more=sources(leaf='{ index = "theirs" }'))
    house.wheel("leaf")
    house.project("lib", more=sources(lib='{ path = "../lib" }'))
    assert house.do("lock").err.count("the index `theirs` is not looked into for leaf") == 1


def test_a_lock_goes_on_where_the_version_cannot_be_told(house: House) -> None:
    files = project_files("lib", "3.5", ["leaf"], is_static=True, is_dynamic_version=True, small={"exits": 3})
    write_tree(house.root / "lib", files)
    house.wheel("leaf")
    house.project("lib", more=sources(lib='{ path = "../lib" }'))
    house.do("lock")
    assert list(entries(house)) == ["leaf", "lib"]


def test_a_directory_of_another_package_is_told(house: House) -> None:
    tree(house, "lib", "other")
    house.project("lib", more=sources(lib='{ path = "../lib" }'))
    said = house.refused("lock")
    assert "is the package `other`, not `lib`" in said
    assert "project.dependencies[0]" in said


def test_two_places_for_one_package_are_told(house: House) -> None:
    tree(house, "one", "deep")
    tree(house, "two", "deep")
    tree(house, "lib", "lib", "deep", more=sources(deep='{ path = "../one" }'))
    rules = sources(lib='{ path = "../lib" }', deep='{ path = "../two" }')
    house.project("lib", "deep", more=rules)
    said = house.refused("lock")
    assert "two sources for deep" in said
    assert "/one" in said
    assert "/two" in said


def test_only_what_an_extra_asks_for_is_followed(house: House) -> None:
    tree(house, "deep", "deep", version="7")
    more = '[project.optional-dependencies]\nx = ["deep"]\n' + sources(deep='{ path = "../deep" }')
    tree(house, "lib", "lib", more=more)
    rule = sources(lib='{ path = "../lib" }')
    house.project("lib", more=rule)
    house.do("lock")
    assert "deep" not in entries(house)
    house.project("lib[x]", more=rule)
    house.do("lock")
    assert entries(house)["deep"]["version"] == "7"


# -- archives ---------------------------------------------------------------------------------------------


def test_a_wheel_and_a_source_archive_by_path(house: House) -> None:
    house.wheel("leaf", "2.0")
    wheel = house.wheel("one", "1.5", ("leaf",), directory=house.directory / "files")
    archive = build_sdist(house.directory / "files", "two", "2.5", ["leaf"])
    house.project(f"one @ {wheel.as_uri()}", f"two @ {archive.as_uri()}")
    house.do("lock")
    found = entries(house)
    assert found["one"]["archive"]["path"] == "files/one-1.5-py3-none-any.whl"
    assert found["two"]["archive"]["path"] == "files/two-2.5.tar.gz"
    assert len(found["two"]["archive"]["hashes"]["sha256"]) == 64
    assert "leaf" in found


def test_a_wheel_that_does_not_fit_is_told(house: House) -> None:
    wheel = house.wheel("one", "1.5", tags="cp27-cp27m-win32", directory=house.directory / "files")
    house.project(f"one @ {wheel.as_uri()}")
    assert "cannot be used on" in house.refused("lock")


def test_a_wrong_hash_is_told(house: House) -> None:
    archive = build_sdist(house.server.directory, "two", "2.5")
    house.project(f"two @ {house.server.file_url(archive.name)}#sha256={'0' * 64}")
    assert "expected" in house.refused("lock")


def test_a_url_may_have_a_local_version(house: House) -> None:
    wheel = house.wheel("one", "1.5+cpu")
    house.project(f"one @ {house.server.file_url(wheel.name)}")
    house.do("sync")
    assert house.installed() == {"one": "1.5+cpu"}


def test_a_source_archive_may_lie_deeper(house: House) -> None:
    files = project_files("deep", "1.0", ["leaf"], is_static=True)
    write_tar(house.server.directory / "all.tar.gz", {f"all-1/inner/{path}": text for path, text in files.items()})
    house.wheel("leaf")
    house.project(f"deep @ {house.server.file_url('all.tar.gz')}#subdirectory=inner")
    house.do("sync")
    assert entries(house)["deep"]["archive"]["subdirectory"] == "inner"
    assert house.installed() == {"deep": "1.0", "leaf": "1.0"}


# -- repositories -----------------------------------------------------------------------------------------


@needs_git
def test_a_branch_is_locked_to_its_commit(house: House) -> None:
    origin = Repository(house.root / "origin")
    first = origin.commit(project_files("lib", "1.0", is_static=True))
    house.project("lib", more=sources(lib=f'{{ git = "{origin.url}", branch = "main" }}'))
    house.do("lock")
    expected = {"type": "git", "url": origin.url, "requested-revision": "main", "commit-id": first}
    assert entries(house)["lib"]["vcs"] == expected


@needs_git
def test_a_branch_moves_only_when_it_is_told_to(house: House) -> None:
    origin = Repository(house.root / "origin")
    first = origin.commit(project_files("lib", "1.0", is_static=True))
    house.wheel("leaf")
    rule = sources(lib=f'{{ git = "{origin.url}", branch = "main" }}')
    house.project("lib", more=rule)
    house.do("lock")
    second = origin.commit(project_files("lib", "1.1", is_static=True))
    house.project("lib", "leaf", more=rule)
    house.do("lock")
    assert entries(house)["lib"]["vcs"]["commit-id"] == first
    house.do("lock", "--upgrade-package", "leaf")
    assert entries(house)["lib"]["vcs"]["commit-id"] == first
    house.do("lock", "--upgrade-package", "lib")
    assert entries(house)["lib"]["vcs"]["commit-id"] == second
    assert entries(house)["lib"]["version"] == "1.1"


@needs_git
def test_another_revision_is_another_commit(house: House) -> None:
    origin = Repository(house.root / "origin")
    origin.commit(project_files("lib", "1.0", is_static=True), tag="v1")
    second = origin.commit(project_files("lib", "2.0", is_static=True), tag="v2")
    for tag in ("v1", "v2"):
        house.project(f"lib @ git+{origin.url}@{tag}")
        house.do("lock")
    assert entries(house)["lib"]["vcs"]["commit-id"] == second


@needs_git
def test_neighbours_in_a_repository_come_from_the_same_commit(house: House) -> None:
    origin = Repository(house.root / "origin")
    gear = project_files("gear", "3.0", is_static=True)
    lib = project_files(
        "lib", "1.0", ["gear", "wheel-only"], is_static=True,
        more='[tool.uv.workspace]\nmembers = ["gear"]\n' + sources(gear="{ workspace = true }"),
    )  # fmt: skip
    commit = origin.commit({**lib, **{f"gear/{path}": text for path, text in gear.items()}})
    house.wheel("wheel-only")
    house.project(f"lib @ git+{origin.url}")
    house.do("lock")
    found = entries(house)
    assert found["gear"]["vcs"] == {"type": "git", "url": origin.url, "commit-id": commit, "subdirectory": "gear"}
    assert found["lib"]["vcs"]["commit-id"] == commit


@needs_git
def test_a_repository_may_not_lead_out_of_itself(house: House) -> None:
    tree(house, "deep", "deep")
    origin = Repository(house.root / "origin")
    more = sources(deep=f'{{ path = "{house.root}/deep" }}')
    origin.commit(project_files("lib", "1.0", ["deep"], is_static=True, more=more))
    house.project(f"lib @ git+{origin.url}")
    assert "not a project within its repository" in house.refused("lock")


@needs_git
def test_a_password_in_a_url_opens_the_repository_and_stays_nowhere(house: House) -> None:
    origin = Repository(house.root / "served/origin")
    origin.commit(project_files("lib", "1.0", is_static=True))
    with GitServer(house.root / "served", user="me", password="s3cret") as server:
        house.project(f"lib @ git+{server.url.replace('://', '://me:s3cret@')}/origin/.git")
        house.do("sync")
    kept = [*house.cache.rglob("*"), *house.environment.rglob("*"), house.lock_file]
    assert not [path for path in kept if path.is_file() and b"s3cret" in path.read_bytes()]


@needs_git
def test_a_missing_project_names_the_subdirectory_as_a_way_out(house: House) -> None:
    origin = Repository(house.root / "origin")
    origin.commit({"inner/" + path: text for path, text in project_files("lib", is_static=True).items()})
    house.project(f"lib @ git+{origin.url}")
    assert "#subdirectory=" in house.refused("lock")
    house.project(f"lib @ git+{origin.url}#subdirectory=inner")
    house.do("lock")
    assert entries(house)["lib"]["vcs"]["subdirectory"] == "inner"


@needs_git
def test_offline_a_locked_branch_is_known(house: House) -> None:
    urls = {}
    for name in ("one", "two"):
        origin = Repository(house.root / name)
        origin.commit(project_files(name, "1.0", is_static=True))
        urls[name] = origin.url
    house.wheel("leaf")
    house.project("leaf")
    house.do("lock")
    requirements = [f"{name} @ git+{url}" for name, url in urls.items()]
    house.project(*requirements)
    house.do("lock")
    before = {name: entries(house)[name]["vcs"]["commit-id"] for name in urls}
    for name in urls:
        (house.root / name).rename(house.root / f"{name}-gone")
    house.project(*requirements, "leaf")
    house.do("lock", "--offline")
    assert {name: entries(house)[name]["vcs"]["commit-id"] for name in urls} == before
