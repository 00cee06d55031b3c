"""Wheels arrive side by side: nobody waits while something else can be done, and whatever fails leaves nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenv.errors import InputError, IntegrityError, ProvenvError
from provenv.events import Events
from provenv.flows.arrival import Arrival
from provenv.flows.download import fetch_missing
from provenv.flows.world import World
from provenv.model.plan import Wanted
from provenv.store.crew import Crew
from provenv.store.inspection import faults_of, rows_of_tree
from provenv.store.store import Store
from provenv.store.unpacking import Unpacking
from tests.worlds.index_server import IndexServer
from tests.worlds.wheels import build_wheel, wheel_members, write_archive

_OLD = 60


class Heard(Events):
    """Remembers what was waited for."""

    def __init__(self) -> None:
        self.waited: list[str] = []

    def waiting(self, what: str) -> None:
        self.waited.append(what)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(directory=str(tmp_path), cache=str(tmp_path / "cache"), events=Heard(), now=time.time())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache" / "store", workers=2, durability="never")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[IndexServer]:
    (tmp_path / "index").mkdir()
    with IndexServer(tmp_path / "index") as running:
        yield running


def leftovers(store: Store) -> list[str]:
    """Names of private work and locks that were left behind."""
    places = [Path(store.base, "tmp"), Path(store.base, "locks")]
    return [entry.name for place in places if place.exists() for entry in place.iterdir()]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def served(server: IndexServer, name: str, files: dict[str, str | bytes] | None = None) -> Wanted:
    wheel = build_wheel(server.directory, name, "1.0", files=files)
    url = f"{server.url.rsplit('/simple', 1)[0]}/files/{wheel.name}"
    return Wanted(
        name=name, version="1.0", filename=wheel.name, sha256=digest(wheel), url=url, size=wheel.stat().st_size
    )


def local(path: Path, name: str = "demo") -> Wanted:
    return Wanted(
        name=name, version="1.0", filename=path.name, sha256=digest(path), path=str(path), size=path.stat().st_size
    )


def wheel_of(directory: Path, name: str = "demo", files: dict[str, str | bytes] | None = None) -> Path:
    directory.mkdir(exist_ok=True)
    wheel = build_wheel(directory, name, "1.0", files=files)
    wheel.chmod(0o644)
    return wheel


def broken_wheel(directory: Path, name: str) -> Path:
    """A wheel with a member that is not what RECORD says."""
    members = wheel_members(name, "1.0", files={f"{name}/data.bin": b"as recorded"})
    members[f"{name}/data.bin"] = b"another one"
    wheel = directory / f"{name}-1.0-py3-none-any.whl"
    write_archive(wheel, members)
    return wheel


@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_a_wheel_that_another_works_on_holds_nobody_up(
    world: World, store: Store, server: IndexServer, kind: str
) -> None:
    wanted = [served(server, f"demo{number}") for number in range(20)]
    busy = min(wanted, key=lambda item: item.sha256)
    trees: dict[str, object] = {}
    with store.guard(f"{kind}-{busy.sha256}", Events(), busy.filename):
        thread = threading.Thread(target=lambda: trees.update(fetch_missing(world, store, wanted)))
        thread.start()
        until = time.monotonic() + 20
        while sum(store.tree(item.sha256) is not None for item in wanted) < 19 and time.monotonic() < until:
            time.sleep(0.02)
        assert store.tree(busy.sha256) is None
        assert sum(store.tree(item.sha256) is not None for item in wanted) == 19
        while not (heard := world.events.waited) and time.monotonic() < until:  # type: ignore[attr-defined]
            time.sleep(0.02)
        assert heard == [f"another process, which works on {busy.filename}"]
    thread.join(20)
    assert trees.keys() == {item.sha256 for item in wanted}
    assert all(server.count(f"/files/{item.filename}") == 1 for item in wanted)
    assert leftovers(store) == []


def test_what_another_made_meanwhile_is_taken_from_it(world: World, store: Store, server: IndexServer) -> None:
    item = served(server, "demo")
    trees: dict[str, object] = {}
    thread = threading.Thread(target=lambda: trees.update(fetch_missing(world, store, [item])))
    with store.receive(sha256=item.sha256) as receiver:
        thread.start()
        time.sleep(0.3)
        receiver.write((server.directory / item.filename).read_bytes())
    thread.join(20)
    assert trees.keys() == {item.sha256}
    assert server.count("/files/*") == 0


def test_unpacking_begins_while_others_still_come(world: World, store: Store, server: IndexServer) -> None:
    slow, quick = served(server, "slow", {"slow/a.bin": os.urandom(50_000)}), served(server, "quick")
    server.fail(f"/files/{slow.filename}", delay=1.5, times=1)
    thread = threading.Thread(target=lambda: fetch_missing(world, store, [slow, quick]))
    thread.start()
    until = time.monotonic() + 10
    while store.tree(quick.sha256) is None and time.monotonic() < until:
        time.sleep(0.01)
    assert store.tree(quick.sha256) is not None
    assert store.tree(slow.sha256) is None
    thread.join(20)
    assert store.tree(slow.sha256) is not None


@pytest.mark.parametrize("is_local", [True, False])
def test_one_of_several_fails(world: World, store: Store, server: IndexServer, tmp_path: Path, is_local: bool) -> None:
    """The archive is named, what others had done by then stays, and nothing else does."""
    good = [served(server, f"demo{number}", {f"demo{number}/a.bin": os.urandom(300_000)}) for number in range(6)]
    wheel = broken_wheel(tmp_path if is_local else server.directory, "bad")
    url = None if is_local else f"{server.url.rsplit('/simple', 1)[0]}/files/{wheel.name}"
    bad = Wanted(
        name="bad",
        version="1.0",
        filename=wheel.name,
        sha256=digest(wheel),
        url=url,
        path=str(wheel) if is_local else None,
    )
    with pytest.raises(IntegrityError, match=r"bad-1\.0-py3-none-any\.whl.*data\.bin"):
        fetch_missing(world, store, [*good, bad])
    assert leftovers(store) == []
    assert store.tree(bad.sha256) is None
    assert fetch_missing(world, store, good).keys() == {item.sha256 for item in good}
    assert all(server.count(f"/files/{item.filename}") <= 2 for item in good)


@pytest.mark.skipif(os.name == "nt", reason="a signal of POSIX")
def test_an_interrupt_leaves_nothing(world: World, store: Store, server: IndexServer) -> None:
    stalled = served(server, "stalled", {"stalled/a.bin": os.urandom(100_000)})
    others = [served(server, f"demo{number}") for number in range(3)]
    server.fail(f"/files/{stalled.filename}", stall_after=1000)
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch_missing(world, store, [stalled, *others])
    assert time.monotonic() - began < 5
    assert leftovers(store) == []
    assert all(store.tree(item.sha256) is not None for item in others)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("provenv-crew")]


def settled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file be old: its time of change cannot be set, so the clock is."""
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + _OLD)


@pytest.mark.skipif(os.name == "nt", reason="owners and modes are those of POSIX")
def test_a_local_file_is_read_in_place(
    world: World, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = local(wheel_of(tmp_path / "files"))
    settled(tmp_path, monkeypatch)
    assert fetch_missing(world, store, [item])[item.sha256].name == "demo"
    assert store.blob(item.sha256) is None
    assert leftovers(store) == []


@pytest.mark.parametrize("reason", ["new", "writable by others"])
def test_a_file_that_others_may_write_to_is_copied_first(
    world: World, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    wheel = wheel_of(tmp_path / "files")
    if reason != "new":
        wheel.chmod(0o666)
        settled(wheel, monkeypatch)
    item = local(wheel)
    assert fetch_missing(world, store, [item])[item.sha256].name == "demo"
    assert store.blob(item.sha256) is not None


@pytest.mark.parametrize("is_old", [True, False])
def test_a_local_file_that_is_another(
    world: World, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_old: bool
) -> None:
    """The hash is what is told, also when the file is no archive at all."""
    wheel = wheel_of(tmp_path / "files")
    item = local(wheel)
    wheel.write_bytes(b"something else")
    if is_old:
        settled(wheel, monkeypatch)
    with pytest.raises(IntegrityError, match=rf"demo-1\.0-py3-none-any\.whl.*{item.sha256}"):
        fetch_missing(world, store, [item])
    assert leftovers(store) == []
    wheel.unlink()
    with pytest.raises(InputError, match="is not there"):
        fetch_missing(world, store, [item])


def unpacking(path: Path, directory: Path) -> Unpacking:
    directory.mkdir()
    return Unpacking(
        str(path),
        sha256=digest(path),
        filename=path.name,
        directory=str(directory),
        final=str(directory),
        events=Events(),
        is_proven=False,
    )


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path / "files", files={"demo/a.bin": os.urandom(200_000)})
    work = unpacking(wheel, tmp_path / "tree")
    with Crew(1) as crew:
        # Only the times tell of it: the bytes are those that were promised, whenever they are read.
        work.begin(crew, lambda: None)
        crew.add(1 << 61, lambda: os.utime(wheel, (1, 1)))
    with pytest.raises(IntegrityError, match="was changed while it was read"):
        work.result()


@pytest.mark.parametrize("is_right", [True, False])
def test_of_a_long_member_the_record_is_believed_and_its_lie_is_found_by_the_store(
    tmp_path: Path, is_right: bool
) -> None:
    data = os.urandom(3 << 20)
    members = wheel_members("demo", "1.0", files={"demo/long.bin": data})
    if not is_right:
        data = members["demo/long.bin"] = data[:-1] + bytes([data[-1] ^ 1])
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    write_archive(wheel, members)
    store = Store(tmp_path / "store", durability="never")
    sha256 = store.adopt(wheel)
    arrival = Arrival(store, Wanted(name="demo", version="1.0", filename=wheel.name, sha256=sha256), None, Events())
    assert arrival.take()
    with Crew(2) as crew:
        arrival.begin(crew, lambda: None)
    tree = arrival.finish()
    assert Path(tree.files, "demo/long.bin").read_bytes() == data, "the bytes are those of the archive either way"
    faults = faults_of(tree.files, rows_of_tree(tree), 1)
    assert [fault.path for fault in faults] == ([] if is_right else ["demo/long.bin"])


def test_a_crew_that_is_stopped_drops_what_nobody_began() -> None:
    done: list[int] = []
    begun = threading.Event()

    def long() -> None:
        begun.set()
        time.sleep(0.2)
        done.append(0)

    def give() -> None:
        with Crew(1) as crew:
            crew.add(9, long)
            for number in range(1, 5):
                crew.add(1, lambda number=number: done.append(number))  # type: ignore[misc]
            begun.wait()
            raise ProvenvError("enough")

    with pytest.raises(ProvenvError):
        give()
    assert done == [0]
