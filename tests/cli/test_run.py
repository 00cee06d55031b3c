"""``provenv run``: the command becomes the program."""

from __future__ import annotations

import signal
import time

import pytest

from tests.worlds.house import House, snapshot

_SHOW = "import sys; print(sys.argv[1:])"


def test_run_syncs_first_and_then_not(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    told = house.launch("run", "python", "-c", "import alpha; print(alpha.__version__)")
    assert (told.code, told.out) == (0, "1.0\n"), told.err
    before = snapshot(house.directory / ".venv")
    told = house.launch("run", "python", "-B", "-c", "import alpha, sys; print(sys.prefix)")
    assert (told.out, told.err) == (f"{house.environment}\n", "")
    assert snapshot(house.directory / ".venv") == before


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_codes_pass_through(house: House, code: int) -> None:
    house.project()
    for _ in range(2):
        assert house.launch("run", "python", "-c", f"raise SystemExit({code})").code == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_pass_through(house: House, number: signal.Signals) -> None:
    house.project()
    house.do("sync")
    ready = house.root / "ready"
    program = f"import signal, time; signal.signal({number}, signal.SIG_DFL); open({str(ready)!r}, 'w'); time.sleep(60)"
    with house.start("run", "python", "-c", program) as process:
        for _ in range(500):
            if ready.exists():
                break
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(10) == -number


def test_arguments_arrive_as_they_are(house: House) -> None:
    house.project()
    odd = ["two words", "", "*", "--help", "-q", "--", "--with", 'quo"te', "it's", "ü", "$HOME", "a\nb"]
    for _ in range(2):
        told = house.launch("run", "python", "-c", _SHOW, *odd)
        assert told.out == f"{odd}\n"
        told = house.launch("run", "--", "python", "-c", _SHOW, *odd)
        assert told.out == f"{odd}\n"


def test_a_script_is_given_to_python(house: House) -> None:
    house.project()
    (house.directory / "my script.py").write_text(f"{_SHOW}\nprint(__file__)\n")
    for _ in range(2):
        told = house.launch("run", "my script.py", "x")
        assert told.out == f"['x']\n{house.directory}/my script.py\n"


def test_a_tool_of_the_environment_is_found_first(house: House) -> None:
    house.wheel(
        "tool", files={"tool.py": "def main(): print('ours')\n"}, entry_points={"console_scripts": {"ls": "tool:main"}}
    )
    house.project("tool")
    for _ in range(2):
        assert house.launch("run", "ls").out == "ours\n"


def test_the_environment_is_announced_as_if_activated(house: House) -> None:
    house.project()
    program = (
        "import os; print(os.environ['VIRTUAL_ENV'], os.environ['PATH'].split(':')[0], 'PYTHONHOME' in os.environ)"
    )
    told = house.launch("run", "python", "-c", program, PYTHONHOME="/nowhere")
    assert told.out == f"{house.environment} {house.environment}/bin False\n"


def test_a_missing_program_is_wrong_usage(house: House) -> None:
    house.project()
    for _ in range(2):
        told = house.launch("run", "no-such-program")
        assert told.code == 2
        assert "there is no program `no-such-program`" in told.err
        assert "hint: " in told.err
    told = house.launch("run", "no-such-script.py")
    assert told.code == 2
    assert "no-such-script.py" in told.err


def test_a_file_that_cannot_be_run_is_told(house: House) -> None:
    house.project()
    (house.directory / "broken").write_text("#!/no/such/interpreter\n")
    for mode in (0o644, 0o755):
        (house.directory / "broken").chmod(mode)
        told = house.launch("run", "./broken")
        assert told.code == 2
        assert "Traceback" not in told.err
        assert "broken: cannot be run" in told.err


def test_no_command_is_wrong_usage(house: House) -> None:
    house.project()
    assert "no command to run is given" in house.refused("run", code=2)
    assert "no command to run is given" in house.refused("run", "--", code=2)


def test_with_adds_a_layer_and_leaves_the_environment_alone(house: House) -> None:
    house.wheel("alpha")
    house.wheel("extra", "3.0", ("more",), entry_points={"console_scripts": {"extra-tool": "extra:__name__.upper"}})
    house.wheel("more")
    house.project("alpha")
    house.do("sync")
    before = snapshot(house.directory)
    program = "import alpha, extra, more; print(alpha.__version__, extra.__version__)"
    for _ in range(2):
        told = house.launch("run", "--with", "extra", "python", "-B", "-c", program)
        assert (told.code, told.out) == (0, "1.0 3.0\n"), told.err
    assert snapshot(house.directory) == before
    assert house.launch("run", "python", "-c", "import extra").code == 1


def test_with_wins_over_the_project(house: House) -> None:
    house.wheel("alpha", "1.0")
    house.wheel("alpha", "2.0")
    house.project("alpha<2")
    told = house.launch("run", "--with", "alpha==2.0", "python", "-c", "import alpha; print(alpha.__version__)")
    assert told.out == "2.0\n", told.err


def test_with_needs_no_project(house: House) -> None:
    house.wheel("alpha", "1.0")
    told = house.launch("run", "--with", "alpha", "python", "-c", "import alpha; print(alpha.__version__)")
    assert told.out == "1.0\n", told.err
    assert list(house.directory.iterdir()) == []
    house.project("nonexistent")
    told = house.launch(
        "run", "--no-project", "--with", "alpha", "python", "-c", "import alpha; print(alpha.__version__)"
    )
    assert told.out == "1.0\n", told.err


def test_with_a_requirement_that_cannot_be_met(house: House) -> None:
    house.project()
    told = house.launch("run", "--with", "nonexistent", "python", "-c", "")
    assert told.code == 1
    assert "depends on nonexistent (command line) and no index has a package named nonexistent" in told.err
    told = house.launch("run", "--with", "!!", "python", "-c", "")
    assert told.code == 2
    assert "`!!` is not a requirement" in told.err


def test_no_sync_takes_the_environment_as_it_is(house: House) -> None:
    house.wheel("alpha")
    house.project()
    house.do("sync")
    house.project("alpha")
    told = house.launch("run", "--no-sync", "python", "-c", "import alpha")
    assert told.code == 1
    assert not (house.site / "alpha").exists()


def test_no_sync_without_an_environment_is_told(house: House) -> None:
    house.project()
    told = house.launch("run", "--no-sync", "python", "-c", "")
    assert told.code == 1
    assert "there is no environment" in told.err


def test_run_notices_what_changed(house: House) -> None:
    house.wheel("alpha", "1.0", files={"alpha.py": "v = 1\n"})
    house.wheel("alpha", "2.0", files={"alpha.py": "v = 2\n"})
    house.project("alpha==1.0")
    show = ("run", "python", "-c", "import alpha; print(alpha.v)")
    assert house.launch(*show).out == "1\n"
    assert house.launch(*show).out == "1\n"
    house.project("alpha==2.0")
    assert house.launch(*show).out == "2\n"
    (house.site / "alpha.py").unlink()
    assert house.launch(*show).out == "2\n"
    house.lock_file.unlink()
    assert house.launch(*show).out == "2\n"
    assert house.lock_file.exists()


def test_run_keeps_what_else_is_installed(house: House) -> None:
    house.wheel("alpha")
    house.wheel("beta")
    house.project("alpha", more='[project.optional-dependencies]\nmore = ["beta"]\n')
    house.do("sync", "--extra", "more")
    assert house.launch("run", "python", "-c", "import alpha, beta").code == 0


def test_run_from_a_directory_below(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    below = house.directory / "src/deep"
    below.mkdir(parents=True)
    told = house.launch("run", "--directory", str(below), "python", "-c", "import alpha, os; print(os.getcwd())")
    assert told.out == f"{below}\n", told.err
    told = house.launch("run", "--project", str(below), "python", "-c", "import alpha, os; print(os.getcwd())")
    assert told.out == f"{house.directory}\n", told.err


def test_output_is_only_the_programs(house: House) -> None:
    house.project()
    house.do("sync")
    told = house.launch("run", "python", "-c", "print('out')")
    assert (told.out, told.err) == ("out\n", "")


def test_quiet_says_nothing_even_when_it_installs(house: House) -> None:
    house.wheel("alpha")
    house.project("alpha")
    told = house.launch("run", "-q", "python", "-c", "import alpha")
    assert (told.code, told.out, told.err) == (0, "", "")


def test_environment_variables_reach_the_program(house: House) -> None:
    house.project()
    told = house.launch("run", "python", "-c", "import os; print(os.environ['MINE'])", MINE="a b")
    assert told.out == "a b\n"


def test_additions_come_from_where_the_project_looks(house: House) -> None:
    house.wheel("alpha", "7.0", directory=house.directory / "wheels")
    house.project(more='[tool.provenv]\nfind-links = ["wheels"]\n')
    code = "import importlib.metadata as m; print(m.version('alpha'))"
    assert house.launch("run", "--with", "alpha", "python", "-c", code).out == "7.0\n"
    assert house.launch("run", "--no-project", "--with", "alpha", "python", "-c", code).code == 1


def test_an_addition_that_is_worked_on(house: House) -> None:
    house.project()
    tree = house.directory / "side"
    tree.joinpath("side").mkdir(parents=True)
    tree.joinpath("side/__init__.py").write_text("value = 1\n")
    tree.joinpath("backend.py").write_text(_BACKEND)
    tree.joinpath("pyproject.toml").write_text(
        '[project]\nname = "side"\nversion = "1.0"\n[build-system]\nrequires = []\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    for value in (1, 22):  # of another size: byte code knows its source by size and second
        tree.joinpath("side/__init__.py").write_text(f"value = {value}\n")
        told = house.launch("run", "--with-editable", "./side", "python", "-c", "import side; print(side.value)")
        assert told.out == f"{value}\n", told.err


_BACKEND = """
import base64, hashlib, os, zipfile
def build_editable(directory, config_settings=None, metadata_directory=None):
    info, name, record = "side-1.0.dist-info", "side-1.0-py3-none-any.whl", ""
    with zipfile.ZipFile(os.path.join(directory, name), "w") as file:
        for path, text in (
            ("side.pth", os.getcwd()),
            (f"{info}/METADATA", "Metadata-Version: 2.1\\nName: side\\nVersion: 1.0\\n"),
            (f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"),
        ):
            file.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text)}\\n"
        file.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\\n")
    return name
build_wheel = build_editable
"""
