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

    With ``has_environment`` the environment must then be what the lock says; ``says`` is what the next command prints,
    or ``program``, a file below the home, when it is started after it. ``files`` hold their old or their new bytes,
    always.
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
        program: str = "",
        files: Sequence[str] = ("pyproject.toml", "pylock.toml"),
    ) -> None:
        self.name = name
        self.prepare = prepare
        self.words = tuple(words)
        self.next_words = tuple(next_words)
        self.has_environment = has_environment
        self.says = says
        self.program = program
        self.files = tuple(files)

    def __repr__(self) -> str:
        return self.name


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


def _with_script(place: Place) -> None:
    place.project()
    (place.directory / "script.py").write_text(
        '# /// script\n# dependencies = ["gamma"]\n# ///\nimport gamma, sys\ngamma.main()\n'
    )
    place.do("lock", "--script", "script.py")
    place.do("run", "script.py")


def _with_member(place: Place) -> None:
    """A workspace; what its member needs is installed, too."""
    place.project("gamma", "inner")
    with place.project_file.open("a") as file:
        file.write('[tool.provenv]\nworkspace.members = ["inner"]\nsources.inner = { workspace = true }\n')
    member = place.directory / "inner/pyproject.toml"
    member.parent.mkdir()
    member.write_text(
        '[project]\nname = "inner"\nversion = "0.1"\ndependencies = ["alpha"]\n[tool.provenv]\npackage = false\n'
    )
    place.do("sync")


def _of_another_tool(place: Place) -> None:
    """An environment without our receipt, with files of its own, and damage."""
    _nothing(place)
    place.do("sync", "--link-mode", "copy", "--no-compile-bytecode")
    (place.environment / "provenv-receipt").unlink()
    settings = place.environment / "pyvenv.cfg"
    settings.write_text(
        "".join(line for line in settings.read_text().splitlines(keepends=True) if "provenv" not in line)
    )
    damage(place.environment)


def _with_old_tool(place: Place) -> None:
    """A tool of which there is a newer version since it was installed."""
    _nothing(place)
    newer = place.server.directory / "beta-2.0-py3-none-any.whl"
    aside = newer.rename(place.root / newer.name)
    place.do(*_TOOL)
    aside.rename(newer)


_RUN = ("run", "--no-project", "--with", "extra", "python", "-c", "import extra; extra.main()")
_REPAIR = ("store", "verify", "--repair")
_REPAIR_FOREIGN = ("verify", "--repair", "--against", "pylock.toml")
_TOOL = ("tool", "install", "beta")
_UPGRADE = ("tool", "upgrade", "beta", "--refresh")
_RUN_SCRIPT = ("run", "script.py")

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
    Story("verify --repair, another tool's", _of_another_tool, _REPAIR_FOREIGN, next_words=_REPAIR_FOREIGN),
    Story("add to a member", _with_member, ["add", "--package", "inner", "extra"]),
    Story(
        "add to a script",
        _with_script,
        ["add", "--script", "script.py", "extra"],
        next_words=_RUN_SCRIPT,
        has_environment=False,
        says="gamma 1.0 0\n",
        files=("script.py", "script.py.lock"),
    ),
    Story(
        "tool upgrade",
        _with_old_tool,
        _UPGRADE,
        next_words=_UPGRADE,
        has_environment=False,
        says="beta 2.0 0\n",
        program=".local/bin/beta",
    ),
)
