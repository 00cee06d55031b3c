"""Finds the name of a package that only its place can tell."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from provenv.errors import InputError, UsageError
from provenv.flows.world import World
from provenv.model.wish import Wish
from provenv.net.secrets import redact

__all__ = ["package_of"]


def package_of(world: World, wish: Wish, rule: Mapping[str, object], directory: str) -> str:
    """The name of the package in a place; ``rule`` is the place as a source, relative to ``directory``."""
    if "path" in rule:
        path = os.path.join(directory, str(rule["path"]))
        if os.path.isdir(path) and (name := _stated(path)) is not None:
            return name
    raise UsageError(
        f"`{redact(wish.text)}` does not tell the name of its package",
        hint=f"write it as `name @ {redact(wish.place or '')}`",
    )


def _stated(directory: str) -> str | None:
    """The name that a directory's project file states."""
    file = os.path.join(directory, "pyproject.toml")
    try:
        with open(file, "rb") as opened:
            document = tomllib.load(opened)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(file, f"cannot be read: {error}") from error
    project = document.get("project")
    name = project.get("name") if isinstance(project, dict) else None
    return str(canonicalize_name(name)) if isinstance(name, str) else None
