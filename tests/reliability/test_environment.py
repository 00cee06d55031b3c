"""What an environment promises: edits reach no other one, unfinished is not called good, one writer at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from provenv.env.hold import Hold
from provenv.events import Events
from provenv.store.compiled import keep_facts, kept_facts
from provenv.store.store import Store
from tests.rig.judge import judge
from tests.worlds.house import BASE_PYTHON, House


def _edit(path: Path, how: str) -> None:
    path.chmod(0o644)
    if how == "append":
        with open(path, "ab") as file:
            file.write(b"tampered = True\n")
    elif how == "rewrite":
        path.write_text("tampered = True\n")
    else:
        with open(path, "r+b") as file:
            file.write(b"#")


@pytest.mark.parametrize("how", ["append", "rewrite", "one byte"])
@pytest.mark.parametrize("place", ["alpha/__init__.py", "alpha/__pycache__/__init__.cpython-{tag}.pyc"])
@pytest.mark.parametrize("has_blob", [True, False])
def test_an_edit_in_place_reaches_no_other_environment(house: House, how: str, place: str, has_blob: bool) -> None:
    wheel = house.wheel("alpha", files={"alpha/__init__.py": "value = 1\n"})
    house.project("alpha")
    house.do("sync", "--link-mode", "hardlink")
    tag = house.site.parent.name.removeprefix("python").replace(".", "")
    _edit(house.site / place.format(tag=tag), how)
    if not has_blob:
        shutil.rmtree(house.cache / "store/v1/blobs")
    first = house.environment.rename(house.root / "first")
    told = house.do("sync", "--link-mode", "hardlink")
    assert judge(house.environment, [wheel]) == []
    assert "alpha: " in told.err
    assert "was changed in the store" in told.err
    first.rename(house.environment.with_name("first"))
    assert "nothing to do" in house.do("sync").err


def test_a_package_that_is_placed_twice_is_counted_once(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha", "beta")
    house.do("sync")
    edited = house.site / "beta/__init__.py"
    edited.chmod(0o644)
    edited.write_text("edited = True\n")
    told = house.launch("sync")
    assert "unpacked anew" in told.err
    assert "Installed 1 package in" in told.err


def test_two_packages_that_bring_one_file(house: House) -> None:
    left = house.wheel("left", files={"left.py": "", "both/page.txt": "left", "both/tests.py": "x = 1\n"})
    right = house.wheel("right", files={"right.py": "", "both/page.txt": "right", "both/tests.py": "x = 1\n"})
    house.project("left", "right")
    told = house.refused("sync")
    assert "left 1.0 and right 1.0 both own" in told
    assert "both/page.txt" in told
    assert "file-owners" in told

    def decide(owner: str, *requirements: str) -> str:
        house.project(*requirements, more=f'[tool.provenv]\nfile-owners = {{"both/*.txt" = "{owner}"}}\n')
        house.do("sync")
        assert "nothing to do" in house.do("sync").err
        return (house.site / "both/page.txt").read_text()

    assert decide("right", "left", "right") == "right"
    assert decide("left", "left", "right") == "left"
    assert (house.site / "both/tests.py").exists()
    house.launch("run", "--no-sync", "python", "-c", "import left, right, both.tests")
    # Whoever gave way gets its own file back when the other one goes; what both brought stays.
    assert decide("left", "right") == "right"
    assert judge(house.environment, [right]) == []
    assert decide("right", "left", "right") == "right"
    assert decide("right", "left") == "left"
    assert judge(house.environment, [left]) == []
    # One that is there already loses a file to one that comes.
    assert decide("right", "left", "right") == "right"
    (house.site / "both/page.txt").unlink()
    assert "right is restored" in house.do("sync").err
    assert (house.site / "both/page.txt").read_text() == "right"
    house.project("left", "right")
    assert "both own" in house.refused("sync")


def test_a_bad_owner_of_files(house: House) -> None:
    house.project(more='[tool.provenv]\nfile-owners = {"a/*" = "not a name"}\n')
    assert "tool.provenv.file-owners.a/*" in house.refused("sync")


def test_an_unfinished_environment_is_not_run(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("sync")
    assert house.launch("run", "--no-sync", "python", "-c", "import alpha").code == 0
    receipt = house.environment / "provenv-receipt"
    receipt.rename(house.environment / "provenv-receipt.unfinished")
    told = house.launch("run", "--no-sync", "python", "-c", "import alpha")
    assert told.code == 1
    assert "is unfinished" in told.err
    assert house.launch("run", "python", "-c", "import alpha").code == 0
    assert not (house.environment / "provenv-receipt.unfinished").exists()
    # An environment that another tool made has no mark of ours.
    receipt.unlink()
    assert house.launch("run", "--no-sync", "python", "-c", "import alpha").code == 0


def test_one_writer_at_a_time_whatever_the_cache(house: House) -> None:
    wheel = house.wheel("alpha")
    house.project("alpha")
    house.do("lock")
    with Hold(str(house.environment), str(house.root / "guard"), Events()):
        began = time.monotonic()
        waiting = house.start("sync", PROVENV_CACHE_DIR=str(house.root / "another"))
        assert waiting.stderr is not None
        line = waiting.stderr.readline()
        assert "waiting for another process, which works on" in line
        assert time.monotonic() - began < 2
        assert list(house.environment.iterdir()) == []
    assert waiting.wait(timeout=30) == 0
    waiting.communicate()
    assert judge(house.environment, [wheel]) == []


def test_a_lock_on_an_environment_leaves_nothing(house: House) -> None:
    house.project("nothing-like-this")
    assert house.give("sync").code == 1
    assert not os.path.lexists(house.environment)
    directory = house.root / "made"
    with Hold(str(directory), str(house.root / "guard"), Events()):
        assert directory.is_dir()
    assert not directory.exists()


def test_where_a_directory_cannot_be_locked_a_file_is(house: House) -> None:
    place, guard = house.root / "file", house.root / "guards" / "one"
    place.write_text("no directory")
    with Hold(str(place), str(guard), Events()):
        assert guard.exists()
    assert not guard.exists()


def test_a_half_installed_tool_is_not_on_the_path(house: House) -> None:
    entry_points = {"console_scripts": {"a": "alpha:main"}}
    house.wheel("alpha", files={"alpha.py": "def main(): print('one')\n"}, entry_points=entry_points)
    house.do("tool", "install", "alpha")
    program = house.home / ".local/bin/a"
    assert program.is_symlink()
    house.wheel("alpha", "2.0", files={"alpha.py": "def main(): print('two')\n"}, entry_points=entry_points)
    blob = house.server.directory / "alpha-2.0-py3-none-any.whl"
    blob.write_bytes(blob.read_bytes()[:-30])
    assert house.give("tool", "upgrade", "alpha", "--refresh").code != 0
    assert program.is_symlink()  # as it was
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "one\n"


def test_an_interpreter_of_several_names(house: House) -> None:
    """Found as ``python3`` when the environment was made, it is ``python3.11`` to whoever looks behind the links."""
    house.wheel("alpha")
    house.project("alpha")
    programs = house.root / "programs"
    programs.mkdir()
    (programs / "python-of-mine").symlink_to(BASE_PYTHON)
    house.do("sync")
    link = house.environment / "bin/python"
    link.unlink()
    link.symlink_to(programs / "python-of-mine")
    house.do("verify")
    link.unlink()
    link.symlink_to("/bin/sh")
    assert "bin/python" in house.give("verify").out


def test_no_repair_is_promised_where_no_wheel_is_known(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("sync", "--link-mode", "copy")
    (house.environment / "provenv-receipt").unlink()
    settings = house.environment / "pyvenv.cfg"
    settings.write_text(settings.read_text().replace("provenv", "other"))
    (house.site / "alpha/__init__.py").unlink()
    house.lock_file.unlink()
    told = house.give("verify")
    assert told.code == 1
    assert "--against" in told.out
    assert "--repair" not in told.out


def test_facts_of_wheels_that_are_gone_go_too(house: House) -> None:
    wheel = house.wheel("alpha")
    house.project("alpha")
    house.do("sync")
    store = Store(str(house.cache / "store"), durability="never")
    kept, old, young = hashlib.sha256(wheel.read_bytes()).hexdigest(), "0" * 64, "1" * 64
    for key in (kept, old, young):
        keep_facts(store, key, ())
        assert kept_facts(store, key) == ()
    for key in (kept, old):
        os.utime(store.place("facts", key), (0, 0))
    house.do("store", "prune")
    assert [key for key in (kept, old, young) if kept_facts(store, key) is not None] == [kept, young]
    house.do("store", "prune", "--all")
    assert kept_facts(store, kept) is None
