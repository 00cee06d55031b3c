"""After a lock: direct requirements that are held below their newest version, and by whom."""

from __future__ import annotations

from tests.worlds.house import House


def _packages(house: House) -> None:
    for version in ("1.0", "2.0", "3.0rc1"):
        house.wheel("low", version)
    house.wheel("top", "1.0", ("middle",))
    house.wheel("middle", "1.0", ("low<2",))


def test_the_line_that_holds_is_named(house: House) -> None:
    _packages(house)
    house.project("low<2")
    assert "low 1.0 (newest 2.0) held by your `low<2` (pyproject.toml:6)" in house.do("lock").err


def test_the_package_that_holds_is_named(house: House) -> None:
    _packages(house)
    house.project("low", "top")
    told = house.do("lock").err
    assert "low 1.0 (newest 2.0) held by middle 1.0, for your `top` (pyproject.toml:7)" in told


def test_nothing_is_told_of_the_newest_nor_of_a_pin_nor_of_an_old_lock(house: House) -> None:
    _packages(house)
    house.project("low")
    assert "held" not in house.do("lock").err
    house.wheel("low", "2.5")
    house.wheel("other")
    house.project("low", "other")
    assert "held" not in house.do("lock", "--refresh").err
    assert house.locked()["low"] == "2.0"
    assert "held" not in house.do("lock").err


def test_nothing_is_told_when_old_versions_are_asked_for(house: House) -> None:
    _packages(house)
    house.project("low")
    assert "held" not in house.do("lock", "--resolution", "lowest").err


def test_who_bounds_what_the_newest_needs_is_named(house: House) -> None:
    _packages(house)
    house.wheel("table", "1.0", ("low",))
    house.wheel("table", "2.0", ("low>=2",))
    house.project("table", "top")
    assert "table 1.0 (newest 2.0) held by middle 1.0" in house.do("lock").err


def test_who_edits_or_syncs_is_told_too_but_once(house: House) -> None:
    _packages(house)
    house.project("top")
    held = "low 1.0 (newest 2.0) held by middle 1.0"
    assert held in house.do("add", "low").err
    assert held not in house.do("sync").err
    house.lock_file.unlink()
    assert held in house.do("sync").err


def test_the_tightest_bound_is_named_and_an_override_before_all_lines(house: House) -> None:
    for version in ("1.0", "2.0", "3.0"):
        house.wheel("low", version)
    house.project("low<3", more='[tool.provenv]\nconstraint-dependencies = ["low<2"]\n')
    assert "low 1.0 (newest 3.0) held by your `low<2`" in house.do("lock").err
    house.project("low<2", more='[tool.provenv]\noverride-dependencies = ["low==2.0"]\n')
    assert "low 2.0 (newest 3.0) held by your `override-dependencies`" in house.do("lock").err
