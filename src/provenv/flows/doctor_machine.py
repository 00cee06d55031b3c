"""Reads the machine for the doctor: the variables that matter, the toolkit, the user's own packages."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping

from provenv.doctor.subject import Environment, Machine
from provenv.env.scan import normalised
from provenv.flows.doctor_tree import read_text
from provenv.model.hardware import Hardware

__all__ = ["read_variables"]

_OF_INTEREST = ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE")


def read_variables(
    hardware: Hardware, variables: Mapping[str, str], search_path: str, environment: Environment | None, root: str
) -> Machine:
    """The machine with what its variables lead to; ``root`` is the environment that is looked at, "" without one."""
    home = variables.get("HOME") or os.path.expanduser("~")
    user_site = _user_site(home, variables, environment)
    return Machine(
        hardware=hardware,
        variables={name: variables[name] for name in _OF_INTEREST if name in variables},
        toolkit=_toolkit(variables, search_path),
        libraries=dict(_libraries(variables, root)),
        user_packages=_packages(user_site),
        user_site=user_site,
        active=_active(variables, environment, root),
    )


def _active(variables: Mapping[str, str], environment: Environment | None, root: str) -> str:
    named = variables.get("VIRTUAL_ENV", "")
    if not named or environment is None or not environment.is_of_project:
        return ""
    return "" if os.path.realpath(named) == os.path.realpath(root) else named


def _toolkit(variables: Mapping[str, str], search_path: str) -> tuple[str, str] | None:
    """The one that a build would use: what is named, else where the compiler is found. It is not run."""
    places = [variables[name] for name in ("CUDA_HOME", "CUDA_PATH") if variables.get(name)]
    if not places and (compiler := shutil.which("nvcc", path=search_path)):
        places = [os.path.dirname(os.path.dirname(os.path.realpath(compiler)))]
    for place in places[:1]:
        version = _version(place)
        return (place, version) if version else None
    return None


def _version(place: str) -> str:
    """What the toolkit says of itself, else what the name of its directory says."""
    try:
        told = json.loads(read_text(f"{place}/version.json") or "{}")
        version = str(told["cuda"]["version"])
    except (ValueError, KeyError, TypeError):
        text = (read_text(f"{place}/version.txt") or "") + " " + os.path.basename(os.path.realpath(place))
        match = re.search(r"\d+\.\d+(?:\.\d+)*", text)
        version = match[0] if match else ""
    return version if re.fullmatch(r"\d+(?:\.\d+)*", version) else ""


def _libraries(variables: Mapping[str, str], root: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for directory in variables.get("LD_LIBRARY_PATH", "").split(":"):
        is_own = bool(root) and os.path.realpath(directory).startswith(os.path.realpath(root) + os.sep)
        if directory and not is_own and os.path.isdir(directory):
            found[directory] = tuple(sorted(name for name in os.listdir(directory) if ".so" in name))
    return found


def _user_site(home: str, variables: Mapping[str, str], environment: Environment | None) -> str:
    base = variables.get("PYTHONUSERBASE") or f"{home}/.local"
    if environment is None:
        there = sorted(os.listdir(f"{base}/lib")) if os.path.isdir(f"{base}/lib") else []
        places = [f"{base}/lib/{name}/site-packages" for name in there if name.startswith("python3.")]
        return next((place for place in places if _packages(place)), "")
    if not environment.python:
        return ""
    return f"{base}/lib/python{environment.python[0]}.{environment.python[1]}/site-packages"


def _packages(site: str) -> tuple[str, ...]:
    names = os.listdir(site) if site and os.path.isdir(site) else []
    return tuple(sorted({normalised(name.partition("-")[0]) for name in names if name.endswith(".dist-info")}))
