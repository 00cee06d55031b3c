"""A user's place that is put back to what it was in milliseconds, and gives commands that die or fail at a point."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.rig.judge import judge
from tests.worlds.house import BASE_PYTHON, Told
from tests.worlds.index_server import IndexServer

__all__ = ["Place", "end_group"]

_MUTATIONS = Path(__file__).with_name("mutations.py")
_PATIENCE = 120


class Place:
    """A project, a cache and a home below ``root``; the wheels of ``server`` are all that can be installed."""

    def __init__(self, root: Path, server: IndexServer, launcher: Path, *, name: str = "project") -> None:
        self.root = root
        self.server = server
        self.launcher = launcher
        self.world = root / "world"
        self.directory = self.world / name
        self.directory.mkdir(parents=True)
        self.cache = self.world / "cache"
        self.home = self.world / "home"
        self.home.mkdir(exist_ok=True)
        self.variables = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "PROVENV_CACHE_DIR": str(self.cache),
            "PROVENV_DEFAULT_INDEX": server.url,
            "PROVENV_DURABILITY": "never",
            "PROVENV_PATIENCE": "0",
            "PROVENV_PYTHON": BASE_PYTHON,
        }

    # -- files --------------------------------------------------------------------------------------------

    @property
    def environment(self) -> Path:
        return self.directory / ".venv"

    @property
    def lock_file(self) -> Path:
        return self.directory / "pylock.toml"

    @property
    def project_file(self) -> Path:
        return self.directory / "pyproject.toml"

    def project(self, *requirements: str) -> None:
        """Write a project file."""
        listed = "".join(f"    {requirement!r},\n" for requirement in requirements)
        self.project_file.write_text(
            f'[project]\nname = "demo"\nversion = "0.1"\nrequires-python = ">=3.8"\ndependencies = [\n{listed}]\n'
        )

    def save(self, name: str) -> None:
        """Keep everything as it is now, under a name."""
        kept = self.root / f"kept-{name}"
        shutil.rmtree(kept, ignore_errors=True)
        _copy(self.world, kept)

    def restore(self, name: str) -> None:
        """Put everything back to what was kept under that name."""
        _make_removable(self.world)
        shutil.rmtree(self.world)
        _copy(self.root / f"kept-{name}", self.world)

    def wheels(self, lock: bytes | None = None) -> list[Path]:
        """The wheels that a lock names (by their hashes, the one on disk unless given)."""
        document = tomllib.loads((self.lock_file.read_bytes() if lock is None else lock).decode())
        wanted = {file["hashes"]["sha256"] for one in document["packages"] for file in one.get("wheels", ())}
        found = [path for path in sorted(self.server.directory.glob("*.whl")) if _digest(path) in wanted]
        assert len(found) == len(wanted)
        return found

    def judge(self, wheels: Sequence[Path] | None = None) -> list[str]:
        """What the independent judge says of the environment; by default it should be what the lock says."""
        return judge(self.environment, self.wheels() if wheels is None else wheels)

    # -- commands -----------------------------------------------------------------------------------------

    def start(self, *words: str, rig: Mapping[str, str | int] | None = None, **variables: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, with points of the rig if given."""
        site = next(self.launcher.parent.parent.glob("lib/python3.*/site-packages"))
        python = str(self.launcher.parent / "python3")
        rigged = [python, "-I", "-S", str(_MUTATIONS), str(site)]
        points = {f"RIG_{name}": str(value) for name, value in (rig or {}).items()}
        return subprocess.Popen(
            [*(rigged if rig is not None else [str(self.launcher)]), *words],
            cwd=self.directory,
            env={**self.variables, **points, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def run(self, *words: str, rig: Mapping[str, str | int] | None = None, **variables: str) -> Told:
        """Give a command and wait for its end."""
        with self.start(*words, rig=rig, **variables) as process:
            try:
                out, err = process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                end_group(process)
                raise
        return Told(code=process.returncode, out=out, err=err)

    def do(self, *words: str) -> Told:
        """Give a command that must succeed."""
        told = self.run(*words)
        assert told.code == 0, told.err
        return told

    def calls(self, *words: str) -> list[str]:
        """Give a command and list its calls that change the file system, as ``name path``; it must succeed."""
        log = self.root / "calls"
        log.unlink(missing_ok=True)
        told = self.run(*words, rig={"LOG": str(log)})
        assert told.code == 0, told.err
        return [line.partition(" ")[2] for line in log.read_text(errors="replace").splitlines()]


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill a command with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _copy(source: Path, target: Path) -> None:
    # Keeps hard links, times to the nanosecond, modes and symbolic links.
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def _make_removable(root: Path) -> None:
    if os.geteuid() == 0:
        return
    for directory, _, _ in os.walk(root):
        os.chmod(directory, 0o700)


_digests: dict[tuple[str, int], str] = {}


def _digest(path: Path) -> str:
    key = (str(path), path.stat().st_mtime_ns)
    if key not in _digests:
        _digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()
    return _digests[key]
