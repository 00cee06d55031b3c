"""How each tool does each job, in its documented way. A job is a list of commands, run one after the other."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CASES", "TOOLS", "Bench", "Job", "Place", "Requirements", "Tool"]

CASES = (
    "resolve-cold",
    "resolve-warm",
    "lock-noop",
    "install-cold",
    "install-warm",
    "sync-noop",
    "run-noop",
    "first-import",
)


@dataclass(frozen=True)
class Requirements:
    """One file of sets/: what to install, and what must be importable then."""

    name: str
    lines: tuple[str, ...]
    imports: tuple[str, ...]

    @classmethod
    def from_file(cls, path: Path) -> Requirements:
        rows = path.read_text().splitlines()
        return cls(
            name=path.stem,
            lines=tuple(row for row in rows if row and not row.startswith("#")),
            imports=tuple(rows[0].removeprefix("# imports:").split()),
        )

    @property
    def program(self) -> str:
        return "import " + ", ".join(self.imports)


@dataclass(frozen=True)
class Bench:
    """What all tools share."""

    python: str
    """The interpreter itself, not a shim: a shim of pyenv costs uv 100 ms."""
    tools: Path
    """One virtual environment for each tool."""
    index: str | None = None
    """A simple index for all tools, instead of each one's default."""

    def program(self, tool: str, name: str) -> str:
        return str(self.tools / tool / "bin" / name)


@dataclass(frozen=True)
class Place:
    """One project directory with the cache directory that belongs to it."""

    project: Path
    cache: Path
    is_offline: bool

    @property
    def python(self) -> str:
        return str(self.project / ".venv/bin/python")


@dataclass(frozen=True)
class Job:
    commands: tuple[tuple[str, ...], ...]
    variables: dict[str, str] = field(default_factory=dict)


Commands = list[list[str]]

_UV_ALONE = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "PROVENV_DEFAULT_INDEX", "PIP_INDEX_URL", "PDM_PYPI_URL")


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool under test; a function gives None where the tool has no such job."""

    name: str
    packages: tuple[str, ...]
    """What is installed to get it; ``.`` is this checkout."""
    lock_files: tuple[str, ...]
    scope: str
    """What one lock is made for, told in the report."""
    resolve: Callable[[Bench, Place], Commands]
    install: Callable[[Bench, Place], Commands]
    """Into a project with a lock; makes the environment when it is missing."""
    run: Callable[[Bench, Place], Commands] | None = None
    variables: Callable[[Bench, Place], dict[str, str]] = lambda bench, place: {}
    has_offline: bool = False

    def prepare(self, bench: Bench) -> None:
        """Install the tool, unless it is there. Our own checkout is always installed anew."""
        home = bench.tools / self.name.replace(" ", "-")
        if not (home / "bin").exists():
            subprocess.run([bench.python, "-m", "venv", str(home)], check=True)
        if self.packages == (".",) or not (home / "ready").exists():
            root = str(Path(__file__).parents[1])
            wanted = [root if package == "." else package for package in self.packages]
            pip = [str(home / "bin/python"), "-m", "pip"]
            subprocess.run([*pip, "install", "--quiet", "--upgrade", *wanted], check=True)
            (home / "ready").touch()

    def version(self, bench: Bench) -> str:
        """``pip 26.1, pip-tools 7.6``, as pip tells."""
        python = bench.tools / self.name.replace(" ", "-") / "bin/python"
        command = [str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
        listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        wanted = [self.name if package == "." else package.partition("[")[0] for package in self.packages]
        return ", ".join(f"{row['name']} {row['version']}" for row in listed if row["name"] in wanted)

    def job(self, case: str, bench: Bench, place: Place, requirements: Requirements) -> Job | None:
        """What to run for a case."""
        commands: Commands
        if case in ("resolve-cold", "resolve-warm", "lock-noop"):
            commands = self.resolve(bench, place)
        elif case == "run-noop":
            if self.run is None:
                return None
            commands = self.run(bench, place)
        else:
            commands = self.install(bench, place)
            if case == "first-import":
                commands = [*commands, [place.python, "-c", requirements.program]]
        variables = self.variables(bench, place)
        if bench.index is not None:
            variables |= dict.fromkeys(_INDEX_VARIABLES, bench.index)
        return Job(tuple(tuple(command) for command in commands), variables)


def write_project(project: Path, requirements: Requirements, index: str | None) -> None:
    """The same requirements in each tool's own form. The range of Python is what Poetry needs to find a solution."""
    listed = "".join(f'    "{line}",\n' for line in requirements.lines)
    here = f"sys_platform == '{sys.platform}' and platform_machine == '{platform.machine()}'"
    (project / "pyproject.toml").write_text(
        f'[project]\nname = "bench"\nversion = "0"\nrequires-python = ">=3.11,<3.15"\ndependencies = [\n{listed}]\n\n'
        # The figures of provenv are of a lock for this machine.
        f'[tool.provenv]\nenvironments = ["{here}"]\n\n'
        "[tool.poetry]\npackage-mode = false\n\n[tool.pdm]\ndistribution = false\n"
        # Poetry has no variable for it.
        + (f'\n[[tool.poetry.source]]\nname = "bench"\nurl = "{index}"\n' if index else "")
    )
    (project / "requirements.in").write_text("\n".join(requirements.lines) + "\n")


def _like_uv(tool: str, lock_file: str, scope: str, packages: tuple[str, ...]) -> Tool:
    """Commands are typed in the project, as a person does; the rest is told by variables."""
    prefix = tool.upper()

    def variables(bench: Bench, place: Place) -> dict[str, str]:
        told = {f"{prefix}_CACHE_DIR": str(place.cache), f"{prefix}_PYTHON": bench.python, **_UV_ALONE}
        return {**told, f"{prefix}_OFFLINE": "1"} if place.is_offline else told

    return Tool(
        name=tool,
        packages=packages,
        lock_files=(lock_file,),
        scope=scope,
        resolve=lambda bench, place: [[bench.program(tool, tool), "lock"]],
        install=lambda bench, place: [[bench.program(tool, tool), "sync"]],
        run=lambda bench, place: [[bench.program(tool, tool), "run", "python", "-c", "pass"]],
        variables=variables,
        has_offline=True,
    )


def _uv_pip(bench: Bench, place: Place, *words: str) -> list[str]:
    offline = ["--offline"] if place.is_offline else []
    return [bench.program("uv-pip", "uv"), *words, "--cache-dir", str(place.cache), *offline]


def _uv_pip_resolve(bench: Bench, place: Place) -> Commands:
    project = place.project
    output = str(project / "pylock.toml")
    source = str(project / "requirements.in")
    return [_uv_pip(bench, place, "pip", "compile", "--quiet", "--python", bench.python, source, "-o", output)]


def _uv_pip_install(bench: Bench, place: Place) -> Commands:
    environment = str(place.project / ".venv")
    sync = _uv_pip(bench, place, "pip", "sync", "--python", place.python, str(place.project / "pylock.toml"))
    if Path(environment).exists():
        return [sync]
    return [_uv_pip(bench, place, "venv", "--quiet", "--python", bench.python, environment), sync]


def _pip_resolve(bench: Bench, place: Place) -> Commands:
    project = place.project
    words = ["--quiet", "--generate-hashes", "--strip-extras", "--output-file", str(project / "requirements.txt")]
    return [[bench.program("pip", "pip-compile"), *words, str(project / "requirements.in")]]


def _pip_install(bench: Bench, place: Place) -> Commands:
    lock = str(place.project / "requirements.txt")
    if Path(place.python).exists():
        return [[bench.program("pip", "pip-sync"), "--quiet", "--python-executable", place.python, lock]]
    return [
        [bench.python, "-m", "venv", str(place.project / ".venv")],
        [place.python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock],
    ]


def _poetry(bench: Bench, place: Place, *words: str) -> list[str]:
    return [bench.program("poetry", "poetry"), "--directory", str(place.project), "--no-interaction", *words]


def _pdm(bench: Bench, place: Place, *words: str) -> list[str]:
    return [bench.program("pdm", "pdm"), words[0], "--project", str(place.project), *words[1:]]


def _pdm_resolve(bench: Bench, place: Place) -> Commands:
    # Only here: told so while installing, PDM would install into that interpreter.
    return [["/usr/bin/env", f"PDM_PYTHON={bench.python}", *_pdm(bench, place, "lock", "--quiet")]]


def _pdm_install(bench: Bench, place: Place) -> Commands:
    sync = _pdm(bench, place, "sync", "--quiet", "--clean")
    if Path(place.python).exists():
        return [sync]
    project = ["--project", str(place.project)]
    return [[bench.program("pdm", "pdm"), "venv", *project, "create", "--with", "venv", bench.python], sync]


TOOLS = {
    tool.name: tool
    for tool in (
        _like_uv("uv", "uv.lock", "all platforms and Pythons", ("uv",)),
        _like_uv("provenv", "pylock.toml", "this machine", (".",)),
        Tool(
            name="uv pip",
            packages=("uv",),
            lock_files=("pylock.toml",),
            scope="this machine",
            resolve=_uv_pip_resolve,
            install=_uv_pip_install,
            variables=lambda bench, place: dict(_UV_ALONE),
            has_offline=True,
        ),
        Tool(
            name="pip",
            packages=("pip", "pip-tools"),
            lock_files=("requirements.txt",),
            scope="this machine",
            resolve=_pip_resolve,
            install=_pip_install,
            variables=lambda bench, place: {
                "PIP_CACHE_DIR": str(place.cache / "pip"),
                "PIP_TOOLS_CACHE_DIR": str(place.cache / "pip-tools"),
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
        ),
        Tool(
            name="poetry",
            packages=("poetry",),
            lock_files=("poetry.lock",),
            scope="all platforms and Pythons",
            resolve=lambda bench, place: [_poetry(bench, place, "lock")],
            install=lambda bench, place: [_poetry(bench, place, "sync", "--no-root")],
            run=lambda bench, place: [_poetry(bench, place, "run", "python", "-c", "pass")],
            variables=lambda bench, place: {
                "POETRY_CACHE_DIR": str(place.cache),
                "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            },
        ),
        Tool(
            name="pdm",
            packages=("pdm[locked]",),
            lock_files=("pdm.lock",),
            scope="all platforms and Pythons",
            resolve=_pdm_resolve,
            install=_pdm_install,
            run=lambda bench, place: [_pdm(bench, place, "run", "python", "-c", "pass")],
            variables=lambda bench, place: {
                "PDM_CACHE_DIR": str(place.cache),
                "PDM_CHECK_UPDATE": "0",
                "PDM_VENV_IN_PROJECT": "1",
            },
        ),
    )
}
