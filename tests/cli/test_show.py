"""``tree`` and ``export``, help and the words around commands."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.pylock import Pylock

import provenv
from tests.worlds.house import House


@pytest.fixture
def family(house: House) -> House:
    """A project with shared needs, an extra and a group."""
    house.wheel("alpha", "1.0", ("beta", "shared"))
    house.wheel("beta", "2.0", ("shared>=1",), extras={"fast": ("quick",)})
    house.wheel("shared", "3.0")
    house.wheel("quick", "4.0")
    house.wheel("pytest", "9.0", ("shared",))
    house.project("alpha", "beta[fast]", more='[dependency-groups]\ndev = ["pytest"]\n')
    house.do("lock")
    return house


def test_tree_shows_who_needs_whom(family: House) -> None:
    told = family.do("tree")
    lines = told.out.splitlines()
    assert lines[0] == "demo"
    assert any("alpha v1.0" in line for line in lines)
    assert any("quick v4.0" in line for line in lines)
    assert any("pytest v9.0" in line and "dev" in line for line in lines)
    assert "pytest" not in family.do("tree", "--no-dev").out


def test_tree_as_deep_as_asked(family: House) -> None:
    out = family.do("tree", "--depth", "1", "--no-dev").out
    assert "alpha" in out
    assert "shared" not in out


def test_tree_upside_down(family: House) -> None:
    out = family.do("tree", "--invert", "--package", "shared").out
    assert out.splitlines()[0].startswith("shared v3.0")
    assert "alpha v1.0" in out
    assert "pytest v9.0" in out


def test_tree_of_one_package(family: House) -> None:
    out = family.do("tree", "--package", "Beta").out
    assert out.splitlines()[0].startswith("beta v2.0")
    assert "alpha" not in out
    message = family.refused("tree", "--package", "gamma", code=2)
    assert "`gamma` is not in the lock" in message


def test_tree_tells_newer_versions_and_sizes(house: House) -> None:
    for version in ("1.0", "2.0", "3.0rc1"):
        house.wheel("alpha", version)
    size = house.wheel("beta").stat().st_size
    house.project("alpha<2", "beta")
    house.do("lock")
    assert "alpha v1.0 (latest: v2.0)" in house.do("tree", "--outdated").out
    assert "latest" not in house.do("tree", "--outdated", "--package", "beta").out
    assert f"beta v1.0 ({size} B)" in house.do("tree", "--show-sizes").out


def test_tree_unfolded_everywhere_and_pruned(family: House) -> None:
    assert "(*)" in family.do("tree").out
    whole = family.do("tree", "--no-dedupe").out
    assert "(*)" not in whole
    assert whole.count("shared v3.0") == 4
    pruned = family.do("tree", "--prune", "shared", "--prune", "quick").out
    assert "shared" not in pruned
    assert "quick" not in pruned
    assert "beta[fast] v2.0" in pruned


def test_tree_where_parts_exclude_one_another(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0")
    extras = '[project.optional-dependencies]\nold = ["alpha<2"]\nnew = ["alpha>=2"]\n'
    house.project(more=f'{extras}[tool.uv]\nconflicts = [[{{ extra = "old" }}, {{ extra = "new" }}]]\n')
    house.do("lock")
    out = house.do("tree").out
    assert "(extra: old)" in out
    assert "(extra: new)" in out
    assert "1.0" in out
    assert "2.0" in out


def test_tree_of_a_workspace(house: House) -> None:
    for name in ("alpha", "beta", "gamma"):
        house.wheel(name)
    member = house.directory / "lib"
    member.mkdir()
    (member / "pyproject.toml").write_text(
        '[project]\nname = "lib"\nversion = "0.2"\ndependencies = ["beta"]\n[dependency-groups]\nx = ["gamma"]\n'
    )
    house.project("alpha", more='[tool.uv.workspace]\nmembers = ["lib"]\n')
    house.do("lock")
    assert house.do("tree").out == ("demo\n└── alpha v1.0\nlib\n├── beta v1.0\n└── gamma v1.0 (group: x)\n")


def test_tree_as_json(family: House) -> None:
    document = json.loads(family.do("tree", "--json").out)
    assert "alpha" in json.dumps(document)
    assert family.do("tree", "--json").err == ""


def test_tree_follows_the_project(family: House) -> None:
    family.wheel("new")
    family.project("alpha", "new")
    assert "alpha" in family.do("tree", "--frozen").out
    assert "dependency groups changed (`pytest` in `dev` is gone)" in family.refused("tree", "--locked")
    assert "new v1.0" in family.do("tree").out


@pytest.mark.parametrize("form", ["requirements.txt", "pylock.toml"])
def test_what_is_exported_can_be_installed_by_pip(family: House, form: str, tmp_path: Path) -> None:
    file = tmp_path / ("pylock.toml" if form == "pylock.toml" else "requirements.txt")
    told = family.do("export", "--format", form, "-o", str(file))
    assert told.out == ""
    if form == "pylock.toml":
        Pylock.from_dict(tomllib.loads(file.read_text()))
        return
    place = tmp_path / "installed"
    words = ["install", "--quiet", "--require-hashes", "--no-cache-dir", "--target", str(place)]
    words += ["--index-url", family.server.url, "-r", str(file), "--disable-pip-version-check"]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = sorted(path.name for path in place.glob("*.dist-info"))
    assert found == [f"{name}.dist-info" for name in ("alpha-1.0", "beta-2.0", "pytest-9.0", "quick-4.0", "shared-3.0")]


def test_export_takes_parts_and_leaves_out(family: House) -> None:
    plain = family.do("export", "--no-hashes", "--no-header", "--no-dev").out
    assert plain == "alpha==1.0\nbeta==2.0\nquick==4.0\nshared==3.0\n"
    assert "--hash=sha256:" in family.do("export").out


def test_export_of_a_direct_reference(house: House) -> None:
    wheel = house.wheel("alpha")
    url = house.server.file_url(wheel.name)
    house.project(f"alpha @ {url}")
    assert f"alpha @ {url} \\\n    --hash=sha256:" in house.do("export").out
    Pylock.from_dict(tomllib.loads(house.do("export", "--format", "pylock").out))


def test_help_for_everything(house: House) -> None:
    for words in (("--help",), ("help",), ("help", "sync"), ("sync", "--help"), ("run", "--help")):
        told = house.give(*words)
        assert told.code == 0
        assert "usage: provenv" in told.out
    told = house.give("--version")
    assert (told.code, told.out) == (0, f"provenv {provenv.__version__}\n")


def test_no_words_at_all_is_wrong_usage(house: House) -> None:
    told = house.give()
    assert told.code == 2
    assert "usage: provenv" in told.out + told.err


@pytest.mark.parametrize(
    "words", [("lok",), ("sync", "--frozn"), ("sync", "--locked", "--frozen"), ("tree", "--depth", "x")]
)
def test_wrong_words_are_told(house: House, words: tuple[str, ...]) -> None:
    told = house.give(*words)
    assert told.code == 2
    assert "error: " in told.err


def test_a_project_is_found_upwards(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    below = house.directory / "src/deep"
    below.mkdir(parents=True)
    house.monkeypatch.chdir(below)
    house.do("lock")
    assert house.lock_file.exists()
    house.monkeypatch.chdir(house.root)
    house.do("--project", str(below), "sync")
    assert house.environment.exists()
    house.do("sync", "--directory", str(below), "--check")
    assert "no-such" in house.refused("sync", "--directory", "no-such", code=2)


def test_quiet_says_nothing_and_colour_is_chosen(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    told = house.do("sync", "--quiet")
    assert (told.out, told.err) == ("", "")
    house.project("nonexistent")
    assert "\x1b[31merror:" in house.give("lock", "--color", "always").err
    assert "\x1b" not in house.give("lock").err


def test_failures_as_json(house: House) -> None:
    house.project("nonexistent")
    told = house.give("lock", "--json")
    assert told.code == 1
    assert "nonexistent" in json.dumps(json.loads(told.out))
