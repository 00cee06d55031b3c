"""Two hundred damages to an environment, each healed by one plain ``sync``, as a judge sees who shares no code with it.

Damages that keep a file's size, time and permissions are left out: those are for ``verify``.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rig.fixture import REQUIREMENTS, small_wheels
from tests.rig.judge import judge
from tests.rig.scale import note, share
from tests.worlds.house import House

COUNT = 200
_SEED = 4

Damage = Callable[[Path, Path], None]
"""Takes the damaged path, and a directory outside the environment for what is moved away."""


def _delete(path: Path, away: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _append(path: Path, away: Path) -> None:
    """In place: through a hard link the store's own file changes with it."""
    path.chmod(0o644)
    with open(path, "ab") as file:
        file.write(b"# more\n")


def _overwrite(path: Path, away: Path) -> None:
    """In place, with as many bytes."""
    path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.write(b"#" * size)
    os.utime(path)


def _truncate(path: Path, away: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size // 2)
    os.utime(path)


def _empty(path: Path, away: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, 0)
    os.utime(path)


def _replace(path: Path, away: Path) -> None:
    """As most editors do: a new file takes the name."""
    new = path.with_name("new-" + path.name)
    new.write_bytes(path.read_bytes() + b"# new\n")
    new.replace(path)


def _grow_with_old_time(path: Path, away: Path) -> None:
    status = path.stat()
    _append(path, away)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _forbid(path: Path, away: Path) -> None:
    path.chmod(0)


def _stop(path: Path, away: Path) -> None:
    path.chmod(0o444)


def _touch(path: Path, away: Path) -> None:
    os.utime(path)


def _turn_into_link(path: Path, away: Path) -> None:
    """A link to what was there, moved away: every byte can still be read through it."""
    shutil.move(path, away / "moved")
    path.symlink_to(away / "moved")


def _turn_into_inner_link(path: Path, away: Path) -> None:
    """A link to a neighbour: whoever follows it when removing takes the neighbour's files."""
    neighbour = next(one for one in sorted(path.parent.iterdir()) if one != path and one.is_dir() == path.is_dir())
    _delete(path, away)
    path.symlink_to(neighbour.name)


def _turn_into_directory(path: Path, away: Path) -> None:
    _delete(path, away)
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "file").write_text("in the way")


def _turn_into_file(path: Path, away: Path) -> None:
    _delete(path, away)
    path.write_text("in the way")


def _turn_into_pipe(path: Path, away: Path) -> None:
    _delete(path, away)
    os.mkfifo(path)


def _move_away(path: Path, away: Path) -> None:
    shutil.move(path, away / "moved")


def _garbage(path: Path, away: Path) -> None:
    path.write_bytes(b"garbage")


def _garbage_program(path: Path, away: Path) -> None:
    path.unlink()
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)


def _flip(share_of_file: float) -> Damage:
    def flip(path: Path, away: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int((len(data) - 1) * share_of_file)] ^= 0x10
        path.write_bytes(data)

    return flip


def _cut(path: Path, away: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def _lead_to(target: str) -> Damage:
    def lead(path: Path, away: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return lead


def _edit(old: str, new: str) -> Damage:
    def edit(path: Path, away: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return edit


def _rename(name: str) -> Damage:
    def rename(path: Path, away: Path) -> None:
        path.rename(path.with_name(name))

    return rename


def _claim(row: str) -> Damage:
    """A RECORD that claims files of others."""

    def claim(path: Path, away: Path) -> None:
        path.write_text(path.read_text() + row)

    return claim


_OF_FILES: list[Damage] = [
    _delete, _append, _overwrite, _truncate, _empty, _replace, _grow_with_old_time, _forbid, _touch, _turn_into_link,
    _turn_into_inner_link, _turn_into_directory, _turn_into_pipe,
]  # fmt: skip
_FILES = [
    "{site}/alpha/__init__.py", "{site}/beta/part0.py", "{site}/beta/data.txt", "{site}/large/blob.bin",
    "{site}/space/one.py", "{site}/paths.pth", "{site}/tools_pure.py", "share/tools/notes.txt",
    "{site}/gamma/__pycache__/part1.cpython-{tag}.pyc", "{site}/delta-1.0.dist-info/METADATA",
]  # fmt: skip
_OF_DIRECTORIES: list[Damage] = [_delete, _move_away, _turn_into_link, _turn_into_inner_link, _turn_into_file]
_DIRECTORIES = ["{site}/beta", "{site}/space", "{site}/gamma-1.0.dist-info", "{site}/gamma/__pycache__"]
_SINGLE: list[tuple[str, Damage]] = [
    *(("share", damage) for damage in (_delete, _turn_into_link)),
    *((f"bin/{name}", damage) for name in ("beta", "tool", "shipped", "shell") for damage in (_delete, _append, _stop)),
    *((f"bin/{name}", _forbid) for name in ("beta", "shell")),
    *(("{site}/alpha-2.0.dist-info/RECORD", damage) for damage in (_delete, _empty, _garbage, _turn_into_pipe)),
    ("{site}/alpha-2.0.dist-info/RECORD", _claim("beta/part0.py,,\ngamma/part0.py,,\n")),
    ("{site}/alpha-2.0.dist-info/RECORD", _claim("../../../bin/python,,\n../../../pyvenv.cfg,,\n")),
    ("{site}/alpha-2.0.dist-info/INSTALLER", _edit("provenv", "another")),
    ("{site}/alpha-2.0.dist-info", _rename("unheard-2.0.dist-info")),
    ("{site}/alpha-2.0.dist-info", _rename("alpha-9.0.dist-info")),
    ("{site}/alpha-2.0.dist-info", _rename("beta-9.0.dist-info")),
    *((f"bin/{name}", damage) for name in ("activate", "activate.fish") for damage in (_delete, _append, _empty)),
    ("bin/activate", _turn_into_link),
    ("bin/activate", _turn_into_directory),
    *(("pyvenv.cfg", damage) for damage in (_delete, _empty, _garbage, _turn_into_link)),
    ("pyvenv.cfg", _edit("version = 3.", "version = 2.")),
    ("pyvenv.cfg", _edit("home = /", "home = /nowhere/")),
    *(("lib64", damage) for damage in (_delete, _lead_to("/nowhere"), _turn_into_directory)),
    *(("bin/python", damage) for damage in (_delete, _lead_to("/nowhere"), _lead_to("/bin/true"), _garbage_program)),
    *(("bin/python3", damage) for damage in (_delete, _lead_to("/bin/false"))),
    *(("bin", damage) for damage in (_delete, _move_away, _turn_into_link, _turn_into_file)),
    *(("lib", damage) for damage in (_delete, _move_away, _turn_into_link)),
    ("{site}", _delete),
    ("{site}", _turn_into_link),
    *(("provenv-receipt", damage) for damage in (_delete, _empty, _cut, _garbage, _turn_into_directory)),
    *(("provenv-receipt", _flip(part)) for part in (0.0, 0.01, 0.1, 0.3, 0.6, 0.9, 1.0)),
]


def _cases() -> list[list[tuple[str, Damage]]]:
    """Every single damage, then pairs of them, always the same ones."""
    single = [
        *((path, damage) for path in _FILES for damage in _OF_FILES if "__pycache__" not in path or damage != _append),
        *((path, damage) for path in _DIRECTORIES for damage in _OF_DIRECTORIES),
        *_SINGLE,
    ]
    chance = random.Random(_SEED)
    pairs = [chance.sample(single, 2) for _ in range(max(0, COUNT - len(single)) + 30)]
    return [[one] for one in single] + pairs


@pytest.fixture
def house_with_everything(house: House) -> House:
    small_wheels(house.server.directory)
    house.project(*REQUIREMENTS)
    house.do("sync")
    return house


def test_damages(house_with_everything: House, tmp_path: Path) -> None:
    house = house_with_everything
    locked = house.locked()
    wheels = [
        path
        for path in house.server.directory.glob("*.whl")
        if locked.get(path.name.split("-")[0].replace("_", "-")) == path.name.split("-")[1]
    ]
    assert len(wheels) == len(locked)
    assert judge(house.environment, wheels) == []
    words = {"site": str(house.site.relative_to(house.environment)), "tag": house.site.parent.name[6:].replace(".", "")}
    cases = share(_cases(), 40)
    count, failures = 0, []
    for number, case in enumerate(cases):
        house.launch("sync")  # the fast start knows this state
        away = tmp_path / f"away-{number}"
        away.mkdir()
        done = []
        for pattern, damage in case:
            path = house.environment / pattern.format(**words)
            if os.path.lexists(path) and os.path.lexists(path.parent):
                try:
                    damage(path, away)
                except (OSError, AssertionError, StopIteration, shutil.Error):
                    continue  # the first of two damages left nothing for the second
                done.append(f"{damage.__qualname__.partition('.')[0]} {pattern}")
        if not done:
            continue
        count += 1
        told = house.launch("sync")
        wrong = judge(house.environment, wheels)
        if told.code != 0 or wrong or not _is_told(told.err):
            failures.append(f"{number}: {', '.join(done)}: exit {told.code}: {wrong[:3]}: {told.err[-400:]}")
            shutil.rmtree(house.environment)
            shutil.rmtree(house.cache / "store")
    note(5, "damages in an environment, healed by a plain sync", cases=count, failures=len(failures))
    assert count > len(cases) * 0.9
    assert not failures, "\n".join(failures)


def _is_told(text: str) -> bool:
    return any(word in text for word in ("restored", "Restored", "Created", "Installed", " + ", " ~ "))
