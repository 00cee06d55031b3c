"""Projects of others, as their authors released them, with the ``uv.lock`` that lies in their source archive."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.worlds.house import BASE_PYTHON, House

pytestmark = pytest.mark.network


def _unpacked(house: House, requirement: str) -> Path:
    """The tree of a release, read from its source archive; nothing in it is touched."""
    words = ("-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", house.root, requirement)
    subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
    [archive] = house.root.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(house.root / "tree", filter="data")
    [project] = (house.root / "tree").iterdir()
    return project


@pytest.mark.parametrize(
    ("requirement", "code"),
    [
        pytest.param(
            "markupsafe==3.0.3",
            "from markupsafe._speedups import _escape_inner",
            marks=pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
        ),
        ("flask==3.1.2", "import flask; flask.Flask('one').test_client().get('/')"),
    ],
)
def test_a_project_made_for_uv_works_unchanged(outside: House, requirement: str, code: str) -> None:
    project = _unpacked(outside, requirement)
    files = [path for path in project.rglob("*") if path.is_file() and not path.parent.name.endswith(".egg-info")]
    before = {path.relative_to(project): path.read_bytes() for path in files}
    assert Path("uv.lock") in before
    words = ("--project", str(project), "--python", str(BASE_PYTHON))
    outside.do("lock", *words)
    outside.do("lock", "--check", *words)
    outside.do("sync", *words)
    assert "nothing to do" in outside.do("sync", *words).err
    program = project / ".venv/bin/python"
    subprocess.run([program, "-c", code], cwd=project, check=True, capture_output=True)
    where = subprocess.run(
        [program, "-c", f"import {project.name.partition('-')[0]} as one; print(one.__file__)"],
        cwd=outside.root, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(project), "the project is there as it lies"
    assert {path: (project / path).read_bytes() for path in before} == before
