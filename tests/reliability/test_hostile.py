"""Hostile archives are refused: nothing outside is touched, nothing stays, no memory is eaten, no word is unclear.

The cases: ``tests/worlds/hostile_wheels.py`` and ``hostile_sdists.py``, which are right but for one fault each, and the
collections of others in ``tests/data/hostile``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provenv.archives.judge import Judge
from provenv.archives.zip import read_archive
from provenv.build.source import unpack_source
from provenv.errors import IntegrityError, ProvenvError
from provenv.store.store import Store
from tests.rig.scale import IS_NIGHTLY, note, share
from tests.worlds.hostile_sdists import hostile_sdists, sloppy_sdists
from tests.worlds.hostile_wheels import FILENAME, SLOPPY_NAMES, hostile_wheels, sloppy_wheels
from tests.worlds.house import House, snapshot
from tests.worlds.repositories import Repository, is_git_there
from tests.worlds.sdists import build_sdist

ROOT = Path(__file__).parents[2]

#: What others call hostile, or only odd, and what is taken here, by its reason.
TAKEN = {
    "a checksum is only a number: RECORD has hashes": (
        "malo/zip/iffy/crc_collision_empty_nonempty.zip",
        "malo/zip/iffy/crc_collision_two_nonempty.zip",
        "malo/zip/iffy/crc_zero_nonempty.zip",
    ),
    "wheels have no entries for directories": ("malo/zip/iffy/nosubdir.zip",),
    "a data descriptor that agrees with both headers": (
        "malo/zip/accept/data_descriptor.zip",
        "malo/zip/accept/data_descriptor_zip64.zip",
        "warehouse/reject/data_descriptor.zip",
        "warehouse/reject/data_descriptor_zip64.zip",
    ),
    "an archive without members: no wheel, and refused as one": (
        "rs-async-zip/empty-buffer-boundary.zip",
        "rs-async-zip/empty-with-max-comment.zip",
        "rs-async-zip/empty.zip",
    ),
    "GNU's format, which Python wrote until 3.7": (
        "malo/tar/iffy/gnu_magic.tar",
        "malo/tar/reject/gnu_longlink.tar",
        "malo/tar/reject/gnu_longname.tar",
        "tokio-tar/7z_long_path.tar",
    ),
    "a name of 100 bytes fills its field": ("malo/tar/iffy/name_no_nul.tar",),
    "a long name stands in a record, its begin in the header": ("malo/tar/iffy/pax_path_nonzero_fixed.tar",),
    "links that stay inside are copied": (
        "malo/tar/malicious/hardlink.tar",
        "malo/tar/malicious/pax_linkpath_symlink.tar",
        "malo/tar/malicious/symlink.tar",
        "tokio-tar/link.tar",
    ),
    "a path that begins with a dot is the same without, and a directory may be told twice": (
        "malo/tar/malicious/pax_dotslash_path.tar",
        "malo/tar/malicious/prefix_dot_name_foo.tar",
        "malo/tar/malicious/prefix_empty_name_dot.tar",
        "malo/tar/reject/prefix_dot_name_foo_reg.tar",
        "tokio-tar/duplicate_dirs.tar",
    ),
    "a header of before 1988": ("tokio-tar/spaces.tar",),
    "nothing is wrong with it, other readers were": (
        "tokio-tar/directory.tar",
        "tokio-tar/file_times.tar",
        "tokio-tar/pax-hidden-entry.tar",
        "tokio-tar/pax-phantom-entry.tar",
        "tokio-tar/pax.tar",
        "tokio-tar/pax2.tar",
        "tokio-tar/paxlongname.tar",
        "tokio-tar/reading_files.tar",
        "tokio-tar/simple.tar",
        "tokio-tar/simple_missing_last_header.tar",
        "tokio-tar/xattrs.tar",
    ),
}
_PEAK = 256 << 20
_SECONDS = 5.0


def test_every_hostile_archive_is_refused(tmp_path: Path) -> None:
    lengths = 7 if IS_NIGHTLY else 2
    done = subprocess.run(
        [sys.executable, "-m", "tests.worlds.hostile_trial", str(tmp_path), str(lengths)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    peak = told.pop()["peak"]
    taken = {name for names in TAKEN.values() for name in names}
    taken |= {one["name"] for one in told if "/accept/" in one["name"]}
    bad = [one for one in told if (one["verdict"] == "refused") == (one["name"] in taken)]
    bad += [one for one in told if one["verdict"] == "crashed" or one["touched"]]
    bad += [one for one in told if one["seconds"] > _SECONDS * (1 if IS_NIGHTLY else 4)]
    unclear = [one for one in told if one["verdict"] == "refused" and not _is_clear(one)]
    names = {one["name"].rpartition(" ")[0] if one["name"][-1].isdigit() else one["name"] for one in told}
    refused = [one for one in told if one["verdict"] == "refused"]
    remark = (
        f"{len(names - taken)} archives, {peak >> 20} MiB at most, {max(one['seconds'] for one in told)} s the longest"
    )
    note(6, "hostile archives are refused", cases=len(refused), failures=len(bad) + len(unclear), remark=remark)
    assert bad == []
    assert unclear == []
    assert len(names - taken) >= 700
    assert peak < _PEAK


def _is_clear(told: dict[str, Any]) -> bool:
    """One line that names the archive."""
    message = told["message"]
    filename = (
        told["name"].rpartition("/")[2] if "/" in told["name"] else "-1.0" if "name" not in told["name"] else "demo"
    )
    return len(message.splitlines()) == 1 and (filename in message or "demo" in message)


@pytest.mark.parametrize(("name", "data"), [pytest.param(name, data, id=name) for name, data in sloppy_wheels()])
def test_a_sloppy_wheel_passes_by_the_users_word_only(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / FILENAME
    path.write_bytes(data)
    strict, lax = (Store(tmp_path / "store", durability="never") for _ in range(2))
    sha256 = strict.adopt(path)
    with pytest.raises(IntegrityError) as caught:
        strict.unpack(sha256, FILENAME)
    assert 'lax-archives = ["demo"]' in (caught.value.hint or "")
    lax.lax.add(sha256)
    tree = lax.unpack(sha256, FILENAME)
    assert tree.is_lax
    assert (Path(tree.files) / "demo/__init__.py").read_text() == "x = 1\n"
    found = lax.tree(sha256)
    assert found is not None
    assert found.is_lax
    # What one project lets pass is not there for another one that shares the store.
    assert strict.tree(sha256) is None
    with pytest.raises(IntegrityError):
        strict.unpack(sha256, FILENAME)


@pytest.mark.parametrize("name", SLOPPY_NAMES)
def test_a_name_that_only_windows_cannot_have_is_minded_where_it_could_be_used(name: str) -> None:
    data = dict(sloppy_wheels())[f"name-{name}"]
    for platform in ("any", "win32", "linux_x86_64.win_amd64"):
        assert "a name that every system allows" in _refusal(data, f"demo-1.0-py3-none-{platform}.whl")
    for platform in ("manylinux_2_28_x86_64", "macosx_11_0_arm64"):
        assert not _refusal(data, f"demo-1.0-py3-none-{platform}.whl")


def _refusal(data: bytes, filename: str) -> str:
    """What is said against an archive when its members are listed; empty when nothing is."""
    with memoryview(data) as view:
        try:
            list(read_archive(view, filename, Judge(filename)))
        except IntegrityError as error:
            return str(error)
    return ""


def test_a_waiver_makes_no_hostile_archive_pass(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", durability="never")
    for name, filename, data in hostile_wheels():
        path = tmp_path / filename
        path.write_bytes(data)
        sha256 = store.adopt(path)
        store.lax.add(sha256)
        with pytest.raises(ProvenvError):
            pytest.fail(f"{name}: {store.unpack(sha256, filename)}")
    for number, (name, filename, data) in enumerate(share(list(hostile_sdists()), 120)):
        path = tmp_path / filename
        path.write_bytes(data)
        into = tmp_path / str(number)
        into.mkdir()
        with pytest.raises(ProvenvError):
            pytest.fail(
                f"{name}: {unpack_source(str(path), str(into), filename=filename, package='demo', is_lax=True)}"
            )


@pytest.mark.parametrize(
    ("filename", "data"), [pytest.param(filename, data, id=name) for name, filename, data in sloppy_sdists()]
)
def test_a_sloppy_source_archive_passes_by_the_users_word_only(tmp_path: Path, filename: str, data: bytes) -> None:
    path = tmp_path / filename
    path.write_bytes(data)
    for into in ("strict", "lax"):
        (tmp_path / into).mkdir()
    with pytest.raises(IntegrityError) as caught:
        unpack_source(str(path), str(tmp_path / "strict"), package="demo")
    assert 'lax-archives = ["demo"]' in (caught.value.hint or "")
    top = unpack_source(str(path), str(tmp_path / "lax"), package="demo", is_lax=True)
    assert Path(top, "setup.py").exists()


_BY_COMMAND = (
    "name-up", "name-absolute", "name-nul", "twice", "file-and-directory", "kind-symlink", "two-archives",
    "member-hidden", "tar-and-zip", "central-name", "local-size-more", "central-encrypted", "deflate-cut", "bomb",
    "info-other-name", "metadata-other-version", "wheel-version-2", "record-wrong-hash", "record-lists-outside-0",
    "script-python", "script-up", "reference-call", "data-config",
)  # fmt: skip


@pytest.mark.parametrize("name", share(_BY_COMMAND, 6))
def test_commands_end_with_one_clear_line_and_leave_everything_as_it_was(house: House, name: str) -> None:
    house.wheel("demo", "0.9")
    _project(house, "demo")
    house.do("sync")
    path = house.root / FILENAME
    path.write_bytes(next(data for one, _, data in hostile_wheels() if one == name))
    _project(house, f"demo @ {path.as_uri()}")
    before, locked = snapshot(house.environment), house.lock_file.read_bytes()
    if house.give("lock").code:
        message = house.refused("lock")
        assert house.lock_file.read_bytes() == locked
    else:
        # To lock, METADATA was enough.
        locked = house.lock_file.read_bytes()
        message = house.refused("sync")
        assert house.lock_file.read_bytes() == locked
    assert "demo" in message
    assert snapshot(house.environment) == before


def test_the_lock_records_the_waiver_and_nobody_else_profits(house: House) -> None:
    path = house.root / FILENAME
    path.write_bytes(dict(sloppy_wheels())["twins-case"])
    wish = f"demo @ {path.as_uri()}"
    _project(house, wish)
    message = house.refused("sync")
    assert "'demo/X.py'" in message
    assert 'write `lax-archives = ["demo"]` into [tool.provenv] and run `provenv lock`' in message
    _project(house, wish, more='[tool.provenv]\nlax-archives = ["Demo"]\n')
    house.do("lock")
    assert "[packages.tool.provenv]\nlax-archive = true\n" in house.lock_file.read_text()
    house.do("sync", "--locked")
    assert (house.site / "demo/X.py").read_text() == (house.site / "demo/x.py").read_text() == "x"
    house.do("verify", "--against", "pylock.toml")
    house.do("verify", "--environment", ".venv")
    shutil.rmtree(house.environment)
    house.do("sync", "--frozen")
    _project(house, wish)
    shutil.rmtree(house.environment)
    assert "'demo/X.py'" in house.refused("sync")
    assert "lax" not in house.lock_file.read_text()


def test_a_sloppy_source_archive_is_built_where_the_project_says_so(house: House) -> None:
    made = build_sdist(house.root, "demo")
    with tarfile.open(made) as source:
        source.extractall(house.root / "raw", filter="data")
    made.unlink()
    with tarfile.open(made, "w:gz") as archive:
        archive.add(house.root / "raw/demo-1.0", "./demo-1.0")
        for name in ("x", "X"):
            archive.addfile(tarfile.TarInfo(f"demo-1.0/{name}"))
    wish = f"demo @ {made.as_uri()}"
    _project(house, wish)
    assert "lax-archives" in house.refused("sync")
    _project(house, wish, more='[tool.provenv]\nlax-archives = ["demo"]\n')
    house.do("sync")
    assert house.installed() == {"demo": "1.0"}


def _project(house: House, wish: str, more: str = "") -> None:
    house.project(wish, more=more)
    house.project_file.write_text(house.project_file.read_text().replace('name = "demo"', 'name = "mine"'))


def test_no_real_wheel_is_refused(tmp_path: Path) -> None:
    """Directories with wheels of others, ``PROVENV_TEST_WHEELS``: none is refused, and none needs a waiver."""

    def take(path: Path, place: Path) -> None:
        store = Store(place, durability="never")
        store.unpack(store.adopt(path), path.name)

    _take_all("wheels", "PROVENV_TEST_WHEELS", "*.whl", tmp_path / "store", take)


def test_no_real_source_archive_is_refused(tmp_path: Path) -> None:
    """The same with source archives, ``PROVENV_TEST_SDISTS``."""

    def take(path: Path, place: Path) -> None:
        unpack_source(str(path), str(place))

    _take_all("source archives", "PROVENV_TEST_SDISTS", "*.tar.*", tmp_path / "into", take)


def _take_all(what: str, variable: str, pattern: str, place: Path, take: Callable[[Path, Path], None]) -> None:
    """Give each archive of the directories that a variable names, and an empty place, to ``take``."""
    directories = os.environ.get(variable)
    if not directories:
        pytest.skip(f"{variable} names no directories with {what}")
    paths = share(sorted(path for one in directories.split(os.pathsep) for path in Path(one).rglob(pattern)), 30)
    refused = []
    for path in paths:
        place.mkdir()
        try:
            take(path, place)
        except ProvenvError as error:
            refused.append(str(error))
        shutil.rmtree(place)
    note(6, f"{what} of others are taken", cases=len(paths), failures=len(refused))
    assert refused == []


def test_a_sloppy_wheel_is_repaired_in_the_store(house: House) -> None:
    path = house.root / FILENAME
    path.write_bytes(dict(sloppy_wheels())["record-lacks-a-file"])
    _project(house, f"demo @ {path.as_uri()}", more='[tool.provenv]\nlax-archives = ["demo"]\n')
    house.do("sync", "--link-mode", "copy")
    house.do("store", "verify")
    (file,) = house.cache.glob("store/v1/trees/*/*/files/demo/__init__.py")
    file.chmod(0o644)
    file.write_text("x = 2\n")
    house.do("store", "verify", "--repair")
    (file,) = house.cache.glob("store/v1/trees/*/*/files/demo/__init__.py")
    assert file.read_text() == "x = 1\n"


@pytest.mark.skipif(not is_git_there(), reason="git is not there")
def test_a_project_file_of_a_repository_leads_nowhere_else(house: House) -> None:
    secret = house.root / "secret.toml"
    secret.write_text('[project]\nname = "demo"\nversion = "1.0"\n')
    repository = Repository(house.root / "repository")
    (repository.directory / "pyproject.toml").symlink_to(secret)
    repository.commit({"README": "x"})
    _project(house, f"demo @ git+{repository.url}")
    assert "a link that leads out of the repository" in house.refused("lock")
