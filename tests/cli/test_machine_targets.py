"""Targets with a machine: the newest PyTorch that runs there, from the right build, and why not a newer one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worlds.house import BASE_PYTHON, House
from tests.worlds.torch_index import TorchIndex, target

__all__: list[str] = []


def write(house: House, targets: str, *requirements: str) -> None:
    house.project(*requirements, more=f'[tool.provenv]\nrules = ["ours.toml"]\n{targets}', requires_python=">=3.12")


@pytest.mark.parametrize(
    ("gpus", "driver", "version"),
    [
        ('"V100"', "580.65.06", "2.14.1+cu126"),
        ('"H100"', "580.65.06", "2.15.0+cu132"),
        ('"H100"', "535.104.05", "2.14.1+cu126"),
        ('"B200"', "570.124.06", "2.11.0+cu128"),
        ('"A100"', "520.61.05", "2.7.1+cu118"),
        ('"V100", "H100"', "580.65.06", "2.14.1+cu126"),
    ],
)
def test_the_newest_that_the_machine_runs(
    house: House, pytorch: TorchIndex, gpus: str, driver: str, version: str
) -> None:
    write(house, target("train", gpus=gpus, driver=driver), "torch", "torchvision")
    house.do("lock")
    locked = house.locked()
    assert locked["torch"] == version
    assert locked["torchvision"].partition("+")[2] == version.partition("+")[2], "one build for both"


def test_without_a_gpu_the_cpu_build(house: House, pytorch: TorchIndex) -> None:
    write(house, target("runner", more="gpus = []"), "torch", "torchvision")
    house.do("lock")
    assert house.locked()["torch"] == "2.15.0+cpu"
    assert not [name for name in house.locked() if name.startswith("nvidia")]


def test_a_project_that_says_nothing_of_gpus_asks_no_other_index(house: House, pytorch: TorchIndex) -> None:
    write(house, target("runner"), "torch")
    house.do("lock")
    assert house.locked()["torch"] == "2.15.0"
    assert pytorch.requests == []


def test_one_lock_for_a_mac_a_runner_and_three_gpus(house: House, pytorch: TorchIndex) -> None:
    targets = (
        target("laptop", platform="macos-arm64")
        + target("runner")
        + target("old", gpus='"V100"', driver="580.65.06")
        + target("train", gpus='"H100"', driver="580.65.06")
        + target("new", gpus='"B200"', driver="610.43.02")
    )
    write(house, targets, "torch", "torchvision")
    house.do("lock")
    found = {}
    for name in ("laptop", "runner", "old", "train", "new"):
        text = house.do("export", "--target", name).out
        found[name] = torch_in(text)
    assert found == {
        "laptop": "2.15.0",
        "runner": "2.15.0+cpu",
        "old": "2.14.1+cu126",
        "train": "2.15.0+cu132",
        "new": "2.15.0+cu132",
    }
    again = house.lock_file.read_bytes()
    house.do("lock", "--refresh")
    assert house.lock_file.read_bytes() == again


def torch_in(text: str) -> str:
    """The version of torch in an export: pinned, or in the name of the wheel of a build."""
    line = next(line for line in text.splitlines() if line.split()[0].split("==")[0] == "torch")
    return (
        line.split()[0].split("==")[1] if "==" in line else line.split("/torch-")[1].split("-")[0].replace("%2B", "+")
    )


def installer(tool: str, house: House, *, is_mac: bool) -> list[str]:
    """How another tool is asked to install for a machine that this is not."""
    if tool == "pip":
        platforms = ["macosx_14_0_arm64"] if is_mac else ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64"]
        words = [sys.executable, "-m", "pip", "install", "--only-binary", ":all:", "--no-deps"]
        return [*words, *(f"--platform={one}" for one in platforms), "--index-url", house.server.url]
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        pytest.skip("there is no uv")
    place = "aarch64-apple-darwin" if is_mac else "x86_64-unknown-linux-gnu"
    words = [uv, "pip", "install", "--python-platform", place, "--default-index", house.server.url]
    return [*words, "--python", BASE_PYTHON, "--cache-dir", str(house.root / "uv-cache")]


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_the_export_of_each_target_installs_with_other_tools(house: House, pytorch: TorchIndex, tool: str) -> None:
    targets = (
        target("laptop", platform="macos-arm64")
        + target("runner", more="gpus = []")
        + target("old", gpus='"V100"', driver="580.65.06")
        + target("train", gpus='"H100"', driver="580.65.06")
        + target("new", gpus='"B200"', driver="610.43.02")
    )
    write(house, targets, "torch", "torchvision")
    house.do("lock")
    for name in ("laptop", "runner", "old", "train", "new"):
        house.do("export", "--target", name, "-o", f"{name}.txt")
        into = house.root / f"{tool}-{name}"
        words = installer(tool, house, is_mac=name == "laptop")
        words += ["--require-hashes", "--python-version", "3.12", "--target", str(into), "-r", f"{name}.txt"]
        done = subprocess.run(words, cwd=house.directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (
            f'"{torch_in((house.directory / f"{name}.txt").read_text())}"' in (into / "torch/__init__.py").read_text()
        )


def test_a_conflict_with_the_machine_reads_like_any_other(house: House, pytorch: TorchIndex) -> None:
    write(house, target("train", gpus='"A100"', driver="520.61.05"), "torch>=2.8")
    told = house.refused("lock")
    assert "NVIDIA driver 525.60.13 or newer" in told
    assert "machine train has 520.61.05" in told
    assert "relax `torch>=2.8` to `torch>=2.7.1` (pyproject.toml:6): solves with torch 2.7.1+cu118" in told
    assert "update the NVIDIA driver from 520.61.05 to 525.60.13 or newer" in told


def test_why_not_newer_names_the_machine(house: House, pytorch: TorchIndex) -> None:
    write(house, target("train", gpus='"V100"', driver="580.65.06"), "torch")
    told = house.do("lock")
    assert "V100" in told.err, told.err
    assert "2.15.0" in told.err


def test_an_index_that_is_down_is_passed_over(house: House, pytorch: TorchIndex) -> None:
    pytorch.is_down = True
    write(house, target("train", gpus='"V100"', driver="580.65.06"), "torch")
    told = house.do("lock")
    assert house.locked()["torch"] == "2.10.0"
    assert "is passed over" in told.err


def test_no_other_index_is_asked_when_the_default_one_is_replaced(house: House, pytorch: TorchIndex) -> None:
    house.project("torch", more=target("train", gpus='"V100"', driver="580.65.06"), requires_python=">=3.12")
    house.do("lock")
    assert house.locked()["torch"] == "2.10.0"
    assert pytorch.requests == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"gpus": '"H10O"'}, "`H10O` is no GPU that the rules know"),
        ({"driver": "new"}, "`new` is no driver version"),
        ({"gpus": '"V100"', "driver": "590.44.01"}, "no longer knows V100"),
    ],
)
def test_a_machine_that_cannot_be(house: House, pytorch: TorchIndex, words: dict[str, str], told: str) -> None:
    write(house, target("train", **words), "torch")
    message = house.refused("lock")
    assert told in message
    assert "tool.provenv.targets.train." in message
