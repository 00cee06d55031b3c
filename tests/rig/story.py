"""Stories that a command may be killed in: what is there before, the command, and the very next plain command."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.rig.fixture import REQUIREMENTS
from tests.rig.place import Place

__all__ = ["STORIES", "Story"]


class Story:
    """``prepare`` makes the place, ``words`` is the command that dies, ``next_words`` the one that must heal.

    With ``has_environment`` the environment must then be what the lock says; ``says`` is what the next command prints.
    """

    def __init__(
        self,
        name: str,
        prepare: Callable[[Place], None],
        words: Sequence[str],
        *,
        next_words: Sequence[str] = ("sync",),
        has_environment: bool = True,
        says: str = "",
    ) -> None:
        self.name = name
        self.prepare = prepare
        self.words = tuple(words)
        self.next_words = tuple(next_words)
        self.has_environment = has_environment
        self.says = says

    def __repr__(self) -> str:
        return self.name

    def is_offered(self, place: Place) -> bool:
        """Whether there is such a command."""
        return place.run(self.words[0], *self.words[1:2], "--help").code == 0


def _nothing(place: Place) -> None:
    place.project(*REQUIREMENTS)


def _locked(place: Place) -> None:
    _nothing(place)
    place.do("lock")
    shutil.rmtree(place.cache)


def _stale(place: Place) -> None:
    place.project("alpha<2", "beta<2", "gamma")
    place.do("lock")
    _nothing(place)


def _synced(place: Place) -> None:
    _nothing(place)
    place.do("sync")


def _without_environment(place: Place) -> None:
    _synced(place)
    shutil.rmtree(place.environment)


def _older(place: Place) -> None:
    """Installed are old versions, the lock names new ones, and the store has both."""
    _without_environment(place)
    place.project("alpha<2", "beta<2", *REQUIREMENTS[2:])
    place.do("sync")
    _nothing(place)
    place.do("lock", "--upgrade")


def _damaged(place: Place) -> None:
    _synced(place)
    damage(place.environment)


def damage(environment: Path) -> None:
    """Delete a package, edit a file, break a program."""
    site = next(environment.glob("lib/python3.*/site-packages"))
    shutil.rmtree(site / "gamma")
    edited = site / "delta/part1.py"
    edited.unlink()
    edited.write_text("raise SystemExit(1)\n")
    (environment / "bin/beta").write_text("#!/bin/sh\n")


def _with_extra(place: Place) -> None:
    _synced(place)
    place.do("add", "extra")


def _rotten(place: Place) -> None:
    """A blob, a tree and byte code of the store are not what they were."""
    _without_environment(place)
    base = place.cache / "store/v1"
    victims = [next(base.glob(pattern)) for pattern in ("blobs/*/*", "trees/*/*/files/*/__init__.py")]
    victims += [next(base.glob("bytecode/*/*/*/files/*/__pycache__/part1*.pyc"))]
    for victim in victims:
        data = bytearray(victim.read_bytes())
        data[-1] ^= 1
        victim.chmod(0o644)
        victim.write_bytes(data)
        victim.chmod(0o444)


_RUN = ("run", "--no-project", "--with", "extra", "python", "-c", "import extra; extra.main()")
_REPAIR = ("store", "verify", "--repair")
_TOOL = ("tool", "install", "beta")

STORIES = (
    Story("first lock", _nothing, ["lock"], next_words=["lock"], has_environment=False),
    Story("another lock", _stale, ["lock"], next_words=["lock"], has_environment=False),
    Story("cold sync", _locked, ["sync"]),
    Story("warm sync", _without_environment, ["sync"]),
    Story("first sync", _nothing, ["sync"]),
    Story("change of versions", _older, ["sync"]),
    Story("restoring damage", _damaged, ["sync"]),
    Story("add", _synced, ["add", "extra"]),
    Story("remove", _with_extra, ["remove", "extra"]),
    Story("copies", _without_environment, ["sync", "--link-mode", "copy"]),
    Story("everything anew", _synced, ["sync", "--reinstall"]),
    Story("shared environment", _nothing, _RUN, next_words=_RUN, has_environment=False, says="extra 1.0 0\n"),
    Story("tool", _nothing, _TOOL, next_words=["tool", "run", "beta"], has_environment=False, says="beta 2.0 0\n"),
    Story("store prune", _without_environment, ["store", "prune", "--all"]),
    Story("store verify --repair", _rotten, _REPAIR, next_words=_REPAIR, has_environment=False),
    Story("verify --repair", _damaged, ["verify", "--repair"]),
)
