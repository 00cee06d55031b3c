"""What a third party expects of a resolver, on a real index each (``tests/data/scenarios``).

A plain scenario is one target. A universal one, which uv answers with markers, is the set of targets that its markers
tell apart: what the answer means on each is told in ``readings.toml``. A scenario that we cannot pass yet is listed
with its reason in ``gaps.toml``, and only those may fail: one that passes must be taken out of the list.
"""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.tags import Tag, parse_tag
from packaging.utils import parse_wheel_filename

from provenv.errors import NoSolution
from provenv.events import Events
from provenv.flows.lock import lock
from provenv.flows.world import World
from provenv.model.target import Target
from tests.worlds.index_server import IndexServer
from tests.worlds.scenario_index import Scenario, build_index, write_project

if TYPE_CHECKING:
    from packaging.markers import Environment

HERE = Path(__file__).parent
FILES = sorted((HERE.parent / "data/scenarios").rglob("*.toml"))
SCENARIOS = {scenario.name: scenario for scenario in map(Scenario.from_file, FILES)}
GAPS: Mapping[str, str] = tomllib.loads((HERE / "gaps.toml").read_text("utf-8"))
READINGS: Mapping[str, Any] = tomllib.loads((HERE / "readings.toml").read_text("utf-8"))

_MOST_SENTENCES = 20


def _chosen(document: Pylock, scenario: Scenario) -> dict[str, dict[str, str]]:
    """Target -> package -> version, as an installer of PEP 751 selects them from the lock."""
    found = {}
    for name, target in scenario.targets.items():
        environment = cast("Environment", target.environment())
        selected = document.select(environment=environment, tags=_tags(target))
        found[name] = {str(package.name): str(package.version) for package, _ in selected}
    return found


def _check_nothing_is_idle(document: Pylock, scenario: Scenario, chosen: Mapping[str, Mapping[str, str]]) -> None:
    """Every package and every wheel of the lock is for some target."""
    locked = {(str(package.name), str(package.version)) for package in document.packages}
    assert locked == {item for versions in chosen.values() for item in versions.items()}
    accepted = {tag for target in scenario.targets.values() for tag in _tags(target)}
    for package in document.packages:
        for wheel in package.wheels or ():
            assert parse_wheel_filename(wheel.filename)[3] & accepted, wheel.filename


def _tags(target: Target) -> list[Tag]:
    return [tag for text in target.tags() for tag in parse_tag(text)]


def _cases() -> Iterator[object]:
    for name in SCENARIOS:
        marks = [pytest.mark.xfail(reason=GAPS[name], raises=(AssertionError, NoSolution))] if name in GAPS else []
        yield pytest.param(name, marks=marks)


@contextmanager
def _world(scenario: Scenario, root: Path) -> Iterator[World]:
    """The scenario's project beside its index."""
    yanked = build_index(scenario, root / "files")
    write_project(scenario, root / "project")
    with IndexServer(root / "files", yanked=yanked) as server:
        yield World(
            directory=str(root / "project"),
            cache=str(root / "cache"),
            events=Events(),
            now=time.time(),
            default_index=server.url,
        )


@pytest.mark.parametrize("name", list(_cases()))
def test_a_scenario(name: str, tmp_path: Path) -> None:
    scenario, reading = SCENARIOS[name], READINGS.get(name, {})
    assert not scenario.options_without_counterpart
    with _world(scenario, tmp_path) as world:
        if not reading.get("is-satisfiable", scenario.is_satisfiable):
            with pytest.raises(NoSolution) as failure:
                lock(world)
            _check_message(failure.value.message, scenario)
            return
        data = lock(world).data
        document = Pylock.from_dict(tomllib.loads(data.decode()))
        chosen = _chosen(document, scenario)
        if "targets" in reading:
            assert chosen == reading["targets"]
        elif scenario.expected is not None:
            assert list(chosen.values()) == [scenario.expected] * len(scenario.targets)
        _check_nothing_is_idle(document, scenario, chosen)
        # Some scenarios tempt a resolver that starts from its own result to end elsewhere.
        assert lock(world, upgrade_packages=("not-there",)).data == data


def _check_message(message: str, scenario: Scenario) -> None:
    """Short, and it says what the project itself asks for: every package of the root has a part in these conflicts."""
    assert len([line for line in message.splitlines() if line]) <= _MOST_SENTENCES, message
    asked: dict[str, list[str]] = {}
    for text in scenario.requires:
        asked.setdefault(Requirement(text).name, []).append(text)
    for texts in asked.values():
        assert any(re.search(rf"\bon {re.escape(text)}(?![\w.-])", message) for text in texts), message


def test_no_scenario_hides_another() -> None:
    assert len(SCENARIOS) == len(FILES) > 0


def test_every_gap_and_every_reading_is_of_a_scenario() -> None:
    assert not {*GAPS, *READINGS} - SCENARIOS.keys()


def test_every_solution_is_compared_with_versions() -> None:
    told = {name for name, scenario in SCENARIOS.items() if scenario.expected is not None} | READINGS.keys()
    assert not {name for name, scenario in SCENARIOS.items() if scenario.is_satisfiable} - told
