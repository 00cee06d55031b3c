"""Bit rot: every way in which an object of the store can go bad is found, and healed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provenv.events import Events
from provenv.flows.store_verify import Verified, verify_store
from provenv.flows.world import World
from provenv.store.built import keep_built
from provenv.store.examination import things
from provenv.store.store import Store
from provenv.store.usage import keep_origin
from tests.rig.scale import IS_NIGHTLY, note
from tests.worlds.house import House
from tests.worlds.interpreters import this_interpreter
from tests.worlds.wheels import build_wheel

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links")


@dataclass(frozen=True)
class Pristine:
    """A store with some of everything, and the place where its wheels came from."""

    directory: Path
    wheels: Path


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Pristine:
    from provenv.env.shared import make_shared
    from provenv.model.plan import Wanted

    directory = tmp_path_factory.mktemp("rot")
    store = Store(directory / "cache/store", workers=2, durability="never")
    interpreter = this_interpreter()
    trees = {}
    wanted = []
    for number in range(4):
        wheel = build_wheel(
            directory / "wheels",
            f"part{number}",
            "1.0",
            {
                f"part{number}/__init__.py": f"x = {number}\n",
                f"part{number}/data.bin": bytes([number]) * 3000,
                f"part{number}/more.py": f"y = {number}\n" * 40,
                f"part{number}/tool.sh": "#!/bin/sh\n",
            },
            executables=[f"part{number}/tool.sh"],
        )
        sha256 = store.adopt(wheel)
        keep_origin(store, sha256, wheel.name, wheel.as_uri(), None)
        trees[sha256] = store.unpack(sha256, wheel.name)
        wanted.append(Wanted(name=f"part{number}", version="1.0", filename=wheel.name, sha256=sha256))
    bytecode = store.compile(trees.values(), interpreter)
    make_shared(store, wanted, trees, bytecode, interpreter, Events(), link_mode="copy")
    for number in range(2):
        keep_built(store, f"{number}" * 64, str(wheel), (("from", "source"),))
    store.register(str(directory))
    return Pristine(directory / "cache", directory / "wheels")


# -- ways to go bad --------------------------------------------------------------------------------------

Damage = Callable[[random.Random, Path], bool]
"""Damages one file; False when this one cannot be damaged so."""


def opened(path: Path) -> Path:
    path.chmod(0o644)
    return path


def written(path: Path, data: bytes, *, has_time: bool = True) -> None:
    """Other bytes, with the old time and mode: nothing but the bytes tells."""
    status = path.stat()
    opened(path).write_bytes(data)
    if has_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.chmod(status.st_mode & 0o7777)


def one_bit(chance: random.Random, path: Path) -> bool:
    data = bytearray(path.read_bytes())
    if not data:
        return False
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    written(path, bytes(data))
    return True


def zero_length(chance: random.Random, path: Path) -> bool:
    had_any = path.stat().st_size > 0
    written(path, b"")
    return had_any


def truncated(chance: random.Random, path: Path) -> bool:
    data = path.read_bytes()
    written(path, data[: chance.randrange(len(data))] if data else b"")
    return bool(data)


def zeroed(chance: random.Random, path: Path) -> bool:
    """The same length, all zero: a block that never reached the disk."""
    data = path.read_bytes()
    written(path, bytes(len(data)))
    return data != bytes(len(data))


def longer(chance: random.Random, path: Path) -> bool:
    written(path, path.read_bytes() + b"\0")
    return True


def deleted(chance: random.Random, path: Path) -> bool:
    path.unlink()
    return True


def writable(chance: random.Random, path: Path) -> bool:
    path.chmod(0o666)
    return True


def linked(chance: random.Random, path: Path) -> bool:
    """A link to a file with the same bytes elsewhere."""
    target = path.parent / ".elsewhere"
    path.rename(target)
    path.symlink_to(target.name)
    return True


def in_its_place(chance: random.Random, path: Path) -> bool:
    """A directory where the file was."""
    path.unlink()
    path.mkdir()
    return True


DAMAGES = (one_bit, zero_length, truncated, zeroed, longer, deleted, writable, linked, in_its_place)


def files_of(base: Path) -> list[Path]:
    """Every file of the store that an object is made of, or that says something of objects."""
    kinds = ("blobs", "trees", "bytecode", "shared", "built", "origins", "environments")
    return sorted(path for kind in kinds for path in (base / kind).rglob("*") if path.is_file())


def copied(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, symlinks=True)
    return target


def swapped(base: Path, chance: random.Random, kind: str) -> None:
    """Two whole objects of one kind take each other's places."""
    shelf = base / kind
    levels = 3 if kind == "bytecode" else 2
    one, other = chance.sample(sorted(shelf.glob("/".join("*" * levels))), 2)
    aside = base / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def verified(world: World, *, is_repairing: bool = False) -> Verified:
    return verify_store(world, is_repairing=is_repairing)


def contents(base: Path) -> dict[str, bytes]:
    """The bytes of all objects that are not made anew by themselves."""
    kinds = ("blobs", "trees")
    return {
        str(path.relative_to(base)): path.read_bytes()
        for kind in kinds
        for path in (base / kind).rglob("*")
        if path.is_file()
    }


def at(cache: Path, place: Path) -> World:
    return World(directory=str(place), cache=str(cache), events=Events(), now=0.0, durability="never")


def test_a_clean_store_raises_no_alarm(pristine: Pristine, tmp_path: Path) -> None:
    count = 20 if IS_NIGHTLY else 4
    alarms = 0
    for number in range(count):
        cache = copied(pristine.directory, tmp_path / str(number))
        found = verified(at(cache, tmp_path), is_repairing=bool(number % 3))
        alarms += bool(found.verdicts)
        shutil.rmtree(cache, ignore_errors=True)
    note(5, "clean stores", cases=count, failures=alarms)
    assert alarms == 0


def cases() -> list[tuple[int, Damage]]:
    count = 306 if IS_NIGHTLY else 63
    return [(number, DAMAGES[number % len(DAMAGES)]) for number in range(count)]


def test_whatever_goes_bad_is_found_and_healed(pristine: Pristine, tmp_path: Path) -> None:
    base = pristine.directory / "store/v1"
    before = contents(base)
    missed, unhealed = [], []
    done = 0
    for number, damage in cases():
        chance = random.Random(number)
        cache = copied(pristine.directory, tmp_path / str(number))
        there = cache / "store/v1"
        path = chance.choice(files_of(there))
        if damage is deleted and path.relative_to(there).parts[0] in ("blobs", "built", "origins", "environments"):
            path = chance.choice(sorted((there / "trees").rglob("manifest")))  # a whole object may be missing
        if not damage(chance, path):
            shutil.rmtree(cache, ignore_errors=True)
            continue
        done += 1
        case = f"{number} {damage.__name__} {path.relative_to(there)}"
        world = at(cache, tmp_path)
        found = verified(world)
        if not found.verdicts or found.is_good:
            missed.append(case)
        repaired = verified(world, is_repairing=True)
        if not repaired.is_good or verified(at(cache, tmp_path)).verdicts or contents(there) != before:
            unhealed.append(case)
        shutil.rmtree(cache, ignore_errors=True)
    note(5, "store corruptions", cases=done, failures=len(missed) + len(unhealed))
    assert (missed, unhealed) == ([], [])


@pytest.mark.parametrize("kind", ["blobs", "trees", "bytecode", "built"])
def test_two_objects_that_changed_places(pristine: Pristine, tmp_path: Path, kind: str) -> None:
    cache = copied(pristine.directory, tmp_path / "cache")
    base = cache / "store/v1"
    before = contents(base)
    swapped(base, random.Random(1), kind)
    found = verified(at(cache, tmp_path))
    assert len(found.verdicts) == 2
    assert verified(at(cache, tmp_path), is_repairing=True).is_good
    assert not verified(at(cache, tmp_path)).verdicts
    assert contents(base) == before


def test_a_manifest_that_is_whole_and_lies(pristine: Pristine, tmp_path: Path) -> None:
    """Only the RECORD inside the wheel tells."""
    from provenv.store.tree import Tree
    from provenv.wheel.record import digest_for_record

    cache = copied(pristine.directory, tmp_path / "cache")
    store = Store(cache / "store", durability="never")
    thing = next(thing for thing in things(store) if thing.kind == "trees")
    tree = store.tree(thing.key)
    assert tree is not None
    path, size, *_ = tree.entries[-1]
    evil = b"#" * size
    entries = (*tree.entries[:-1], (path, size, tree.entries[-1][2], digest_for_record(hashlib.sha256(evil).digest())))
    lying = Tree.from_entries(
        entries,
        directory=tree.directory,
        sha256=tree.sha256,
        filename=tree.filename,
        name=tree.name,
        version=tree.version,
        dist_info=tree.dist_info,
        data_dir=tree.data_dir,
        is_purelib=tree.is_purelib,
        entry_points=tree.entry_points,
    )
    written(Path(tree.directory, "manifest"), lying.manifest())
    written(Path(tree.files, path), evil)
    (verdict,) = verified(at(cache, tmp_path)).verdicts
    assert verdict.faults == ((path, "is not what the wheel's RECORD says"),)
    assert verified(at(cache, tmp_path), is_repairing=True).is_good
    assert not verified(at(cache, tmp_path)).verdicts


def test_strays_and_a_torn_record(pristine: Pristine, tmp_path: Path) -> None:
    cache = copied(pristine.directory, tmp_path / "cache")
    base = cache / "store/v1"
    (base / "blobs/readme.txt").write_text("x")
    (base / "trees/ab").mkdir(exist_ok=True)
    (base / "trees/ab/cdef").mkdir()
    tree = next(path.parent for path in (base / "trees").rglob("manifest"))
    (tree / "files/extra.py").write_text("evil")
    record = base / "durable"
    opened(record).write_bytes(record.read_bytes()[:-1])
    found = verified(at(cache, tmp_path))
    assert len(found.verdicts) == 4
    assert not found.is_good
    assert verified(at(cache, tmp_path), is_repairing=True).is_good
    assert not verified(at(cache, tmp_path)).verdicts


def test_what_cannot_be_had_again_is_put_aside_and_told(pristine: Pristine, tmp_path: Path) -> None:
    cache = copied(pristine.directory, tmp_path / "cache")
    base = cache / "store/v1"
    shutil.rmtree(base / "origins")
    blob = next(path for path in (base / "blobs").rglob("*") if path.is_file())
    written(blob, b"rot")
    result = verified(at(cache, tmp_path), is_repairing=True)
    assert [verdict.outcome for verdict in result.verdicts] == ["quarantined"]
    assert not result.is_good
    assert not blob.exists()
    assert len(list((base / "quarantine").iterdir())) == 1


def test_the_commands(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha", "beta")
    house.do("sync")
    base = house.cache / "store/v1"
    assert house.do("store", "path").out.strip() == str(house.cache / "store")
    assert house.do("cache", "dir").out.strip() == str(house.cache)
    assert int(house.do("cache", "size").out) > 0
    assert json.loads(house.do("store", "size", "--json").out)["trees"]["count"] == 2
    assert "all are as they were" in house.do("store", "verify").err
    blob = next(path for path in (base / "blobs").rglob("*") if path.is_file())
    written(blob, b"rot")
    tree = next((base / "trees").rglob("__init__.py"))
    written(tree, b"evil")
    told = house.give("store", "verify", "--json")
    assert told.code == 1
    document = json.loads(told.out)
    assert sorted(fault["kind"] for fault in document["faults"]) == ["blobs", "trees"]
    assert house.do("store", "verify", "--repair").err.count("repaired") == 2
    assert json.loads(house.do("store", "verify", "--json").out)["good"] is True


def test_pruning_keeps_what_is_in_use(house: House) -> None:
    house.wheel("alpha", entry_points={"console_scripts": {"alpha": "alpha:main"}})
    house.wheel("beta", "1.0")
    house.project("alpha", "beta")
    house.do("sync")
    house.project("alpha")
    house.do("sync")
    base = house.cache / "store/v1"
    (base / "tmp/left").mkdir()
    assert len(list((base / "trees").glob("*/*"))) == 2
    assert "leftovers" in house.do("store", "prune", "--dry-run").err
    house.do("store", "prune")
    assert len(list((base / "trees").glob("*/*"))) == 2, "it was used today"
    assert not list((base / "tmp").iterdir())
    house.do("store", "prune", "--older-than", "0")
    assert [path.name for path in (base / "trees").glob("*/*/files/*.dist-info")] == ["alpha-1.0.dist-info"]
    assert len(list((base / "blobs").glob("*/*"))) == 1
    assert "nothing to do" in house.do("sync").err
    house.do("store", "prune", "--blobs")
    assert not list((base / "blobs").glob("*/*"))
    shutil.rmtree(house.environment)
    house.do("sync")
    assert house.installed() == {"alpha": "1.0"}
    house.do("store", "prune", "--all")
    assert not list((base / "trees").glob("*/*"))
    assert "nothing to do" in house.do("sync").err
    house.do("cache", "clean")
    assert not any(house.cache.iterdir()) or sorted(path.name for path in house.cache.iterdir()) == ["memory"]
    house.do("sync")
    house.refused("store", "prune", "--older-than", "-1", code=2)


def test_a_throwaway_environment_stays_while_it_is_in_use(house: House) -> None:
    house.wheel("alpha", entry_points={"console_scripts": {"alpha": "alpha:main"}}, files={
        "alpha/__init__.py": "def main():\n    print('here')\n"})  # fmt: skip
    base = house.cache / "store/v1"
    assert house.launch("tool", "run", "alpha").out == "here\n"
    house.do("store", "prune", "--all", "--older-than", "0.5")
    assert len(list((base / "shared").glob("*/*/manifest"))) == 1
    assert house.launch("tool", "run", "alpha").out == "here\n"
    (layer,) = (house.cache / "layers").iterdir()
    for path in (layer, layer / "pyvenv.cfg"):
        os.utime(path, (1, 1))
    if os.statvfs(layer).f_flag & os.ST_NOATIME:
        pytest.skip("nobody sees when files are read here")
    assert "throwaway" in house.do("store", "prune", "--older-than", "0").err
    assert not layer.exists()
    assert not list((base / "shared").glob("*/*/manifest"))
    assert house.launch("tool", "run", "alpha").out == "here\n"
