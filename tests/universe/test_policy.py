"""What a policy does to a resolution, shown on a real index."""

from __future__ import annotations

import tomllib

import pytest

from tests.worlds.fixtures import house, launcher
from tests.worlds.house import House

__all__ = ["house", "launcher"]


def settings(*lines: str) -> str:
    return "\n".join(["[tool.provenv]", *lines, ""])


@pytest.fixture
def stages(house: House) -> House:
    """An index with stable versions and pre-releases of core, and packages that need it in several ways."""
    for version in ("0.9a1", "1.0", "1.5", "2.0a1", "2.0b1"):
        house.wheel("core", version)
    house.wheel("plain", "1.0", ("core",))
    house.wheel("early", "1.0", ("core>=0.1a1",))
    house.wheel("needs-beta", "1.0", ("core>=2.0b1",))
    return house


@pytest.mark.parametrize(
    ("requirement", "policy", "version"),
    [
        ("core", "if-necessary-or-explicit", "1.5"),
        ("core", "if-necessary", "1.5"),
        ("core", "allow", "2.0b1"),
        # A bound that names a pre-release admits it; what is stable is still preferred.
        ("core>=0.1a1", "if-necessary-or-explicit", "1.5"),
        ("core>=0.1a1", "explicit", "1.5"),
        ("core>=2.0a1", "explicit", "2.0b1"),
        ("core>1.5", "if-necessary-or-explicit", "2.0b1"),
        ("core>1.5", "explicit", None),
        ("core>1.5,!=2.0a7", "explicit", None),
        ("core==2.0a1", "if-necessary", "2.0a1"),
        ("core==2.0a1", "disallow", None),
        ("core<2.0", "allow", "1.5"),
        ("early", "if-necessary-or-explicit", "1.5"),
        ("needs-beta", "if-necessary-or-explicit", "2.0b1"),
        # Only the project itself says that it wants one.
        ("needs-beta", "explicit", None),
    ],
)
def test_pre_releases(stages: House, requirement: str, policy: str, version: str | None) -> None:
    stages.project(requirement, more=settings(f'prerelease = "{policy}"'))

    if version is None:
        stages.refused("lock")
    else:
        stages.do("lock")
        assert stages.locked()["core"] == version


def test_a_pre_release_that_is_not_admitted_is_told(stages: House) -> None:
    stages.project("core>=2.0a1", more=settings('prerelease = "disallow"'))

    told = stages.refused("lock")

    assert "the newest is 1.5" in told
    assert 'let pre-releases count with `prerelease = "if-necessary-or-explicit"`: solves with core 2.0b1' in told


@pytest.mark.parametrize("key", ["constraint-dependencies", "override-dependencies"])
def test_a_bound_beside_the_requirements_may_ask_for_a_pre_release(stages: House, key: str) -> None:
    stages.project("plain", more=settings(f'{key} = ["core>=2.0a1"]', 'prerelease = "explicit"'))
    stages.do("lock")

    assert stages.locked() == {"core": "2.0b1", "plain": "1.0"}


@pytest.mark.parametrize(
    ("resolution", "requirement", "locked"),
    [
        ("highest", "app", {"app": "2.0", "core": "1.5"}),
        ("lowest", "app", {"app": "1.0", "core": "1.0"}),
        ("lowest-direct", "app", {"app": "1.0", "core": "1.5"}),
        ("lowest", "core>1.5", {"core": "2.0a1"}),
    ],
)
def test_the_lowest_versions(stages: House, resolution: str, requirement: str, locked: dict[str, str]) -> None:
    for version in ("1.0", "2.0"):
        stages.wheel("app", version, ("core",))
    stages.project(requirement, more=settings(f'resolution = "{resolution}"'))
    stages.do("lock")

    assert stages.locked() == locked


def test_a_constraint_bounds_only_what_is_needed(stages: House) -> None:
    stages.project("plain", more=settings('constraint-dependencies = ["core<1.5", "nobody-needs-this>=7"]'))
    stages.do("lock")

    assert stages.locked() == {"core": "1.0", "plain": "1.0"}
    assert stages.server.count("/simple/nobody-needs-this/") == 0


def test_a_constraint_is_a_reason_for_a_conflict(stages: House) -> None:
    stages.project("needs-beta", more=settings('constraint-dependencies = ["core<1.5"]'))

    told = stages.refused("lock")

    assert "core<1.5" in told


def test_an_override_stands_in_place_of_every_need(stages: House) -> None:
    stages.project("needs-beta", "core>=1.5", more=settings('override-dependencies = ["core==1.0"]'))
    stages.do("lock")

    assert stages.locked() == {"core": "1.0", "needs-beta": "1.0"}


def test_an_override_takes_the_extras_that_it_names(house: House) -> None:
    house.wheel("core", "1.0", extras={"x": ("deep",)})
    house.wheel("deep")
    house.wheel("plain", "1.0", ("core[x]",))
    house.project("plain", more=settings('override-dependencies = ["core==1.0"]'))
    house.do("lock")

    assert house.locked() == {"core": "1.0", "plain": "1.0"}


def test_what_is_excluded_is_left_out_whoever_needs_it(stages: House) -> None:
    stages.project("plain", "core", more=settings('exclude-dependencies = ["core"]'))
    stages.do("lock")

    assert stages.locked() == {"plain": "1.0"}


@pytest.fixture
def dated(house: House) -> House:
    """Three versions, of three days."""
    house.server.formats = "json"
    for day, version in enumerate(("1.0", "2.0", "3.0"), 1):
        wheel = house.wheel("core", version, ("base",))
        house.server.upload_times[wheel.name] = f"2024-01-{day:02}T12:00:00Z"
    wheel = house.wheel("base")
    house.server.upload_times[wheel.name] = "2024-01-05T12:00:00Z"
    return house


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (('exclude-newer = "2024-02-01"',), "3.0"),
        (('exclude-newer = "2024-01-10"', 'exclude-newer-package = { core = "2024-01-02T12:00:01Z" }'), "2.0"),
        (('exclude-newer-package = { core = "2024-01-02T12:00:00Z" }',), "1.0"),
        (('exclude-newer = "2024-01-10"', "exclude-newer-package = { core = false }"), "3.0"),
        (('exclude-newer = "1 week"',), "3.0"),
    ],
)
def test_what_is_newer_does_not_count(dated: House, lines: tuple[str, ...], version: str) -> None:
    dated.project("core", more=settings(*lines))
    dated.do("lock")

    assert dated.locked() == {"base": "1.0", "core": version}


def test_another_cut_off_makes_another_choice_from_the_same_page(dated: House) -> None:
    for cutoff, version in (("2024-01-02", "2.0"), ("2024-01-03", "3.0"), ("2024-01-01", "1.0"), ("2024-01-02", "2.0")):
        dated.project("core", more=settings(f'exclude-newer-package = {{ core = "{cutoff}T23:00:00Z" }}'))
        dated.do("lock", "--upgrade")
        assert dated.locked()["core"] == version
    assert dated.server.count("/simple/core/") == 1


def test_everything_newer_is_told(dated: House) -> None:
    dated.project("core", more=settings('exclude-newer = "2023-12-31"'))

    assert "exclude-newer" in dated.refused("lock")


def test_an_index_without_upload_times_is_named(house: House) -> None:
    house.wheel("core")
    house.wheel("plain", "1.0", ("core",))
    house.project("plain", more=settings('exclude-newer = "1 week"'))
    assert "exclude-newer" in house.refused("lock")

    house.project("plain", more=settings('exclude-newer = "1 week"', "exclude-newer-package = { plain = false }"))
    assert "exclude-newer" in house.refused("lock")


def test_metadata_that_the_project_tells(house: House) -> None:
    house.wheel("core", "1.0", ("no-such-package",))
    house.wheel("deep")
    house.project(
        "core",
        more='[[tool.provenv.dependency-metadata]]\nname = "core"\nversion = "1.0.0"\nrequires-dist = ["deep"]\n',
    )
    house.do("lock")

    assert house.locked() == {"core": "1.0", "deep": "1.0"}


@pytest.mark.parametrize(
    ("strategy", "requirement", "locked"),
    [
        ("first-index", "core", "1.0"),
        ("unsafe-first-match", "core", "1.0"),
        ("unsafe-first-match", "core>=2", "3.0"),
        ("unsafe-best-match", "core", "3.0"),
        ("unsafe-best-match", "core<2", "1.0"),
    ],
)
def test_several_indexes(house: House, strategy: str, requirement: str, locked: str) -> None:
    other = house.root / "other/core"
    other.mkdir(parents=True)
    house.wheel("core", "1.0", directory=other)
    for version in ("1.0", "3.0"):
        house.wheel("core", version)
    house.project(
        requirement,
        more=f'[tool.provenv]\nindex-strategy = "{strategy}"\n'
        f'[[tool.provenv.index]]\nname = "other"\nurl = "{other.parent.as_uri()}"\n',
    )
    house.do("lock")

    (package,) = tomllib.loads(house.lock_file.read_text())["packages"]
    assert package["version"] == locked
    is_of_other = package["wheels"][0].get("url", "file:").startswith("file:")
    assert is_of_other == (locked == "1.0")


def test_first_index_does_not_look_further(house: House) -> None:
    other = house.root / "other/core"
    other.mkdir(parents=True)
    house.wheel("core", "1.0", directory=other)
    house.wheel("core", "3.0")
    house.project("core>=2", more=f'[[tool.provenv.index]]\nname = "other"\nurl = "{other.parent.as_uri()}"\n')

    house.refused("lock")


def test_without_building_a_source_archive_is_no_candidate(house: House) -> None:
    house.wheel("core", "1.0")
    (house.server.directory / "core-2.0.tar.gz").write_bytes(b"never read")
    house.project("core", more=settings("no-build = true"))
    house.do("lock")

    assert house.locked() == {"core": "1.0"}


def test_a_wheel_for_others_tells_what_a_source_archive_needs(house: House) -> None:
    house.wheel("core", "2.0", requires=("deep",), tags="cp38-cp38-win_amd64")
    house.wheel("deep", "1.0")
    (house.server.directory / "core-2.0.tar.gz").write_bytes(b"never read")
    house.project("core")
    house.do("lock")

    assert house.locked() == {"core": "2.0", "deep": "1.0"}
    assert "core-2.0.tar.gz" in house.lock_file.read_text()


def test_a_missing_extra_is_told(house: House) -> None:
    house.wheel("core", "1.0")
    house.project("core[fast]")

    assert "core 1.0 has no extra named `fast`" in house.do("lock").err


def test_an_upper_bound_on_python_does_not_bind_but_is_told(house: House) -> None:
    house.wheel("core", "1.0")
    house.wheel("core", "2.0", requires_python=">=3.8,<3.10")
    house.project("core")
    said = house.do("lock").err

    assert house.locked() == {"core": "2.0"}
    assert "core 2.0 says that it needs Python " in said


@pytest.fixture
def yanked(house: House) -> House:
    """An index on which the newest core was yanked, and a package that pins it."""
    house.wheel("core", "1.0")
    house.server.yanked[house.wheel("core", "2.0").name] = "broken"
    house.wheel("pins", "1.0", ("core",))
    house.wheel("pins", "2.0", ("core==2.0",))
    return house


@pytest.mark.parametrize(
    ("requirements", "more", "locked"),
    [
        (("core",), "", {"core": "1.0"}),
        (("core==2.0",), "", {"core": "2.0"}),
        # Only the project can say that it wants a yanked version; then everybody may have it.
        (("pins",), "", {"core": "1.0", "pins": "1.0"}),
        (("pins", "core==2.0"), "", {"core": "2.0", "pins": "2.0"}),
        (("pins==1.0", "core==2.0"), "", {"core": "2.0", "pins": "1.0"}),
        (("pins",), 'constraint-dependencies = ["core==2.0"]', {"core": "2.0", "pins": "2.0"}),
        (("pins",), 'override-dependencies = ["core==2.0"]', {"core": "2.0", "pins": "2.0"}),
        (("pins==2.0",), "", None),
        (("core==2.*",), "", None),
    ],
)
def test_yanked_versions(
    yanked: House, requirements: tuple[str, ...], more: str, locked: dict[str, str] | None
) -> None:
    yanked.project(*requirements, more=settings(more))

    if locked is None:
        assert "yanked" in yanked.refused("lock")
    else:
        yanked.do("lock")
        assert yanked.locked() == locked


def test_what_was_yanked_after_it_was_locked_stays(house: House) -> None:
    wheel = house.wheel("core", "2.0")
    house.wheel("core", "1.0")
    house.project("core")
    house.do("lock")
    house.server.yanked[wheel.name] = "broken"
    house.wheel("other")
    house.project("core", "other")
    house.do("lock", "--refresh")
    assert house.locked() == {"core": "2.0", "other": "1.0"}

    house.do("lock", "--upgrade", "--refresh")
    assert house.locked() == {"core": "1.0", "other": "1.0"}
