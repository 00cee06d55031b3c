"""SIGKILL at every call that changes the file system: the very next plain command makes everything right.

Right after the kill: no published object of the store is bad; project file and lock are the old bytes or the new ones;
an environment that has its receipt is whole.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.rig.fixture import small_wheels
from tests.rig.judge import judge
from tests.rig.place import Place
from tests.rig.scale import IS_NIGHTLY, note, share
from tests.rig.store_judge import judge_store
from tests.rig.story import STORIES, Story
from tests.worlds.house import Told
from tests.worlds.index_server import IndexServer

__all__: list[str] = []

_POINTS = 3
"""Of each story, with every commit."""
_OFTEN = ("cold sync", "warm sync", "change of versions", "add", "store verify --repair", "verify --repair")
"""Stories that are tried with every commit."""


@pytest.mark.parametrize("story", [one for one in STORIES if IS_NIGHTLY or one.name in _OFTEN], ids=repr)
def test_killed_at_every_point(story: Story, tmp_path: Path, index_world: IndexServer, launcher: Path) -> None:
    small_wheels(index_world.directory)
    place = Place(tmp_path, index_world, launcher)
    story.prepare(place)
    place.save("before")
    before = _Before(place, story)
    calls = place.calls(*story.words)
    before.see_end()
    failures: list[str] = []
    points = share(range(1, len(calls) + 1), _POINTS)
    for point in points:
        place.restore("before")
        rig: dict[str, str | int] = {"KILL_AT": point}
        if point % 2 == 0:
            rig["TEAR"] = 1
        told = place.run(*story.words, rig=rig)
        # Threads and forks take turns as they like: now and then a run needs fewer calls than the one that was counted.
        found = [] if told.code in (0, -9) else [f"ended with {told.code}: {told.err}"]
        found += before.wrong_after_kill() + _wrong_after_next(place, story)
        failures += [f"{story} killed before call {point} ({calls[point - 1]}): {one}" for one in found]
        if failures and not IS_NIGHTLY:
            break
    note(1, f"kill at every change: {story}", cases=len(points), failures=len(failures))
    assert not failures, "\n".join(failures[:20])


class _Before:
    """What the place held before the command, and what it holds after a run that nobody kills."""

    def __init__(self, place: Place, story: Story) -> None:
        self._place = place
        self._wheels = sorted(place.server.directory.glob("*.whl"))
        self._files = {path: _content(path) for path in (place.directory / name for name in story.files)}
        self._ends = dict(self._files)
        self._is_rotten = bool(judge_store(place.cache, self._wheels))
        self._installed = [self._whole()]
        self._is_damaged = self._installed == [None] and place.environment.exists()

    def see_end(self) -> None:
        """The command ran to its end."""
        self._ends = {path: _content(path) for path in self._files}
        self._installed.append(self._whole())

    def wrong_after_kill(self) -> list[str]:
        """What is wrong before any other command is given."""
        place = self._place
        wrong = [] if self._is_rotten else judge_store(place.cache, self._wheels)
        for path, content in self._files.items():
            if _content(path) not in (content, self._ends[path]):
                wrong.append(f"{path.name} is neither old nor new")
        # Damage that was there before is no lie of the killed command.
        if self._is_damaged or not place.environment.exists():
            return wrong
        judged = [judge(place.environment, one, has_imports=False) for one in self._installed if one is not None]
        if all(judged) and (place.environment / "provenv-receipt").exists():
            wrong.append(f"there is a receipt, but {judged[-1:]}")
        if all(judged) and place.run("run", "--no-sync", "python", "-c", "").code == 0:
            wrong.append(f"`run --no-sync` runs in an environment of which is true: {judged[-1:]}")
        return wrong

    def _whole(self) -> list[Path] | None:
        """The wheels that are installed, if every one of them is whole and nothing else is there."""
        names = [path.name.removesuffix(".dist-info") for path in self._place.environment.glob("lib/*/*/*.dist-info")]
        wheels = [path for path in self._wheels if path.name.removesuffix("-py3-none-any.whl") in names]
        return wheels if names and not judge(self._place.environment, wheels, has_imports=False) else None


def _wrong_after_next(place: Place, story: Story) -> list[str]:
    told = place.run(*story.next_words)
    if told.code != 0 and story.next_words[:2] == ("tool", "run"):
        told = place.run(*story.words)
    if told.code != 0:
        return [f"the next command ended with {told.code}: {told.err}"]
    if story.program:
        program = subprocess.run([place.home / story.program], capture_output=True, text=True)
        told = Told(code=program.returncode, out=program.stdout, err=program.stderr)
    wrong = [] if not story.says or story.says in told.out else [f"the next command said {told.out!r} {told.err!r}"]
    if "Traceback" in told.err:
        wrong.append(told.err)
    if story.has_environment:
        wrong += place.judge()
    wrong += judge_store(place.cache, sorted(place.server.directory.glob("*.whl")))
    return wrong


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
