"""``provenv lock``: pins that stay, bytes that are the same, and what a user may ask of it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Literal

import pytest
from packaging.markers import Marker
from packaging.pylock import Pylock

from tests.worlds.house import House
from tests.worlds.wheels import build_wheel

_TARGETS = """
[tool.provenv.targets.laptop]
platform = "macos-arm64"
python = "3.12"

[tool.provenv.targets.train]
platform = "linux-x86_64"
python = "3.12"
glibc = "2.31"
"""


def test_pins_stay_until_they_are_let_go(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "1.0")
    house.project("alpha")
    assert "Locked 2 packages" in house.do("lock").err
    house.wheel("alpha", "2.0", ("beta",))
    house.wheel("beta", "2.0")
    house.wheel("gamma", "1.0")
    house.project("alpha", "gamma")
    told = house.do("lock", "--refresh")
    assert house.locked() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert "+ gamma 1.0" in told.err
    told = house.do("lock", "--upgrade-package", "beta")
    assert house.locked() == {"alpha": "1.0", "beta": "2.0", "gamma": "1.0"}
    assert "~ beta 1.0 -> 2.0" in told.err
    house.do("lock", "-U")
    assert house.locked() == {"alpha": "2.0", "beta": "2.0", "gamma": "1.0"}
    assert "The lock is up to date (3 packages)" in house.do("lock").err


def test_upgrading_a_package_by_another_spelling_of_its_name(house: House) -> None:
    house.wheel("my-pack", "1.0")
    house.project("my-pack")
    house.do("lock")
    house.wheel("my-pack", "2.0")
    house.do("lock", "-P", "My_Pack", "--refresh")
    assert house.locked() == {"my-pack": "2.0"}


def test_a_pin_gives_way_when_the_project_wants_another_version(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0")
    house.project("alpha<2")
    house.do("lock")
    house.project("alpha>=2")
    house.do("lock")
    assert house.locked() == {"alpha": "2.0"}


def test_check_tells_and_changes_nothing(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha")
    message = house.refused("lock", "--check")
    assert "pylock.toml is missing" in message
    assert "hint: run `provenv lock`" in message
    assert not house.lock_file.exists()
    house.do("lock")
    before = house.lock_file.read_bytes()
    house.do("lock", "--check")
    house.project("alpha", "beta")
    assert "`beta` is new" in house.refused("lock", "--check")
    assert house.lock_file.read_bytes() == before


def test_a_dry_run_says_what_would_change(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha")
    assert "Would lock 1 package" in house.do("lock", "--dry-run").err
    assert not house.lock_file.exists()
    house.do("lock")
    before = house.lock_file.read_bytes()
    house.project("alpha", "beta")
    assert "+ beta 1.0" in house.do("lock", "--dry-run").err
    assert house.lock_file.read_bytes() == before


def test_the_result_as_json(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    told = house.do("lock", "--json")
    document = json.loads(told.out)
    assert document["packages"] == [{"name": "alpha", "version": "1.0"}]
    assert document["changed"] is True


def test_the_lock_is_what_the_standard_wants(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta ; sys_platform == 'linux'", "gamma ; sys_platform == 'win32'"))
    house.wheel("beta")
    house.wheel("gamma")
    house.project(
        "alpha",
        more='[project.optional-dependencies]\nplot = ["gamma"]\n[dependency-groups]\ndev = ["beta"]\n'
        "[tool.provenv]\nenvironments = [\"sys_platform == 'linux'\"]\n",
    )
    house.do("lock")
    document = tomllib.loads(house.lock_file.read_text())
    lock = Pylock.from_dict(document)
    assert lock.extras == ["plot"]
    assert lock.dependency_groups == ["dev"]
    assert lock.default_groups == ["dev"]
    markers = {str(package.name): str(package.marker) for package in lock.packages}
    assert markers["gamma"] == str(Marker("'plot' in extras"))
    for package in document["packages"]:
        assert package["index"] == house.server.url
        for wheel in package["wheels"]:
            assert set(wheel) >= {"name", "url", "size", "hashes"}
            assert len(wheel["hashes"]["sha256"]) == 64


def test_the_same_input_gives_the_same_bytes(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta", "gamma[x]"))
    house.wheel("beta", "1.0", ("delta",))
    house.wheel("gamma", "1.0", extras={"x": ("delta", "epsilon")})
    house.wheel("delta")
    house.wheel("epsilon")
    house.project("alpha", "beta", more=_TARGETS)
    house.do("lock")
    first = house.lock_file.read_bytes()
    house.lock_file.unlink()
    house.do("lock")
    assert house.lock_file.read_bytes() == first
    house.lock_file.unlink()
    house.do("--cache-dir", str(house.root / "another"), "lock")
    assert house.lock_file.read_bytes() == first
    house.do("lock", "--upgrade")
    assert house.lock_file.read_bytes() == first


def test_hash_seeds_locales_and_time_zones_do_not_show(house: House) -> None:
    for name in ("alpha", "beta", "gamma", "delta"):
        house.wheel(name, "1.0", extras={"x": ("omega",), "y": ("psi",)})
    house.wheel("omega")
    house.wheel("psi")
    more = '[project.optional-dependencies]\nplot = ["delta[y,x]"]\nall = ["demo[plot]"]\n' + _TARGETS
    house.project("alpha[x]", "beta[y,x]", "gamma", more=more)
    house.server.upload_times |= {path.name: "2024-05-01T12:00:00.123456Z" for path in house.server.directory.iterdir()}
    seen = set()
    for number in range(20):
        house.lock_file.unlink(missing_ok=True)
        place = {"PROVENV_CACHE_DIR": str(house.root / f"cache-{number}")} if number % 2 else {}
        told = house.launch(
            "lock",
            PYTHONHASHSEED=str(number),
            LC_ALL=("C", "C.UTF-8", "tr_TR.UTF-8", "de_DE.UTF-8")[number % 4],
            LANG=("C", "tr_TR.UTF-8")[number % 2],
            TZ=("UTC", "Asia/Kathmandu", "America/St_Johns")[number % 3],
            **place,
        )
        assert told.code == 0, told.err
        seen.add(house.lock_file.read_bytes())
    assert len(seen) == 1


def test_two_targets_are_told_apart_by_markers(house: House) -> None:
    house.wheel("alpha", "2.0", ("beta ; sys_platform == 'darwin'",), tags="py3-none-macosx_11_0_arm64")
    house.wheel("alpha", "1.0", tags="py3-none-manylinux_2_17_x86_64")
    house.wheel("alpha", "2.0", tags="py3-none-manylinux_2_35_x86_64")
    house.wheel("beta")
    house.project("alpha", more=_TARGETS)
    house.do("lock")
    document = tomllib.loads(house.lock_file.read_text())
    Pylock.from_dict(document)
    found = {(package["name"], package["version"]): package.get("marker") for package in document["packages"]}
    assert found == {
        ("alpha", "1.0"): "sys_platform == 'linux'",
        ("alpha", "2.0"): "sys_platform == 'darwin'",
        ("beta", "1.0"): "sys_platform == 'darwin'",
    }
    assert house.do("export", "--target", "train", "--no-hashes", "--no-header").out == "alpha==1.0\n"
    assert house.do("export", "--target", "laptop", "--no-hashes", "--no-header").out == "alpha==2.0\nbeta==1.0\n"
    message = house.refused("export", "--target", "tarin", code=2)
    assert "there is no target named `tarin`" in message
    assert "laptop, train" in message


def test_each_target_keeps_its_own_pin(house: House) -> None:
    house.wheel("alpha", "2.0", tags="py3-none-macosx_11_0_arm64")
    house.wheel("alpha", "1.0", tags="py3-none-manylinux_2_17_x86_64")
    house.wheel("beta")
    house.project("alpha", more=_TARGETS)
    house.do("lock")
    house.wheel("alpha", "3.0", tags="py3-none-macosx_11_0_arm64")
    house.wheel("alpha", "1.5", tags="py3-none-manylinux_2_17_x86_64")
    house.project("alpha", "beta", more=_TARGETS)
    house.do("lock", "--refresh")
    assert house.do("export", "--target", "train", "--no-hashes", "--no-header").out == "alpha==1.0\nbeta==1.0\n"
    assert house.do("export", "--target", "laptop", "--no-hashes", "--no-header").out == "alpha==2.0\nbeta==1.0\n"


def test_two_targets_that_only_a_group_can_tell_apart(house: House) -> None:
    house.wheel("alpha", "1.0", tags="py3-none-manylinux_2_17_x86_64")
    house.wheel("alpha", "2.0", tags="py3-none-manylinux_2_35_x86_64")
    train = "[tool.provenv.targets.train]" + _TARGETS.partition("[tool.provenv.targets.train]")[2]
    house.project("alpha", more=train.replace("train", "modern").replace("2.31", "2.39") + train)
    house.do("lock")
    Pylock.from_dict(tomllib.loads(house.lock_file.read_text()))
    assert "alpha==1.0" in house.do("export", "--target", "train").out
    assert "alpha==2.0" in house.do("export", "--target", "modern").out


def test_the_first_index_that_has_a_package_wins(house: House, tmp_path: Path) -> None:
    from tests.worlds.index_server import IndexServer

    ours = tmp_path / "ours"
    build_wheel(ours, "alpha", "1.0")
    house.wheel("alpha", "9.0")
    house.wheel("beta", "1.0")
    house.project("alpha", "beta")
    with IndexServer(ours) as other:
        house.do("lock", "--index", other.url)
        assert house.locked() == {"alpha": "1.0", "beta": "1.0"}
        house.lock_file.unlink()
        house.project("alpha", "beta", more=f'[[tool.provenv.index]]\nname = "ours"\nurl = "{other.url}"\n')
        house.do("lock")
        assert house.locked() == {"alpha": "1.0", "beta": "1.0"}
        house.project("alpha", more=f'[[tool.provenv.index]]\nurl = "{other.url}"\ndefault = true\n')
        house.monkeypatch.delenv("PROVENV_DEFAULT_INDEX")
        house.do("lock", "-U")
        assert house.locked() == {"alpha": "1.0"}


@pytest.mark.parametrize("has_url", [True, False])
def test_a_directory_of_wheels_needs_no_index(house: House, has_url: bool) -> None:
    place = house.directory / "wheels"
    house.wheel("alpha", "1.0", ("beta",), directory=place)
    house.wheel("beta", directory=place)
    house.project("alpha")
    told = house.do("sync", "--find-links", place.as_uri() if has_url else "wheels")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert "+ alpha 1.0" in told.err
    assert "nothing to do" in house.do("sync", "--find-links", place.as_uri() if has_url else "wheels").err
    Pylock.from_dict(tomllib.loads(house.lock_file.read_text()))


def test_a_page_of_links_without_hashes(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.server.has_hashes = False
    house.project("alpha", more=f'[tool.provenv]\nfind-links = ["{house.server.flat_url}"]\n')
    house.do("sync")
    assert house.installed() == {"alpha": "1.0"}


def test_an_index_in_a_directory(house: House, tmp_path: Path) -> None:
    page = tmp_path / "local/alpha"
    house.wheel("alpha", "3.0", directory=page)
    (page / "index.html").write_text(
        '<!DOCTYPE html><html><body><a href="alpha-3.0-py3-none-any.whl">x</a></body></html>'
    )
    house.project("alpha")
    house.do("sync", "--default-index", page.parent.as_uri())
    assert house.installed() == {"alpha": "3.0"}


def test_yanked_files_are_only_for_those_who_pin_them(house: House) -> None:
    house.wheel("alpha", "1.0")
    bad = house.wheel("alpha", "2.0")
    house.server.yanked[bad.name] = "broken"
    house.project("alpha")
    house.do("lock")
    assert house.locked() == {"alpha": "1.0"}
    house.project("alpha==2.0")
    told = house.do("lock")
    assert house.locked() == {"alpha": "2.0"}
    assert "warning: alpha 2.0 was yanked by its authors: broken" in told.err


def test_a_pin_that_is_yanked_stays_until_it_is_let_go(house: House) -> None:
    house.wheel("alpha", "1.0")
    bad = house.wheel("alpha", "2.0")
    house.wheel("beta")
    house.project("alpha")
    house.do("lock")
    house.server.yanked[bad.name] = ""
    house.project("alpha", "beta")
    told = house.do("lock", "--refresh")
    assert house.locked() == {"alpha": "2.0", "beta": "1.0"}
    assert "alpha 2.0 was yanked" in told.err
    house.do("lock", "--upgrade-package", "alpha")
    assert house.locked() == {"alpha": "1.0", "beta": "1.0"}


def test_pre_releases_come_only_when_asked_for(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0rc1")
    house.wheel("only", "1.0b1")
    house.project("alpha", "only")
    house.do("lock")
    assert house.locked() == {"alpha": "1.0", "only": "1.0b1"}
    house.project("alpha>=2.0rc1", "only")
    house.do("lock")
    assert house.locked() == {"alpha": "2.0rc1", "only": "1.0b1"}


def test_requires_python_counts_although_the_index_does_not_tell_it(house: House) -> None:
    page = house.server.directory
    house.wheel("alpha", "1.0")
    newest = house.wheel("alpha", "2.0", requires_python=">=3.99", directory=page)
    body = (
        f'<!DOCTYPE html><html><body><a href="{house.server.file_url(newest.name)}">{newest.name}</a>'
        f'<a href="{house.server.file_url("alpha-1.0-py3-none-any.whl")}">alpha-1.0-py3-none-any.whl</a></body></html>'
    )
    house.server.fail("/simple/alpha/", status=200, body=body.encode())
    house.project("alpha")
    house.do("lock")
    assert house.locked() == {"alpha": "1.0"}


def test_an_extra_that_does_not_exist_is_told(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.project("alpha[fast]")
    told = house.do("lock")
    assert "warning: alpha 1.0 has no extra named `fast`" in told.err


def test_offline_works_with_what_is_cached(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta")
    house.wheel("gamma")
    house.project("alpha")
    house.do("sync")
    house.lock_file.unlink()
    house.server.fail("*", status=500)
    seen = len(house.server.requests)
    house.do("lock", "--offline")
    house.do("sync", "--offline")
    house.project("alpha", "gamma")
    message = house.refused("lock", "--offline")
    assert "gamma" in message
    assert "without --offline" in message
    assert len(house.server.requests) == seen


def test_an_own_extra_means_what_it_lists(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project(
        more='[project.optional-dependencies]\na = ["alpha"]\nb = ["beta"]\nall = ["demo[a,b]"]\n',
    )
    house.do("sync", "--extra", "all")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    house.do("sync", "--extra", "a")
    assert house.installed() == {"alpha": "1.0"}


@pytest.mark.parametrize("form", ["json", "html"])
def test_upload_times_are_kept(house: House, form: Literal["json", "html"]) -> None:
    house.server.formats = form
    path = house.wheel("alpha")
    house.server.upload_times[path.name] = "2024-05-01T12:00:00.123456Z"
    house.project("alpha")
    house.do("lock")
    [package] = tomllib.loads(house.lock_file.read_text())["packages"]
    assert package["wheels"][0]["upload-time"].isoformat() == "2024-05-01T12:00:00.123456+00:00"


@pytest.mark.parametrize("form", ["json", "html"])
def test_what_is_too_new_does_not_count(house: House, form: Literal["json", "html"]) -> None:
    house.server.formats = form
    old, new = house.wheel("alpha", "1.0"), house.wheel("alpha", "2.0")
    house.server.upload_times |= {old.name: "2024-05-01T12:00:00Z", new.name: "2024-05-03T12:00:00Z"}
    house.project("alpha", more='[tool.uv]\nexclude-newer = "2024-05-02"\n')
    house.do("lock")
    assert house.locked() == {"alpha": "1.0"}


def test_a_lock_of_another_tool_gives_its_pins(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.project("alpha")
    house.do("lock")
    house.wheel("alpha", "2.0")
    foreign = house.lock_file.read_text().partition("\n[tool.provenv]")[0].replace('"provenv"', '"other"')
    house.lock_file.write_text(foreign)
    assert "another tool made it" in house.refused("lock", "--check", "--refresh")
    house.do("lock", "--refresh")
    assert house.locked() == {"alpha": "1.0"}


def test_a_first_lock_keeps_the_versions_of_uv(house: House) -> None:
    for version in ("1.0", "1.5", "2.0"):
        house.wheel("core", version)
        house.wheel("other", version)
    house.project("core", "other>=1.5")
    lock = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\nsource = {{ registry = "x" }}\n' for name in ("core", "other")
    )
    (house.directory / "uv.lock").write_text(lock)
    told = house.do("lock")
    assert house.locked() == {"core": "1.0", "other": "2.0"}
    assert "versions of uv.lock were kept" in told.err

    (house.directory / "uv.lock").write_text(lock.replace('"1.0"', '"1.5"'))
    assert "up to date" in house.do("lock").err
    house.do("lock", "--upgrade")
    assert house.locked() == {"core": "2.0", "other": "2.0"}
