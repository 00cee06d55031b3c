"""The interpreter that runs the tests, as a value."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig

from packaging.markers import default_environment

from provenv.model.machine import Interpreter

__all__ = ["this_interpreter"]


def this_interpreter() -> Interpreter:
    """What ``pythons`` would find out about the running interpreter, without a process."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return Interpreter(
        executable=base,
        base_executable=base,
        base_prefix=sys.base_prefix,
        implementation=sys.implementation.name,
        version=platform.python_version(),
        cache_tag=str(sys.implementation.cache_tag),
        platform=sysconfig.get_platform(),
        stdlib=os.path.dirname(str(os.__file__)),
        platlib_suffix=sys.platlibdir,
        soabi_flags=getattr(sys, "abiflags", ""),
        libc=None,
        markers=tuple(sorted((name, str(value)) for name, value in default_environment().items())),
    )
