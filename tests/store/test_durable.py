"""What is known to be on disk, and what is looked at after a reboot."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from provenv.errors import InstallError
from provenv.store.boot import boot_id
from provenv.store.durable import Known, load, receipt_stamp
from provenv.store.store import Store
from provenv.store.tree import Tree
from tests.worlds.interpreters import this_interpreter
from tests.worlds.wheels import build_wheel

HAS_SYNC = shutil.which("sync") is not None and os.name == "posix"


def booted(root: Path, boot: str, durability: str = "never") -> Store:
    """The store, as it is seen in that boot of the machine."""
    return Store(root, workers=2, durability=durability, boot=boot)


def filled(store: Store, directory: Path) -> tuple[Tree, Path]:
    wheel = build_wheel(directory, "demo", "1.0", {"demo/__init__.py": "x = 1\n", "demo/data.bin": b"d" * 5000})
    return store.unpack(store.adopt(wheel), wheel.name), wheel


def lost(path: str) -> None:
    """What a power cut leaves of a file that was not written yet: its name, without content."""
    os.chmod(path, 0o644)
    status = os.stat(path)
    with open(path, "wb"):
        pass
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    os.chmod(path, 0o444)


def quarantined(store: Store) -> list[str]:
    place = Path(store.base, "quarantine")
    return sorted(entry.name.split("-")[0] for entry in place.iterdir()) if place.exists() else []


def waited_for(condition: object, seconds: float = 20) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_this_boot_has_a_name() -> None:
    assert boot_id() == boot_id()


def test_nothing_is_checked_while_the_machine_runs(tmp_path: Path) -> None:
    tree, _ = filled(booted(tmp_path / "store", "one"), tmp_path)
    lost(tree.files + "/demo/data.bin")
    assert booted(tmp_path / "store", "one").tree(tree.sha256) is not None


def test_after_a_reboot_what_was_lost_is_found_and_made_again(tmp_path: Path) -> None:
    root = tmp_path / "store"
    tree, wheel = filled(booted(root, "one"), tmp_path)
    lost(tree.files + "/demo/data.bin")
    store = booted(root, "two")
    assert store.tree(tree.sha256) is None
    assert quarantined(store) == ["trees"]
    assert Path(store.unpack(tree.sha256, wheel.name).files, "demo/data.bin").stat().st_size == 5000


def test_a_lost_file_is_not_served_as_a_blob(tmp_path: Path) -> None:
    root = tmp_path / "store"
    tree, wheel = filled(booted(root, "one"), tmp_path)
    blob = booted(root, "one").blob(tree.sha256)
    assert blob is not None
    lost(blob)
    store = booted(root, "two")
    assert store.blob(tree.sha256) is None
    assert quarantined(store) == ["blobs"]
    assert store.adopt(wheel) == tree.sha256
    assert store.blob(tree.sha256) == blob


def test_lost_byte_code_is_compiled_again(tmp_path: Path) -> None:
    root, interpreter = tmp_path / "store", this_interpreter()
    store = booted(root, "one")
    tree, _ = filled(store, tmp_path)
    code = store.compile([tree], interpreter)[tree.sha256]
    lost(f"{code.files}/{code.entries[0][0]}")
    store = booted(root, "two")
    assert store.bytecode(tree, interpreter) is None
    assert store.compile([tree], interpreter)[tree.sha256].digests == code.digests


def test_what_survived_is_checked_once(tmp_path: Path) -> None:
    root = tmp_path / "store"
    tree, _ = filled(booted(root, "one"), tmp_path)
    marker = Path(tree.directory, "manifest")
    before = marker.stat().st_ctime_ns
    assert booted(root, "two").tree(tree.sha256) is not None
    after = marker.stat().st_ctime_ns
    assert after > before
    assert booted(root, "two").tree(tree.sha256) is not None
    assert marker.stat().st_ctime_ns == after
    lost(tree.files + "/demo/data.bin")
    assert booted(root, "three").tree(tree.sha256) is None, "what was never synced is suspect after every reboot"


def test_objects_of_the_new_boot_are_trusted_although_old_ones_are_not(tmp_path: Path) -> None:
    root = tmp_path / "store"
    old, _ = filled(booted(root, "one"), tmp_path / "a")
    time.sleep(0.02)
    store = booted(root, "two")
    wheel = build_wheel(tmp_path / "b", "other", "1.0")
    new = store.unpack(store.adopt(wheel), wheel.name)
    lost(old.files + "/demo/data.bin")
    before = Path(new.directory, "manifest").stat().st_ctime_ns
    time.sleep(0.02)
    again = booted(root, "two")
    assert again.tree(new.sha256) is not None
    assert Path(new.directory, "manifest").stat().st_ctime_ns == before, "it was not even looked at"
    assert again.tree(old.sha256) is None


@pytest.mark.skipif(not HAS_SYNC, reason="there is no sync program")
@pytest.mark.parametrize("durability", ["now", "later"])
def test_what_was_synced_is_not_checked_again(tmp_path: Path, durability: str) -> None:
    root, environment = tmp_path / "store", tmp_path / "environment"
    environment.mkdir()
    (environment / "provenv-receipt").write_bytes(b"all")
    store = booted(root, "one", durability)
    tree, _ = filled(store, tmp_path)
    time.sleep(0.02)
    store.settle(str(environment))
    assert waited_for(lambda: load(store.base).since > 0 and not list(Path(store.base).glob("pending-*")))
    later = booted(root, "two")
    assert later.is_on_disk(str(environment), receipt_stamp(str(environment)))
    (environment / "provenv-receipt").write_bytes(b"more")
    assert not later.is_on_disk(str(environment), receipt_stamp(str(environment)))
    assert not later.is_on_disk(str(environment), "")
    before = Path(tree.directory, "manifest").stat().st_ctime_ns
    assert later.tree(tree.sha256) is not None
    assert Path(tree.directory, "manifest").stat().st_ctime_ns == before


def test_nothing_is_started_when_nothing_was_published(tmp_path: Path) -> None:
    store = booted(tmp_path / "store", "one", "later")
    store.settle()
    assert not Path(store.root).exists()


@pytest.mark.parametrize("damage", [b"", b"provenv durable 1\nrubbish", None])
def test_without_a_record_everything_is_checked(tmp_path: Path, damage: bytes | None) -> None:
    root = tmp_path / "store"
    tree, _ = filled(booted(root, "one"), tmp_path)
    record = root / "v1/durable"
    if damage is None:
        record.unlink()
    else:
        record.write_bytes(damage)
    lost(tree.files + "/demo/data.bin")
    assert booted(root, "one").tree(tree.sha256) is None


def test_a_clock_that_goes_back_claims_nothing(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = booted(root, "one")
    filled(store, tmp_path / "a")
    future = time.time_ns() + 3600 * 10**9
    store.tell_known(lambda known: Known(known.boot, future, known.windows))
    wheel = build_wheel(tmp_path / "b", "other", "1.0")
    again = booted(root, "one")
    new = again.unpack(again.adopt(wheel), wheel.name)
    assert load(store.base).since < future
    lost(new.files + "/other/__init__.py")
    assert booted(root, "two").tree(new.sha256) is None


def test_windows_are_few_and_cover_all_that_is_suspect() -> None:
    known = Known("0", 0)
    for number in range(1, 40):
        known = known.in_boot(str(number), number * 100).synced(number * 100 + 50)
    assert len(known.windows) <= 8
    for number in range(1, 39):
        assert known.is_suspect(number * 100 + 70, "39", 10**6)
    assert not known.is_suspect(39 * 100 + 20, "39", 10**6)
    assert not known.is_suspect(39 * 100 + 60, "39", 10**6)
    assert known.is_suspect(39 * 100 + 60, "40", 10**6)


def test_a_rotten_tree_is_mended_from_its_blob(tmp_path: Path) -> None:
    store = booted(tmp_path / "store", "one")
    tree, wheel = filled(store, tmp_path)
    store.compile([tree], this_interpreter())
    assert store.mend(tree.sha256, wheel.name) is not None
    assert quarantined(store) == []
    path = Path(tree.files, "demo/__init__.py")
    path.chmod(0o644)
    path.write_text("y = 1\n")
    mended = store.mend(tree.sha256, wheel.name)
    assert mended is not None
    assert path.read_text() == "x = 1\n"
    assert quarantined(store) == ["trees"]


def test_a_wheel_whose_blob_is_rotten_too_must_be_fetched(tmp_path: Path) -> None:
    store = booted(tmp_path / "store", "one")
    tree, wheel = filled(store, tmp_path)
    blob = store.blob(tree.sha256)
    assert blob is not None
    lost(blob)
    lost(tree.files + "/demo/data.bin")
    assert store.mend(tree.sha256, wheel.name) is None
    assert quarantined(store) == ["blobs", "trees"]
    with pytest.raises(InstallError):
        store.unpack(tree.sha256, wheel.name)


def test_what_the_dead_left_is_collected(tmp_path: Path) -> None:
    store = booted(tmp_path / "store", "one")
    mine = store.temporary()
    other = booted(tmp_path / "store", "one")
    yours = Path(other.temporary())
    os.close(other._private_descriptor)
    os.utime(yours.parent, (1, 1))
    os.utime(os.path.dirname(mine), (1, 1))
    third = booted(tmp_path / "store", "one")
    third.discard(third.temporary())
    assert not yours.exists()
    assert os.path.isdir(mine)
    store.discard(mine)
    assert list(Path(store.base, "tmp").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_nothing_is_for_everybody_to_write_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "store", durability="never")
        tree, _ = filled(store, tmp_path)
        store.compile([tree], this_interpreter())
    finally:
        os.umask(before)
    writable = [path for path in Path(store.root).rglob("*") if path.stat().st_mode & 0o002]
    assert writable == []


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_a_store_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", durability="never")
    tree, _ = filled(store, tmp_path)
    os.chmod(store.root, 0o777)
    with pytest.raises(InstallError, match="everybody"):
        Store(tmp_path / "store").tree(tree.sha256)


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_a_store_of_a_group_stays_one(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    os.chmod(root, 0o2775)
    before = os.umask(0o077)
    try:
        store = Store(root, durability="never")
        tree, _ = filled(store, tmp_path)
        store.compile([tree], this_interpreter())
    finally:
        os.umask(before)
    for place, directories, files in os.walk(store.base):
        if "/tmp" in place:
            continue
        for name in directories:
            if name != "tmp":
                assert os.stat(f"{place}/{name}").st_mode & 0o7777 == 0o2775, f"{place}/{name}"
        for name in files:
            assert os.stat(f"{place}/{name}").st_mode & 0o444 == 0o444, f"{place}/{name}"


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    store = booted(tmp_path / "store", "one")
    filled(store, tmp_path)
    target = tmp_path / "precious"
    link = Path(store.base, "locks", "blob-" + "1" * 64)
    link.symlink_to(target)
    with pytest.raises(InstallError, match="lock"), store.receive(sha256="1" * 64) as receiver:
        receiver.write(b"x")
    assert not target.exists()
