"""What a project's exact pins exclude is told at once, and in the same words with warm caches."""

from __future__ import annotations

import time

import pytest

from tests.worlds.house import House
from tests.worlds.imports import heavy_imports, imports_of

_SLOW = 20.0


@pytest.fixture(autouse=True)
def _no_ways_out(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    """Ways out may need every page."""
    monkeypatch.setenv("PROVENV_PATIENCE", "0.1")


def _told(house: House, *words: str) -> str:
    return house.refused("lock", *words).partition("\n\n")[2].partition("\n\nhint:")[0]


def _disagreeing(house: House) -> None:
    for version in ("1.0", "2.0"):
        house.wheel("core", version)
    house.wheel("left", "1.0", ("core<2", "slow"))
    house.wheel("right", "1.0", ("core>=2",))
    house.wheel("slow", "1.0")


def test_nobody_waits_for_a_page_that_has_no_part_in_it(house: House) -> None:
    _disagreeing(house)
    house.project("left==1.0", "right==1.0", "slow")
    house.server.fail("/simple/slow/", delay=_SLOW)
    begun = time.monotonic()
    cold = _told(house)
    assert time.monotonic() - begun < _SLOW / 2
    assert "left==1.0 depends on core<2" in cold
    assert "right==1.0 depends on core>=2" in cold


def test_the_story_is_the_same_with_warm_caches(house: House) -> None:
    _disagreeing(house)
    house.project("left==1.0", "right==1.0", "slow")
    cold = _told(house)
    assert _told(house) == cold
    assert _told(house, "--offline") == cold


def test_a_pin_that_no_index_has_is_told_before_the_rest_is_read(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("slow", "1.0")
    house.project("slow", "alpha==2.0")
    house.server.fail("/simple/slow/", delay=_SLOW)
    begun = time.monotonic()
    assert "alpha==2.0" in _told(house)
    assert time.monotonic() - begun < _SLOW / 2


def test_the_second_time_takes_no_longer(house: House) -> None:
    """Only a part of what the pins need is known then."""
    _disagreeing(house)
    house.wheel("deep", "1.0", ("slow",))
    house.wheel("left", "2.0", ("core<2", "deep"))
    house.project("left==2.0", "right==1.0")
    house.server.fail("/simple/slow/", delay=_SLOW)
    house.server.fail("/simple/deep/", delay=_SLOW)
    first = _told(house)
    begun = time.monotonic()
    assert _told(house) == first
    assert _told(house, "--offline") == first
    assert time.monotonic() - begun < _SLOW / 2


def test_a_search_for_ways_out_ends_when_its_time_is_over(house: House) -> None:
    house.wheel("alpha", "1.0", ("slow",))
    house.wheel("slow", "1.0")
    house.project("alpha==2.0")
    house.server.fail("/simple/slow/", delay=_SLOW)
    begun = time.monotonic()
    assert "alpha==2.0" in _told(house)
    assert time.monotonic() - begun < _SLOW / 2


def test_an_exact_constraint_is_a_pin(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("slow", "1.0")
    house.project("slow", "alpha", more='[tool.provenv]\nconstraint-dependencies = ["alpha==2.0"]\n')
    house.server.fail("/simple/slow/", delay=_SLOW)
    begun = time.monotonic()
    assert "alpha" in _told(house)
    assert time.monotonic() - begun < _SLOW / 2


def test_a_need_of_a_pin_is_followed(house: House) -> None:
    house.wheel("whole", "1.0", ("part[more]==1.0",))
    house.wheel("part", "1.0", extras={"more": ("core<2",)})
    house.wheel("core", "1.0")
    house.wheel("core", "2.0")
    house.project("whole==1.0", "core>=2", "slow")
    house.wheel("slow", "1.0")
    house.server.fail("/simple/slow/", delay=_SLOW)
    begun = time.monotonic()
    assert "part[more]==1.0 depends on core<2" in _told(house)
    assert time.monotonic() - begun < _SLOW / 2


def test_pins_that_agree_are_solved_from_warm_caches_alone(house: House) -> None:
    house.wheel("whole", "1.0", ("part[more]==1.0", "core"), extras={"never": ("absent",)})
    house.wheel("part", "1.0", extras={"more": ("core<2",)})
    for version in ("1.0", "2.0"):
        house.wheel("core", version)
    more = '[tool.provenv]\nconstraint-dependencies = ["core==1.0"]\n'
    house.project("whole==1.0", "core", more=more)
    for _ in range(2):
        house.lock_file.unlink(missing_ok=True)
        assert house.launch("lock").code == 0
    house.lock_file.unlink()
    house.server.requests.clear()
    imported, _ = imports_of(house, "lock")
    assert heavy_imports(imported) == []
    assert not house.server.requests
