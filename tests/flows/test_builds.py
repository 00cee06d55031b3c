"""Packages that exist only as sources: read where possible, else built, once, in environments of our own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from provenv.errors import BuildError
from provenv.events import Events
from provenv.flows.aim import aim
from provenv.flows.builds import build_interpreter
from provenv.flows.sources import Sources
from provenv.flows.workroom import Rooms
from provenv.flows.world import World
from provenv.model.artifact import Artifact
from provenv.store.built import Built
from tests.worlds.house import BASE_PYTHON, House
from tests.worlds.index_server import IndexServer
from tests.worlds.sdists import backend_wheel, build_sdist, project_files, write_tree
from tests.worlds.wheels import build_wheel


class Heard(Events):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.built: list[str] = []

    def noted(self, message: str) -> None:
        self.notes.append(message)

    def advanced(self, phase: str, amount: int, subject: str = "") -> None:
        if phase == "build" and amount:
            self.built.append(subject)


class Shop:
    """A project with an index on loopback, and the sources of one command."""

    def __init__(self, root: Path, server: IndexServer) -> None:
        self.root = root
        self.server = server
        self.index = server.directory
        self.heard = Heard()
        self.settings = ""
        self.dependencies: tuple[str, ...] = ()
        (root / "project").mkdir()

    def world(self, **choices: Any) -> World:
        """The world of a new command."""
        listed = ", ".join(map(repr, self.dependencies))
        (self.root / "project/pyproject.toml").write_text(
            f"[project]\nname = 'demo'\nversion = '1'\ndependencies = [{listed}]\n{self.settings}"
        )
        return World(
            directory=str(self.root / "project"),
            cache=str(self.root / "cache"),
            events=self.heard,
            now=1.8e9,
            python_request=BASE_PYTHON,
            default_index=self.server.url,
            variables={"PATH": os.environ["PATH"], "PYTHONPATH": "/nowhere", "VIRTUAL_ENV": "/nowhere"},
            rooms=Rooms,
            **choices,
        )

    def sources(self, **choices: Any) -> Sources:
        """The sources of a new command."""
        world = self.world(**choices)
        aimed = aim(world)
        return Sources(world, aimed, build_interpreter(world, aimed))

    def artifact(self, path: Path) -> Artifact:
        """A file of the index, as its page tells it."""
        return Artifact(
            filename=path.name, url=f"{self.server.root}/files/{path.name}", hashes=(("sha256", _sha256(path)),)
        )

    def metadata(self, path: Path, **choices: Any) -> str:
        name, _, version = path.name.removesuffix(".tar.gz").rpartition("-")
        return self.sources(**choices).metadata(self.artifact(path), name.replace("_", "-"), version).decode()

    def wheel(self, path: Path, runtime: dict[str, str] | None = None, **choices: Any) -> Built:
        name, _, version = path.name.removesuffix(".tar.gz").rpartition("-")
        return self.sources(**choices).wheel(self.artifact(path), name.replace("_", "-"), version, runtime=runtime)

    def told(self, built: Built) -> dict[str, Any]:
        """What the backend saw while it built a wheel."""
        blob = self.world().store().blob(built.sha256)
        assert blob is not None
        with zipfile.ZipFile(blob) as archive:
            place = next(name for name in archive.namelist() if name.endswith("/told.json"))
            found: dict[str, Any] = json.loads(archive.read(place))
            return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _library(shop: Shop, name: str, version: str) -> None:
    """A wheel whose module says its version."""
    build_wheel(shop.index, name, version)


@pytest.fixture
def shop(tmp_path: Path, index_world: IndexServer) -> Shop:
    return Shop(tmp_path, index_world)


class TestMetadata:
    def test_what_the_archive_says_for_certain_is_read_without_building(self, shop: Shop) -> None:
        for metadata_version, is_static in (("2.2", False), ("2.1", True)):
            path = build_sdist(
                shop.index, f"a{is_static}".lower(), requires=["b>=1"], is_static=is_static,
                metadata_version=metadata_version, small={"exits": "never built"},
            )  # fmt: skip
            assert "Requires-Dist: b>=1" in shop.metadata(path)
        assert shop.heard.built == []

    def test_else_it_is_built_once_ever(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a", requires=["b>=1"])
        assert "Requires-Dist: b>=1" in shop.metadata(path)
        assert "Requires-Dist: b>=1" in shop.metadata(path)
        assert shop.heard.built == ["a 1.0"]
        assert "asked for wheel" in shop.heard.notes
        assert shop.server.count("/files/a-1.0.tar.gz") == 1

    def test_a_backend_that_must_make_the_wheel_makes_it_once(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a", requires=["b>=1"], has_prepare=False)
        assert "Requires-Dist: b>=1" in shop.metadata(path)
        assert shop.wheel(path).filename == "a-1.0-py3-none-any.whl"
        assert shop.heard.built == ["a 1.0"]

    def test_what_the_project_declares_comes_first(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a", small={"exits": "never built"})
        shop.settings = (
            "[[tool.provenv.dependency-metadata]]\nname = 'a'\nversion = '2.0'\nrequires-dist = ['two']\n"
            "[[tool.provenv.dependency-metadata]]\nname = 'a'\nrequires-dist = ['any']\nrequires-python = '>=3.8'\n"
        )
        told = shop.metadata(path)
        assert "Requires-Dist: any" in told
        assert "Requires-Python: >=3.8" in told
        assert "Version: 1.0" in told

    def test_nothing_is_built_when_building_is_off(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a")
        with pytest.raises(BuildError, match=r"a 1\.0 cannot be built: building is switched off \(`--no-build`") as got:
            shop.metadata(path, policy={"no_build": True})
        assert "dependency-metadata" in str(got.value.hint)
        static = build_sdist(shop.index, "b", is_static=True)
        assert "Name: b" in shop.metadata(static, policy={"no_build": True})


class TestEnvironments:
    def test_build_requirements_come_from_the_index(self, shop: Shop) -> None:
        backend_wheel(shop.index)
        path = build_sdist(shop.index, "a", backend="small_backend", build_requires=["small-backend>=1"])
        told = shop.told(shop.wheel(path))
        assert told["prefix"].startswith(str(shop.root / "cache/layers"))
        assert told["path"] is None
        assert told["epoch"] == "1580601600"

    def test_so_do_those_that_only_a_hook_tells(self, shop: Shop) -> None:
        _library(shop, "helper", "3.0")
        path = build_sdist(shop.index, "a", small={"requires": ["helper"], "imports": ["helper"]})
        assert shop.told(shop.wheel(path))["imports"] == {"helper": "3.0"}

    def test_build_constraints_are_heeded(self, shop: Shop) -> None:
        for version in ("1.0", "2.0"):
            _library(shop, "helper", version)
        path = build_sdist(shop.index, "a", build_requires=["helper"], small={"imports": ["helper"]})
        shop.settings = "[tool.provenv]\nbuild-constraint-dependencies = ['helper<2']\n"
        built = shop.wheel(path)
        assert shop.told(built)["imports"] == {"helper": "1.0"}
        assert [text.split()[0] for kind, text in built.made_from if kind == "build-requirement"] == ["helper==1.0"]

    def test_a_build_requirement_may_have_to_be_built_itself(self, shop: Shop) -> None:
        build_sdist(shop.index, "helper", "4.0")
        path = build_sdist(shop.index, "a", build_requires=["helper"], small={"imports": ["helper"]})
        assert shop.told(shop.wheel(path))["imports"] == {"helper": "4.0"}

    def test_a_build_requirement_may_be_a_direct_reference(self, shop: Shop, tmp_path: Path) -> None:
        wheel = build_wheel(tmp_path / "elsewhere", "helper", "5.0")
        source = build_sdist(tmp_path / "elsewhere", "other", "6.0")
        tree = write_tree(tmp_path / "elsewhere/third", project_files("third", "7.0"))
        needs = [f"helper @ {wheel.as_uri()}", f"other @ {source.as_uri()}", f"third @ {tree.as_uri()}"]
        path = build_sdist(shop.index, "a", build_requires=needs, small={"imports": ["helper", "other", "third"]})
        assert shop.told(shop.wheel(path))["imports"] == {"helper": "5.0", "other": "6.0", "third": "7.0"}

    def test_a_loop_is_told_with_names(self, shop: Shop) -> None:
        build_sdist(shop.index, "b", build_requires=["a"], is_static=True)
        path = build_sdist(shop.index, "a", build_requires=["b"], is_static=True)
        with pytest.raises(BuildError, match=r"a 1\.0 needs b 1\.0 needs a 1\.0") as got:
            shop.wheel(path)
        assert "let a come from a wheel" in str(got.value.hint)

    def test_requirements_that_cannot_be_had_name_the_package(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a", build_requires=["missing>=3"])
        with pytest.raises(BuildError, match="what its build needs cannot be had") as got:
            shop.wheel(path)
        assert "the build of a 1.0 depends on missing>=3" in got.value.message
        assert "your project" not in got.value.message


class TestWheels:
    def test_a_wheel_is_built_once(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a")
        first, second = shop.wheel(path), shop.wheel(path)
        assert first.sha256 == second.sha256
        assert shop.heard.built == ["a 1.0"]
        assert ("sha256", _sha256(path)) in first.made_from

    def test_other_settings_make_another_wheel(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a")
        plain = shop.wheel(path)
        shop.settings = "[tool.provenv]\nconfig-settings = { speed = 'high' }\n"
        shop.settings += "config-settings-package = { a = { size = ['1', '2'] } }\n"
        fast = shop.wheel(path)
        assert plain.sha256 != fast.sha256
        assert shop.told(fast)["settings"] == {"speed": "high", "size": ["1", "2"]}

    def test_what_a_build_makes_must_be_what_was_asked_for(self, shop: Shop) -> None:
        path = build_sdist(shop.index, "a", "2.0")
        sources = shop.sources()
        with pytest.raises(BuildError, match=r"a 1\.0 cannot be built: its build made version 2\.0"):
            sources.wheel(shop.artifact(path), "a", "1.0")
        with pytest.raises(BuildError, match=r"its build made a wheel of a"):
            sources.wheel(shop.artifact(path), "b", "2.0")

    def test_a_tree_is_built_in_place_and_editable_if_asked(self, shop: Shop, tmp_path: Path) -> None:
        tree = write_tree(tmp_path / "tree", project_files("a"))
        origin = (("directory", str(tree)),)
        sources = shop.sources()
        assert sources.known("a", None, origin, is_editable=True) is None
        built = sources.built("a", None, origin, lambda: nullcontext(str(tree)), is_editable=True)
        blob = shop.world().store().blob(built.sha256)
        assert blob is not None
        with zipfile.ZipFile(blob) as archive:
            assert archive.read("__editable__a.pth").decode().strip() == str(tree)
        found = sources.known("a", None, origin, is_editable=True)
        assert found is not None
        assert found.sha256 == built.sha256
        assert sources.known("a", None, origin) is None


class TestNeighbours:
    """A package that imports what it runs with while it is built, without saying so: flash-attn and its kin."""

    @pytest.fixture
    def flash(self, shop: Shop) -> Path:
        for version in ("1.0", "2.0"):
            _library(shop, "torch-like", version)
        return build_sdist(shop.index, "flash-like", requires=["torch-like"], small={"imports": ["torch_like"]})

    def test_what_is_missing_and_how_to_declare_it_is_said(self, shop: Shop, flash: Path) -> None:
        with pytest.raises(BuildError) as got:
            shop.metadata(flash)
        assert "ModuleNotFoundError: No module named 'torch_like'" in got.value.message
        assert '`flash-like = ["torch-like"]` in [tool.provenv.extra-build-dependencies]' in str(got.value.hint)
        assert "no-build-isolation-package" in str(got.value.hint)
        log = re.search(r"whole output: (.*)", got.value.message)
        assert log is not None
        assert "Traceback" in Path(log[1]).read_text()

    def test_extra_build_dependencies_match_the_lock(self, shop: Shop, flash: Path) -> None:
        shop.settings = (
            "[tool.provenv.extra-build-dependencies]\n"
            "flash-like = [{ requirement = 'torch-like', match-runtime = true }]\n"
        )
        assert "Requires-Dist: torch-like" in shop.metadata(flash)
        built = shop.wheel(flash, {"torch-like": "1.0"})
        assert shop.told(built)["imports"] == {"torch_like": "1.0"}
        newer = shop.wheel(flash, {"torch-like": "2.0"})
        assert shop.told(newer)["imports"] == {"torch_like": "2.0"}

    def test_without_isolation_there_must_be_an_environment(self, shop: Shop, flash: Path) -> None:
        shop.settings = "[tool.provenv]\nno-build-isolation-package = ['flash-like']\n"
        with pytest.raises(BuildError, match="there is none at") as got:
            shop.metadata(flash)
        assert "provenv sync" in str(got.value.hint)


class TestCommands:
    def test_a_lock_reads_and_builds_sources(self, house: House) -> None:
        house.wheel("c")
        build_sdist(house.server.directory, "b", requires=["c"])
        build_sdist(house.server.directory, "a", requires=["b"], is_static=True)
        house.project("a")
        told = house.do("lock")
        assert house.locked() == {"a": "1.0", "b": "1.0", "c": "1.0"}
        assert "Built 1 package" in told.err
        document = tomllib.loads(house.lock_file.read_text())
        assert {table["name"] for table in document["packages"] if "sdist" in table} == {"a", "b"}

    def test_what_was_read_ahead_is_what_a_lock_without_it_has(self, house: House) -> None:
        for name in "abcd":
            build_sdist(house.server.directory, name, requires=["deep>=1"])
        build_sdist(house.server.directory, "deep")
        house.project(*(f"{name}>=1" for name in "abcd"))
        house.do("lock")
        assert house.locked() == dict.fromkeys(("a", "b", "c", "d", "deep"), "1.0")

    def test_a_wrong_guess_hurts_nobody(self, house: House) -> None:
        build_sdist(house.server.directory, "a", "2.0", small={"exits": 1})
        house.wheel("a", "1.0")
        house.wheel("b", requires=("a<2",))
        house.project("a>=1", "b")
        told = house.do("lock")
        assert house.locked() == {"a": "1.0", "b": "1.0"}
        assert "cannot be built" not in told.err

    def test_a_guess_and_a_build_that_need_the_same_do_not_wait_for_one_another(self, house: House) -> None:
        for name in ("x", "z"):
            build_sdist(house.server.directory, name, build_requires=["y"])
        build_sdist(house.server.directory, "y", build_requires=["deep"])
        build_sdist(house.server.directory, "deep")
        house.project("x", "y>=1", "z>=1", "deep>=1")
        house.do("lock")
        assert house.locked() == dict.fromkeys(("deep", "x", "y", "z"), "1.0")

    def test_a_failed_build_is_one_clear_message(self, house: House) -> None:
        said = "error: command 'gcc' failed: No such file or directory"
        build_sdist(house.server.directory, "a", small={"says": ["much before it", said, ""], "exits": 1})
        house.project("a")
        told = house.give("lock")
        assert told.code == 1
        assert "much before it" not in told.err
        assert "a 1.0 cannot be built" in told.err
        assert "a C compiler is missing" in told.err
        assert not house.lock_file.exists()

    def test_a_neighbour_of_the_build_has_the_locked_version(self, house: House) -> None:
        for version in ("1.0", "2.0"):
            house.wheel("torch-like", version)
        flash(house)
        house.project(
            "flash-like",
            "torch-like<2",
            more="[tool.provenv.extra-build-dependencies]\n"
            "flash-like = [{ requirement = 'torch-like', match-runtime = true }]\n",
        )
        house.do("sync")
        assert house.installed() == {"flash_like": "1.0", "torch_like": "1.0"}
        assert imported(house) == {"torch_like": "1.0"}
        assert "Built" not in house.do("sync").err
        house.project_file.write_text(house.project_file.read_text().replace("torch-like<2", "torch-like>=2"))
        house.do("sync")
        assert house.installed()["torch_like"] == "2.0"
        assert imported(house) == {"torch_like": "2.0"}

    def test_what_a_build_told_is_forgotten_when_it_is_built_otherwise(self, house: House) -> None:
        house.wheel("torch-like", "1.0")
        flash(house)
        more = "[tool.provenv.extra-build-dependencies]\nflash-like = ['torch-like']\n"
        house.project("flash-like", more=more)
        house.do("lock")
        house.lock_file.unlink()
        house.project("flash-like")
        assert "flash-like 1.0 cannot be built" in house.refused("lock")

    def test_or_is_taken_from_the_environment_itself(self, house: House) -> None:
        house.wheel("torch-like", "1.0")
        flash(house)
        house.project(
            "flash-like",
            "torch-like",
            more="[tool.provenv]\nno-build-isolation-package = ['flash-like']\n"
            "[[tool.provenv.dependency-metadata]]\nname = 'flash-like'\nrequires-dist = ['torch-like']\n",
        )
        house.do("sync")
        assert house.installed() == {"flash_like": "1.0", "torch_like": "1.0"}
        assert imported(house) == {"torch_like": "1.0"}
        told = json.loads((house.site / "flash_like/told.json").read_text())
        assert told["prefix"] == str(house.environment)


def flash(house: House) -> None:
    """A package that imports another while it is built, and does not say so."""
    build_sdist(house.server.directory, "flash-like", requires=["torch-like"], small={"imports": ["torch_like"]})


def imported(house: House) -> dict[str, str]:
    """What the build of the installed ``flash-like`` found."""
    told: dict[str, Any] = json.loads((house.site / "flash_like/told.json").read_text())
    found: dict[str, str] = told["imports"]
    return found


def test_packages_that_need_one_another_are_built_side_by_side(house: House) -> None:
    index = house.server.directory
    build_sdist(index, "helper")
    for name in ("a", "b", "c"):
        build_sdist(index, name, build_requires=["helper"], small={"imports": ["helper"]}, is_static=True)
    house.project("a", "b", "c", "helper")
    house.do("sync")
    assert list(house.installed()) == ["a", "b", "c", "helper"]


def test_a_loop_between_packages_that_are_built_side_by_side_is_told(house: House) -> None:
    build_sdist(house.server.directory, "a", build_requires=["b"], is_static=True)
    build_sdist(house.server.directory, "b", build_requires=["a"], is_static=True)
    house.project("a", "b")
    assert "needs itself to be built" in house.refused("sync")
