"""The floors hold, and the machine that checks them sees when they do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PURE = {
    "advisory",
    "archives",
    "binary",
    "compare",
    "convert",
    "culprit",
    "doctor",
    "explain",
    "lockfile",
    "markers",
    "model",
    "oci",
    "proof",
    "solve",
    "stack",
    "wheel",
}


def lint(source: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--config", str(ROOT / ".importlinter"), "--no-cache", "--no-logo"],
        env={**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1"},
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    copy = tmp_path / "src"
    shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_the_floors_hold() -> None:
    done = lint(ROOT / "src")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("net/planted.py", "import provenv.index", "Imports point down only"),
        ("store/planted.py", "def late() -> None:\n    import provenv.net", "Imports point down only"),
        ("solve/planted.py", "from provenv.errors import ProvenvError", "The solver knows nothing"),
        ("solve/planted.py", "import packaging.version", "The solver knows nothing"),
        ("wheel/planted.py", "import subprocess", "Pure rooms never reach the world"),
        ("utils/__init__.py", "", "Imports point down only"),
    ],
    ids=["upwards", "sideways-in-a-function", "solver-upwards", "solver-packaging", "impure", "room-without-floor"],
)
def test_a_planted_violation_is_seen(source: Path, file: str, line: str, contract: str) -> None:
    planted = source / "provenv" / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"{line}\n")
    done = lint(source)
    assert done.returncode == 1, done.stdout + done.stderr
    assert any(row.startswith(contract) and row.endswith("BROKEN") for row in done.stdout.splitlines()), done.stdout


def test_a_planted_cycle_is_seen(source: Path) -> None:
    (source / "provenv/show/one.py").write_text("import provenv.show.two\n")
    (source / "provenv/show/two.py").write_text("def late() -> None:\n    import provenv.show.one\n")
    done = lint(source)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "No cycles are allowed in provenv.show" in done.stdout


def test_every_pure_room_that_exists_is_named_in_the_contract() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    named = contracts["importlinter:contract:pure"]["source_modules"].split()
    rooms = {path.name for path in (ROOT / "src/provenv").iterdir() if (path / "__init__.py").exists()}
    assert named == [f"provenv.{room}" for room in sorted(rooms & PURE)]
