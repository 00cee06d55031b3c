"""``provenv why``: who needs a package, what bounds it, and why it is no newer version."""

from __future__ import annotations

import json

import pytest

from tests.worlds.house import House

_MORE = """
[dependency-groups]
dev = ["low<2"]
"""


@pytest.fixture
def grown(house: House) -> House:
    """``top`` needs ``middle`` needs an old ``low``; two lines of the project lead to it."""
    house.wheel("top", "1.0", ("middle",))
    house.wheel("middle", "1.0", ("low<3",))
    for version in ("1.0", "1.5", "2.0", "3.0", "4.0a1"):
        house.wheel("low", version)
    house.project("other", "top>=1", more=_MORE)
    house.wheel("other", "1.0")
    house.wheel("other", "2.0", requires_python=">=3.99")
    house.do("lock")
    return house


def test_why_tells_ways_bounds_and_what_is_in_the_way(grown: House) -> None:
    told = grown.do("why", "low").out
    assert told.splitlines()[0].startswith("low 1.5 (target ")
    assert told.partition("needed by\n")[2] == (
        "  low<2 (pyproject.toml:11)\n"
        "  top>=1 (pyproject.toml:7) -> top 1.0 needs middle -> middle 1.0 needs low<3\n"
        "\n"
        "bounded by\n"
        "  low<2 (pyproject.toml:11)\n"
        "  low<3 (middle 1.0)\n"
        "\n"
        "not 3.0:\n"
        "  Because your project depends on low<2 (group `dev`, pyproject.toml:11) and low 3.0 is asked for, "
        "it cannot be had.\n"
    )


def test_why_for_programs(grown: House) -> None:
    told = json.loads(grown.do("why", "low", "--json").out)
    assert told["version"] == "1.5"
    assert [way["where"] for way in told["needed_by"]] == ["pyproject.toml:11", "pyproject.toml:7"]
    assert told["needed_by"][1]["steps"][-1] == {"name": "middle", "version": "1.0", "needs": "low<3"}
    assert told["newer"]["version"] == "3.0"
    assert not told["newer"]["can_be_had"]


def test_why_works_without_the_network(grown: House) -> None:
    seen = len(grown.server.requests)
    assert "low 1.5" in grown.do("why", "low", "--offline").out
    assert len(grown.server.requests) == seen


def test_a_version_that_the_target_cannot_use(grown: House) -> None:
    told = grown.do("why", "other").out
    assert "2.0 cannot be used on this target: needs Python >=3.99" in told
    assert "no newer version can be used" in told


def test_an_old_pin_is_held_by_nobody(grown: House) -> None:
    grown.wheel("top", "2.0", ("middle",))
    told = grown.do("why", "top", "--refresh").out
    assert "nothing stands in the way of 2.0: `provenv lock --upgrade-package top` takes it" in told


def test_a_package_that_is_not_there(grown: House) -> None:
    assert "`ghost` is not in the lock" in grown.refused("why", "ghost", code=2)
    assert "there is no target named `moon`" in grown.refused("why", "low", "--target", "moon", code=2)


def test_what_an_extra_adds_is_needed_by_those_who_ask_for_it(house: House) -> None:
    house.wheel("low")
    house.wheel("tool", "1.0", extras={"fast": ("low",), "all": ("tool[fast]",)})
    house.wheel("plain", "1.0", ("tool",))
    house.wheel("full", "1.0", ("tool[all]",))
    house.project("plain", "full")
    house.do("lock")
    told = house.do("why", "low").out
    assert (
        "full (pyproject.toml:7) -> full 1.0 needs tool[all] -> tool 1.0 needs tool[fast] -> tool 1.0 needs low" in told
    )
    assert "plain" not in told
