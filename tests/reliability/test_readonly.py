"""Stores that cannot be written, that several users share, that belong to somebody else, or lie on two devices."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provenv.errors import InstallError
from provenv.events import Events
from provenv.flows.store_prune import prune
from provenv.flows.store_verify import verify_store
from provenv.flows.world import World
from provenv.store import examination, inspection, naming, suspects, unpacking
from provenv.store.store import Store
from tests.worlds.house import House, Told, snapshot
from tests.worlds.wheels import build_wheel

LOADED = (examination, inspection, naming, suspects, unpacking)
"""Loaded before a test becomes another user, who may not read the source."""


def _can_mount() -> bool:
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        script = f'mount --bind "{place}" "{place}" && mount -o remount,ro,bind "{place}" && ! touch "{place}/x"'
        tried = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, check=False)
    return tried.returncode == 0


IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
needs_mounts = pytest.mark.skipif(not _can_mount(), reason="file systems cannot be mounted here")
needs_users = pytest.mark.skipif(not IS_ROOT, reason="only root can become other users")


def on_read_only(house: House, *words: str, places: tuple[Path, ...] = ()) -> Told:
    """Run the installed command where the cache, or ``places``, cannot be written."""
    mounts = "".join(
        f'mount --bind "{place}" "{place}" && mount -o remount,ro,bind "{place}" && '
        for place in places or (house.cache,)
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mounts + 'exec "$@"', "sh", str(house.launcher), *words],
        cwd=house.directory,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **house.variables(), "PROVENV_DURABILITY": "later"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Told(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture
def full(house: House) -> House:
    """A house in which everything was done once."""
    house.wheel("alpha", requires=("beta",), entry_points={"console_scripts": {"alpha": "alpha:main"}})
    house.wheel("beta")
    house.project("alpha")
    house.do("sync")
    return house


@needs_mounts
@pytest.mark.parametrize(
    "words",
    [
        ("sync",),
        ("sync", "--frozen"),
        ("sync", "--locked"),
        ("sync", "--check"),
        ("lock", "--check"),
        ("run", "--frozen", "python", "-c", "import alpha, beta"),
        ("run", "python", "-c", "import alpha, beta"),
        ("tree",),
        ("store", "verify"),
        ("store", "size"),
        ("store", "path"),
        ("store", "prune", "--dry-run"),
        ("cache", "size"),
    ],
    ids=" ".join,
)
def test_whatever_only_reads_works(full: House, words: tuple[str, ...]) -> None:
    before = snapshot(full.cache)
    told = on_read_only(full, *words)
    assert told.code == 0, told.err
    assert "Traceback" not in told.err
    assert snapshot(full.cache) == before


@needs_mounts
@pytest.mark.parametrize("words", [("sync", "--frozen"), ("sync",)], ids=" ".join)
def test_an_environment_is_made_from_a_store_that_cannot_be_written(full: House, words: tuple[str, ...]) -> None:
    shutil.rmtree(full.environment)
    told = on_read_only(full, *words)
    assert told.code == 0, told.err
    assert full.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert subprocess.run([full.environment / "bin/python", "-c", "import alpha, beta"], check=False).returncode == 0


@needs_mounts
@pytest.mark.parametrize(
    "words",
    [("sync",), ("store", "prune"), ("store", "verify", "--repair"), ("cache", "clean")],
    ids=" ".join,
)
def test_what_must_write_says_so_in_one_line(full: House, words: tuple[str, ...]) -> None:
    if words == ("sync",):
        full.wheel("gamma")
        full.project("alpha", "gamma")
        shutil.rmtree(full.environment)
    else:
        (full.cache / "store/v1/blobs/stray").write_text("x")
    told = on_read_only(full, *words)
    assert told.code == 1, told
    assert told.err.count("error: ") == 1, told.err
    assert "Traceback" not in told.err
    assert str(full.cache) in told.err
    assert full.do("sync").code == 0


@needs_mounts
def test_everything_around_may_be_read_only_when_there_is_nothing_to_do(full: House) -> None:
    told = on_read_only(full, "sync", "--frozen", places=(full.cache, full.home, full.directory))
    assert told.code == 0, told.err
    told = on_read_only(full, "run", "python", "-c", "import alpha", places=(full.cache, full.home, full.directory))
    assert told.code == 0, told.err


@needs_mounts
def test_what_may_be_lost_is_checked_even_where_nothing_can_be_written(full: House) -> None:
    """A store whose record is gone: every object is looked at by every command, and rot is not used."""
    shutil.rmtree(full.environment)
    (full.cache / "store/v1/durable").unlink()
    assert on_read_only(full, "sync", "--frozen").code == 0
    shutil.rmtree(full.environment)
    source = next((full.cache / "store/v1/trees").rglob("alpha/__init__.py"))
    source.chmod(0o644)
    source.write_bytes(bytes(source.stat().st_size))
    told = on_read_only(full, "sync", "--frozen")
    assert told.code == 1
    assert told.err.count("error: ") == 1, told.err


# -- several users -----------------------------------------------------------------------------------------

ADA, BOB, EVE = 61001, 61002, 61003
TEAM = 61100


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that other users can reach."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def by(user: int, work: Callable[[], object], *, groups: tuple[int, ...] = (), umask: int = 0o077) -> str:
    """Do something as another user, in a process of its own; what it returned, or the error's sentence."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = "died"
        try:
            os.close(reading)
            os.setgroups(list(groups))
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            os.umask(umask)
            said = f"did {work()}"
        except InstallError as problem:
            said = f"error {problem.message}"
        except BaseException:
            said = traceback.format_exc()
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        told = file.read().decode()
    os.waitpid(child, 0)
    return told


def shared_store(place: Path, mode: int = 0o2775) -> Path:
    root = place / "cache/store"
    root.mkdir(parents=True)
    os.chown(root, ADA, TEAM)
    root.chmod(mode)
    return root


def fill(root: Path, wheel: Path) -> str:
    store = Store(root, workers=1, durability="never")
    sha256 = store.adopt(wheel)
    return f"{store.unpack(sha256, wheel.name).sha256[:4]}"


@needs_users
def test_a_group_shares_a_store_whatever_the_umask(place: Path) -> None:
    root = shared_store(place)
    wheels = [build_wheel(place / "wheels", name, "1.0") for name in ("alpha", "beta", "gamma")]
    for path in (place / "wheels", *wheels):
        path.chmod(0o755)
    assert by(ADA, lambda: fill(root, wheels[0]), groups=(TEAM,)).startswith("did")
    assert by(BOB, lambda: fill(root, wheels[0]), groups=(TEAM,), umask=0o022).startswith("did")
    assert by(BOB, lambda: fill(root, wheels[1]), groups=(TEAM,), umask=0o027).startswith("did")
    assert by(ADA, lambda: fill(root, wheels[1]), groups=(TEAM,)).startswith("did")

    def world(user: str) -> World:
        return World(directory=str(place), cache=str(place / "cache"), events=Events(), now=0.0, durability="never")

    assert by(BOB, lambda: verify_store(world("bob")).is_good, groups=(TEAM,)) == "did True"
    assert "error" not in by(BOB, lambda: prune(world("bob"), days=0), groups=(TEAM,))
    assert not list((root / "v1/trees").glob("*/*")), "one member prunes what another made"
    assert [path for path in root.rglob("*") if path.lstat().st_mode & 0o002] == []


@needs_users
def test_a_reboot_in_a_store_of_a_group(place: Path) -> None:
    """Who did not make an object can check it, but not mark it as checked."""
    root = shared_store(place)
    wheel = build_wheel(place / "wheels", "alpha", "1.0")
    for path in (place / "wheels", wheel):
        path.chmod(0o755)
    by(ADA, lambda: fill(root, wheel), groups=(TEAM,))
    sha256 = next((root / "v1/trees").glob("*/*")).name

    def look(boot: str) -> bool:
        return Store(root, workers=1, durability="never", boot=boot).tree(sha256) is not None

    assert by(BOB, lambda: look("next"), groups=(TEAM,)) == "did True"
    assert by(BOB, lambda: look("next"), groups=(TEAM,)) == "did True"
    assert by(ADA, lambda: look("next"), groups=(TEAM,)) == "did True"


@needs_users
@pytest.mark.parametrize("mode", [0o755, 0o2755, 0o775, 0o2775, 0o777, 0o2777])
def test_the_store_of_another_user_is_refused(place: Path, mode: int) -> None:
    root = shared_store(place)
    wheel = build_wheel(place / "wheels", "alpha", "1.0")
    for path in (place / "wheels", wheel):
        path.chmod(0o755)
    by(ADA, lambda: fill(root, wheel), groups=(TEAM,))
    root.chmod(mode)
    sha256 = next((root / "v1/trees").glob("*/*")).name
    for work in (
        lambda: fill(root, wheel),
        lambda: Store(root).tree(sha256),
        lambda: Store(root).blob(sha256),
    ):
        told = by(EVE, work)
        assert told.startswith("error the store"), told
        assert ("everybody" if mode & 2 else "belongs to another user") in told


@needs_users
def test_root_does_not_use_the_store_of_a_user(place: Path) -> None:
    """As ``sudo`` does that keeps HOME."""
    root = shared_store(place, 0o755)
    wheel = build_wheel(place / "wheels", "alpha", "1.0")
    with pytest.raises(InstallError, match="belongs to another user"):
        fill(root, wheel)


@needs_users
def test_a_user_reads_the_store_of_root(place: Path) -> None:
    root = place / "store"
    wheel = build_wheel(place / "wheels", "alpha", "1.0")
    for path in (place / "wheels", wheel):
        path.chmod(0o755)
    before = os.umask(0o022)
    try:
        fill(root, wheel)
    finally:
        os.umask(before)
    sha256 = next((root / "v1/trees").glob("*/*")).name
    assert by(EVE, lambda: Store(root).tree(sha256) is not None) == "did True"
    other = build_wheel(place / "wheels", "beta", "1.0")
    other.chmod(0o644)
    told = by(EVE, lambda: fill(root, other))
    assert told.startswith("error cannot"), told


# -- no locks ----------------------------------------------------------------------------------------------


def _can_inject() -> bool:
    if shutil.which("strace") is None:
        return False
    words = ["strace", "-f", "-o", os.devnull, "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _can_inject(), reason="strace cannot make calls fail here")
@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP"])
def test_where_a_file_system_knows_no_locks_only_pruning_is_refused(house: House, error: str) -> None:
    house.wheel("alpha")
    house.project("alpha")
    told = []
    for words in (("sync",), ("store", "verify"), ("store", "prune")):
        inject = ["strace", "-f", "-o", os.devnull, "-e", "trace=flock", "-e", f"inject=flock:error={error}"]
        told.append(
            subprocess.run(
                [*inject, str(house.launcher), *words],
                cwd=house.directory,
                env={"PATH": os.environ["PATH"], **house.variables()},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        )
    assert [done.returncode for done in told] == [0, 0, 1], [done.stderr for done in told]
    assert house.installed() == {"alpha": "1.0"}
    assert told[2].stderr.count("error: ") == 1
    assert "knows no locks" in told[2].stderr


# -- two devices -------------------------------------------------------------------------------------------


@needs_mounts
@pytest.mark.parametrize("apart", ["tmp", "trees", "blobs", "quarantine"])
def test_a_part_of_the_store_on_another_device(house: House, apart: str) -> None:
    house.wheel("alpha", files={"alpha/__init__.py": "x = 1\n"})
    house.wheel("beta")
    house.project("alpha")
    house.do("sync")
    shutil.rmtree(house.environment)
    place = house.cache / "store/v1" / apart
    place.mkdir(exist_ok=True)
    house.project("alpha", "beta")
    done = subprocess.run(
        [
            "unshare", "-m", "sh", "-c",
            f'mount -t tmpfs -o mode=0755 none "{place}" && "$@" && "$@"', "sh", str(house.launcher), "sync",
        ],
        cwd=house.directory,
        env={"PATH": os.environ["PATH"], **house.variables(), "PROVENV_DURABILITY": "now"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stderr
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert list((house.cache / "store/v1").rglob(".new-*")) == []


@needs_users
def test_what_an_administrator_replaces_stays_that_of_its_owner(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha")
    house.do("lock")
    for path in (house.project_file, house.lock_file):
        os.chown(path, 65534, 65534)
    house.do("add", "beta", "--no-sync")
    assert "beta" in house.lock_file.read_text()
    assert {path.stat().st_uid for path in (house.project_file, house.lock_file)} == {65534}
