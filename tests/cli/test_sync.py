"""``provenv sync``: exactly what the lock says, nothing when nothing changed, whole again after anything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import findpython
import pytest

from tests.worlds.house import BASE_PYTHON, House, snapshot

_PARTS = """
[project.optional-dependencies]
plot = ["beta"]
[dependency-groups]
dev = ["gamma"]
docs = ["delta"]
"""


def test_sync_installs_and_says_what(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",), entry_points={"console_scripts": {"alpha-tool": "alpha:main"}})
    house.wheel("beta", "2.0")
    house.project("alpha")
    told = house.do("sync")
    assert "Created environment" in told.err
    assert "+ alpha 1.0\n+ beta 2.0\n" in told.err
    assert told.out == ""
    assert house.installed() == {"alpha": "1.0", "beta": "2.0"}
    python = house.environment / "bin/python"
    seen = subprocess.run(
        [python, "-c", "import alpha, beta, sys; print(alpha.__version__, sys.prefix)"], capture_output=True, text=True
    )
    assert seen.stdout == f"1.0 {house.environment}\n", seen.stderr
    assert os.access(house.environment / "bin/alpha-tool", os.X_OK)
    assert (house.site / "alpha-1.0.dist-info/REQUESTED").exists()
    assert not (house.site / "beta-2.0.dist-info/REQUESTED").exists()
    assert (house.site / "alpha-1.0.dist-info/INSTALLER").read_text() == "provenv\n"


def test_a_second_sync_touches_nothing(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta")
    house.project("alpha")
    house.do("sync")
    before = snapshot(house.directory), house.server.requests[:]
    told = house.do("sync")
    assert told.err.endswith("Checked 2 packages: nothing to do\n")
    for _ in range(2):
        assert house.launch("sync").code == 0
    assert (snapshot(house.directory), house.server.requests) == before


def test_what_does_not_belong_goes(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha", "beta")
    house.do("sync")
    house.project("alpha")
    assert house.do("sync", "--inexact").code == 0
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert "- beta 1.0" in house.do("sync").err
    assert house.installed() == {"alpha": "1.0"}
    assert not (house.site / "beta").exists()


def test_what_another_tool_installed_goes_too(house: House) -> None:
    house.wheel("alpha")
    house.wheel("stranger")
    house.project("alpha")
    house.do("sync")
    python = str(house.environment / "bin/python")
    wheel = str(house.server.directory / "stranger-1.0-py3-none-any.whl")
    words = ("install", "-q", "--no-index", "--no-deps", wheel)
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *words], check=True, capture_output=True)
    assert house.installed() == {"alpha": "1.0", "stranger": "1.0"}
    assert "- stranger 1.0" in house.launch("sync").err
    assert house.installed() == {"alpha": "1.0"}


def test_another_version_replaces_the_old_one(house: House) -> None:
    house.wheel("alpha", "1.0", files={"alpha/__init__.py": "", "alpha/old.py": ""})
    house.wheel("alpha", "2.0", files={"alpha/__init__.py": "", "alpha/new.py": ""})
    house.project("alpha<2")
    house.do("sync")
    house.project("alpha")
    told = house.do("sync", "--upgrade")
    assert "~ alpha 1.0 -> 2.0" in told.err
    assert sorted(path.name for path in (house.site / "alpha").glob("*.py")) == ["__init__.py", "new.py"]


def test_check_fails_and_changes_nothing(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    message = house.refused("sync", "--check")
    assert "hint: run `provenv sync`" in message
    assert not house.environment.exists()
    assert not house.lock_file.exists()
    house.do("sync")
    house.do("sync", "--check")
    (house.site / "alpha/__init__.py").unlink()
    house.refused("sync", "--check")
    assert not (house.site / "alpha/__init__.py").exists()


def test_a_dry_run_says_and_does_not(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    told = house.do("sync", "--dry-run")
    assert "+ alpha 1.0" in told.err
    assert "Would create environment" in told.err
    assert not house.environment.exists()
    assert not house.lock_file.exists()


def test_locked_and_frozen(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha")
    assert "pylock.toml is missing" in house.refused("sync", "--locked")
    assert "pylock.toml is missing" in house.refused("sync", "--frozen")
    house.do("sync")
    house.project("alpha", "beta")
    message = house.refused("sync", "--locked")
    assert "`beta` is new" in message
    assert "hint: " in message
    assert house.installed() == {"alpha": "1.0"}
    house.do("sync", "--frozen")
    assert house.installed() == {"alpha": "1.0"}
    house.do("sync")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "alpha gamma"),
        (("--no-dev",), "alpha"),
        (("--no-default-groups",), "alpha"),
        (("--extra", "plot", "--no-dev"), "alpha beta"),
        (("--group", "docs"), "alpha delta gamma"),
        (("--all-groups", "--no-group", "dev"), "alpha delta"),
        (("--all-extras", "--all-groups"), "alpha beta delta gamma"),
        (("--dev",), "alpha gamma"),
    ],
)
def test_parts_of_a_project(house: House, words: tuple[str, ...], wanted: str) -> None:
    for name in ("alpha", "beta", "gamma", "delta"):
        house.wheel(name)
    house.project("alpha", more=_PARTS)
    house.do("sync", *words)
    assert " ".join(house.installed()) == wanted


def test_unknown_parts_are_named_with_what_was_meant(house: House) -> None:
    house.wheel("beta")
    house.wheel("gamma")
    house.wheel("delta")
    house.project(more=_PARTS)
    message = house.refused("sync", "--extra", "plto", code=2)
    assert "there is no extra named `plto`" in message
    assert "did you mean `plot`?" in message
    assert not house.environment.exists()
    assert "there is no group named `x`" in house.refused("sync", "--group", "x", code=2)


def test_no_dev_where_there_is_no_dev(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("sync", "--no-dev")
    assert house.installed() == {"alpha": "1.0"}


def test_a_damaged_environment_is_restored(house: House) -> None:
    house.wheel("alpha", "1.0", files={"alpha/__init__.py": "", "alpha/data.txt": "data"})
    house.wheel("beta")
    house.project("alpha", "beta")
    house.do("sync")
    (house.site / "alpha/data.txt").unlink()
    beta = snapshot(house.site / "beta")
    for give in (house.do, house.launch):
        told = give("sync")
        assert "alpha is restored" in told.err
        assert (house.site / "alpha/data.txt").read_text() == "data"
        (house.site / "alpha/data.txt").unlink()
    assert snapshot(house.site / "beta") == beta
    house.do("sync")
    shutil.rmtree(house.site / "beta-1.0.dist-info")
    house.do("sync")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_an_environment_of_another_interpreter_is_made_anew(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("sync")
    settings = house.environment / "pyvenv.cfg"
    own = f"{sys.version_info[0]}.{sys.version_info[1]}."
    settings.write_text(settings.read_text().replace(own, "3.7."))
    (house.environment / "provenv-receipt").unlink()
    (house.site / "left.py").write_text("")
    told = house.do("sync")
    assert "Created environment" in told.err
    assert not (house.site / "left.py").exists()
    assert house.installed() == {"alpha": "1.0"}


def _another_python() -> str | None:
    """A Python of this computer with another minor version than ours."""
    for found in findpython.find_all():
        if found.major == 3 and found.minor >= 9 and found.minor != sys.version_info[1]:
            return str(found.executable)
    return None


@pytest.mark.skipif(_another_python() is None, reason="there is only one Python on PATH")
def test_another_python_makes_another_environment(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("sync")
    other = _another_python()
    assert other is not None
    told = house.do("sync", "--python", other)
    assert "Created environment" in told.err
    assert house.installed() == {"alpha": "1.0"}
    program = "import alpha, sys; print(sys.version_info[1])"
    seen = subprocess.run([house.environment / "bin/python", "-c", program], capture_output=True, text=True)
    assert f"3.{seen.stdout.strip()}" in house.site.parent.name


def test_a_directory_that_is_no_environment_is_left_alone(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.environment.mkdir()
    (house.environment / "precious.txt").write_text("mine")
    message = house.refused("sync")
    assert "is not empty and not an environment; nothing was changed" in message
    assert "hint: " in message
    assert [path.name for path in house.environment.iterdir()] == ["precious.txt"]


def test_an_environment_that_another_tool_made_is_taken_over(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", house.environment], check=True)
    house.do("sync")
    assert house.installed() == {"alpha": "1.0"}
    assert "nothing to do" in house.do("sync").err


def test_the_result_as_json(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    document = json.loads(house.do("sync", "--json").out)
    assert document["installed"] == [{"name": "alpha", "version": "1.0"}]
    assert document["created"] is True
    assert json.loads(house.do("sync", "--json").out)["installed"] == []


def test_a_direct_reference_is_installed_with_its_origin(house: House) -> None:
    wheel = house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta")
    url = house.server.file_url(wheel.name)
    house.project(f"alpha @ {url}")
    house.do("sync")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    origin = json.loads((house.site / "alpha-1.0.dist-info/direct_url.json").read_text())
    assert origin["url"] == url
    assert set(origin["archive_info"]["hashes"]) == {"sha256"}
    assert not (house.site / "beta-1.0.dist-info/direct_url.json").exists()
    assert "nothing to do" in house.do("sync").err


def test_a_direct_reference_to_a_file(house: House, tmp_path: Path) -> None:
    wheel = house.wheel("alpha", "1.0", directory=tmp_path / "elsewhere")
    house.project(f"alpha @ {wheel.as_uri()}")
    house.do("sync")
    assert house.installed() == {"alpha": "1.0"}


def test_data_and_scripts_go_where_they_belong(house: House) -> None:
    house.wheel(
        "alpha",
        "1.0",
        files={
            "alpha/__init__.py": "def main(): print('hello')\n",
            "alpha-1.0.data/scripts/alpha-old": "#!python\nprint('old')\n",
            "alpha-1.0.data/data/share/alpha/notes.txt": "notes",
        },
        entry_points={"console_scripts": {"alpha-new": "alpha:main"}},
    )
    house.project("alpha")
    house.do("sync")
    for name, said in (("alpha-old", "old\n"), ("alpha-new", "hello\n")):
        ran = subprocess.run([house.environment / "bin" / name], capture_output=True, text=True)
        assert ran.stdout == said, ran.stderr
    assert (house.environment / "share/alpha/notes.txt").read_text() == "notes"


def test_an_environment_elsewhere(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.monkeypatch.setenv("PROVENV_PROJECT_ENVIRONMENT", "envs/one")
    house.do("sync")
    assert (house.directory / "envs/one/pyvenv.cfg").exists()
    assert not house.environment.exists()


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4])
def test_a_sync_that_is_killed_is_finished_by_the_next(house: House, delay: float) -> None:
    names = [f"pack{number}" for number in range(12)]
    for name in names:
        house.wheel(name, files={f"{name}/__init__.py": "", **{f"{name}/m{n}.py": f"x = {n}\n" for n in range(20)}})
    house.project(*names)
    with house.start("sync") as process:
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    told = house.launch("sync")
    assert told.code == 0, told.err
    assert list(house.installed()) == sorted(names)
    for name in names:
        assert len(list((house.site / name).glob("*.py"))) == 21
    assert "nothing to do" in house.launch("sync").err


def test_what_is_downloaded_first(house: House) -> None:
    """The smallest while the line is not known to be slow: the unpackers have something to do. Then the largest."""
    names = [f"part{number:02}" for number in range(20)]
    for number, name in enumerate(names):
        house.wheel(name, files={f"{name}/data.bin": os.urandom(2_000 * (number + 1))})
    house.project(*names)
    house.do("lock")
    house.server.fail("*.whl", delay=0.5)
    house.do("sync", "--frozen")
    # Eight at a time, half a second each: what is asked for together is noted in any order.
    asked = [request.path.rpartition("/")[2].partition("-")[0] for request in house.server.seen("*.whl")]
    assert set(asked[:8]) == set(names[:8])
    assert set(asked[8:16]) == set(names[12:]), "it was known to be slow by then"
    assert set(asked[16:]) == set(names[8:12])
    assert house.installed().keys() == set(names)
