"""A project in a directory of its own, aimed."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

from provenv.events import Events
from provenv.flows.aim import aim
from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.world import World
from tests.worlds.house import BASE_PYTHON

__all__ = ["Place", "target_of"]


class Place:
    """A directory with projects in it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "place"
        self.cache = root / "cache"

    def write(self, path: str, text: str) -> Path:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    def project(self, more: str, *dependencies: str, path: str = ".", name: str = "demo", head: str = "") -> Path:
        """Write a project file; ``head`` are further keys of ``[project]``."""
        listed = "".join(f"    {dependency!r},\n" for dependency in dependencies)
        text = f'[project]\nname = "{name}"\nversion = "1"\ndependencies = [\n{listed}]\n{textwrap.dedent(head)}\n'
        return self.write(f"{path}/pyproject.toml", text + textwrap.dedent(more))

    def world(self, path: str = ".", **choices: Any) -> World:
        """The world of a command in a directory."""
        return World(
            directory=os.path.normpath(self.root / path),
            cache=str(self.cache),
            events=Events(),
            now=0.0,
            python_request=BASE_PYTHON,
            **choices,
        )

    def aim(self, path: str = ".", **choices: Any) -> Aim:
        """The aim of the project in a directory."""
        return aim(self.world(path, **choices))


def target_of(aimed: Aim, name: str = "linux-x86_64") -> AimedTarget:
    """One target of an aim."""
    return next(target for target in aimed["targets"] if target["name"] == name)
