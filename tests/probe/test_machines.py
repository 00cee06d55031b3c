"""Machines from a V100 to a B200, read from folders that look like them; and drivers that lie, hang or crash."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from provenv.flows.rules import rules
from provenv.model.hardware import Gpu, Hardware
from provenv.model.hardware_file import from_toml, to_toml
from provenv.probe.machine import read_machine, read_root
from tests.worlds.known_machines import MACHINES
from tests.worlds.machines import COMPILER, RECORDED, FakeGpu, FakeMachine

__all__: list[str] = []

NOW = 1_795_219_200.0
"""2026-11-21."""
needs_compiler = pytest.mark.skipif(COMPILER is None or sys.platform != "linux", reason="drivers are compiled here")


def read(machine: FakeMachine, root: Path, timeout: float = 10.0) -> Hardware:
    return read_machine(rules(), NOW, root=str(machine.build(root)), timeout=timeout)


def without_places(hardware: Hardware, root: Path) -> str:
    """As the file that would be recorded, without the folder of this test."""
    return to_toml(hardware).replace(f"{root}/", "/")


@needs_compiler
@pytest.mark.parametrize("name", MACHINES)
def test_what_is_read_is_what_was_recorded(tmp_path: Path, name: str) -> None:
    found = without_places(read(MACHINES[name], tmp_path), tmp_path)
    kept = RECORDED / f"{name}.toml"
    if "PROVENV_TEST_RECORD" in os.environ:
        kept.write_text(found)
    assert found == kept.read_text()


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.toml")), ids=lambda path: path.stem)
def test_a_recorded_machine_comes_back_as_it_was(path: Path) -> None:
    assert to_toml(from_toml(path.read_bytes(), str(path))) == path.read_text()


def test_every_machine_is_kept() -> None:
    assert {path.stem for path in RECORDED.glob("*.toml")} == set(MACHINES)


def kept(name: str) -> Hardware:
    return from_toml((RECORDED / f"{name}.toml").read_bytes(), name)


def test_gpus_and_what_they_can() -> None:
    told = {name: [gpu.compute for gpu in kept(name).gpus] for name in MACHINES}
    assert told == {
        "v100-580": [(7, 0)] * 4,
        "t4-550": [(7, 5)],
        "a100-520": [(8, 0)] * 8,
        "h100-535": [(9, 0)] * 8,
        "b200-570": [(10, 0)] * 8,
        "rtx5090": [(12, 0)],
        "gb10": [(12, 1)],
        "mi300": [None, None],
        "wsl": [(8, 9)],
        "no-gpu": [],
        "musl": [],
        "no-driver": [None],
        "h100-535-compat": [(9, 0)],
    }


def test_what_each_one_says() -> None:
    assert kept("gb10").architecture == "aarch64"
    assert kept("gb10").cpu is None
    assert kept("gb10").gpus[0].memory is None
    assert [gpu.gfx for gpu in kept("mi300").gpus] == ["gfx942", "gfx942"]
    assert kept("mi300").rocm == "6.4.1"
    assert not kept("mi300").has_no_gpu
    assert kept("wsl").is_wsl
    assert kept("wsl").driver == "572.83", "the host's, by NVML: a WSL kernel has no module"
    assert kept("musl").musl == (1, 2)
    assert kept("musl").glibc is None
    assert kept("no-gpu").has_no_gpu
    assert kept("no-driver").driver is None
    assert not kept("no-driver").has_no_gpu, "a GPU without a driver is there all the same"
    compat = kept("h100-535-compat")
    assert (compat.driver, compat.cuda) == ("535.104.05", "12.8")
    assert compat.cuda_source == "/usr/local/cuda/compat/libcuda.so.1"


@pytest.mark.parametrize(("listed", "compute"), [("Tesla V100-SXM2-32GB", (7, 0)), ("NVIDIA Z9", None)])
def test_without_libraries_the_kernel_module_tells_names(
    tmp_path: Path, listed: str, compute: tuple[int, int] | None
) -> None:
    found = read(FakeMachine(driver="535.104.05", listed=[listed]), tmp_path)
    assert found.gpus == (Gpu(name=listed, compute=compute),)
    assert found.driver == "535.104.05"
    assert found.cuda is None


@needs_compiler
@pytest.mark.parametrize(
    "code", ["abort();", "*(volatile int *)0 = 1; return 0;", "for (;;) sleep(1);", "_exit(3);", "return 18;"]
)
def test_a_broken_library_is_left_alone(tmp_path: Path, code: str) -> None:
    machine = FakeMachine(driver="535.104.05", nvml_code=code, listed=["NVIDIA H100 80GB HBM3"])
    begin = time.monotonic()
    found = read(machine, tmp_path, timeout=1.0)
    assert time.monotonic() - begin < 5
    assert found.cuda is None
    assert found.driver == "535.104.05", "the kernel told"
    assert [gpu.compute for gpu in found.gpus] == [(9, 0)]


@needs_compiler
def test_what_was_told_before_a_hang_counts(tmp_path: Path) -> None:
    machine = FakeMachine(driver="535.104.05", libcuda=12020, nvml_code="for (;;) sleep(1);")
    assert read(machine, tmp_path, timeout=1.0).cuda == "12.2"


@needs_compiler
@pytest.mark.parametrize("code", ['write(1, "{\\"gpu\\": 7}\\n[1]\\n{\\"cuda\\": \\"x\\"}\\nnull\\n", 35); return 1;'])
def test_nonsense_on_the_way_is_passed_over(tmp_path: Path, code: str) -> None:
    found = read(FakeMachine(driver="535.104.05", nvml_code=code), tmp_path)
    assert (found.cuda, found.gpus) == (None, ())


@needs_compiler
def test_names_cannot_draw_on_a_terminal(tmp_path: Path) -> None:
    gpu = FakeGpu(name="H100\\033[2Jx", compute=(9, 0), gib=80)
    found = read(FakeMachine(driver="535.104.05", cuda=12020, gpus=[gpu]), tmp_path)
    assert found.gpus[0].name == "H100[2Jx"


@pytest.mark.parametrize("text", ["", "\n", "garbage", "535", "٣.٤", "\x1b[2J.1", "5" * 70_000])
def test_a_version_that_is_none_is_not_told(tmp_path: Path, text: str) -> None:
    root = FakeMachine().build(tmp_path)
    (root / "sys/module/nvidia").mkdir(parents=True)
    (root / "sys/module/nvidia/version").write_text(text)
    assert read_machine(rules(), NOW, root=str(root)).driver is None


def test_odd_files_do_not_crash(tmp_path: Path) -> None:
    root = FakeMachine().build(tmp_path)
    (root / "etc/ld.so.cache").write_bytes(b"glibc-ld.so.cache1.1" + b"\xff" * 60)
    (root / "usr/lib/x86_64-linux-gnu/libstdc++.so.6").write_bytes(b"\x7fELF" + b"\xff" * 90)
    (root / "proc/cpuinfo").write_bytes(b"flags\xff\n")
    (root / "proc/driver/nvidia/gpus/x").mkdir(parents=True)
    (root / "sys/bus/pci").mkdir(parents=True)
    (root / "sys/bus/pci/devices").write_text("no directory")
    (root / "sys/class/kfd/kfd/topology/nodes/0").mkdir(parents=True)
    (root / "sys/class/kfd/kfd/topology/nodes/0/properties").write_bytes(
        b"gfx_target_version \xff\ngfx_target_version 9" * 9
    )
    found = read_machine(rules(), NOW, root=str(root))
    assert found.glibcxx is None


def test_an_empty_folder_is_a_machine_of_which_nothing_is_known(tmp_path: Path) -> None:
    found = read_root(str(tmp_path), rules(), NOW)
    assert (found.architecture, found.glibc, found.sonames, found.has_no_gpu) == ("unknown", None, None, False)


def test_a_container_s_folder_tells_libraries_and_no_kernel(tmp_path: Path) -> None:
    found = read_root(str(FakeMachine(listed=["NVIDIA B200"], driver="570.1").build(tmp_path)), rules(), NOW)
    assert (found.glibc, found.driver, found.gpus, found.has_no_gpu) == ((2, 35), None, (), False)


def test_this_machine_is_read_quickly() -> None:
    begin = time.monotonic()
    found = read_machine(rules(), NOW)
    assert time.monotonic() - begin < 12
    assert found.recorded == "2026-11-21"
    assert from_toml(to_toml(found).encode(), "here") == found
