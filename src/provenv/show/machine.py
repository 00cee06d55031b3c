"""The facts of a machine for people and for programs."""

from __future__ import annotations

import json

from provenv.model.hardware import Gpu, Hardware, pair_text
from provenv.model.hardware_file import to_document
from provenv.show.text import bytes_text, warning_text

__all__ = ["machine_document", "machine_text"]


def machine_document(hardware: Hardware) -> str:
    """One JSON object, with the keys of a recorded file; what is not known is left out."""
    return json.dumps(to_document(hardware), indent=2)


def machine_text(hardware: Hardware, *, has_colour: bool) -> str:
    """A short table, and loudly what is amiss."""
    rows = [
        ("system", f"{hardware.system} {hardware.architecture}{_around(hardware)}"),
        ("C library", _c_library(hardware)),
        ("libstdc++", f"GLIBCXX_{hardware.glibcxx}" if hardware.glibcxx else ""),
        ("processor", hardware.cpu or ""),
        ("GPU", _gpus(hardware)),
        ("driver", hardware.driver or ("not known" if hardware.gpus or hardware.cuda else "")),
        ("CUDA", f"{hardware.cuda} (told by {hardware.cuda_source or 'nobody'})" if hardware.cuda else ""),
        ("ROCm", hardware.rocm or ""),
        ("libraries", f"{len(hardware.sonames)} names" if hardware.sonames else ""),
        ("recorded", hardware.recorded),
    ]
    lines = [f"{label:<10} {text}" for label, text in rows if text]
    lines += [warning_text(text, has_colour=has_colour) for text in _amiss(hardware)]
    return "\n".join(lines)


def _around(hardware: Hardware) -> str:
    words = [word for word, told in (("WSL", hardware.is_wsl), ("container", hardware.has_container)) if told]
    return f" ({', '.join(words)})" if words else ""


def _c_library(hardware: Hardware) -> str:
    pairs = (("glibc", hardware.glibc), ("musl", hardware.musl), ("macOS", hardware.macos))
    return ", ".join(f"{name} {pair_text(pair)}" for name, pair in pairs if pair is not None) or "not known"


def _gpus(hardware: Hardware) -> str:
    if not hardware.gpus:
        return "none" if hardware.has_no_gpu else "not known"
    counted: dict[Gpu, int] = {}
    for gpu in hardware.gpus:
        counted[gpu] = counted.get(gpu, 0) + 1
    return f"\n{'':<10} ".join(_gpu(gpu, count) for gpu, count in counted.items())


def _gpu(gpu: Gpu, count: int) -> str:
    words = [f"compute capability {pair_text(gpu.compute)}"] if gpu.compute else []
    words += [gpu.gfx] if gpu.gfx and gpu.gfx != gpu.name else []
    words += [bytes_text(gpu.memory)] if gpu.memory else []
    return (f"{count} x " if count > 1 else "") + gpu.name + (f" ({', '.join(words)})" if words else "")


def _amiss(hardware: Hardware) -> list[str]:
    nvidia = [gpu for gpu in hardware.gpus if gpu.vendor == "nvidia"]
    found = []
    if nvidia and hardware.driver is None and hardware.cuda is None:
        found.append(f"{nvidia[0].name} has no driver: nothing can run on it until an NVIDIA driver is installed")
    elif nvidia and hardware.cuda is None:
        found.append("the driver's library (libcuda.so.1) is not here or does not answer: no program can use the GPU")
    unknown = [gpu.name for gpu in nvidia if gpu.compute is None]
    if unknown and hardware.driver is not None:
        found.append(f"the compute capability of {unknown[0]} is not known")
    return found
