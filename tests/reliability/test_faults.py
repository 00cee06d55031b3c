"""The n-th call that changes the file system fails: the result is right, or one clean error; the next command heals."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from tests.rig.fixture import small_wheels
from tests.rig.place import Place
from tests.rig.scale import IS_NIGHTLY, note
from tests.rig.store_judge import judge_store
from tests.rig.story import STORIES, Story
from tests.worlds.index_server import IndexServer

__all__: list[str] = []

_MAKES = ("link", "mkdir", "open", "symlink", "write")
_MOVES = ("rename", "replace")
_ERRORS: dict[int, tuple[str, ...]] = {
    errno.EIO: (*_MAKES, *_MOVES, "chmod", "flock", "fsync", "rmdir", "unlink", "utime"),
    errno.ENOSPC: (*_MAKES, *_MOVES),
    errno.EDQUOT: (*_MAKES, *_MOVES),
    errno.EMFILE: ("open",),
    errno.EXDEV: ("link", *_MOVES),
    errno.EPERM: ("chmod", "link", "utime", *_MOVES),
    errno.EMLINK: ("link", "mkdir"),
    errno.ENOLCK: ("flock",),
    errno.EINTR: (*_MAKES, *_MOVES, "flock", "unlink"),
    errno.EACCES: ("mkdir", "open", "unlink", *_MOVES),
    errno.EROFS: (*_MAKES, *_MOVES),
}
_OFTEN = ("another lock", "cold sync", "change of versions", "add")
_CASES = 4
"""Of each of these stories, with every commit."""
_UNHEALED = re.compile(r"^Verified \d+ objects: \d+ not right, \d+ of them healed$", re.MULTILINE)
"""How ``store verify --repair`` ends that could not heal everything: it has told of each object."""
_NIGHTLY_CASES = 45
"""Of every story."""


@pytest.mark.parametrize("story", [one for one in STORIES if IS_NIGHTLY or one.name in _OFTEN], ids=repr)
def test_every_call_may_fail(story: Story, tmp_path: Path, index_world: IndexServer, launcher: Path) -> None:
    small_wheels(index_world.directory)
    place = Place(tmp_path, index_world, launcher)
    story.prepare(place)
    place.save("before")
    old = _contents(place)
    calls = place.calls(*story.words)
    new = _contents(place)
    # Some of the commands make no environment, only the next one does: then there is none to be judged before.
    is_made = story.has_environment and not place.judge()
    failures: list[str] = []
    cases = _spread(_cases(calls), _NIGHTLY_CASES if IS_NIGHTLY else _CASES)
    for point, error, lasts in cases:
        place.restore("before")
        told = place.run(*story.words, rig={"FAIL_FROM" if lasts else "FAIL_AT": f"{point}:{error}"})
        found = []
        is_told = told.err.count("error: ") == told.code or (told.code == 1 and _UNHEALED.search(told.err))
        if told.code not in (0, 1) or "Traceback" in told.err or not is_told:
            found.append(f"ended with {told.code}: {told.err}")
        found += [f"{path.name} is torn" for path, now in _contents(place).items() if now not in (old[path], new[path])]
        found += _wrong(place, story, is_right=told.code == 0 and is_made)
        what = f"{story}: call {point} ({calls[point - 1]}) fails with {errno.errorcode[error]}"
        failures += [f"{what}{', and all like it' if lasts else ''}: {one}" for one in found]
    note(1, f"an error at a change: {story}", cases=len(cases), failures=len(failures))
    assert not failures, "\n".join(failures[:20])


def _cases(calls: list[str]) -> list[tuple[int, int, bool]]:
    """Number of the call, the error, and whether every later call of that name fails, too."""
    found: list[tuple[int, int, bool]] = []
    for number, call in enumerate(calls, 1):
        fitting = [error for error, names in _ERRORS.items() if call.partition(" ")[0] in names]
        if fitting:
            # One error per call, another each time: all of them come up, wherever a run is cut.
            error = fitting[number % len(fitting)]
            found.append((number, error, error != errno.EINTR and number % 2 == 0))
    return found


def _spread(cases: list[tuple[int, int, bool]], count: int) -> list[tuple[int, int, bool]]:
    if len(cases) <= count:
        return cases
    step = (len(cases) - 1) / (count - 1)
    return [cases[round(number * step)] for number in range(count)]


def _wrong(place: Place, story: Story, *, is_right: bool) -> list[str]:
    wheels = sorted(place.server.directory.glob("*.whl"))
    wrong = []
    if is_right and (judged := place.judge()):
        wrong.append(f"ended with 0, but {judged[:3]}")
    told = place.run(*story.next_words)
    if told.code != 0 and story.next_words[:2] == ("tool", "run"):
        told = place.run(*story.words)
    if told.code != 0 or "Traceback" in told.err:
        return [*wrong, f"the next command ended with {told.code}: {told.err}"]
    if story.has_environment:
        wrong += [f"after the next command: {one}" for one in place.judge()[:3]]
    return wrong + judge_store(place.cache, wheels)


def _contents(place: Place) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.exists() else None for path in (place.project_file, place.lock_file)}
