"""Wheels and indexes that contradict themselves: nothing is installed on their word, and nobody else is blamed."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from tests.rig.place import Place
from tests.rig.scale import note, share
from tests.worlds.index_server import Fault, IndexServer
from tests.worlds.wheels import build_wheel, core_metadata, wheel_members, write_archive

__all__: list[str] = []


def test_killed_while_a_mistold_wheel_arrives(tmp_path: Path, index_world: IndexServer, launcher: Path) -> None:
    """Whenever the command dies, the next one does not install what the index told falsely of the needs of a wheel."""
    build_wheel(index_world.directory, "alpha", "1.0", requires=["beta"])
    build_wheel(index_world.directory, "beta", "1.0")
    told_falsely = core_metadata("alpha", "1.0", requires_python=">=3").encode()
    index_world.wrong_hashes["alpha-1.0-py3-none-any.whl.metadata"] = hashlib.sha256(told_falsely).hexdigest()
    index_world.fail_with("/files/alpha*.metadata", Fault(body=told_falsely))
    place = Place(tmp_path, index_world, launcher)
    place.project("alpha")
    place.do("lock")
    place.save("locked")
    log = place.root / "calls"
    told = place.run("sync", rig={"LOG": str(log)})
    assert told.code == 1
    assert "the index and its files do not agree" in told.err
    failures = []
    points = share(range(1, len(log.read_text().splitlines()) + 1), 6)
    for point in points:
        place.restore("locked")
        place.run("sync", rig={"KILL_AT": point})
        again = place.run("sync")
        if again.code != 1 or "the index and its files do not agree" not in again.err:
            failures.append(f"killed before call {point}, the next command ended with {again.code}: {again.err}")
    note(
        1,
        "kill at every change: a wheel of which the index told other needs",
        cases=len(points),
        failures=len(failures),
    )
    assert not failures, "\n".join(failures)


@pytest.fixture
def liar(tmp_path: Path, index_world: IndexServer, launcher: Path) -> Place:
    """A synced project with a wheel whose RECORD lies about a long member."""
    data = bytes(range(256)) * 5_000
    members = wheel_members("liar", "1.0", files={"liar/__init__.py": "", "liar/long.bin": data})
    record = members["liar-1.0.dist-info/RECORD"].decode()
    members["liar-1.0.dist-info/RECORD"] = record.replace(_digest(data), _digest(data[:-1])).encode()
    write_archive(index_world.directory / "liar-1.0-py3-none-any.whl", members)
    place = Place(tmp_path, index_world, launcher)
    place.project("liar")
    place.do("sync")
    return place


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def test_verify_tells_that_the_wheel_contradicts_itself(liar: Place) -> None:
    for words in (("verify",), ("verify", "--repair"), ("verify", "--repair")):
        told = liar.run(*words)
        assert told.code == 1
        assert "the wheel contradicts itself" in told.out
        assert "changed" not in told.out
        assert "Repaired" not in told.out


def test_store_verify_tells_that_the_wheel_contradicts_itself(liar: Place) -> None:
    told = liar.run("store", "verify")
    assert told.code == 1
    assert "the wheel's RECORD tells another hash" in told.err
    told = liar.run("store", "verify", "--repair")
    assert told.code == 1
    assert "quarantined" in told.err
    assert liar.run("store", "verify").code == 0
    assert liar.run("store", "verify", "--repair").code == 0
    assert liar.run("sync").code == 0


def test_other_damage_of_such_a_wheel_is_told_apart(liar: Place) -> None:
    next(liar.environment.glob("lib/*/site-packages/liar/__init__.py")).unlink()
    told = liar.run("verify")
    assert told.code == 1
    assert "missing" in told.out
    assert "contradicts itself" in told.out
