"""Programs of packages, for one run or for good."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.worlds.house import House, Told
from tests.worlds.imports import heavy_imports, imports_of
from tests.worlds.sdists import project_files, write_tree

_MAIN = "import sys\ndef main():\n    print({version!r}, sys.argv[1:])\n"


def _tool(house: House, name: str, version: str, requires: tuple[str, ...] = (), *programs: str) -> None:
    house.wheel(
        name,
        version,
        requires,
        files={f"{name}.py": _MAIN.format(version=f"{name} {version}")},
        entry_points={"console_scripts": dict.fromkeys(programs or (name,), f"{name}:main")},
    )


def _run(house: House, *words: str, code: int = 0) -> Told:
    told = house.launch("tool", "run", *words)
    assert told.code == code, told
    return told


def _programs(house: House) -> Path:
    return house.home / ".local/bin"


def _tools(house: House) -> Path:
    return house.home / ".local/share/provenv/tools"


def test_run_for_once(house: House) -> None:
    _tool(house, "alpha", "1.0")
    _tool(house, "alpha", "2.0", ("beta",))
    _tool(house, "beta", "1.0")
    house.project("alpha==1.0")
    for _ in range(2):
        assert _run(house, "alpha", "-x", "--help").out == "alpha 2.0 ['-x', '--help']\n"
    assert _run(house, "alpha@1.0").out == "alpha 1.0 []\n"
    assert _run(house, "alpha<2").out == "alpha 1.0 []\n"
    assert _run(house, "--from", "alpha<2", "--with", "beta", "beta").out == "beta 1.0 []\n"
    assert not house.environment.exists()
    assert not _tools(house).exists()


def test_a_warm_start_imports_nothing_and_asks_nobody(house: House) -> None:
    _tool(house, "alpha", "1.0")
    for is_installed in (False, True):
        if is_installed:
            house.do("tool", "install", "alpha")
        _run(house, "alpha")
        house.server.requests.clear()
        imported, said = imports_of(house, "tool", "run", "alpha")
        assert said == "alpha 1.0 []\n"
        assert "provenv.cli.main" not in imported
        assert heavy_imports(imported) == []
        assert not house.server.requests


def test_newer_versions_are_seen_when_pages_expire_or_when_asked(house: House) -> None:
    _tool(house, "alpha", "1.0")
    _run(house, "alpha")
    _tool(house, "alpha", "2.0")
    assert _run(house, "alpha").out == "alpha 1.0 []\n"
    assert _run(house, "alpha@latest").out == "alpha 2.0 []\n"
    house.server.cache_control = None
    _run(house, "--refresh", "alpha")
    _tool(house, "alpha", "3.0")
    assert _run(house, "alpha").out == "alpha 3.0 []\n"


def test_a_program_that_is_not_there(house: House) -> None:
    _tool(house, "alpha", "1.0", ("beta",), "one", "two")
    _tool(house, "beta", "1.0")
    house.wheel("library", "1.0")
    assert "it has `one`, `two`" in _run(house, "alpha", code=2).err
    assert _run(house, "--from", "alpha", "beta").out == "beta 1.0 []\n"
    assert "no programs at all" in _run(house, "library", code=2).err
    assert "names no version" in _run(house, "alpha@", code=2).err
    assert "no tool to run" in _run(house, code=2).err


def test_installed_listed_upgraded_and_removed(house: House) -> None:
    _tool(house, "alpha", "1.0", ("beta",), "alpha", "helper")
    _tool(house, "beta", "1.0")
    told = house.do("tool", "install", "alpha", "--with", "beta>=1")
    assert "is not on PATH" in told.err
    link = _programs(house) / "alpha"
    assert subprocess.run([link, "a"], capture_output=True, text=True).stdout == "alpha 1.0 ['a']\n"
    assert sorted(path.name for path in _programs(house).iterdir()) == ["alpha", "helper"]
    receipt = tomllib.loads(_tools(house).joinpath("alpha/provenv-receipt.toml").read_text())["tool"]
    assert receipt["requirements"] == ["alpha", "beta>=1"]
    assert [point["name"] for point in receipt["entrypoints"]] == ["alpha", "helper"]
    assert house.do("tool", "list").out == "alpha v1.0\n- alpha\n- helper\n"
    assert str(link) in house.do("tool", "list", "--show-paths", "--show-version-specifiers").out
    assert "already installed" in house.do("tool", "install", "alpha", "--with", "beta>=1").err
    assert "Nothing to upgrade" in house.do("tool", "upgrade", "--all").err
    _tool(house, "alpha", "2.0")
    assert "v1.0 -> v2.0" in house.do("tool", "upgrade", "alpha", "--refresh").err
    assert [path.name for path in _programs(house).iterdir()] == ["alpha"]
    assert subprocess.run([link], capture_output=True, text=True).stdout == "alpha 2.0 []\n"
    house.do("tool", "uninstall", "alpha")
    assert not list(_programs(house).iterdir())
    assert not list(_tools(house).iterdir())
    assert "No tools installed" in house.do("tool", "list").err
    assert "is not installed" in house.refused("tool", "uninstall", "alpha", code=2)
    assert "name one" in house.refused("tool", "uninstall", code=2)


def test_a_pinned_tool_stays(house: House) -> None:
    _tool(house, "alpha", "1.0")
    _tool(house, "alpha", "2.0")
    house.do("tool", "install", "alpha@1.0")
    assert "Nothing to upgrade" in house.do("tool", "upgrade", "--all").err
    house.do("tool", "install", "alpha@latest")
    assert house.do("tool", "list").out.startswith("alpha v2.0\n")


def test_run_takes_the_installed_one(house: House) -> None:
    _tool(house, "alpha", "1.0")
    house.do("tool", "install", "alpha")
    _tool(house, "alpha", "2.0")
    assert _run(house, "alpha").out == "alpha 1.0 []\n"
    assert _run(house, "--isolated", "--refresh", "alpha").out == "alpha 2.0 []\n"
    house.do("tool", "uninstall", "alpha")
    assert _run(house, "alpha").out == "alpha 2.0 []\n"


def test_programs_of_others_are_left_alone(house: House) -> None:
    _tool(house, "alpha", "1.0")
    link = _programs(house) / "alpha"
    link.parent.mkdir(parents=True)
    link.write_text("mine\n")
    assert "exists already" in house.refused("tool", "install", "alpha")
    assert link.read_text() == "mine\n"
    assert not list(_tools(house).iterdir())
    house.do("tool", "install", "--force", "alpha")
    assert subprocess.run([link], capture_output=True, text=True).stdout == "alpha 1.0 []\n"
    link.unlink()
    link.write_text("mine again\n")
    house.do("tool", "uninstall", "alpha")
    assert link.read_text() == "mine again\n"


def test_a_failed_install_leaves_things_as_they_were(house: House) -> None:
    house.wheel("library", "1.0")
    assert "has no programs" in house.refused("tool", "install", "library", code=2)
    assert not list(_tools(house).iterdir())
    _tool(house, "alpha", "1.0")
    house.do("tool", "install", "alpha")
    before = house.do("tool", "list", "--show-version-specifiers").out
    house.refused("tool", "install", "alpha", "--with", "missing")
    house.refused("tool", "install", "alpha>=7")
    assert house.do("tool", "list", "--show-version-specifiers").out == before
    assert _run(house, "alpha").out == "alpha 1.0 []\n"


def test_a_directory_that_is_worked_on(house: House) -> None:
    files = project_files("alpha", is_static=True, files={"alpha.py": _MAIN.format(version="first")})
    files["small_backend.py"] += (
        "\ndef build_editable(into, config_settings=None, metadata_directory=None):\n"
        "    told = '[console_scripts]\\nalpha = alpha:main\\n'\n"
        "    pth = os.getcwd() + '\\n'\n"
        "    return _wheel(into, config_settings, {'a.pth': pth, 'alpha-1.0.dist-info/entry_points.txt': told})\n"
    )
    write_tree(house.root / "alpha", files)
    house.do("tool", "install", "--editable", "../alpha")
    assert "required: --editable ../alpha" in house.do("tool", "list", "--show-version-specifiers").out
    (house.root / "alpha/alpha.py").write_text(_MAIN.format(version="second"))
    program = _programs(house) / "alpha"
    assert "second" in subprocess.run([program], capture_output=True, text=True, check=True).stdout


def test_where_tools_are_kept(house: House) -> None:
    assert house.do("tool", "dir").out == f"{_tools(house)}\n"
    assert house.do("tool", "dir", "--bin").out == f"{_programs(house)}\n"
    house.monkeypatch.setenv("XDG_DATA_HOME", str(house.root / "data"))
    assert house.do("tool", "dir").out == f"{house.root}/data/provenv/tools\n"
    assert house.do("tool", "dir", "--bin").out == f"{house.root}/bin\n"
    house.monkeypatch.setenv("PROVENV_TOOL_DIR", str(house.root / "shelf"))
    house.monkeypatch.setenv("PROVENV_TOOL_BIN_DIR", str(house.root / "programs"))
    assert house.do("tool", "dir").out == f"{house.root}/shelf\n"
    assert house.do("tool", "dir", "--bin").out == f"{house.root}/programs\n"
    house.monkeypatch.setenv("SHELL", "/bin/zsh")
    told = house.do("tool", "update-shell")
    assert "~/.zshenv" in told.err
    assert told.out == f'export PATH="{house.root}/programs:$PATH"\n'
    assert not list(house.home.iterdir())


@pytest.mark.parametrize("form", ["./tools", "name @ file"])
def test_from_a_wheel_on_disk(house: House, form: str) -> None:
    path = house.wheel(
        "alpha",
        "1.0",
        files={"alpha.py": _MAIN.format(version="local")},
        entry_points={"console_scripts": {"alpha": "alpha:main"}},
        directory=house.directory,
    )
    asked = f"./{path.name}" if form == "./tools" else f"alpha @ {path.as_uri()}"
    assert _run(house, asked, "a").out == "local ['a']\n"
    house.do("tool", "install", asked)
    assert subprocess.run([_programs(house) / "alpha"], capture_output=True, text=True).stdout == "local []\n"
