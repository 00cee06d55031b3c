"""The machines that tests speak of, by the names of their recorded files."""

from __future__ import annotations

from collections.abc import Mapping

from tests.worlds.machines import FakeGpu, FakeMachine

__all__ = ["MACHINES"]

_V100 = FakeGpu(name="Tesla V100-SXM2-16GB", compute=(7, 0), gib=16)
_T4 = FakeGpu(name="Tesla T4", compute=(7, 5), gib=15)
_A100 = FakeGpu(name="NVIDIA A100-SXM4-80GB", compute=(8, 0), gib=80)
_H100 = FakeGpu(name="NVIDIA H100 80GB HBM3", compute=(9, 0), gib=80)
_B200 = FakeGpu(name="NVIDIA B200", compute=(10, 0), gib=179)
_RTX_5090 = FakeGpu(name="NVIDIA GeForce RTX 5090", compute=(12, 0), gib=31)
#: Memory is the system's own there: NVML does not tell it.
_GB10 = FakeGpu(name="NVIDIA GB10", compute=(12, 1), gib=None)

MACHINES: Mapping[str, FakeMachine] = {
    "v100-580": FakeMachine(
        driver="580.65.06", cuda=13000, libcuda=13000, gpus=[_V100] * 4, glibc="2.31", glibcxx="3.4.28"
    ),
    "t4-550": FakeMachine(driver="550.54.15", cuda=12040, libcuda=12040, gpus=[_T4]),
    "a100-520": FakeMachine(
        driver="520.61.05", cuda=11080, libcuda=11080, gpus=[_A100] * 8, glibc="2.31", glibcxx="3.4.28"
    ),
    "h100-535": FakeMachine(
        driver="535.104.05", cuda=12020, libcuda=12020, gpus=[_H100] * 8, glibc="2.35", cpu="x86-64-v4"
    ),
    "b200-570": FakeMachine(
        driver="570.124.06",
        cuda=12080,
        libcuda=12080,
        gpus=[_B200] * 8,
        glibc="2.39",
        glibcxx="3.4.33",
        cpu="x86-64-v4",
    ),
    "rtx5090": FakeMachine(
        driver="580.65.06", cuda=13000, libcuda=13000, gpus=[_RTX_5090], glibc="2.39", glibcxx="3.4.33", cpu="x86-64-v4"
    ),
    "gb10": FakeMachine(
        architecture="aarch64",
        driver="580.95.05",
        cuda=13000,
        libcuda=13000,
        gpus=[_GB10],
        glibc="2.39",
        glibcxx="3.4.33",
    ),
    "mi300": FakeMachine(
        pci=[("0x1002", "0x74a1")] * 2, gfx=[0, 90402, 90402], rocm="6.4.1", glibc="2.35", cpu="x86-64-v4"
    ),
    "wsl": FakeMachine(
        is_wsl=True,
        driver="572.83",
        cuda=12080,
        gpus=[FakeGpu(name="NVIDIA GeForce RTX 4090", compute=(8, 9), gib=24)],
        glibc="2.35",
    ),
    "no-gpu": FakeMachine(glibc="2.36", cpu="x86-64-v3", has_container=True),
    "musl": FakeMachine(glibc=None, musl="1.2.5"),
    "no-driver": FakeMachine(pci=[("0x10de", "0x2330"), ("0x1af4", "0x1050")], glibc="2.36"),
    "h100-535-compat": FakeMachine(
        driver="535.104.05", cuda=12020, libcuda=12080, gpus=[_H100], glibc="2.35", has_container=True
    ),
}
