"""Many commands at once: on one project, on one store, with a pruner, a verifier and a killer among them."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rig.fixture import REQUIREMENTS, small_wheels
from tests.rig.place import Place, end_group
from tests.rig.scale import IS_NIGHTLY, note
from tests.rig.store_judge import judge_store
from tests.worlds.house import Told
from tests.worlds.index_server import IndexServer

__all__: list[str] = []

_MANY = 12
_ROUNDS = 10 if IS_NIGHTLY else 1
_SEED = 20261122


@pytest.fixture
def places(tmp_path: Path, index_world: IndexServer, launcher: Path) -> list[Place]:
    """Twelve projects, locked, with one store and nothing in it."""
    small_wheels(index_world.directory)
    found = [Place(tmp_path, index_world, launcher, name=f"project{number}") for number in range(_MANY)]
    for place in found:
        place.project(*REQUIREMENTS)
    found[0].do("lock")
    for place in found[1:]:
        place.lock_file.write_bytes(found[0].lock_file.read_bytes())
    return found


def test_many_on_one_project(places: list[Place]) -> None:
    _race([places[0]] * _MANY, places[:1], "twelve on one project")


def test_many_projects_on_one_store(places: list[Place]) -> None:
    _race(places, places, "twelve projects, one store")


def _race(starters: Sequence[Place], judged: Sequence[Place], what: str) -> None:
    """Cold, then warm: nobody else is there, so each wheel comes once."""
    server = starters[0].server
    for is_cold in (True, False):
        failures: list[str] = []
        repeated = wheels = 0
        for _ in range(_ROUNDS):
            for place in judged:
                shutil.rmtree(place.environment, ignore_errors=True)
            if is_cold:
                shutil.rmtree(starters[0].cache)
            server.requests.clear()
            failures += [told.err for told in _together(starters) if told.code or "Traceback" in told.err]
            for place in judged:
                failures += place.judge()
            failures += judge_store(starters[0].cache, sorted(server.directory.glob("*.whl")))
            counts = [server.count(f"/files/{wheel.name}") for wheel in judged[0].wheels()] if is_cold else []
            wheels += len(counts)
            repeated += sum(count > 1 for count in counts)
            failures += [f"a wheel came {count} times" for count in counts if count > 2]
        note(
            2,
            f"{what}, {'cold' if is_cold else 'warm'}",
            cases=_ROUNDS * _MANY,
            failures=len(failures),
            remark=f"{repeated} of {wheels} wheels downloaded twice" if is_cold else "",
        )
        assert not failures, "\n".join(failures[:20])
        assert repeated <= wheels // 100


def test_many_while_others_prune_verify_and_kill(places: list[Place]) -> None:
    """The killed ones excepted, whose next command heals, every command ends well."""
    chance = random.Random(_SEED)
    failures: list[str] = []
    cases = killed = 0
    end = time.monotonic() + (60 if IS_NIGHTLY else 4)
    with _loop(places[0], ("store", "prune", "--all"), failures), _loop(places[1], ("store", "verify"), failures):
        while time.monotonic() < end or not cases:
            # Some environments are there, some are not, and two processes work on each.
            for place in chance.sample(places, 6):
                shutil.rmtree(place.environment, ignore_errors=True)
            running = [(place, place.start("sync")) for place in (*places[:6], *places[:6])]
            victims = chance.sample(range(len(running)), 2)
            time.sleep(chance.uniform(0, 0.4))
            for victim in victims:
                end_group(running[victim][1])
            for number, (_, process) in enumerate(running):
                _, err = process.communicate(timeout=120)
                if number in victims:
                    killed += process.returncode == -9
                elif process.returncode or "Traceback" in err:
                    failures.append(f"ended with {process.returncode}: {err}")
            for place in {id(place): place for place, _ in running}.values():
                told = place.run("sync")
                cases += 1
                failures += [told.err] if told.code else place.judge()
    failures += judge_store(places[0].cache, sorted(places[0].server.directory.glob("*.whl")))
    note(
        2,
        "twelve with a pruner, a verifier and a killer",
        cases=cases,
        failures=len(failures),
        remark=f"{killed} were killed",
    )
    assert not failures, f"seed {_SEED}\n" + "\n".join(failures[:20])


def test_who_waits_is_told_and_a_killed_holder_blocks_nobody(places: list[Place]) -> None:
    place = places[0]
    usual = _seconds(place)
    told_after: list[float] = []
    went_on_after: list[float] = []
    rounds = _ROUNDS
    for _ in range(rounds):
        shutil.rmtree(place.cache, ignore_errors=True)
        shutil.rmtree(place.environment, ignore_errors=True)
        place.server.requests.clear()
        place.server.heal()
        place.server.fail("/files/large-*.whl", stall_after=100, times=1)
        with place.start("sync") as holder:
            while not place.server.seen("/files/large-*.whl"):
                time.sleep(0.001)
            begin = time.monotonic()
            with place.start("sync") as waiter:
                assert waiter.stderr is not None
                line = waiter.stderr.readline()
                told_after.append(time.monotonic() - begin)
                assert "waiting for" in line
                end_group(holder)
                killed = time.monotonic()
                _, err = waiter.communicate(timeout=60)
                went_on_after.append(time.monotonic() - killed - usual)
                assert waiter.returncode == 0, err
            for stream in (holder.stdout, holder.stderr):
                assert stream is not None
                stream.close()
        assert place.judge() == []
    late = sum(seconds > 2 for seconds in told_after)
    note(2, "a waiting message", cases=rounds, failures=late, remark=f"after {max(told_after):.2f} s at most")
    slow = sum(seconds > 1 for seconds in went_on_after)
    note(
        2,
        "a killed holder blocks nobody",
        cases=rounds,
        failures=slow,
        remark=f"held up {max(0.0, *went_on_after):.2f} s at most",
    )
    assert not late
    assert not slow


def _seconds(place: Place) -> float:
    shutil.rmtree(place.cache, ignore_errors=True)
    begin = time.monotonic()
    place.do("sync")
    return time.monotonic() - begin


def _together(places: Sequence[Place]) -> list[Told]:
    processes = [place.start("sync") for place in places]
    found = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        found.append(Told(code=process.returncode, out=out, err=err))
    return found


@contextmanager
def _loop(place: Place, words: tuple[str, ...], failures: list[str]) -> Iterator[None]:
    """Give a command again and again in the background; where it does not exist, nothing."""
    if place.run(*words, "--help").code:
        yield
        return
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            try:
                told = place.run(*words)
            except subprocess.TimeoutExpired:
                failures.append(f"{' '.join(words)} did not end")
                return
            if told.code or "Traceback" in told.err:
                failures.append(f"{' '.join(words)} ended with {told.code}: {told.out}{told.err}")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
