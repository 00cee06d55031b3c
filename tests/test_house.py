"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from distlib.index import DEFAULT_INDEX

import provenv

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/provenv"
MODULES = sorted(SOURCE.rglob("*.py"))
LAUNCHER = SOURCE / "cli/launcher.sh"


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is_and_what_is_public(path: Path) -> None:
    module = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(module), "a docstring is missing"
    if len(module.body) == 1:
        return  # a room's front door without anything behind it
    names = {
        target.id
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    assert "__all__" in names, "__all__ is missing"


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name != "cli"], ids=name_of)
def test_only_the_face_reads_the_environment(path: Path) -> None:
    readers = {("os", "environ"), ("os", "getenv"), ("os", "getcwd"), ("sys", "argv")}
    seen = {
        (node.value.id, node.attr)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    if path.name != "__main__.py":
        assert not seen & readers


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda path: path.name)
def test_nothing_is_left_to_do(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", text)
    assert not re.search(r"type: ig" + r"nore(?!\[)", text)


def test_no_file_names_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    index = urlsplit(DEFAULT_INDEX).hostname
    assert index
    foreign = [index.encode(), b"pythonho" + b"sted", b"/ro" + b"ot/", b"/ho" + b"me/"]
    guilty = [
        name
        for name in listed.stdout.decode().split("\0")
        if name and (ROOT / name).is_file() and any(word in (ROOT / name).read_bytes() for word in foreign)
    ]
    assert guilty == []


def test_the_development_lock_has_hashes_and_names_no_index() -> None:
    text = (ROOT / "requirements/dev.txt").read_text("utf-8")
    pins = re.findall(r"^[a-z0-9.-]+==\S+.*(?:\n    .*)*", text, re.MULTILINE)
    assert len(pins) > 20
    assert all("--hash=sha256:" in pin for pin in pins)
    assert "://" not in text


def test_the_development_lock_holds_what_the_project_needs() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements/dev.txt").read_text("utf-8"), re.MULTILINE))
    assert {re.split(r"[<>=]", line)[0] for line in wanted} <= pinned


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The launcher as an installer leaves it: beside a Python, with the package under lib."""
    place = tmp_path / "with a space"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    face = place / "lib" / version / "site-packages/provenv/cli"
    face.mkdir(parents=True)
    (face.parent / "__init__.py").touch()
    (face / "__init__.py").touch()
    (face / "quick.py").write_text(
        "import sys\n"
        "def main(argv):\n"
        "    print(argv, sys.flags.isolated, sys.flags.no_site, 'site' in sys.modules)\n"
        "    return 7\n"
        "leave = sys.exit\n"
    )
    bin_directory = place / "bin"
    bin_directory.mkdir()
    (place / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n")
    (bin_directory / "python3").symlink_to(Path(getattr(sys, "_base_executable", sys.executable)))
    launcher = bin_directory / "provenv"
    launcher.write_bytes(LAUNCHER.read_bytes())
    launcher.chmod(0o755)
    return launcher


@pytest.mark.skipif(os.name != "posix", reason="the launcher is a shell script")
class TestLauncher:
    def test_it_starts_python_without_site_and_hands_over_words_and_exit_code(self, installed: Path) -> None:
        self.check([str(installed)], installed.parent)

    def test_a_chain_of_symbolic_links_leads_to_it(self, installed: Path, tmp_path: Path) -> None:
        (tmp_path / "absolute").symlink_to(installed)
        (tmp_path / "relative").symlink_to("absolute")
        self.check([str(tmp_path / "relative")], tmp_path)
        self.check(["./relative"], tmp_path)

    def test_a_shell_may_read_it(self, installed: Path) -> None:
        self.check(["sh", "provenv"], installed.parent)

    def check(self, command: list[str], directory: Path) -> None:
        done = subprocess.run(
            [*command, "run", "a b", "$c"], cwd=directory, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr, done.returncode) == ("['run', 'a b', '$c'] 1 1 False\n", "", 7)

    def test_it_can_be_executed(self) -> None:
        assert LAUNCHER.stat().st_mode & stat.S_IXUSR


def test_the_version_is_told_without_importing_anything() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", provenv.__version__)
    assert "import" not in (SOURCE / "__init__.py").read_text("utf-8")
