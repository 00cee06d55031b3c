"""NVIDIA's driver and GPUs: what the kernel tells first, then the driver's own libraries, in a child process.

A driver library that does not fit its kernel module may hang or crash whoever loads it; a child does it for us, with a
time limit. No CUDA toolkit is needed, and no program of the driver is started.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from provenv.model.hardware import Gpu
from provenv.probe.files import listed, text_of
from provenv.stack.gpus import gpu_by_name
from provenv.stack.tables import Tables, numbers

__all__ = ["Driver", "is_likely", "kernel_driver", "listed_gpus", "named_gpu", "pci_gpus", "user_mode"]

_TIMEOUT = 10.0
_WSL = "usr/lib/wsl/lib"
_PLACES = ("usr/lib/{}-linux-gnu", "lib/{}-linux-gnu", "usr/lib64", "usr/lib", "usr/local/cuda/compat")
#: Each answer is told as soon as it is known: what a library said before it hung or crashed is not lost.
_BEGIN = """
import ctypes, json, sys
def tell(**facts):
    print(json.dumps(facts), flush=True)
def load(name):
    for place in sys.argv[2:]:
        try:
            return ctypes.CDLL(f"{place}/{name}")
        except OSError:
            pass
    try:
        return ctypes.CDLL(name) if sys.argv[1] == "here" else None
    except OSError:
        return None
def text(buffer):
    return buffer.value.decode("utf-8", "replace")
"""
_ASK_NVML = (
    _BEGIN
    + """
nvml = load("libnvidia-ml.so.1")
if nvml is not None and nvml.nvmlInit_v2() == 0:
    buffer, number = ctypes.create_string_buffer(96), ctypes.c_int()
    if nvml.nvmlSystemGetDriverVersion(buffer, 96) == 0:
        tell(driver=text(buffer))
    if nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number)) == 0:
        tell(cuda=number.value, source="nvml")
    count = ctypes.c_uint()
    nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
    for index in range(min(count.value, 1024)):
        handle = ctypes.c_void_p()
        if nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
            continue
        name = ctypes.create_string_buffer(96)
        nvml.nvmlDeviceGetName(handle, name, 96)
        major, minor = ctypes.c_int(), ctypes.c_int()
        known = nvml.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor)) == 0
        memory = (ctypes.c_ulonglong * 3)()
        has_memory = nvml.nvmlDeviceGetMemoryInfo(handle, memory) == 0
        tell(gpu=[text(name), [major.value, minor.value] if known else None, memory[0] if has_memory else None])
"""
)
_ASK_CUDA = (
    _BEGIN
    + """
cuda = load("libcuda.so.1")
if cuda is not None:
    path = "libcuda"
    try:
        with open("/proc/self/maps") as maps:
            path = next((line.split(None, 5)[5].strip() for line in maps if "/libcuda.so" in line), path)
    except OSError:
        pass
    number = ctypes.c_int()
    if cuda.cuDriverGetVersion(ctypes.byref(number)) == 0:
        tell(cuda=number.value, source=path)
    if cuda.cuInit(0) == 0:
        count = ctypes.c_int()
        cuda.cuDeviceGetCount(ctypes.byref(count))
        for index in range(min(count.value, 1024)):
            name, memory, pair = ctypes.create_string_buffer(96), ctypes.c_size_t(), []
            cuda.cuDeviceGetName(name, 96, index)
            for attribute in (75, 76):
                value = ctypes.c_int()
                cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, index)
                pair.append(value.value)
            has_memory = cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), index) == 0
            tell(gpu=[text(name), pair if pair[0] else None, memory.value if has_memory else None])
"""
)


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
    text = text_of(os.path.join(root, "sys/module/nvidia/version"))
    if text and _is_version(text.strip()):
        return text.strip()
    for word in (text_of(os.path.join(root, "proc/driver/nvidia/version")) or "").split():
        if _is_version(word):
            return word
    return None


def is_likely(root: str, sonames: Collection[str]) -> bool:
    """Whether there is any sign of an NVIDIA driver: without one nobody needs to be asked."""
    signs = ("sys/module/nvidia", "proc/driver/nvidia", "dev/nvidiactl", "dev/nvidia0", "dev/dxg", _WSL)
    return (
        "libcuda.so.1" in sonames
        or "libnvidia-ml.so.1" in sonames
        or any(os.path.exists(os.path.join(root, sign)) for sign in signs)
    )


def user_mode(root: str, architecture: str = "x86_64", *, timeout: float = _TIMEOUT) -> Driver:
    """Ask the driver's libraries; what they do not tell, or not in time, is not in the answer.

    For ``/`` the loader finds them, as it does for every program; for another root they are looked for in the usual
    directories. libcuda is only asked for GPUs when NVML tells none; its version of CUDA counts, as a compatibility
    package may have put another one in the driver's place.
    """
    places = [os.path.join(root, _WSL)] if os.path.isdir(os.path.join(root, _WSL)) else []
    if root != "/":
        places += [os.path.join(root, place.format(architecture)) for place in _PLACES]
    children = [_child(script, "here" if root == "/" else "there", places) for script in (_ASK_NVML, _ASK_CUDA)]
    end = time.monotonic() + timeout
    nvml, cuda = (_answer(child, end) for child in children)
    version = cuda.cuda or nvml.cuda
    return Driver(
        driver=nvml.driver,
        cuda=version,
        source=cuda.source if cuda.cuda else nvml.source,
        gpus=nvml.gpus or cuda.gpus,
    )


def _child(script: str, where: str, places: list[str]) -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", script, where, *places],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def _answer(child: subprocess.Popen[bytes] | None, end: float) -> Driver:
    """What a child told until then. One that hangs inside of the kernel cannot be ended: nobody waits for it."""
    if child is None or child.stdout is None:
        return Driver()
    told = b""
    with child.stdout as pipe:
        while select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            if not (more := os.read(pipe.fileno(), 1 << 16)) or len(told) > _MOST:
                break
            told += more
    child.kill()
    try:
        child.wait(0.5)
    except subprocess.TimeoutExpired:
        child.returncode = child.returncode or -9  # it is not to be waited for, nor to be warned of
    return _told(told)


def _told(data: bytes) -> Driver:
    facts: dict[str, Any] = {}
    gpus = []
    for line in data.split(b"\n"):
        try:
            told = json.loads(line)
            if "gpu" in told:
                name, pair, memory = told["gpu"]
                gpus.append(Gpu(name=_clean(name), compute=None if pair is None else (pair[0], pair[1]), memory=memory))
            facts |= told
        except (ValueError, TypeError):
            continue  # the last line of one that was ended
    number, version = facts.get("cuda"), facts.get("driver")
    return Driver(
        driver=version if isinstance(version, str) and _is_version(version) else None,
        cuda=f"{number // 1000}.{number % 1000 // 10}" if isinstance(number, int) and number >= 1000 else None,
        source=_clean(facts.get("source", "")),
        gpus=tuple(gpus),
    )


_MOST = 1 << 20


def _clean(text: str) -> str:
    return "".join(one for one in text if one.isprintable()).strip()[:200]


def _is_version(text: str) -> bool:
    parts = text.split(".")
    return len(parts) > 1 and all(part.isascii() and part.isdecimal() for part in parts)


def listed_gpus(root: str, tables: Tables) -> tuple[Gpu, ...]:
    """The GPUs that the kernel module lists, with the compute capability of their names."""
    directory = os.path.join(root, "proc/driver/nvidia/gpus")
    found = []
    for entry in listed(directory):
        for line in (text_of(os.path.join(directory, entry, "information")) or "").splitlines():
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
    for entry in listed(directory):
        kind = (text_of(os.path.join(directory, entry, "class")) or "").strip()
        vendor = (text_of(os.path.join(directory, entry, "vendor")) or "").strip()
        # 0x03: display controllers; 0x12: processing accelerators.
        if kind.startswith(("0x03", "0x12")) and vendor in _VENDORS:
            yield _VENDORS[vendor], (text_of(os.path.join(directory, entry, "device")) or "").strip()


_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
