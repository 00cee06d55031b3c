"""Packages that come from one index only, and choices that exclude one another, as a user meets them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.worlds.house import House
from tests.worlds.index_server import IndexServer

_CHOICE = """
    [project.optional-dependencies]
    cpu = ["torch"]
    gpu = ["torch"]
    [tool.uv]
    conflicts = [[{{ extra = "cpu" }}, {{ extra = "gpu" }}]]
    [[tool.uv.index]]
    name = "cuda"
    url = "{url}"
    explicit = true
    [tool.uv.sources]
    torch = {{ index = "cuda", extra = "gpu" }}
"""


@pytest.fixture
def other(house: House, tmp_path: Path) -> IndexServer:
    """An index besides the default one, with wheels of the same packages."""
    directory = tmp_path / "other"
    directory.mkdir()
    return IndexServer(directory)


def test_an_explicit_index_has_only_what_is_pinned_to_it(house: House, other: IndexServer) -> None:
    with other:
        house.wheel("alpha", "1.0", ("beta",))
        house.wheel("beta", "1.0")
        house.wheel("alpha", "1.0+own", ("beta",), directory=other.directory)
        house.wheel("beta", "2.0", directory=other.directory)
        house.project(
            "alpha",
            more=f"""
            [[tool.provenv.index]]
            name = "other"
            url = "{other.url}"
            explicit = true
            [tool.provenv.sources]
            alpha = {{ index = "other" }}
            """,
        )
        house.do("lock")
    assert house.locked() == {"alpha": "1.0+own", "beta": "1.0"}


def test_extras_that_exclude_one_another_come_from_indexes_of_their_own(house: House, other: IndexServer) -> None:
    with other:
        house.wheel("torch", "2.0")
        house.wheel("torch", "2.0+cuda", directory=other.directory)
        house.project(more=_CHOICE.format(url=other.url))
        house.do("sync", "--extra", "cpu")
        assert house.installed()["torch"] == "2.0"
        house.do("sync", "--extra", "gpu")
        assert house.installed()["torch"] == "2.0+cuda"
        assert "exclude one another" in house.refused("sync", "--extra", "gpu", "--extra", "cpu", code=2)
    document = tomllib.loads(house.lock_file.read_text())
    markers = {package["version"]: package["marker"] for package in document["packages"]}
    assert set(markers) == {"2.0", "2.0+cuda"}
