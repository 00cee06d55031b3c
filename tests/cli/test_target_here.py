"""One lock for several machines of one platform: which target a sync takes, and that nothing swaps it back."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.house import House
from tests.worlds.machines import recorded
from tests.worlds.torch_index import TorchIndex, torch_wheel

__all__: list[str] = []

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="environments for linux-x86_64 are made"
)

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
TAGS = "py3-none-manylinux_2_17_x86_64"
TARGETS = {
    "runner": "gpus = []",
    "old": 'gpus = ["V100"]\ndriver = "580.65.06"',
    "new": 'gpus = ["B200"]\ndriver = "570.124.06"',
}
RUNNER = {"runner": "gpus = []"}
BUILDS = {"runner": "cpu", "old": "cu126", "new": "cu128"}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shelf = tmp_path_factory.mktemp("builds")
    for build in BUILDS.values():
        torch_wheel(shelf / build, f"2.11.0+{build}", build, tags=TAGS)
    return shelf


@pytest.fixture
def pytorch(house: House, shelf: Path) -> Iterator[TorchIndex]:
    torch_wheel(house.server.directory, "2.11.0", "cu128", tags=TAGS)
    with TorchIndex(shelf) as index:
        (house.directory / "ours.toml").write_text(f'index = [{{ url = "{index.url}", source = "a test" }}]\n')
        yield index


def write(house: House, targets: dict[str, str] = TARGETS, *requirements: str, python: str = PYTHON) -> None:
    tables = "".join(
        f'\n[tool.provenv.targets.{name}]\nplatform = "linux-x86_64"\npython = "{python}"\n{more}\n'
        for name, more in targets.items()
    )
    house.project(
        *(requirements or ("torch",)), more=f'[tool.provenv]\nrules = ["ours.toml"]\n{tables}', requires_python=">=3.8"
    )


def build(house: House) -> str:
    return house.installed()["torch"].partition("+")[2]


def stand_on(house: House, name: str) -> None:
    house.monkeypatch.setenv("PROVENV_MACHINE", recorded(name))


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_named(house: House, pytorch: TorchIndex, name: str) -> None:
    write(house)
    told = house.do("sync", "--target", name)
    assert build(house) == BUILDS[name]
    assert f"Target {name} (as was said)" in told.err
    assert f"for target {name}: nothing to do" in house.do("sync").err, "it stays, though nothing is said"
    assert f"for target {name}: nothing to do" in house.do("sync").err, "also on the quick way"
    assert house.do("verify").code == 0


def test_a_variable_names_it(house: House, pytorch: TorchIndex) -> None:
    write(house)
    house.monkeypatch.setenv("PROVENV_TARGET", "old")
    house.do("sync")
    assert build(house) == "cu126"
    house.do("sync", "--target", "new")
    assert build(house) == "cu128"


@pytest.mark.parametrize(
    ("machine", "name"),
    [("v100-580", "old"), ("b200-570", "new"), ("no-gpu", "runner"), ("mi300", "runner"), ("no-driver", "runner")],
)
def test_the_machine_decides(house: House, pytorch: TorchIndex, machine: str, name: str) -> None:
    write(house)
    stand_on(house, machine)
    told = house.do("sync")
    assert build(house) == BUILDS[name]
    assert f"Target {name} (this machine has " in told.err
    assert ("no driver for it" in told.err) == (machine == "no-driver")


@pytest.mark.parametrize(
    ("machine", "told"),
    [("h100-535", "NVIDIA H100 80GB HBM3 (9.0), driver 535.104.05"), ("rtx5090", "RTX 5090 (12.0)")],
)
def test_none_of_them_is_this_machine(house: House, pytorch: TorchIndex, machine: str, told: str) -> None:
    write(house)
    house.do("lock")
    stand_on(house, machine)
    message = house.refused("sync")
    assert "none of its targets is this machine" in message
    assert told in message
    assert "old: V100; driver 580.65.06" in message
    assert "hint: name one with --target NAME" in message
    assert not house.environment.exists(), "nothing was made"


def test_an_older_driver_is_not_the_machine_that_was_meant(house: House, pytorch: TorchIndex) -> None:
    write(house, {"old": 'gpus = ["B200"]\ndriver = "580.65.06"', "runner": "gpus = []"})
    stand_on(house, "b200-570")
    assert "none of its targets is this machine" in house.refused("sync")


@pytest.mark.parametrize(
    ("targets", "name"),
    [
        ({"any": 'gpus = ["V100", "H100"]', "one": 'gpus = ["V100"]'}, "one"),
        ({"one": 'gpus = ["V100"]\ndriver = "535.104.05"', "two": 'gpus = ["V100"]\ndriver = "570.124.06"'}, "two"),
        ({"one": 'driver = "535.104.05"', "two": 'compute = ["7.0"]'}, "two"),
        ({"one": 'compute = ["7.0"]', "two": 'compute = ["7.0"]\ncpu = "x86-64-v2"'}, "two"),
        ({"one": 'compute = ["7.0"]', "two": 'compute = ["7.0"]\ncpu = "x86-64-v4"'}, "one"),
    ],
)
def test_the_most_specific_one(house: House, pytorch: TorchIndex, targets: dict[str, str], name: str) -> None:
    write(house, {**targets, **RUNNER})
    stand_on(house, "v100-580")
    assert f"Target {name} " in house.do("sync").err


def test_two_of_them_are(house: House, pytorch: TorchIndex) -> None:
    write(house, {"one": 'gpus = ["V100"]', "two": 'compute = ["7.0"]', **RUNNER})
    stand_on(house, "v100-580")
    message = house.refused("sync")
    assert "more than one of its targets is this machine" in message
    assert "\n  one: V100\n  two: compute capability 7.0" in message


def test_two_that_say_the_same_are_one(house: House, pytorch: TorchIndex) -> None:
    write(house, {"one": 'gpus = ["V100"]', "two": 'gpus = ["V100"]', **RUNNER})
    stand_on(house, "v100-580")
    assert "Target one " in house.do("sync").err


def test_run_and_add_never_swap_the_build_back(house: House, pytorch: TorchIndex) -> None:
    house.wheel("other")
    write(house)
    stand_on(house, "no-gpu")
    house.do("sync", "--target", "old")
    house.do("add", "other")
    assert build(house) == "cu126"
    assert "other" in house.installed()
    told = house.launch(
        "run", "python", "-c", "import torch; print(torch.__version__)", PROVENV_MACHINE=recorded("no-gpu")
    )
    assert told.out == "2.11.0+cu126\n", told.err
    house.do("remove", "other")
    assert build(house) == "cu126"


def test_a_login_node_does_not_swap_what_a_compute_node_installed(house: House, pytorch: TorchIndex) -> None:
    write(house)
    stand_on(house, "b200-570")
    house.do("sync")
    told = house.launch(
        "run", "python", "-c", "import torch; print(torch.__version__)", PROVENV_MACHINE=recorded("no-gpu")
    )
    assert told.out == "2.11.0+cu128\n", told.err
    stand_on(house, "no-gpu")
    house.do("sync")
    assert build(house) == "cpu", "a sync means the machine that it is given on"


def test_run_takes_a_target(house: House, pytorch: TorchIndex) -> None:
    write(house)
    house.do("lock")
    told = house.launch("run", "--target", "new", "python", "-c", "import torch; print(torch.__version__)")
    assert told.out == "2.11.0+cu128\n", told.err
    told = house.launch("run", "python", "-c", "import torch; print(torch.__version__)")
    assert told.out == "2.11.0+cu128\n", "it is said once"


def test_an_environment_made_anew_forgets(house: House, pytorch: TorchIndex) -> None:
    write(house)
    house.do("sync", "--target", "old")
    shutil.rmtree(house.environment)
    stand_on(house, "no-gpu")
    house.do("sync")
    assert build(house) == "cpu"


@pytest.mark.parametrize("damage", ["directory", "garbage", "other", "empty"])
def test_a_damaged_mark_is_no_mark(house: House, pytorch: TorchIndex, damage: str) -> None:
    write(house)
    stand_on(house, "no-gpu")
    house.do("sync", "--target", "old")
    mark = house.environment / "provenv-target"
    mark.unlink()
    if damage == "directory":
        mark.mkdir()
    else:
        mark.write_bytes({"garbage": b"\xff\xfe\0", "other": b"gone\nsaid\n", "empty": b""}[damage])
    house.do("sync")
    assert build(house) == "cpu"
    assert mark.read_text() == "runner\nfound\n"


def test_another_machine_is_seen_on_the_quick_way(house: House, pytorch: TorchIndex, tmp_path: Path) -> None:
    write(house)
    here = tmp_path / "here.toml"
    shutil.copy(recorded("no-gpu"), here)
    house.monkeypatch.setenv("PROVENV_MACHINE", str(here))
    house.do("sync")
    assert build(house) == "cpu"
    assert "nothing to do" in house.launch("sync", PROVENV_MACHINE=str(here)).err
    assert "nothing to do" in house.launch("sync", PROVENV_MACHINE=str(here)).err
    here.write_bytes(Path(recorded("v100-580")).read_bytes())
    assert house.launch("sync", PROVENV_MACHINE=str(here)).code == 0
    assert build(house) == "cu126"


def test_names_that_do_not_fit(house: House, pytorch: TorchIndex) -> None:
    write(house)
    assert "there is no target named `nobody`" in house.refused("sync", "--target", "nobody", code=2)
    house.monkeypatch.setenv("PROVENV_TARGET", "nobody")
    assert "PROVENV_TARGET: there is no target named `nobody`" in house.refused("sync", code=2)


def test_a_target_of_another_platform_is_refused(house: House) -> None:
    house.wheel("one")
    more = ""
    for name, place in (("laptop", "macos-arm64"), ("runner", "linux-x86_64")):
        more += f'[tool.provenv.targets.{name}]\nplatform = "{place}"\npython = "{PYTHON}"\n'
    house.project("one", more=more)
    message = house.refused("sync", "--target", "laptop", code=2)
    assert "target `laptop` is of another platform or Python than this machine (linux on x86_64" in message
    assert "provenv export --target laptop" in message
    house.do("sync", "--target", "runner")


def test_a_variable_for_all_projects_is_no_matter_to_one_without_targets(house: House) -> None:
    house.wheel("one")
    house.project("one")
    house.monkeypatch.setenv("PROVENV_TARGET", "train")
    house.do("sync")
    assert "the lock holds" in house.refused("sync", "--target", "train", code=2)


def test_json_names_the_target(house: House, pytorch: TorchIndex) -> None:
    write(house)
    assert json.loads(house.do("sync", "--target", "old", "--json").out)["target"] == "old"


def test_what_this_machine_installs_is_exported(house: House, pytorch: TorchIndex) -> None:
    write(house)
    stand_on(house, "v100-580")
    assert "/whl/cu126/torch-2.11.0" in house.do("export").out
    stand_on(house, "no-gpu")
    house.do("sync", "--target", "new")
    assert "/whl/cu128/torch-2.11.0" in house.do("export").out, "what the environment was made for"


def test_a_frozen_sync_needs_nothing_but_the_lock(house: House, pytorch: TorchIndex) -> None:
    write(house)
    house.do("lock")
    stand_on(house, "v100-580")
    house.do("sync", "--frozen")
    assert build(house) == "cu126"


# -- targets that are recorded machines ---------------------------------------------------------------------


@pytest.fixture
def nodes(house: House, pytorch: TorchIndex) -> Path:
    place = house.directory / "machines"
    place.mkdir()
    for name in ("v100-580", "b200-570", "no-gpu"):
        shutil.copy(recorded(name), place)
    tables = "".join(
        f'\n[tool.provenv.targets.{name}]\npython = "{PYTHON}"\nmachine = "machines/{file}.toml"\n'
        for name, file in (("old", "v100-580"), ("new", "b200-570"), ("runner", "no-gpu"))
    )
    house.project("torch", more=f'[tool.provenv]\nrules = ["ours.toml"]\n{tables}')
    return place


def test_a_target_is_a_recorded_machine(house: House, nodes: Path) -> None:
    house.do("lock")
    for name, machine in (("old", "v100-580"), ("new", "b200-570"), ("runner", "no-gpu")):
        stand_on(house, machine)
        assert f"Target {name} " in house.do("sync").err
        assert build(house) == BUILDS[name]
    assert "up to date" in house.do("lock", "--check").err


def test_another_file_makes_the_lock_stale_and_another_day_does_not(house: House, nodes: Path) -> None:
    house.do("lock")
    file = nodes / "v100-580.toml"
    text = file.read_text()
    file.write_text(text.replace("2026-11-21", "2027-01-02"))
    house.do("lock", "--check")
    file.write_text(text.replace("580.65.06", "580.95.05"))
    assert "the targets changed" in house.refused("lock", "--check")
    house.do("lock")
    file.write_text(text.replace('"libz.so.1",', '"libz.so.1", "libzstd.so.1",'))
    assert "the targets changed" in house.refused("lock", "--check")


def test_a_missing_file_is_told_and_is_no_matter_to_a_frozen_sync(house: House, nodes: Path) -> None:
    house.do("lock")
    shutil.rmtree(nodes)
    message = house.refused("sync")
    assert "tool.provenv.targets.old.machine" in message
    assert "v100-580.toml is missing" in message
    house.do("sync", "--frozen", "--target", "old")
    assert build(house) == "cu126"
    assert "nothing to do" in house.do("sync", "--frozen").err


def test_what_a_target_says_goes_before_its_file(house: House, nodes: Path) -> None:
    house.project(
        "torch",
        more=f'[tool.provenv]\nrules = ["ours.toml"]\n[tool.provenv.targets.train]\npython = "{PYTHON}"\n'
        'machine = "machines/v100-580.toml"\ngpus = ["B200"]\ndriver = "570.124.06"\n',
    )
    house.do("lock")
    assert house.locked()["torch"] == "2.11.0+cu128"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("driver = 5", "driver"),
        ('driver = "new"', "driver"),
        ('system = "linux"\narchitecture = "x86_64"\ngpus = [{}]', "gpus[0].name"),
        ('system = "linux"\narchitecture = "x86_64"\ngpus = [{ name = "H100", compute = "nine" }]', "gpus[0].compute"),
        ('system = "linux"\narchitecture = "x86_64"\ngpus = "H100"', "gpus"),
        ('system = "linux"\narchitecture = "x86_64"\nsonames = [1]', "sonames[0]"),
        ('system = "linux"\narchitecture = "x86_64"\ncpu = "fast"', "cpu"),
        ('system = "linux"\narchitecture = "x86_64"\nglibc = "2"', "glibc"),
        ('system = "linux"\narchitecture = "x86_64"\ncolour = "red"', "colour"),
        ('system = "linux"\narchitecture = "x86_64"\nwsl = "yes"', "wsl"),
        ('system = "plan9"\narchitecture = "x86_64"', "system"),
        ("", "system"),
        ("driver = ", "TOML"),
        ('system = "linux"\narchitecture = "riscv64"', "no platform name is known for linux on riscv64"),
        ('system = "linux"\narchitecture = "x86_64"\ngpus = [{ name = "\\u001b[2J" }]', "gpus[0].name"),
    ],
)
def test_a_file_that_cannot_be(house: House, nodes: Path, text: str, key: str) -> None:
    (nodes / "v100-580.toml").write_text(text)
    message = house.refused("lock")
    assert key in message
    assert "v100-580.toml" in message or "targets.old.machine" in message
    assert "\x1b[2J" not in message


def test_a_recorded_file_that_is_a_directory(house: House, nodes: Path) -> None:
    (nodes / "v100-580.toml").unlink()
    (nodes / "v100-580.toml").mkdir()
    assert "v100-580.toml" in house.refused("lock")


# -- provenv machine ----------------------------------------------------------------------------------------


def test_this_machine_is_shown_and_recorded(house: House) -> None:
    os.chdir(house.home)
    assert "system     linux" in house.do("machine", "show").out
    document = json.loads(house.do("machine", "show", "--json").out)
    assert (document["system"], document["architecture"]) == ("linux", "x86_64")
    text = house.do("machine", "record").out
    assert "Recorded this machine in" in house.do("machine", "record", "--output", "node.toml").err
    assert (house.home / "node.toml").read_text() == text
    house.monkeypatch.setenv("PROVENV_MACHINE", "node.toml")
    assert house.do("machine", "record").out == text


@pytest.mark.parametrize(
    ("machine", "lines"),
    [
        (
            "a100-520",
            ["GPU        8 x NVIDIA A100-SXM4-80GB (compute capability 8.0, 80.0 GiB)", "driver     520.61.05"],
        ),
        ("h100-535-compat", ["CUDA       12.8 (told by /usr/local/cuda/compat/libcuda.so.1)", "(container)"]),
        ("mi300", ["GPU        2 x gfx942", "ROCm       6.4.1"]),
        ("wsl", ["linux x86_64 (WSL)", "driver     572.83"]),
        ("musl", ["C library  musl 1.2"]),
        ("no-gpu", ["GPU        none"]),
        ("no-driver", ["warning: NVIDIA GPU (PCI device 0x2330) has no driver: nothing can run on it"]),
    ],
)
def test_machines_as_people_see_them(house: House, machine: str, lines: list[str]) -> None:
    stand_on(house, machine)
    shown = house.do("machine", "show").out
    for line in lines:
        assert line in shown, shown


def test_a_machine_that_cannot_be_stood_on(house: House, tmp_path: Path) -> None:
    house.monkeypatch.setenv("PROVENV_MACHINE", str(tmp_path / "gone.toml"))
    assert "gone.toml" in house.refused("machine", "show")
    (tmp_path / "gone.toml").write_text("system = 5")
    assert "gone.toml: " in house.refused("machine", "record")


def test_a_broken_project_is_no_matter(house: House) -> None:
    house.project_file.write_text("[project")
    assert "system     linux" in house.do("machine", "show").out
    house.project_file.write_bytes(b"\xff")
    assert "system     linux" in house.do("machine", "show").out


def test_a_file_that_cannot_be_written(house: House) -> None:
    assert "none/node.toml" in house.refused("machine", "record", "--output", "none/node.toml")
    assert not list(house.directory.iterdir())
