"""Reads one machine: this one, or the root folder of a system that lies in a directory (a container's)."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from provenv.model.hardware import Gpu, Hardware
from provenv.probe.files import text_of
from provenv.probe.libraries import c_library, sonames, symbol_versions
from provenv.probe.nvidia import Driver, is_likely, kernel_driver, listed_gpus, named_gpu, pci_gpus, user_mode
from provenv.stack.tables import Tables, numbers_if_any

__all__ = ["read_machine", "read_root"]

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_ARCHITECTURES = {"AMD64": "x86_64", "ARM64": "arm64"}
_PROGRAMS = ("bin/sh", "usr/bin/env", "usr/bin/python3", "bin/busybox")
_LOADERS = ("lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1")
"""A system without a shell has its loader nevertheless."""
_ELF_MACHINES = {62: "x86_64", 183: "aarch64"}


def read_machine(tables: Tables, now: float, *, root: str = "/", timeout: float = 10.0) -> Hardware:
    """The machine we stand on; ``now`` is when (seconds since the epoch). Never fails: what is not told is None.

    ``root`` is where its files are, for machines that are only told of; a driver library that does not answer within
    ``timeout`` seconds is left alone.
    """
    if root != "/":
        return _linux(os.path.abspath(root), _architecture_of(root), tables, _day(now), is_here=True, timeout=timeout)
    system = _SYSTEMS.get(sys.platform, sys.platform)
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    day = _day(now)
    if system != "linux":
        return Hardware(
            system=system,
            architecture=architecture,
            has_no_gpu=system == "macos",
            macos=_macos() if system == "macos" else None,
            recorded=day,
        )
    return _linux("/", architecture, tables, day, is_here=True, timeout=timeout)


def read_root(root: str, tables: Tables, now: float) -> Hardware:
    """A Linux system in a directory: its libraries; what a kernel tells is not there, and so not known."""
    return _linux(os.path.abspath(root), _architecture_of(root), tables, _day(now), is_here=False)


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def _linux(root: str, architecture: str, tables: Tables, day: str, *, is_here: bool, timeout: float = 10.0) -> Hardware:
    libc = c_library(root, architecture)
    names = sonames(root, architecture)
    driver = kernel_driver(root) if is_here else None
    has_driver = is_here and is_likely(root, names or ())
    told = user_mode(root, architecture, timeout=timeout) if has_driver else Driver()
    controllers = list(pci_gpus(root)) if is_here else []
    gpus = tuple(_capable(gpu, tables) for gpu in told.gpus) or (listed_gpus(root, tables) if is_here else ())
    gpus += tuple(_amd_gpus(root)) if is_here else ()
    if not gpus:
        gpus = tuple(
            Gpu(name=f"NVIDIA GPU (PCI device {device})") for vendor, device in controllers if vendor == "nvidia"
        )
    version = (text_of(os.path.join(root, "proc/version")) or "") if is_here else ""
    return Hardware(
        system="linux",
        architecture=architecture,
        driver=driver or told.driver,
        cuda=told.cuda,
        cuda_source=told.source,
        has_no_gpu=is_here and not gpus and not driver and not told.driver,
        gpus=gpus,
        glibc=libc[1] if libc and libc[0] == "glibc" else None,
        musl=libc[1] if libc and libc[0] == "musl" else None,
        glibcxx=_newest(symbol_versions(root, architecture, "libstdc++.so.6"), "GLIBCXX_"),
        sonames=names,
        cpu=_level(root, tables) if is_here and architecture == "x86_64" else None,
        rocm=_rocm(root),
        is_wsl="microsoft" in version.lower(),
        has_container=is_here and _is_container(root),
        recorded=day,
    )


def _capable(gpu: Gpu, tables: Tables) -> Gpu:
    return gpu if gpu.compute is not None else replace(named_gpu(gpu.name, tables), memory=gpu.memory)


def _rocm(root: str) -> str | None:
    text = (text_of(os.path.join(root, "opt/rocm/.info/version")) or "").strip()
    return text if text and text.isprintable() and len(text) < 60 else None


def _is_container(root: str) -> bool:
    """Engines leave a mark, or tell the first process (``container=podman``); its variables are root's alone."""
    if any(os.path.exists(os.path.join(root, place)) for place in (".dockerenv", "run/.containerenv")):
        return True
    told = text_of(os.path.join(root, "proc/1/cgroup")) or ""
    return any(word in told for word in ("/docker", "/kubepods", "/lxc", "/libpod", "/containerd"))


def _amd_gpus(root: str) -> list[Gpu]:
    """By the kernel's topology: ``gfx_target_version 90402`` is gfx942."""
    directory = os.path.join(root, "sys/class/kfd/kfd/topology/nodes")
    found = []
    for node in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        for line in (text_of(os.path.join(directory, node, "properties")) or "").splitlines():
            key, _, value = line.partition(" ")
            if key == "gfx_target_version" and value.isdecimal() and int(value):
                number = int(value)
                gfx = f"gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}"
                found.append(Gpu(name=gfx, vendor="amd", gfx=gfx))
    return found


def _level(root: str, tables: Tables) -> str:
    """The micro-architecture level of the processor, by the features that its kernel names."""
    features: set[str] = set()
    for line in (text_of(os.path.join(root, "proc/cpuinfo")) or "").splitlines():
        if line.startswith("flags"):
            features = set(line.partition(":")[2].split())
            break
    level = "x86-64"
    for fact in sorted(tables.rows("level"), key=lambda fact: str(fact["name"])):
        if not set(fact["features"]) <= features:
            break
        level = str(fact["name"])
    return level


def _architecture_of(root: str) -> str:
    """Which processor a system is for, by one of its programs."""
    for place in (*_PROGRAMS, *_LOADERS):
        path = os.path.join(root, place)
        try:
            if os.path.islink(path):
                path = os.path.join(root, os.path.join("/", os.path.dirname(place), os.readlink(path)).lstrip("/"))
            with open(path, "rb") as file:
                start = file.read(20)
        except OSError:
            continue
        if start[:4] == b"\x7fELF":
            return _ELF_MACHINES.get(int.from_bytes(start[18:20], "little"), "unknown")
    return "unknown"


def _newest(versions: Sequence[str], prefix: str) -> str | None:
    texts = [version.removeprefix(prefix) for version in versions if version.startswith(prefix)]
    known = [found for text in texts if (found := numbers_if_any(text)) is not None]
    return ".".join(map(str, max(known))) if known else None


def _macos() -> tuple[int, int] | None:
    parts = platform.mac_ver()[0].split(".")
    return (int(parts[0]), int(parts[1]) if len(parts) > 1 else 0) if parts[0].isdecimal() else None
