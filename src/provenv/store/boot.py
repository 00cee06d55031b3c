"""Which boot of the machine this is: what was only in memory is lost between two of them."""

from __future__ import annotations

import sys

__all__ = ["BOOT", "boot_id"]

BOOT = "/proc/sys/kernel/random/boot_id"
"""A file that differs after every boot, where the system is Linux."""


def boot_id() -> str:
    """Names this boot of the machine, the same for every process and container; empty where the system tells none."""
    try:
        with open(BOOT, "rb", buffering=0) as file:
            return file.read(64).decode("ascii", "replace").strip()
    except OSError:
        return _of_darwin() if sys.platform == "darwin" else ""


def _of_darwin() -> str:
    import ctypes

    try:
        ask = ctypes.CDLL(None).sysctlbyname
        told = ctypes.create_string_buffer(64)
        length = ctypes.c_size_t(len(told))
        failed = ask(b"kern.bootsessionuuid", told, ctypes.byref(length), None, ctypes.c_size_t(0))
    except (OSError, AttributeError):
        return ""
    return "" if failed else told.value.decode("ascii", "replace")
