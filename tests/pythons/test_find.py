"""Which interpreter is chosen, and what is asked of it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from provenv.errors import Unavailable
from provenv.pythons.find import choose, fits
from provenv.pythons.inspect import inspect
from tests.worlds.house import BASE_PYTHON

_OURS = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory of programs with one Python in it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(BASE_PYTHON)
    return programs


@pytest.mark.parametrize("request_", [None, "python3", _OURS, f">={_OURS}", f"cpython@{_OURS}", "3"])
def test_a_request_may_be_a_name_a_version_or_a_specifier(place: Path, request_: str | None) -> None:
    found = choose(request_, None, search_path=str(place))
    assert found.version.startswith(_OURS)
    assert os.path.realpath(found.base_executable) == BASE_PYTHON


def test_a_path_is_taken_at_its_word(place: Path) -> None:
    assert choose(str(place / "python3"), None, search_path="").version.startswith(_OURS)
    with pytest.raises(Unavailable, match=r"is Python .* not within requires-python `>=3\.99`"):
        choose(str(place / "python3"), ">=3.99", search_path="")


def test_what_fits() -> None:
    assert fits("3.12.1", None)
    assert fits("3.12.1", ">=3.11")
    assert not fits("3.12.1", ">=3.13")
    assert fits("3.14.0rc1", ">=3.14")


def test_an_interpreter_is_asked_once(place: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    program = tmp_path / "counting"
    program.write_text(f'#!/bin/sh\necho asked >> "{notes}"\nexec "{BASE_PYTHON}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    memory = str(tmp_path / "memory")
    first = inspect(str(program), memory)
    assert inspect(str(program), memory) == first
    assert notes.read_text() == "asked\n"
    os.utime(program, ns=(1, 1))
    inspect(str(program), memory)
    assert notes.read_text() == "asked\nasked\n"


def test_facts_are_those_of_the_interpreter(place: Path) -> None:
    facts = inspect(str(place / "python3"))
    markers = dict(facts.markers)
    assert markers["python_version"] == _OURS
    assert markers["sys_platform"] == sys.platform
    assert facts.minor == sys.version_info[:2]
    if sys.platform == "linux":
        assert facts.libc is not None


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho nothing\n", "#!/bin/sh\necho [1]\n", ""])
def test_what_is_no_python_is_refused(tmp_path: Path, text: str) -> None:
    program = tmp_path / "python3"
    program.write_text(text)
    program.chmod(0o755)
    with pytest.raises(Unavailable, match="not a Python interpreter"):
        inspect(str(program))


def test_a_memory_that_is_damaged_is_made_again(place: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    first = inspect(str(place / "python3"), str(memory))
    for file in memory.iterdir():
        file.write_bytes(b"\x00\x01damaged")
    assert inspect(str(place / "python3"), str(memory)) == first
