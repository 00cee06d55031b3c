"""Every way out that is shown solves, and every conflict that is told is minimal.

Judged from outside: a fix is applied to the project file and the project is locked; of a conflict's lines alone a
project is made that must fail, and every project with one of them less must lock.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from provenv.errors import NoSolution
from provenv.events import Events
from provenv.flows.lock import lock
from provenv.flows.world import World
from tests.worlds.house import House
from tests.worlds.index_server import IndexServer
from tests.worlds.scenario_index import Scenario, build_index, write_project
from tests.worlds.wheels import build_wheel

_DATA = Path(__file__).parents[1] / "data/scenarios"
_NOW = 1_800_000_000.0
_UNSATISFIABLE = {
    scenario.name: scenario
    for scenario in map(Scenario.from_file, sorted(_DATA.rglob("*.toml")))
    if not scenario.is_satisfiable
}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@contextmanager
def _scenario_world(scenario: Scenario, root: Path) -> Iterator[World]:
    yanked = build_index(scenario, root / "files")
    write_project(scenario, root / "project")
    with IndexServer(root / "files", yanked=yanked) as server, closing(_world(root, server)) as world:
        yield world


def _world(root: Path, server: IndexServer) -> World:
    return World(
        directory=str(root / "project"), cache=str(root / "cache"), events=Events(), now=_NOW, default_index=server.url
    )


def _check(world: World) -> dict[str, Any] | None:
    """Lock; a failure is judged and its details are given back."""
    try:
        lock(world)
    except NoSolution as failure:
        details: dict[str, Any] = failure.details
    else:
        return None
    path = Path(world.project_file)
    original = path.read_text("utf-8")
    for fix in details["fixes"]:
        path.write_text(_changed(original, fix["changes"]), "utf-8")
        _check_versions(lock(world).data, fix["versions"])
        Path(world.lock_file).unlink()
    assert details["is_minimal"]
    _check_minimal(world, original, details)
    path.write_text(original, "utf-8")
    return details


def _check_versions(data: bytes, versions: dict[str, list[str]]) -> None:
    locked = {(package["name"], package["version"]) for package in tomllib.loads(data.decode())["packages"]}
    assert {(name, version) for name, found in versions.items() for version in found} <= locked


def _check_minimal(world: World, original: str, details: dict[str, Any]) -> None:
    path = Path(world.project_file)
    texts = [line["text"] for line in details["conflict"]]
    path.write_text(_alone(original, texts, details["target"]), "utf-8")
    with pytest.raises(NoSolution):
        lock(world)
    for left_out in range(len(texts)):
        path.write_text(_alone(original, [*texts[:left_out], *texts[left_out + 1 :]], details["target"]), "utf-8")
        lock(world)
        Path(world.lock_file).unlink()


def _changed(text: str, changes: Sequence[dict[str, Any]]) -> str:
    document = tomlkit.parse(text)
    # From the last line on, so that places stay what they were.
    for change in sorted(changes, key=lambda one: str(one["where"]), reverse=True):
        steps = [key or int(number) for key, number in _STEP.findall(change["where"])]
        here: Any = document
        for step in steps[:-1]:
            here = here[step] if isinstance(step, int) else here.setdefault(step, {})
        if change["kind"] == "override":
            here.setdefault(steps[-1], []).append(change["after"])
        elif change["kind"] in ("python", "prerelease") and change["before"] is None:
            here[steps[-1]] = change["after"]
        elif change["after"] is None:
            del here[steps[-1]]
        else:
            assert here[steps[-1]] == change["before"]
            here[steps[-1]] = change["after"]
    return tomlkit.dumps(document)


def _alone(text: str, lines: Sequence[str], target: str) -> str:
    """The project with only these lines, for one of its targets."""
    document = tomlkit.parse(text)
    document["project"]["dependencies"] = list(lines)
    targets: Any = document["tool"]["provenv"]["targets"]
    for name in list(targets):
        if name != target:
            del targets[name]
    return tomlkit.dumps(document)


@pytest.mark.parametrize("name", _UNSATISFIABLE)
def test_an_unsatisfiable_scenario(name: str, tmp_path: Path) -> None:
    with _scenario_world(_UNSATISFIABLE[name], tmp_path) as world:
        _check(world)


_TARGETS = """
[tool.provenv.targets.laptop]
platform = "macos-arm64"
python = "3.12"
[tool.provenv.targets.train]
platform = "linux-x86_64"
python = "3.12"
"""


@pytest.mark.parametrize("seed", range(12))
def test_random_worlds(seed: int, tmp_path: Path) -> None:
    """Several unsatisfiable projects on one random index, each on two targets."""
    source = random.Random(seed)
    names = ["alpha", "beta", "gamma", "delta", "epsilon"]
    files, project = tmp_path / "files", tmp_path / "project"
    files.mkdir()
    project.mkdir()
    for place, name in enumerate(names):
        for version in ("1.0", "2.0", "3.0rc1", "3.0")[: source.randint(2, 4)]:
            needs = [_line(source, other) for other in names[place + 1 :] if source.random() < 0.5]
            build_wheel(files, name, version, requires=tuple(needs), extras={"more": (_line(source, names[-1]),)})
    failures = 0
    with IndexServer(files) as server:
        for _ in range(8):
            lines = [_line(source, name) for name in names if source.random() < 0.7]
            listed = "".join(f"  {line!r},\n" for line in lines)
            text = f'[project]\nname = "demo"\nversion = "0"\ndependencies = [\n{listed}]\n{_TARGETS}'
            (project / "pyproject.toml").write_text(text, "utf-8")
            (project / "pylock.toml").unlink(missing_ok=True)
            with closing(_world(tmp_path, server)) as world:
                failures += _check(world) is not None
    assert failures


def _line(source: random.Random, name: str) -> str:
    bound = source.choice(["", "", "<2", ">=2", "==1.0", "==3.0", "!=2.0", ">=3.0rc1", ">1,<3", "~=1.0"])
    extra = "[more]" if source.random() < 0.2 else ""
    marker = " ; sys_platform == 'linux'" if source.random() < 0.2 else ""
    return f"{name}{extra}{bound}{marker}"


def test_what_pins_exclude_is_told_again_without_network(house: House) -> None:
    """Nobody waited for the other pages, so they are not there; the second time they are not needed either."""
    for name, bound in (("alpha", "<2"), ("beta", ">=2")):
        house.wheel(name, "1.0", (f"core{bound}",))
    for version in ("1.0", "2.0"):
        house.wheel("core", version)
    house.wheel("other")
    house.server.fail("/simple/other/", delay=60.0)
    house.monkeypatch.setenv("PROVENV_PATIENCE", "0")
    house.project("alpha==1.0", "beta==1.0", "other")
    told = house.refused("lock")
    assert "beta==1.0 depends on core>=2" in told
    assert house.refused("lock") == told
    assert house.refused("lock", "--offline") == told
