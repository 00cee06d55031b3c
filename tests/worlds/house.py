"""A user's place: a project, a cache, an index on the loopback interface, and ways to give commands."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from provenv.cli.main import main
from tests.worlds.index_server import IndexServer
from tests.worlds.wheels import build_wheel

__all__ = ["BASE_PYTHON", "House", "Told", "install_launcher", "snapshot"]

#: The interpreter behind the one that runs the tests: environments are made from it.
BASE_PYTHON: str = os.path.realpath(getattr(sys, "_base_executable", sys.executable))

#: Variables that would let the outside in.
_STRANGE = ("PIP_", "PROVENV_", "SSL_CERT_", "UV_", "VIRTUAL_ENV", "XDG_")

_SOURCE = Path(__file__).parents[2] / "src/provenv"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


class House:
    """A project directory with everything around it; nothing outside ``root`` is read or written."""

    def __init__(
        self,
        root: Path,
        server: IndexServer,
        monkeypatch: pytest.MonkeyPatch,
        capture: pytest.CaptureFixture[str],
        launcher: Path,
    ) -> None:
        self.root = root
        self.server = server
        self.launcher = launcher
        self._capture = capture
        self.monkeypatch = monkeypatch
        self.directory = root / "project"
        self.directory.mkdir()
        self.cache = root / "cache"
        self.home = root / "home"
        self.home.mkdir()
        for name in list(os.environ):
            if name.startswith(_STRANGE) or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        for name, value in self.variables().items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(self.directory)

    def variables(self) -> dict[str, str]:
        """The variables that make a process live in this house."""
        return {
            "HOME": str(self.home),
            "PROVENV_CACHE_DIR": str(self.cache),
            "PROVENV_DEFAULT_INDEX": self.server.url,
            "PROVENV_DURABILITY": "never",
            "PROVENV_PATIENCE": "3",
            "PROVENV_PYTHON": BASE_PYTHON,
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "1",
        }

    # -- files --------------------------------------------------------------------------------------------

    @property
    def project_file(self) -> Path:
        return self.directory / "pyproject.toml"

    @property
    def lock_file(self) -> Path:
        return self.directory / "pylock.toml"

    @property
    def environment(self) -> Path:
        return self.directory / ".venv"

    @property
    def site(self) -> Path:
        """Where the environment keeps its packages."""
        return next(self.environment.glob("lib/python3.*/site-packages"))

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        requires: tuple[str, ...] = (),
        *,
        extras: Mapping[str, tuple[str, ...]] | None = None,
        files: Mapping[str, str | bytes] | None = None,
        entry_points: Mapping[str, Mapping[str, str]] | None = None,
        tags: str = "py3-none-any",
        requires_python: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        directory: Path | None = None,
    ) -> Path:
        """Put a wheel on the index, or into another directory."""
        return build_wheel(
            directory or self.server.directory,
            name,
            version,
            files=files,
            requires=requires,
            extras=extras,
            entry_points=entry_points,
            tags=tags,
            requires_python=requires_python,
            headers=headers,
        )

    def project(self, *requirements: str, more: str = "", requires_python: str = ">=3.8") -> None:
        """Write a project file."""
        listed = "".join(f"    {requirement!r},\n" for requirement in requirements)
        self.project_file.write_text(
            f'[project]\nname = "demo"\nversion = "0.1"\nrequires-python = "{requires_python}"\n'
            f"dependencies = [\n{listed}]\n{more}"
        )

    def installed(self) -> dict[str, str]:
        """Name and version of every distribution in the environment."""
        names = [path.name.removesuffix(".dist-info") for path in self.site.glob("*.dist-info")]
        return dict(sorted((name.split("-")[0], name.split("-")[1]) for name in names))

    def locked(self) -> dict[str, str]:
        """Name and version of every package in the lock."""
        import tomllib

        document = tomllib.loads(self.lock_file.read_text("utf-8"))
        return {package["name"]: package["version"] for package in document["packages"]}

    # -- commands -----------------------------------------------------------------------------------------

    def give(self, *words: str) -> Told:
        """Give a command in this process. Not for ``run``, which becomes another program."""
        self._capture.readouterr()
        code = main(list(words))
        said = self._capture.readouterr()
        return Told(code=code, out=said.out, err=said.err)

    def do(self, *words: str) -> Told:
        """Give a command that must succeed."""
        told = self.give(*words)
        assert told.code == 0, told.err
        return told

    def refused(self, *words: str, code: int = 1) -> str:
        """Give a command that must fail with one clear message; the message."""
        told = self.give(*words)
        assert told.code == code, told
        assert told.err.count("error: ") == 1, told.err
        assert "Traceback" not in told.err
        return told.err

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start the installed command as a process of its own."""
        return subprocess.Popen(
            [str(self.launcher), *words],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self.variables(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def launch(self, *words: str, **variables: str) -> Told:
        """Run the installed command to its end."""
        with self.start(*words, **variables) as process:
            out, err = process.communicate(timeout=60)
        return Told(code=process.returncode, out=out, err=err)


def install_launcher(root: Path) -> Path:
    """An installation of the command beside what the running interpreter has installed; the path of the command."""
    scripts, site = root / "bin", root / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    scripts.mkdir(parents=True)
    site.mkdir(parents=True)
    (scripts / "python3").symlink_to(BASE_PYTHON)
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if not entry.name.startswith(("provenv", "_provenv", "__editable__")) and not (site / entry.name).exists():
                (site / entry.name).symlink_to(entry)
    (site / "provenv").symlink_to(_SOURCE)
    command = scripts / "provenv"
    command.write_bytes((_SOURCE / "cli/launcher.sh").read_bytes())
    command.chmod(0o755)
    return command


def snapshot(root: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, time of change and size of everything below a directory."""
    found = {}
    for path in _everything(root):
        status = path.lstat()
        found[str(path.relative_to(root))] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return found


def _everything(root: Path) -> Iterator[Path]:
    yield root
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            yield Path(directory, name)
