"""The facts of a machine that decide what runs on it; read off the one we stand on, recorded on another, or declared.

What is not known is None (or empty, where nothing at all would be strange): a proof then says ``unknown``.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Gpu", "Hardware", "capability_of", "pair_text"]


def pair_text(pair: tuple[int, int] | None) -> str | None:
    """``9.0``, or None for None."""
    return None if pair is None else f"{pair[0]}.{pair[1]}"


def capability_of(text: str) -> tuple[int, int] | None:
    """A compute capability as it is written (``9.0``); None for a text that is none."""
    major, _, minor = text.partition(".")
    is_plain = all(part.isascii() and part.isdecimal() and len(part) <= 3 for part in (major, minor))
    return (int(major), int(minor)) if is_plain else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One accelerator."""

    name: str
    """As the driver calls it, or as somebody wrote it: ``NVIDIA H100 80GB HBM3``, ``H100``."""
    vendor: str = "nvidia"
    """``nvidia``, ``amd`` or ``intel``."""
    compute: tuple[int, int] | None = None
    """Compute capability of an NVIDIA GPU."""
    gfx: str = ""
    """Architecture of an AMD GPU: ``gfx942``."""
    memory: int | None = None
    """Bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """One machine, without its Python."""

    system: str
    """``linux``, ``macos`` or ``windows``."""
    architecture: str
    """``x86_64``, ``aarch64``, ``arm64``."""
    driver: str | None = None
    """NVIDIA kernel driver, as ``535.104.05``."""
    cuda: str | None = None
    """The newest CUDA of the user-mode driver library, as ``12.2``; a compatibility package may lift it above that of
    the kernel driver."""
    cuda_source: str = ""
    """Where that was read: ``libcuda``, ``nvml``, the path of a library."""
    has_no_gpu: bool = False
    """It is known that there is none; with an empty ``gpus`` and without this, nothing is known."""
    gpus: tuple[Gpu, ...] = ()
    glibc: tuple[int, int] | None = None
    musl: tuple[int, int] | None = None
    macos: tuple[int, int] | None = None
    glibcxx: str | None = None
    """The newest symbol version of the system's libstdc++, as ``3.4.30``."""
    sonames: tuple[str, ...] | None = None
    """Shared libraries that the system offers, sorted."""
    cpu: str | None = None
    """Micro-architecture level: ``x86-64-v3``."""
    rocm: str | None = None
    is_wsl: bool = False
    has_container: bool = False
    """It was read inside a container: the kernel's driver is the host's."""
    recorded: str = ""
    """The day it was read, as ``2026-11-21``; empty for a declared one."""
