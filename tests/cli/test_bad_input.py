"""Bad input: one clear message that names file and key, or package and host; nothing half written."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.worlds.house import House

_TWO_TARGETS = """
[tool.provenv.targets.laptop]
platform = "macos-arm64"
python = "3.12"
[tool.provenv.targets.train]
platform = "linux-x86_64"
python = "3.12"
"""


def _files(house: House) -> dict[str, bytes]:
    return {
        str(path.relative_to(house.directory)): path.read_bytes()
        for path in house.directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def _refused(house: House, *words: str, code: int = 1, tells: tuple[str, ...], has_hint: bool = True) -> str:
    """The command fails with a message that holds every part of ``tells``, and the project is as it was."""
    before = _files(house)
    message = house.refused(*words, code=code)
    for part in tells:
        assert part in message, message
    assert ("hint: " in message) or not has_hint, message
    assert _files(house) == before
    return message


# -- the project file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["lock", "sync", "tree", "export"])
def test_no_project(house: House, command: str) -> None:
    _refused(house, command, tells=(str(house.project_file), "provenv init"))


@pytest.mark.parametrize("command", [("lock",), ("sync",), ("add", "x"), ("remove", "x")])
def test_broken_toml(house: House, command: tuple[str, ...]) -> None:
    house.project_file.write_text('[project]\nname = "demo\n')
    _refused(house, *command, tells=(str(house.project_file), "not valid TOML", "line 2"))


def test_bytes_that_are_no_text(house: House) -> None:
    house.project_file.write_bytes(b'[project]\nname = "\xff\xfe"\n')
    _refused(house, "lock", tells=(str(house.project_file), "not valid TOML"))


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ('[tool.provenv]\ndefault-group = ["x"]\n', ("tool.provenv.default-group", "did you mean `default-groups`?")),
        ("[tool.provenv]\nzzz = 1\n", ("tool.provenv.zzz", "known are build-constraint-dependencies")),
        ('[tool.provenv]\ndefault-groups = ["x"]\n', ("tool.provenv.default-groups", "there is no group `x`")),
        ("[tool.provenv]\nindex = 1\n", ("tool.provenv.index", "[[tool.provenv.index]]")),
        ('[[tool.provenv.index]]\nname = "x"\n', ("tool.provenv.index[0]", "`url`")),
        ('[[tool.provenv.index]]\nurl = "ftp://index.example/"\n', ("ftp://index.example/", "http")),
        ('[tool.provenv.targets.a]\npython = "3.12"\n', ("tool.provenv.targets.a.platform", "linux-x86_64")),
        ('[tool.provenv.targets.a]\nplatform = "linux-x86_64"\npython = 3.12\n', ("targets.a.python", "'3.12'")),
        ('[tool.provenv.targets.a]\nplatform = "linux-x86_64"\n', ("targets.a.python", "'3.12'")),
        (
            '[tool.provenv.targets.a]\nplatform = "linux-x86_64"\npython = "3.12"\nglib = "2.31"\n',
            ("tool.provenv.targets.a.glib", "did you mean `glibc`?"),
        ),
        ('[project.optional-dependencies]\nx = "numpy"\n', ("project.optional-dependencies.x", "a list")),
        ('[dependency-groups]\nx = [{include-group = "y"}]\n', ("dependency-groups.x[0]", "there is no group `y`")),
        ('[dependency-groups]\nx = [{include-group = "x"}]\n', ("dependency-groups.x", "includes itself")),
        ("[dependency-groups]\nx = [1]\n", ("dependency-groups.x[0]", "a string")),
    ],
)
def test_keys_that_cannot_be(house: House, text: str, tells: tuple[str, ...]) -> None:
    house.project(more=text)
    _refused(house, "lock", tells=("pyproject.toml", *tells), has_hint=False)


def test_all_mistakes_are_told_at_once(house: House) -> None:
    house.project_file.write_text('[project]\nname = "-"\nrequires-python = "x"\ndependencies = ["a b c", "ok", 1]\n')
    told = ("project.name", "project.requires-python", "project.dependencies[0]", "project.dependencies[2]")
    _refused(house, "sync", tells=("4 mistakes", *told), has_hint=False)


def test_a_requirement_that_does_not_parse(house: House) -> None:
    house.project("good", "numpy=>2")
    _refused(
        house,
        "lock",
        tells=("pyproject.toml: project.dependencies[1]", "`numpy=>2` is not a requirement"),
        has_hint=False,
    )


def test_a_direct_reference_that_is_no_archive(house: House) -> None:
    house.project("alpha @ https://files.example/alpha")
    _refused(house, "lock", tells=("project.dependencies[0]", "does not end like a wheel", "git+"))
    house.project("alpha @ https://files.example/beta-1.0-py3-none-any.whl")
    _refused(house, "lock", tells=("pyproject.toml", "is a wheel of beta, not of alpha"), has_hint=False)


# -- packages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["lock", "sync"])
def test_an_unknown_package(house: House, command: str) -> None:
    house.project("requsets")
    _refused(house, command, tells=("no index has a package named requsets", "check the spelling"))


def test_an_unknown_package_deep_down(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "1.0", ("missing>=1",))
    house.project("alpha")
    _refused(house, "lock", tells=("missing", "beta", "no index has a package named missing"))


def test_no_version_for_this_python(house: House) -> None:
    house.wheel("alpha", "1.0", requires_python=">=3.99")
    house.project("alpha")
    _refused(house, "lock", tells=("alpha", "1.0", "needs Python >=3.99"))


def test_no_version_for_this_platform(house: House) -> None:
    house.wheel("alpha", "1.0", tags="cp39-cp39-win32")
    house.project("alpha")
    _refused(house, "lock", tells=("alpha", "1.0", f"no wheel for cp3{sys.version_info[1]} on "))


def test_only_a_source_archive(house: House) -> None:
    (house.server.directory / "alpha-1.0.tar.gz").write_bytes(b"")
    house.project("alpha", more="[tool.provenv]\nno-build = true\n")
    _refused(house, "lock", tells=("alpha", "1.0", "only a source archive"))


def test_no_such_version(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.project("alpha>=2")
    message = _refused(house, "lock", tells=("alpha>=2", "(the newest is 1.0)", "(pyproject.toml:6)"))
    assert message.count("\n") < 10


def test_the_version_that_is_wanted_is_only_a_source_archive(house: House) -> None:
    house.wheel("alpha", "1.0")
    (house.server.directory / "alpha-2.0.tar.gz").write_bytes(b"")
    (house.server.directory / "alpha-0.5.tar.gz").write_bytes(b"")
    house.project("alpha>=2", more="[tool.provenv]\nno-build = true\n")
    message = _refused(house, "lock", tells=("alpha>=2", "2.0: only a source archive"))
    assert "0.5" not in message


def test_a_directory_that_is_gone(house: House) -> None:
    gone = house.directory / "gone"
    gone.mkdir()
    house.monkeypatch.chdir(gone)
    gone.rmdir()
    _refused(house, "lock", code=2, tells=("the current directory is gone",))


def test_requirements_that_exclude_one_another(house: House) -> None:
    house.wheel("web", "1.0", ("core<2",))
    house.wheel("tool", "1.0", ("core>=2",))
    house.wheel("core", "1.0")
    house.wheel("core", "2.0")
    house.project("web", "tool")
    message = _refused(house, "lock", tells=("web", "tool", "core<2", "core>=2", "(pyproject.toml:6)"))
    assert message.count("\n") < 12, message


def test_one_of_two_targets_cannot_be_solved(house: House) -> None:
    house.wheel("alpha", "1.0", tags="py3-none-macosx_11_0_arm64")
    house.project("alpha", more=_TWO_TARGETS)
    _refused(house, "lock", tells=("for target `train`", "alpha", "manylinux"))


def test_metadata_of_another_package(house: House) -> None:
    wheel = house.wheel("beta")
    shutil.copy(wheel, house.server.directory / "alpha-1.0-py3-none-any.whl")
    house.project("alpha")
    _refused(house, "lock", tells=("alpha==1.0 cannot be used", "its metadata is that of `beta 1.0`"))


# -- files and hosts ----------------------------------------------------------------------------------------


def test_a_wheel_with_another_hash_than_the_index_tells(house: House) -> None:
    wheel = house.wheel("alpha")
    house.server.wrong_hashes[wheel.name] = "0" * 64
    house.project("alpha")
    house.do("lock")
    _refused(house, "sync", tells=("alpha-1.0-py3-none-any.whl", "0" * 64))
    assert not house.environment.exists()


def test_a_wheel_that_changed_since_the_lock(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("lock")
    house.wheel("alpha", files={"alpha/__init__.py": "evil = 1\n"})
    _refused(house, "sync", tells=("alpha-1.0-py3-none-any.whl", "expected"))
    assert not house.environment.exists()


@pytest.mark.parametrize("status", [500, 503])
def test_an_index_with_a_problem(house: House, status: int) -> None:
    house.server.fail("/simple/alpha/", status=status, body=b"<html>oops</html>", headers={"Retry-After": "0"})
    house.project("alpha")
    _refused(house, "lock", tells=("alpha", "127.0.0.1", str(status)))


def test_a_login_page_instead_of_an_index(house: House) -> None:
    body = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form><input name=u></form></body></html>"
    house.server.fail("/simple/*", status=200, body=body)
    house.project("alpha")
    _refused(house, "lock", tells=("alpha", "127.0.0.1"))


def test_an_index_that_refuses(house: House) -> None:
    house.server.fail("/simple/*", status=403, body=b"no")
    house.project("alpha")
    _refused(house, "lock", tells=("alpha", "127.0.0.1", "403"))


def test_nobody_listens(house: House) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    house.project("alpha")
    where = f"http://127.0.0.1:{port}/simple/"
    _refused(house, "lock", "--default-index", where, tells=("alpha", f"127.0.0.1:{port}", "--offline"))


def test_a_file_that_is_gone(house: House) -> None:
    wheel = house.wheel("alpha")
    house.project("alpha")
    house.do("lock")
    wheel.unlink()
    _refused(house, "sync", tells=("alpha-1.0-py3-none-any.whl", "404", "lock again"))
    assert not house.environment.exists()


def test_a_local_file_that_is_gone(house: House, tmp_path: Path) -> None:
    wheel = house.wheel("alpha", directory=tmp_path / "wheels")
    house.project("alpha")
    house.do("lock", "--find-links", str(tmp_path / "wheels"))
    wheel.unlink()
    _refused(house, "sync", "--frozen", tells=("pylock.toml", "alpha", "alpha-1.0-py3-none-any.whl"))


def test_a_find_links_directory_that_is_not_there(house: House) -> None:
    house.project("alpha")
    _refused(house, "lock", "--find-links", "no-such", tells=(str(house.directory / "no-such"),))


def test_a_file_that_is_no_wheel_inside(house: House) -> None:
    house.wheel("alpha")
    house.server.sidecars = "announced"
    wheel = house.server.directory / "alpha-1.0-py3-none-any.whl"
    house.project("alpha")
    house.do("lock")
    wheel.write_bytes(b"this is no archive")
    house.lock_file.unlink()
    house.server.sidecars = "none"
    message = house.refused("--cache-dir", str(house.root / "fresh"), "sync")
    assert "alpha" in message


# -- the lock -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["lock", "sync"])
def test_a_lock_that_is_no_toml(house: House, command: str) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.lock_file.write_text("lock-version = \n")
    _refused(house, command, tells=(str(house.lock_file), "not valid TOML", "provenv lock"))


def test_a_lock_that_is_not_one(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.lock_file.write_text('lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "A B"\n')
    _refused(house, "sync", tells=(str(house.lock_file), "not a valid lock", "packages"))


def test_a_lock_of_the_future(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.lock_file.write_text('lock-version = "2.0"\ncreated-by = "x"\npackages = []\n')
    _refused(house, "sync", tells=(str(house.lock_file), "2.0"))


def test_a_lock_with_merge_conflict_markers(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("lock")
    text = house.lock_file.read_text()
    house.lock_file.write_text(text.replace("[[packages]]", "<<<<<<< ours\n[[packages]]\n=======\n>>>>>>> theirs\n"))
    _refused(house, "sync", tells=(str(house.lock_file), "merge conflict markers"))


def test_the_hint_about_a_broken_lock_helps(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.lock_file.write_text("broken = \n")
    house.refused("lock")
    house.lock_file.unlink()
    house.do("lock")


def test_a_hash_in_the_lock_that_is_none(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("lock")
    text = house.lock_file.read_text()
    house.lock_file.write_text(text.replace('sha256 = "', 'sha256 = "zz'))
    _refused(house, "sync", "--frozen", tells=(str(house.lock_file), "alpha", "SHA-256"))


# -- Python -------------------------------------------------------------------------------------------------


def test_a_python_that_does_not_exist(house: House) -> None:
    house.project()
    _refused(house, "lock", "--python", "3.99", tells=("3.99", "--python PATH"))
    _refused(house, "lock", "--python", "/no/such/python", tells=("/no/such/python", "path of a Python"))
    _refused(house, "lock", "--python", "pythn", tells=("pythn",))


def test_a_program_that_is_no_python(house: House) -> None:
    house.project()
    true = shutil.which("true")
    assert true is not None
    _refused(house, "lock", "--python", true, tells=(true, "not a Python interpreter"))


def test_a_python_that_the_project_does_not_want(house: House) -> None:
    house.project(requires_python=">=3.99")
    _refused(house, "lock", tells=("requires-python `>=3.99`", f"3.{sys.version_info[1]}"))


def test_a_pin_file_that_names_no_python(house: House) -> None:
    house.monkeypatch.delenv("PROVENV_PYTHON")
    house.project()
    (house.directory / ".python-version").write_text("3.99\n")
    _refused(house, "lock", tells=("3.99", ".python-version"))


def test_a_target_outside_requires_python(house: House) -> None:
    house.project(more=_TWO_TARGETS, requires_python=">=3.13")
    _refused(house, "lock", tells=("tool.provenv.targets.laptop.python", ">=3.13"), has_hint=False)


def test_a_lock_for_another_machine(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha", more=_TWO_TARGETS.partition("[tool.provenv.targets.train]")[0])
    house.do("lock")
    if sys.platform != "darwin":
        _refused(house, "sync", tells=(str(house.lock_file), "not for this machine", "[tool.provenv.targets]"))


# -- disks --------------------------------------------------------------------------------------------------


@contextmanager
def _mounted(place: Path, *words: str) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting needs root on Linux")
    done = subprocess.run(["mount", *words, str(place)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _big(house: House) -> None:
    house.wheel("alpha", files={"alpha/__init__.py": "", "alpha/data.bin": os.urandom(3_000_000)})
    house.project("alpha")


def test_the_disk_of_the_store_is_full(house: House) -> None:
    _big(house)
    with _mounted(house.root / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        house.do("lock", "--cache-dir", str(house.root / "small"))
        message = _refused(house, "--cache-dir", str(house.root / "small"), "sync", tells=("No space left", "small"))
        assert "space" in message.partition("hint: ")[2]
        assert not house.environment.exists()
    house.do("sync")


def test_the_disk_of_the_environment_is_full(house: House) -> None:
    _big(house)
    house.do("lock")
    with _mounted(house.environment, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        message = house.refused("sync")
        assert "No space left" in message
        assert "hint: " in message
    house.environment.rmdir()
    house.do("sync")
    assert house.installed() == {"alpha": "1.0"}


def test_the_disk_of_the_project_is_full(house: House) -> None:
    house.wheel("alpha")
    with _mounted(house.directory, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
        house.monkeypatch.chdir(house.directory)
        house.project()
        with pytest.raises(OSError, match="No space"):
            (house.directory / "ballast").write_bytes(bytes(200_000))
        _refused(house, "lock", tells=(str(house.lock_file), "No space left"))
        _refused(house, "add", "alpha", tells=("pyproject.toml", "No space left"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.directory.chmod(0o555)
    try:
        _refused(house, "lock", tells=(str(house.lock_file), "cannot be written"))
        _refused(house, "add", "alpha>=1", tells=("pyproject.toml", "cannot be written"))
    finally:
        house.directory.chmod(0o755)


def test_a_project_on_a_read_only_disk(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha")
    with _mounted(house.directory, "--bind", str(house.directory)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(house.directory)], check=True)
        house.monkeypatch.chdir(house.directory)
        _refused(house, "lock", tells=(str(house.lock_file), "cannot be written", "Read-only"))
        _refused(house, "add", "beta", tells=("pyproject.toml", "cannot be written"))
        _refused(house, "sync", tells=("Read-only",))
    house.monkeypatch.chdir(house.directory)
    house.do("lock")
    with _mounted(house.directory, "--bind", str(house.directory)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(house.directory)], check=True)
        house.monkeypatch.chdir(house.directory)
        _refused(house, "sync", tells=(str(house.environment), "Read-only"))
    house.monkeypatch.chdir(house.directory)
    house.do("sync")
    with _mounted(house.directory, "--bind", str(house.directory)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(house.directory)], check=True)
        assert house.launch("sync").code == 0
        assert house.launch("run", "python", "-B", "-c", "import alpha").code == 0


def test_a_cache_that_cannot_be_written(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.cache.write_text("this is a file")
    message = house.refused("sync")
    assert str(house.cache) in message
