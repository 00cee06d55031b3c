"""Corners that real projects have: odd places, odd names, two commands at once, a command that is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import tomllib

import pytest
from packaging.pylock import Pylock

from tests.worlds.house import BASE_PYTHON, House


def test_a_place_with_spaces_and_letters_of_the_world(house: House) -> None:
    house.wheel(
        "alpha",
        files={
            "alpha.py": "def main(): print('hello')\n",
            "alpha-1.0.data/scripts/other": "#!python\nprint('other')\n",
        },
        entry_points={"console_scripts": {"alpha": "alpha:main"}},
    )
    place = house.directory / "my project, Grüße"
    place.mkdir()
    (place / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\ndependencies = ["alpha"]\n')
    for words in (("alpha",), ("other",), ("python", "-c", "import alpha; alpha.main()")):
        told = house.launch("run", "--directory", str(place), *words)
        assert (told.code, told.out.strip()) in ((0, "hello"), (0, "other")), told.err


def test_a_very_long_place(house: House) -> None:
    points = {"console_scripts": {"al": "alpha:main"}}
    house.wheel("alpha", files={"alpha.py": "def main(): print('hi')\n"}, entry_points=points)
    place = house.directory.joinpath(*["a-long-directory-name"] * 8)
    place.mkdir(parents=True)
    (place / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\ndependencies = ["alpha"]\n')
    assert house.launch("run", "--directory", str(place), "al").out == "hi\n"


def test_line_ends_of_another_system_stay(house: House) -> None:
    house.wheel("alpha")
    text = '[project]\r\nname = "demo"\r\nversion = "1"\r\ndependencies = [\r\n    "beta",\r\n]\r\n'
    house.wheel("beta")
    house.project_file.write_bytes(text.encode())
    house.do("add", "alpha")
    assert house.project_file.read_bytes().decode() == text.replace('    "beta"', '    "alpha>=1.0",\r\n    "beta"')


def test_a_project_file_that_is_a_link_stays_one(house: House) -> None:
    house.wheel("alpha")
    house.project()
    real = house.root / "real.toml"
    house.project_file.rename(real)
    house.project_file.symlink_to(real)
    house.do("add", "alpha")
    assert house.project_file.is_symlink()
    assert "alpha>=1.0" in real.read_text()


def test_a_project_with_nothing_but_dependencies(house: House) -> None:
    house.wheel("alpha")
    house.project_file.write_text('[dependency-groups]\ndev = ["alpha"]\n')
    house.do("sync")
    assert house.installed() == {"alpha": "1.0"}
    assert "alpha v1.0" in house.do("tree").out


def test_an_empty_project_file(house: House) -> None:
    house.project_file.write_text("")
    house.do("sync")
    Pylock.from_dict(tomllib.loads(house.lock_file.read_text()))
    house.wheel("alpha")
    house.do("add", "alpha")
    assert house.installed() == {"alpha": "1.0"}


def test_the_pin_file_chooses_the_python(house: House) -> None:
    house.project()
    house.monkeypatch.delenv("PROVENV_PYTHON")
    (house.directory / ".python-version").write_text(f"# ours\n{BASE_PYTHON}\n")
    house.do("sync")
    assert os.path.realpath(house.environment / "bin/python") == BASE_PYTHON


def test_names_of_targets_in_capitals(house: House) -> None:
    house.wheel("alpha", "1.0", tags="py3-none-manylinux_2_17_x86_64")
    house.wheel("alpha", "2.0", tags="py3-none-manylinux_2_35_x86_64")
    table = '[tool.provenv.targets.{}]\nplatform = "linux-x86_64"\npython = "3.12"\nglibc = "{}"\n'
    house.project("alpha", more=table.format("New_One", "2.39") + table.format('"Old.One"', "2.31"))
    house.do("lock")
    Pylock.from_dict(tomllib.loads(house.lock_file.read_text()))
    assert "alpha==2.0" in house.do("export", "--target", "New_One").out
    assert "alpha==1.0" in house.do("export", "--target", "Old.One").out


def test_a_target_named_as_a_group_is_refused(house: House) -> None:
    house.wheel("alpha")
    table = '[tool.provenv.targets.{}]\nplatform = "linux-x86_64"\npython = "3.12"\n'
    house.project(more='[dependency-groups]\ntrain = ["alpha"]\n' + table.format("train"))
    message = house.refused("lock")
    assert "tool.provenv.targets.train" in message
    assert "group" in message


def test_two_syncs_at_once(house: House) -> None:
    names = [f"pack{number}" for number in range(8)]
    for name in names:
        house.wheel(name, files={f"{name}/m{n}.py": f"x = {n}\n" for n in range(10)})
    house.project(*names)
    running = [house.start("sync") for _ in range(4)]
    said = [one.communicate(timeout=60)[1] for one in running]
    assert [one.returncode for one in running] == [0, 0, 0, 0], said
    assert list(house.installed()) == names
    assert "nothing to do" in house.launch("sync").err


@pytest.mark.parametrize("command", ["lock", "sync"])
def test_a_command_that_is_interrupted(house: House, command: str) -> None:
    house.wheel("alpha")
    house.project("alpha")
    pattern = "/simple/*" if command == "lock" else "/files/*.whl"
    house.server.fail(pattern, delay=20)
    with house.start(command) as process:
        assert house.server.is_delaying.wait(10)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not house.environment.exists()
    house.server.heal()
    house.do("sync")


def test_a_reader_that_goes_away(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    house.do("lock")
    done = subprocess.run(
        ["sh", "-c", f'"{house.launcher}" tree | true; "{house.launcher}" export | true'],
        capture_output=True, text=True, env={**os.environ}, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


def test_wheels_beside_the_project_travel_with_it(house: House) -> None:
    house.wheel("alpha", directory=house.directory / "wheels")
    house.project("alpha", more='[tool.provenv]\nfind-links = ["wheels"]\n')
    house.do("lock")
    assert str(house.root) not in house.lock_file.read_text()
    moved = house.directory.rename(house.root / "moved")
    house.monkeypatch.chdir(moved)
    before = (moved / "pylock.toml").read_bytes()
    house.do("sync", "--locked")
    assert (moved / "pylock.toml").read_bytes() == before
    assert list(moved.glob(".venv/lib/python3.*/site-packages/alpha"))


def test_a_package_that_needs_itself_by_an_extra(house: House) -> None:
    house.wheel("alpha", "1.0", extras={"all": ("alpha[one]",), "one": ("beta",)})
    house.wheel("beta")
    house.project("alpha[all]")
    house.do("sync")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_needs_in_a_circle(house: House) -> None:
    house.wheel("alpha", "1.0", ("beta",))
    house.wheel("beta", "1.0", ("alpha",))
    house.project("alpha")
    house.do("sync")
    assert house.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert "alpha v1.0" in house.do("tree").out
    assert "beta v1.0" in house.do("tree", "--invert").out


def test_markers_decide(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha; sys_platform != 'win32'", "beta; sys_platform == 'win32'", "missing; python_version < '3'")
    house.do("sync")
    assert house.installed() == {"alpha": "1.0"}


def test_local_versions_and_epochs(house: House) -> None:
    house.wheel("alpha", "1.0+cu121")
    house.wheel("alpha", "1.0")
    house.wheel("beta", "1!0.5")
    house.wheel("beta", "9.0")
    house.project("alpha==1.0", "beta")
    house.do("sync")
    assert house.locked() == {"alpha": "1.0+cu121", "beta": "1!0.5"}
    house.project("alpha==1.0+cu121", "beta")
    house.do("sync")
    assert house.locked() == {"alpha": "1.0+cu121", "beta": "1!0.5"}
    house.project()
    house.do("add", "alpha")
    assert '"alpha>=1.0"' in house.project_file.read_text()


def test_a_wheel_with_a_build_number_wins(house: House) -> None:
    house.wheel("alpha", files={"alpha.py": "build = 0\n"})
    wheel = house.wheel("alpha", files={"alpha.py": "build = 2\n"}, directory=house.root / "other")
    wheel.rename(house.server.directory / "alpha-1.0-2-py3-none-any.whl")
    house.project("alpha")
    told = house.launch("run", "python", "-c", "import alpha; print(alpha.build)")
    assert told.out == "2\n", told.err
