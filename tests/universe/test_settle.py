"""The loop of question and answer against a real index: what the universe makes of untidy packages."""

from __future__ import annotations

import io
import tarfile

import pytest

from provenv.universe.view import View
from tests.worlds.fixtures import house, launcher
from tests.worlds.house import House
from tests.worlds.sdists import build_sdist

__all__ = ["house", "launcher"]


def test_the_newest_that_fits_together_is_chosen(house: House) -> None:
    for version in ("1.0", "2.0", "3.0"):
        house.wheel("alpha", version, (f"core=={version}",))
        house.wheel("core", version)
    house.wheel("beta", "1.0", ("core<3",))
    house.project("alpha", "beta")
    house.do("lock")
    assert house.locked() == {"alpha": "2.0", "beta": "1.0", "core": "2.0"}


def test_long_ways_back_are_found(house: House) -> None:
    for number in range(1, 40):
        house.wheel("app", f"{number}.0", (f"lib>={number}",))
    for number in range(1, 12):
        house.wheel("lib", f"{number}.0", (f"base>={number}",))
    for number in range(1, 6):
        house.wheel("base", f"{number}.0")
    house.project("app")
    house.do("lock")
    assert house.locked() == {"app": "5.0", "base": "5.0", "lib": "5.0"}


def test_metadata_that_is_broken_makes_only_its_version_unusable(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0", ("this is not a requirement!!",))
    house.wheel("alpha", "3.0", headers=(("Requires-Python", "sometimes"),))
    house.project("alpha")
    house.do("lock")
    assert house.locked() == {"alpha": "1.0"}


def test_a_direct_reference_inside_a_package_is_refused(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0", ("beta @ https://files.example/beta-1.0-py3-none-any.whl",))
    house.project("alpha")
    house.do("lock")
    assert house.locked() == {"alpha": "1.0"}


@pytest.mark.parametrize("sidecars", ["announced", "unannounced", "none"])
@pytest.mark.parametrize("formats", ["json", "html"])
def test_every_kind_of_index_gives_the_same_lock(house: House, sidecars: str, formats: str) -> None:
    house.wheel("alpha", "1.0", ("beta>=1",), extras={"x": ("gamma",)})
    house.wheel("beta", "1.5", ("gamma<2",))
    house.wheel("gamma", "1.0")
    house.wheel("gamma", "2.0")
    assert sidecars in ("announced", "unannounced", "none")
    setattr(house.server, "sidecars", sidecars)  # noqa: B010 - a Literal, told by the parameter
    setattr(house.server, "formats", formats)  # noqa: B010
    house.project("alpha[x]")
    house.do("lock")
    assert house.locked() == {"alpha": "1.0", "beta": "1.5", "gamma": "1.0"}


def test_an_extra_only_where_its_marker_holds(house: House) -> None:
    house.wheel("alpha", "1.0", extras={"x": ("beta ; sys_platform == 'nowhere'", "gamma")})
    house.wheel("gamma")
    house.project("alpha[x]")
    house.do("lock")
    assert house.locked() == {"alpha": "1.0", "gamma": "1.0"}


def test_a_package_that_is_needed_with_and_without_an_extra(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "1.0", extras={"x": ("gamma",)})
    house.wheel("gamma")
    house.project("alpha", more='[project.optional-dependencies]\nfull = ["beta[x]"]\n')
    house.do("sync")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    house.do("sync", "--extra", "full")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def test_what_is_read_ahead_and_what_was_kept_are_one(house: House) -> None:
    """A kept view may be made anew by reading ahead; whatever is read then must reach the one that counts."""
    house.wheel("beta", "1.0", ("leaf",))
    house.wheel("beta", "2.0")
    house.wheel("gate", "1.0", ("beta", "door"))
    house.wheel("door", "1.0", ("beta", "wall"))
    house.wheel("wall", "1.0", ("beta<2",))
    house.wheel("leaf")
    house.project("beta")
    house.do("lock")
    house.project("beta", "gate")
    house.lock_file.unlink()
    house.do("lock")
    assert house.locked() == {"beta": "1.0", "door": "1.0", "gate": "1.0", "leaf": "1.0", "wall": "1.0"}


def test_a_page_that_only_reading_ahead_asked_for_may_fail(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0", ("beta",))
    house.wheel("gamma", "1.0", ("delta",))
    house.wheel("delta", "1.0")
    house.server.fail("/simple/beta/", status=403)
    house.server.fail("/simple/gamma/", delay=0.2)
    house.server.fail("/simple/delta/", delay=0.2)
    house.project("alpha", "alpha<2", "gamma")
    house.do("lock")
    assert house.server.count("/simple/beta/") == 1
    assert house.locked() == {"alpha": "1.0", "delta": "1.0", "gamma": "1.0"}
    house.project("alpha", "gamma")
    assert "beta" in house.refused("lock", "-U")


def test_what_a_kept_view_knows_survives_reading_ahead(house: House) -> None:
    """An index that tells no age: every page is read again for each question, and what was known stays known."""
    house.server.cache_control = None
    house.server.has_etags = False
    house.wheel("alpha", "1.0", ("beta", "gamma"))
    house.wheel("alpha", "2.0", ("beta", "gamma", "delta>=2"))
    for name in ("beta", "gamma"):
        house.wheel(name, "1.0", ("delta",))
    house.wheel("delta", "1.0")
    house.wheel("delta", "2.0")
    house.project("alpha", "beta", "delta<2")
    told = house.do("lock")
    assert "alpha 1.0 (newest 2.0) held by" in told.err, "it was solved once more, to tell why alpha is no newer"
    files = [path for path in (house.cache / "views").rglob("*") if path.is_file()]
    views = [view for view in map(View.load, map(str, files)) if view is not None]
    assert {view.name for view in views} == {"alpha", "beta", "gamma", "delta"}
    assert all(view.chosen for view in views)


@pytest.mark.parametrize(("slow", "other"), [("alpha", "zeta"), ("zeta", "alpha")])
@pytest.mark.parametrize("place", ["/simple/", "/files/"])
def test_a_slow_answer_keeps_nothing_else_waiting(house: House, place: str, slow: str, other: str) -> None:
    """While the solver waits for one package, all that the others need is found, step by step."""
    house.wheel("gate", "1.0", (slow, other))
    house.wheel(slow, "1.0")
    for name, needed in ((other, "beta"), ("beta", "gamma"), ("gamma", "delta")):
        house.wheel(name, "1.0", (needed,))
    house.wheel("delta", "1.0")
    house.server.fail(f"{place}{slow}*", delay=1.0)
    house.project("gate")
    house.do("lock")
    seen = [request.path for request in house.server.seen()]
    late = max(number for number, path in enumerate(seen) if path.startswith(f"{place}{slow}"))
    assert any(path.startswith("/files/delta-1.0") for path in seen[:late])


def test_a_slow_source_archive_keeps_nothing_else_waiting(house: House) -> None:
    """It is read or built beside, and asked about when all others are decided; with extras the same."""
    build_sdist(house.server.directory, "alpha", "1.0", ("omega",))
    house.wheel("beta", "1.0", extras={"more": ("gamma",)})
    for name, needed in (("gamma", ("delta",)), ("delta", ()), ("omega", ())):
        house.wheel(name, "1.0", needed)
    house.wheel("delta", "2.0", ("nothing-there",))
    house.server.fail("/files/alpha-1.0*", delay=1.0)
    house.project("alpha==1.0", "beta[more]")
    house.do("lock")
    assert house.locked().keys() == {"alpha", "beta", "gamma", "delta", "omega"}
    seen = [request.path for request in house.server.seen()]
    late = max(number for number, path in enumerate(seen) if path.startswith("/files/alpha"))
    assert any(path.startswith("/files/delta-1.0") for path in seen[:late]), "a second choice, made meanwhile"


def test_the_end_of_a_large_source_archive_may_say_what_it_needs(house: House) -> None:
    tree = {
        "pyproject.toml": '[project]\nname = "large"\nversion = "1.0"\ndependencies = ["omega"]\n'
        '[build-system]\nrequires = ["nothing-there"]\n',
        "data": "x" * (17 << 20),
    }
    with tarfile.open(house.server.directory / "large-1.0.tar.gz", "w:gz", compresslevel=1) as archive:
        for name, text in sorted(tree.items()):
            member = tarfile.TarInfo(f"large-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    house.wheel("omega")
    house.project("large")
    house.do("lock")
    assert house.locked() == {"large": "1.0", "omega": "1.0"}
