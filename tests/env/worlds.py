"""A small world: a store, an environment, and wheels that are built when they are asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provenv.env.apply import apply
from provenv.env.create import create
from provenv.env.paths import Paths
from provenv.env.scan import scan
from provenv.events import Events
from provenv.model.plan import Installed, Plan, Wanted
from provenv.store.store import Store
from provenv.store.tree import Bytecode, Tree
from provenv.wheel.filename import WheelName
from tests.worlds.interpreters import this_interpreter

__all__ = ["World"]


class World:
    """Everything below one temporary directory; ``root`` puts the environment elsewhere."""

    def __init__(self, directory: Path, place: str = ".venv", *, root: Path | None = None) -> None:
        self.store = Store(directory / "store", workers=2)
        self.root = root or directory / place
        self.interpreter = this_interpreter()
        self.paths = Paths.from_interpreter(str(self.root), self.interpreter)
        self.site = self.root / self.paths.purelib
        self.bin = self.root / self.paths.scripts
        self.trees: dict[str, Tree] = {}

    def create(self) -> None:
        create(str(self.root), self.interpreter, version="0")

    def wanted(self, wheel: Path, *, is_requested: bool = False, direct_url: str | None = None) -> Wanted:
        """Take ``wheel`` into the store."""
        sha256 = self.store.adopt(wheel)
        self.trees[sha256] = self.store.unpack(sha256, wheel.name)
        name = WheelName.from_filename(wheel.name)
        return Wanted(
            name=name.name,
            version=str(name.version),
            filename=wheel.name,
            sha256=sha256,
            is_requested=is_requested,
            direct_url=direct_url,
        )

    def compiled(self) -> dict[str, Bytecode]:
        return self.store.compile(self.trees.values(), self.interpreter)

    def apply(
        self,
        *install: Wanted,
        keep: tuple[Wanted, ...] = (),
        remove: tuple[Installed, ...] = (),
        is_compiled: bool = False,
        link_mode: str = "auto",
        events: Events | None = None,
    ) -> None:
        apply(
            str(self.root),
            Plan(install=install, keep=keep, remove=remove),
            self.trees,
            self.compiled() if is_compiled else {},
            self.interpreter,
            events or Events(),
            link_mode=link_mode,
            lock_digest="digest",
        )

    def scan(self) -> tuple[Installed, ...]:
        return scan(self.paths)

    def python(self, *arguments: str, is_checked: bool = True) -> str:
        """Output of the environment's own interpreter."""
        result = subprocess.run(
            [self.bin / "python", *arguments], capture_output=True, text=True, check=False, cwd=self.root.parent
        )
        assert not is_checked or result.returncode == 0, result.stderr
        return result.stdout + result.stderr if not is_checked else result.stdout

    def files(self) -> set[str]:
        """Every file below site-packages."""
        return {path.relative_to(self.site).as_posix() for path in self.site.rglob("*") if path.is_file()}
