"""The cheap ones of the reliability tests, on provenv and on other tools: ``peers_reliability.py [--page PAGE]``.

Every tool installs the same wheels from an index on the loopback interface; the judge of tests/rig looks at the files.
Needs ``uv`` on PATH (or ``--uv``) and pip for the running Python.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.rig.fixture import large_wheels  # noqa: E402
from tests.rig.judge import judge  # noqa: E402
from tests.worlds.house import BASE_PYTHON, install_launcher  # noqa: E402
from tests.worlds.index_server import IndexServer  # noqa: E402

_SEED = 20261121
_BEGIN, _END = "<!-- peers: begin -->\n", "<!-- peers: end -->\n"


class Tool:
    """One installer: the words that make the environment of a project what its lock says."""

    def __init__(self, name: str, version: str, words: list[str], variables: dict[str, str], cached: str) -> None:
        self.name = name
        self.version = version
        self.words = words
        self.variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables}
        self.cached = cached
        """Pattern, below the world, of the unpacked files that the tool keeps."""

    def start(self, project: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.words,
            cwd=project,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def sync(self, project: Path) -> int:
        if self.name == "pip" and not (project / ".venv").exists():
            subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", project / ".venv"], check=True)
        return self.start(project).wait()


class World:
    """Twelve packages of forty modules, a project or two for each tool."""

    def __init__(self, root: Path, server: IndexServer, uv: str) -> None:
        self.root = root
        self.names = large_wheels(server.directory, 12, 40)
        self.wheels = sorted(server.directory.glob("*-2.0-*.whl"))
        home = {"HOME": str(root / "home")}
        (root / "home").mkdir()
        launcher = install_launcher(root / "installation")
        ours = {**home, "PROVENV_CACHE_DIR": str(root / "caches/provenv"), "PROVENV_DEFAULT_INDEX": server.url}
        ours |= {"PROVENV_PYTHON": BASE_PYTHON}
        uvs = {
            **home,
            "UV_CACHE_DIR": str(root / "caches/uv"),
            "UV_DEFAULT_INDEX": server.url,
            "UV_PYTHON": BASE_PYTHON,
        }
        uvs |= {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
        pip = [sys.executable, "-m", "pip", "--python", ".venv/bin/python", "install", "--quiet", "--no-deps"]
        pips = {**home, "PIP_INDEX_URL": server.url, "PIP_CONFIG_FILE": os.devnull}
        self.tools = [
            Tool("provenv", "", [str(launcher), "sync", "--locked"], ours, "caches/provenv/store/v1/trees/*/*/files"),
            Tool("uv", _version([uv, "--version"]), [uv, "sync", "--locked"], uvs, "caches/uv/archive-v0/*"),
            Tool("pip", _version([sys.executable, "-m", "pip", "--version"]), [*pip, *self.names], pips, ""),
        ]
        for tool in self.tools:
            for project in (self.project(tool, "a"), self.project(tool, "b")):
                project.mkdir(parents=True)
                listed = ", ".join(f'"{name}"' for name in self.names)
                (project / "pyproject.toml").write_text(
                    '[project]\nname = "demo"\nversion = "0.1"\n'
                    f'requires-python = ">=3.11"\ndependencies = [{listed}]\n'
                )
                lock = {"provenv": [str(launcher), "lock"], "uv": [uv, "lock"]}.get(tool.name)
                if lock is not None:
                    subprocess.run(lock, cwd=project, env=tool.variables, check=True, capture_output=True)

    def project(self, tool: Tool, name: str) -> Path:
        return self.root / "projects" / tool.name / name

    def fresh(self, tool: Tool, name: str = "a") -> Path:
        """A project with a whole environment."""
        project = self.project(tool, name)
        shutil.rmtree(project / ".venv", ignore_errors=True)
        assert tool.sync(project) == 0
        return project

    def is_good(self, project: Path) -> bool:
        return not judge(project / ".venv", self.wheels, has_imports=False)


def random_kills(world: World, tool: Tool, count: int) -> str:
    """Kill a warm install at a random time, install again: how many environments are then not what they should be."""
    project = world.fresh(tool)
    shutil.rmtree(project / ".venv")
    if tool.name == "pip":
        subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    begin = time.monotonic()
    tool.start(project).wait()
    duration = time.monotonic() - begin
    chance = random.Random(_SEED)
    broken = killed = 0
    for _ in range(count):
        shutil.rmtree(project / ".venv")
        if tool.name == "pip":
            subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", project / ".venv"], check=True)
        process = tool.start(project)
        time.sleep(chance.uniform(0, duration))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        broken += tool.sync(project) == 0 and not world.is_good(project)
    return f"{broken} of {killed} broken, exit 0"


def deleted_files(world: World, tool: Tool, _: int) -> str:
    project = world.fresh(tool)
    site = next(project.glob(".venv/lib/*/site-packages"))
    for name in world.names[:2]:
        shutil.rmtree(site / name)
    code = tool.sync(project)
    return "healed" if world.is_good(project) else f"still missing, exit {code}"


def poisoned_link(world: World, tool: Tool, _: int) -> str:
    """Edit a file in one environment in place, then make another environment."""
    project = world.fresh(tool)
    victim = next(project.glob(f".venv/lib/*/site-packages/{world.names[0]}/__init__.py"))
    victim.chmod(0o644)
    with open(victim, "a") as file:
        file.write("# edited\n")
    other = world.fresh(tool, "b")
    return "clean" if world.is_good(other) else "the other environment has the edit, exit 0"


def flipped_bit(world: World, tool: Tool, _: int) -> str:
    """One bit of an unpacked file in the cache, with its time put back; a new environment, and then what finds it."""
    if not tool.cached:
        return "keeps no unpacked files"
    for tree in world.root.glob(tool.cached):
        for path in tree.glob(f"**/{world.names[1]}/__init__.py"):
            status = path.stat()
            data = bytearray(path.read_bytes())
            data[0] ^= 1
            path.chmod(0o644)
            path.write_bytes(data)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            path.chmod(status.st_mode & 0o7777)
    if tool.name == "provenv":
        subprocess.run(
            [tool.words[0], "store", "verify", "--repair"], env=tool.variables, check=False, capture_output=True
        )
        return "found and repaired by `store verify --repair`" if world.is_good(world.fresh(tool)) else "installed"
    return "found" if world.is_good(world.fresh(tool)) else "installed, exit 0; there is no command that finds it"


def _version(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=80)
    parser.add_argument("--uv", default="uv")
    parser.add_argument("--page", type=Path)
    words = parser.parse_args()
    trials: list[tuple[str, Callable[[World, Tool, int], str]]] = [
        (f"`kill -9` at {words.kills} random times of a warm install, then the same command", random_kills),
        ("the files of two packages are deleted, then the same command", deleted_files),
        ("a file is edited in place in one environment, then another one is made", poisoned_link),
        ("one bit of an unpacked file in the cache is flipped, then an environment is made", flipped_bit),
    ]
    with tempfile.TemporaryDirectory(prefix="peers-") as directory:
        (Path(directory) / "index").mkdir()
        with IndexServer(Path(directory) / "index") as server:
            world = World(Path(directory), server, words.uv)
            heads = [f"{tool.name} {tool.version}".strip() for tool in world.tools]
            lines = [f"| | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
            for told, trial in trials:
                count = words.kills
                found = [trial(world, tool, count // 4 if tool.name == "pip" else count) for tool in world.tools]
                lines.append(f"| {told} | {' | '.join(found)} |")
                print(lines[-1], flush=True)
    table = (
        f"\nRun on {datetime.date.today().isoformat()} (pip: a quarter of the kills).\n\n" + "\n".join(lines) + "\n\n"
    )
    if words.page is not None:
        text = words.page.read_text("utf-8")
        before, _, rest = text.partition(_BEGIN)
        words.page.write_text(before + _BEGIN + table + _END + rest.partition(_END)[2], "utf-8")


if __name__ == "__main__":
    main()
