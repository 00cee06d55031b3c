"""NVIDIA's driver and GPUs: what the kernel tells first, then the driver's own libraries, in a child process.

A driver library that does not fit its kernel module may hang or crash whoever loads it; a child does it for us, with a
time limit. No CUDA toolkit is needed, and no program of the driver is started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from provenv.model.hardware import Gpu
from provenv.stack.gpus import gpu_by_name
from provenv.stack.tables import Tables, numbers

__all__ = ["Driver", "kernel_driver", "listed_gpus", "pci_gpus", "user_mode"]

_TIMEOUT = 10.0
_WSL = "usr/lib/wsl/lib"
_ASK = """
import ctypes, json, sys
told = {"cuda": None, "source": "", "driver": None, "gpus": []}
def load(name):
    for place in sys.argv[1:]:
        try:
            return ctypes.CDLL(f"{place}/{name}")
        except OSError:
            pass
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None
nvml = load("libnvidia-ml.so.1")
if nvml is not None and nvml.nvmlInit_v2() == 0:
    number = ctypes.c_int()
    if nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number)) == 0:
        told["cuda"], told["source"] = number.value, "nvml"
    text = ctypes.create_string_buffer(96)
    if nvml.nvmlSystemGetDriverVersion(text, 96) == 0:
        told["driver"] = text.value.decode()
    count = ctypes.c_uint()
    nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
    for index in range(count.value):
        handle = ctypes.c_void_p()
        if nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
            continue
        name = ctypes.create_string_buffer(96)
        nvml.nvmlDeviceGetName(handle, name, 96)
        major, minor = ctypes.c_int(), ctypes.c_int()
        known = nvml.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor)) == 0
        memory = (ctypes.c_ulonglong * 3)()
        has_memory = nvml.nvmlDeviceGetMemoryInfo(handle, memory) == 0
        told["gpus"].append([name.value.decode("utf-8", "replace"), [major.value, minor.value] if known else None,
                             memory[0] if has_memory else None])
cuda = load("libcuda.so.1")
if cuda is not None:
    number = ctypes.c_int()
    if cuda.cuDriverGetVersion(ctypes.byref(number)) == 0:
        told["cuda"], told["source"] = number.value, "libcuda"
    if not told["gpus"] and cuda.cuInit(0) == 0:
        count = ctypes.c_int()
        cuda.cuDeviceGetCount(ctypes.byref(count))
        for index in range(count.value):
            name = ctypes.create_string_buffer(96)
            cuda.cuDeviceGetName(name, 96, index)
            pair = []
            for attribute in (75, 76):
                value = ctypes.c_int()
                cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, index)
                pair.append(value.value)
            told["gpus"].append([name.value.decode("utf-8", "replace"), pair, None])
print(json.dumps(told))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """What the driver's libraries say."""

    driver: str | None = None
    cuda: str | None = None
    """As ``12.4``."""
    source: str = ""
    gpus: tuple[Gpu, ...] = ()


def kernel_driver(root: str) -> str | None:
    """The version of the kernel module that is loaded, as ``535.104.05``."""
    text = _read(os.path.join(root, "sys/module/nvidia/version"))
    if text:
        return text.strip()
    for word in (_read(os.path.join(root, "proc/driver/nvidia/version")) or "").split():
        if word.count(".") >= 1 and word.replace(".", "").isdecimal():
            return word
    return None


def user_mode(root: str) -> Driver:
    """Ask the driver's libraries; an empty answer where there are none, or where they do not answer in time."""
    places = [os.path.join(root, _WSL)] if os.path.isdir(os.path.join(root, _WSL)) else []
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _ASK, *places],
            capture_output=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return Driver()
    number = told["cuda"]
    gpus = tuple(
        Gpu(name=name, compute=None if pair is None else (pair[0], pair[1]), memory=memory)
        for name, pair, memory in told["gpus"]
    )
    cuda = None if number is None else f"{number // 1000}.{number % 1000 // 10}"
    return Driver(driver=told["driver"], cuda=cuda, source=told["source"], gpus=gpus)


def listed_gpus(root: str, tables: Tables) -> tuple[Gpu, ...]:
    """The GPUs that the kernel module lists, with the compute capability of their names."""
    directory = os.path.join(root, "proc/driver/nvidia/gpus")
    found = []
    for entry in _listed(directory):
        for line in (_read(os.path.join(directory, entry, "information")) or "").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "Model":
                found.append(named_gpu(value.strip(), tables))
    return tuple(found)


def named_gpu(name: str, tables: Tables) -> Gpu:
    """A GPU of that name, with the compute capability that the table has for it."""
    fact = gpu_by_name(tables, name)
    pair = None if fact is None else numbers(fact["compute"])
    return Gpu(name=name, compute=None if pair is None else (pair[0], pair[1]))


def pci_gpus(root: str) -> Iterator[tuple[str, str]]:
    """Vendor (``nvidia``, ``amd``, ``intel``) and PCI device number of every display controller, driver or not."""
    directory = os.path.join(root, "sys/bus/pci/devices")
    for entry in _listed(directory):
        kind = (_read(os.path.join(directory, entry, "class")) or "").strip()
        vendor = (_read(os.path.join(directory, entry, "vendor")) or "").strip()
        # 0x03: display controllers; 0x12: processing accelerators.
        if kind.startswith(("0x03", "0x12")) and vendor in _VENDORS:
            yield _VENDORS[vendor], (_read(os.path.join(directory, entry, "device")) or "").strip()


_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16)
    except OSError:
        return None
