"""Environments are ordinary: Python, pip and shells understand them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provenv.env.activation import activation_scripts
from provenv.env.create import create, is_environment
from provenv.env.paths import Paths
from provenv.errors import InstallError
from tests.env.worlds import World
from tests.worlds.interpreters import this_interpreter


def test_python_sees_a_virtual_environment(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.create()
    program = "import sys, sysconfig, json; print(json.dumps([sys.prefix, sys.base_prefix, sysconfig.get_paths()]))"
    prefix, base, places = json.loads(world.python("-c", program))
    assert prefix == str(world.root)
    assert base == sys.base_prefix
    assert places["purelib"] == str(world.site)
    assert os.path.realpath(places["platlib"]) == str(world.site)
    assert places["scripts"] == str(world.bin)
    assert (world.root / ".gitignore").read_text() == "*\n"
    assert not (world.root / "pyvenv.cfg.new").exists()


def test_it_has_the_files_of_the_standard_library_s_venv(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.create()
    subprocess.run([this_interpreter().executable, "-m", "venv", "--without-pip", tmp_path / "reference"], check=True)
    ours = {path.relative_to(world.root).as_posix() for path in world.root.rglob("*")}
    theirs = {path.relative_to(tmp_path / "reference").as_posix() for path in (tmp_path / "reference").rglob("*")}
    assert theirs - ours == set()


def test_pip_lists_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.create()
    result = subprocess.run(
        [sys.executable, "-m", "pip", "--python", world.root, "list", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize("place", [".venv", "with space", 'quo\'te $x `y` "z"', "@prompt@"])
def test_activation_and_its_end(tmp_path: Path, place: str) -> None:
    world = World(tmp_path, place)
    world.create()
    script = (
        'before="$PATH"; PS1="> "; . "$1"/bin/activate; '
        'printf "%s\\n" "$VIRTUAL_ENV" "$VIRTUAL_ENV_PROMPT" "$(command -v python)" "$PS1"; '
        'deactivate; test "$PATH" = "$before" && test -z "${VIRTUAL_ENV+x}" && echo restored'
    )
    for shell in ("sh", "bash", "zsh"):
        if shutil.which(shell) is None:
            continue
        result = subprocess.run([shell, "-c", script, "x", world.root], capture_output=True, text=True, check=True)
        assert result.stdout.splitlines() == [
            str(world.root),
            tmp_path.name,
            f"{world.root}/bin/python",
            f"({tmp_path.name}) > ",
            "restored",
        ]


@pytest.mark.parametrize("shell", ["fish", "csh"])
def test_other_shells(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    world = World(tmp_path, "with 'quote")
    world.create()
    script = f"source bin/activate.{shell}; which python; deactivate"
    result = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True, cwd=world.root)
    assert result.stdout == f"{world.root}/bin/python\n"


def test_scripts_quote_for_their_shell() -> None:
    scripts = activation_scripts("/a'b", "p'q", is_windows=False)
    assert "VIRTUAL_ENV='/a'\"'\"'b'" in scripts["activate"]
    assert "VIRTUAL_ENV '/a\\'b'" in scripts["activate.fish"]
    assert "$env:VIRTUAL_ENV = '/a''b'" in scripts["Activate.ps1"]
    assert set(activation_scripts("C:\\x", "p", is_windows=True)) == {"Activate.ps1", "activate.bat", "deactivate.bat"}


def test_an_environment_is_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.create()
    (world.site / "old.py").touch()
    world.create()
    assert not (world.site / "old.py").exists()
    assert is_environment(str(world.root))


def test_a_directory_with_other_things_is_left_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.root.mkdir()
    (world.root / "thesis.tex").write_text("years of work")
    with pytest.raises(InstallError, match="nothing was changed"):
        world.create()
    assert (world.root / "thesis.tex").read_text() == "years of work"


def test_a_file_or_link_in_the_way(tmp_path: Path) -> None:
    world = World(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    world.root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InstallError, match="not a directory"):
        world.create()
    world.root.unlink()
    world.root.touch()
    with pytest.raises(InstallError, match="not a directory"):
        world.create()


def test_remains_of_a_crash_are_no_environment_and_are_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.create()
    os.replace(world.root / "pyvenv.cfg", world.root / "pyvenv.cfg.new")
    assert not is_environment(str(world.root))
    world.create()
    assert is_environment(str(world.root))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstallError, match="cannot make the environment"):
        create(str(tmp_path / "file" / ".venv"), this_interpreter())


def test_the_windows_scheme(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    for name in ("python.exe", "pythonw.exe"):
        (tmp_path / "base" / name).write_bytes(b"MZ")
    interpreter = this_interpreter().changed(
        platform="win-amd64",
        base_executable=str(tmp_path / "base" / "python.exe"),
        stdlib=str(tmp_path / "base" / "Lib"),
    )
    create(str(tmp_path / "venv"), interpreter)
    paths = Paths.from_interpreter(str(tmp_path / "venv"), interpreter)
    assert (tmp_path / "venv" / paths.python).read_bytes() == b"MZ"
    assert (tmp_path / "venv" / "Lib" / "site-packages").is_dir()
    assert (tmp_path / "venv" / "Scripts" / "activate.bat").exists()
