"""Scripts with inline metadata: run, locked, edited."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.worlds.house import BASE_PYTHON, House, Told
from tests.worlds.imports import heavy_imports, imports_of


def _script(house: House, *lines: str, name: str = "task.py", code: str = "", head: str = "") -> Path:
    path = house.directory / name
    block = "".join(f"# {line}\n" for line in lines)
    path.write_text(f"{head}# /// script\n{block}# ///\n{code or _CODE}")
    return path


_CODE = """\
import importlib.metadata, sys
print(dict(sorted((one.metadata["Name"], one.version) for one in importlib.metadata.distributions())), sys.argv[1:])
"""


def _run(house: House, *words: str, code: int = 0, **variables: str) -> Told:
    told = house.launch("run", *words, **variables)
    assert told.code == code, told
    return told


def test_a_script_has_its_own_environment(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "2.0")
    house.wheel("gamma")
    house.project("gamma")
    _script(house, 'dependencies = ["alpha"]')
    for _ in range(2):
        assert _run(house, "task.py", "-x", "--help").out == "{'alpha': '1.0', 'beta': '2.0'} ['-x', '--help']\n"
    assert not house.environment.exists()
    assert not house.lock_file.exists()
    assert sorted(os.listdir(house.directory)) == ["pyproject.toml", "task.py"]


def test_a_warm_start_imports_nothing_and_asks_nobody(house: House) -> None:
    house.wheel("alpha")
    _script(house, 'dependencies = ["alpha"]')
    for words in (("task.py",), ("--script", "task.py")):
        _run(house, *words)
        house.server.requests.clear()
        imported, said = imports_of(house, "run", *words)
        assert said == "{'alpha': '1.0'} []\n"
        assert "provenv.flows.run" in imported
        assert "provenv.cli.main" not in imported
        assert heavy_imports(imported) == []
        assert not house.server.requests


def test_what_changes_the_script_or_its_surroundings_is_seen(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("beta", "1.0")
    script = _script(house, 'dependencies = ["alpha"]')
    _run(house, "task.py")
    _script(house, 'dependencies = ["beta"]')
    assert _run(house, "task.py").out == "{'beta': '1.0'} []\n"
    script.write_text("print('plain')\n")
    assert _run(house, "task.py").out == "plain\n"
    _script(house, 'dependencies = ["alpha"]')
    assert _run(house, "task.py").out == "{'alpha': '1.0'} []\n"
    layers = house.cache / "layers"
    subprocess.run(["rm", "-r", str(layers)], check=True)
    assert _run(house, "task.py").out == "{'alpha': '1.0'} []\n"
    subprocess.run(["chmod", "-R", "u+w", str(house.cache / "store")], check=True)
    subprocess.run(["rm", "-r", str(house.cache / "store")], check=True)
    assert _run(house, "task.py").out == "{'alpha': '1.0'} []\n"


def test_a_choice_stands_until_newer_versions_are_asked_for(house: House) -> None:
    house.server.cache_control = None
    house.wheel("alpha", "1.0")
    _script(house, 'dependencies = ["alpha"]')
    assert _run(house, "task.py").out == "{'alpha': '1.0'} []\n"
    house.wheel("alpha", "2.0")
    house.server.requests.clear()
    for words in (("task.py",), ("--with", "alpha", "task.py"), ("-q", "task.py")):
        assert _run(house, *words).out == (
            "{'alpha': '1.0'} []\n" if "--with" not in words else "{'alpha': '2.0'} []\n"
        )
    assert _run(house, "--refresh", "task.py").out == "{'alpha': '2.0'} []\n"
    assert _run(house, "task.py").out == "{'alpha': '2.0'} []\n"


def test_what_is_found_in_a_directory_is_looked_for_each_time(house: House) -> None:
    house.wheel("alpha", "1.0", directory=house.directory / "wheels")
    _script(house, 'dependencies = ["alpha"]', "[tool.provenv]", 'find-links = ["wheels"]')
    assert _run(house, "task.py").out == "{'alpha': '1.0'} []\n"
    house.wheel("alpha", "2.0", directory=house.directory / "wheels")
    assert _run(house, "task.py").out == "{'alpha': '2.0'} []\n"


def test_locked_beside_the_script(house: House) -> None:
    house.wheel("alpha", "1.0")
    _script(house, 'dependencies = ["alpha"]')
    assert "no lock" in _run(house, "--locked", "task.py", code=1).err
    assert "no lock" in _run(house, "--frozen", "task.py", code=1).err
    house.do("lock", "--script", "task.py")
    lock = house.directory / "task.py.lock"
    assert 'name = "alpha"' in lock.read_text()
    house.wheel("alpha", "2.0")
    house.wheel("beta", "1.0")
    assert _run(house, "--refresh", "task.py").out == "{'alpha': '1.0'} []\n"
    assert _run(house, "--locked", "task.py").out == "{'alpha': '1.0'} []\n"
    _script(house, 'dependencies = ["alpha", "beta"]')
    assert "out of date" in _run(house, "--locked", "task.py", code=1).err
    assert _run(house, "--frozen", "task.py").out == "{'alpha': '1.0'} []\n"
    assert _run(house, "task.py").out == "{'alpha': '1.0', 'beta': '1.0'} []\n"
    assert "beta" in lock.read_text()
    house.do("lock", "--script", "task.py", "--upgrade", "--refresh")
    assert _run(house, "task.py").out == "{'alpha': '2.0', 'beta': '1.0'} []\n"
    assert house.do("lock", "--script", "task.py", "--check").code == 0


def test_sources_and_indexes_of_the_block(house: House) -> None:
    house.wheel("alpha", "3.0", directory=house.directory / "wheels")
    house.wheel("alpha", "1.0")
    _script(house, 'dependencies = ["alpha"]', "", "[tool.provenv]", 'find-links = ["wheels"]')
    assert _run(house, "task.py").out == "{'alpha': '3.0'} []\n"
    _script(house, 'dependencies = ["alpha"]', "[tool.uv]", 'constraint-dependencies = ["alpha<3"]')
    assert _run(house, "task.py").out == "{'alpha': '1.0'} []\n"


def test_additions_for_one_run(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.wheel("gamma")
    _script(house, 'dependencies = ["alpha"]')
    house.directory.joinpath("more.txt").write_text("gamma>=1 # why\n")
    told = _run(house, "--with", "beta", "--with-requirements", "more.txt", "task.py")
    assert eval(told.out.rpartition(" ")[0]) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert _run(house, "task.py").out == "{'alpha': '1.0'} []\n"


def test_any_name_with_the_flag_and_standard_input(house: House) -> None:
    house.wheel("alpha")
    script = _script(house, 'dependencies = ["alpha"]', name="task")
    assert _run(house, "--script", "task", "a").out == "{'alpha': '1.0'} ['a']\n"
    assert _run(house, "-s", "task", "a").out == "{'alpha': '1.0'} ['a']\n"
    for text, packages in ((script.read_bytes(), "{'alpha': '1.0'}"), (_CODE.encode(), "{}")):
        done = subprocess.run(
            [str(house.launcher), "run", "-", "b"],
            cwd=house.directory,
            env={"PATH": os.environ["PATH"], **house.variables()},
            input=text,
            capture_output=True,
        )
        assert done.stdout.decode() == f"{packages} ['b']\n", done.stderr.decode()


def test_a_script_that_starts_itself(house: House) -> None:
    house.wheel("alpha")
    script = _script(house, 'dependencies = ["alpha"]', name="task", head="#!/usr/bin/env -S provenv run --script\n")
    script.chmod(0o755)
    for _ in range(2):
        done = subprocess.run(
            [script, "c"],
            env={"PATH": f"{house.launcher.parent}:{os.environ['PATH']}", **house.variables()},
            capture_output=True,
            text=True,
        )
        assert done.stdout == "{'alpha': '1.0'} ['c']\n", done.stderr


def test_the_python_that_the_script_requires(house: House) -> None:
    _script(house, 'requires-python = ">=4"', "dependencies = []")
    assert ">=4" in _run(house, "task.py", code=1).err
    house.directory.joinpath(".python-version").write_text("3.1\n")
    house.monkeypatch.delenv("PROVENV_PYTHON")
    _script(house, 'requires-python = ">=3.8"', "dependencies = []")
    assert (
        _run(house, "task.py", PROVENV_PYTHON="", PATH=f"{os.path.dirname(BASE_PYTHON)}:{os.environ['PATH']}").code == 0
    )


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["dependencies = ["], "task.py: not valid TOML"),
        (['dependencies = ["a b"]'], "task.py: dependencies[0]"),
        (['dependencie = ["alpha"]'], "did you mean `dependencies`?"),
        (["dependencies = []", "# /// script"], None),
        (["dependencies = []", "/// script"], "begins inside the block"),
    ],
)
def test_metadata_that_cannot_be(house: House, lines: list[str], told: str | None) -> None:
    _script(house, *lines)
    for _ in range(2):
        if told is None:
            assert _run(house, "task.py").code == 0
        else:
            assert told in house.refused("lock", "--script", "task.py")
            assert told in _run(house, "task.py", code=1).err


def test_flags_of_projects_are_refused(house: House) -> None:
    _script(house, "dependencies = []")
    assert "--extra is about a project" in _run(house, "--extra", "x", "task.py", code=2).err


def test_modules_and_variables_from_files(house: House) -> None:
    house.project()
    house.directory.joinpath("mine.py").write_text("import os, sys; print(os.environ.get('WHO'), sys.argv[1:])\n")
    house.directory.joinpath("a.env").write_text("export WHO=me # nobody else\n")
    house.directory.joinpath("b.env").write_text('WHO="${WHO}, $WHO"\n')
    assert _run(house, "-m", "mine", "x").out == "None ['x']\n"
    assert _run(house, "--env-file", "a.env", "--env-file", "b.env", "--module", "mine").out == "me, me []\n"
    assert _run(house, "--env-file", "a.env", "mine.py", WHO="you").out == "you []\n"
    assert _run(house, "mine.py", PROVENV_ENV_FILE="a.env").out == "me []\n"
    assert _run(house, "--no-env-file", "mine.py", PROVENV_ENV_FILE="a.env").out == "None []\n"
    house.directory.joinpath("a.env").write_text("# fine\n\nWHO\n")
    assert "a.env: line 3" in _run(house, "--env-file", "a.env", "mine.py", code=1).err


def test_started_and_edited(house: House) -> None:
    house.wheel("alpha", "1.5", ("beta",))
    house.wheel("beta", "1.0")
    house.do("init", "--script", "task.py")
    script = house.directory / "task.py"
    first = script.read_text()
    assert first.startswith("# /// script\n# requires-python = ")
    assert house.launch("run", "task.py").out == "Hello from task.py!\n"
    assert "already" in house.refused("init", "--script", "task.py")
    house.do("add", "--script", "task.py", "alpha")
    assert first.replace("[]", '["alpha>=1.5"]') == script.read_text()
    assert not house.directory.joinpath("task.py.lock").exists()
    assert not house.environment.exists()
    assert _run(house, "task.py").code == 0
    house.do("lock", "--script", "task.py")
    assert "alpha" in house.do("tree", "--script", "task.py").out
    assert "beta==1.0" in house.do("export", "--script", "task.py").out
    environment = house.do("sync", "--script", "task.py").out.strip()
    assert Path(environment, "bin/python").exists()
    house.do("remove", "--script", "task.py", "alpha")
    assert script.read_text() == first
    assert "alpha" not in house.directory.joinpath("task.py.lock").read_text()
    assert "is not there" in house.refused("remove", "--script", "task.py", "alpha")


def test_a_block_is_begun_by_add(house: House) -> None:
    house.wheel("alpha")
    script = house.directory / "plain.py"
    script.write_text('#!/usr/bin/env python\n"""What it does."""\n')
    assert "no inline metadata" in house.refused("tree", "--script", "plain.py")
    house.refused("add", "--script", "plain.py", "missing")
    assert script.read_text() == '#!/usr/bin/env python\n"""What it does."""\n'
    house.do("add", "--script", "plain.py", "alpha<2")
    lines = script.read_text().splitlines()
    assert (lines[0], lines[1], lines[-2:]) == (
        "#!/usr/bin/env python",
        "# /// script",
        ["# ///", '"""What it does."""'],
    )
    assert "cannot be read" in house.refused("add", "--script", "missing.py", "alpha")


def test_a_lock_of_uv_beside_a_script_is_left_alone(house: House) -> None:
    house.wheel("alpha")
    script = house.directory / "task.py"
    script.write_text('# /// script\n# dependencies = ["alpha"]\n# ///\nimport alpha\nprint("ran")\n')
    lock = house.directory / "task.py.lock"
    lock.write_text('version = 1\nrevision = 3\n\n[manifest]\nrequirements = []\n\n[[package]]\nname = "alpha"\n')
    before = lock.read_bytes()
    told = house.launch("run", "task.py")
    assert (told.code, told.out) == (0, "ran\n"), told
    assert "is a lock of uv" in told.err
    for words in (("run", "--locked", "task.py"), ("lock", "--script", "task.py")):
        told = house.launch(*words)
        assert told.code == 1
        assert "is a lock of uv" in told.err
        assert "move it away" in told.err
    assert lock.read_bytes() == before
    lock.unlink()
    house.do("lock", "--script", "task.py")
    assert b"task.py" in lock.read_bytes().splitlines()[0]


def test_keys_of_a_script_are_named_as_they_are_written(house: House) -> None:
    (house.directory / "task.py").write_text('# /// script\n# dependencies = "alpha"\n# ///\n')
    told = house.launch("run", "task.py")
    assert "task.py: dependencies: a list" in told.err
    told = house.launch("run", "elsewhere.py")
    assert told.code == 2
    assert "there is no file `elsewhere.py`" in told.err
