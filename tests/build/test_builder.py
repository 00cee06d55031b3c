"""Build backends are run, and what they say is kept and understood."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provenv.build.builder import Builder, Options
from provenv.errors import BuildError
from provenv.events import Events
from provenv.pythons.inspect import inspect
from tests.worlds.house import BASE_PYTHON
from tests.worlds.sdists import project_files, write_tree


class Bench:
    """A builder whose workroom gives one plain environment, and notes what it was asked for."""

    def __init__(self, root: Path, environment: Path) -> None:
        self.root = root
        self.environment = environment
        self.asked: list[tuple[list[str], tuple[str, ...]]] = []
        self.logs = root / "logs"
        self.builder = Builder(self.room, interpreter=inspect(BASE_PYTHON), logs=str(self.logs), events=Events())
        self.options = Options(variables={"PATH": os.environ["PATH"], "PYTHONHOME": "/nowhere"})

    @contextmanager
    def room(self, requirements: Sequence[str], stack: tuple[str, ...]) -> Iterator[str]:
        self.asked.append((list(requirements), stack))
        yield str(self.environment)

    def tree(self, **choices: Any) -> str:
        return str(write_tree(self.root / "tree", project_files("a", **choices)))

    def failure(self, tree: str, *, is_editable: bool = False) -> BuildError:
        with pytest.raises(BuildError) as got:
            self.builder.wheel(tree, str(self.root), "a 1.0", self.options, ("outer 2",), is_editable=is_editable)
        return got.value


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("environment") / "plain"
    subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", str(place)], check=True)
    return place


@pytest.fixture
def bench(tmp_path: Path, environment: Path) -> Bench:
    return Bench(tmp_path, environment)


def test_metadata_and_wheel_come_from_the_hooks(bench: Bench, tmp_path: Path) -> None:
    tree = bench.tree(requires=["b"], build_requires=["x"], small={"requires": ["y"]})
    assert b"Requires-Dist: b" in bench.builder.metadata(tree, "a 1.0", bench.options)
    assert bench.asked == [(["x"], ("a 1.0",)), (["x", "y"], ("a 1.0",))]
    made = bench.builder.wheel(tree, str(tmp_path), "a 1.0", bench.options)
    assert Path(made).name == "a-1.0-py3-none-any.whl"


def test_two_builds_of_one_source_give_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    tree = bench.tree()
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        found.append(Path(bench.builder.wheel(tree, str(tmp_path / name), "a 1.0", bench.options)).read_bytes())
    assert found[0] == found[1]


def test_a_failure_tells_the_last_error_the_chain_and_the_log(bench: Bench) -> None:
    failure = bench.failure(bench.tree(small={"says": [f"line {n}" for n in range(50)], "imports": ["not_there"]}))
    lines = failure.message.splitlines()
    assert lines[0] == "a 1.0 cannot be built: building its wheel failed with exit code 1"
    assert lines[1] == "    ModuleNotFoundError: No module named 'not_there'"
    assert lines[2] == "  needed to build outer 2"
    assert lines[3].startswith("  whole output: ")
    assert "line 49" in Path(failure.log or "").read_text()


def test_a_backend_that_cannot_be_imported_is_told(bench: Bench) -> None:
    tree = bench.tree(backend="nowhere.backend")
    failure = bench.failure(tree)
    assert "its build backend `nowhere.backend` cannot be imported" in failure.message
    assert "No module named 'nowhere'" in failure.message


def test_a_backend_without_editable_wheels_is_told(bench: Bench) -> None:
    failure = bench.failure(bench.tree(has_editable=False), is_editable=True)
    assert "cannot make an editable installation" in failure.message
    assert "editable = false" in str(failure.hint)


def test_what_is_no_project_is_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "neither pyproject.toml nor setup.py" in bench.failure(str(tmp_path / "empty")).message
    (tmp_path / "empty/pyproject.toml").write_text("[build-system]\nrequires = 3\n")
    assert "without a list `requires`" in bench.failure(str(tmp_path / "empty")).message
    (tmp_path / "empty/pyproject.toml").write_text("[")
    assert "its pyproject.toml cannot be read" in bench.failure(str(tmp_path / "empty")).message


def test_without_a_build_system_it_is_setuptools(bench: Bench, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "old", {"setup.py": "from setuptools import setup; setup()"})
    failure = bench.failure(str(tree))
    assert bench.asked == [(["setuptools>=40.8.0"], ("outer 2", "a 1.0"))]
    assert "setuptools.build_meta:__legacy__" in failure.message


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_an_interrupt_ends_everything_that_a_build_started(bench: Bench, tmp_path: Path) -> None:
    tree = bench.tree(small={"imports": ["sleeper"]}, files={"sleeper.py": (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('children', 'w').write(f'{os.getpid()} {child.pid}\\n')\n"
        "time.sleep(60)\n"
    )})  # fmt: skip
    script = tmp_path / "interrupted.py"
    script.write_text(
        "import sys, contextlib\n"
        "from provenv.build.builder import Builder, Options\n"
        "from provenv.events import Events\n"
        "@contextlib.contextmanager\n"
        f"def room(requirements, stack):\n    yield {str(bench.environment)!r}\n"
        f"builder = Builder(room, interpreter=None, logs={str(tmp_path)!r}, events=Events())\n"
        f"builder.wheel({tree!r}, {str(tmp_path)!r}, 'a 1.0', Options())\n"
    )
    source = str(Path(__file__).parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": source}, stderr=subprocess.PIPE
    )
    noted = Path(tree, "children")
    deadline = time.monotonic() + 20
    while not (noted.exists() and noted.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in said
    for number in map(int, noted.read_text().split()):
        while _is_alive(number):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _is_alive(number: int) -> bool:
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
