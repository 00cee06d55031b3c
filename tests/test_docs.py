"""What the documentation must not forget: commands, flags, variables, keys, pages."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from provenv.cli.options import parser
from provenv.model.project import TOOL_KEYS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def commands_of(top: argparse.ArgumentParser, words: str = "") -> dict[str, argparse.ArgumentParser]:
    """Every command by its words, those of ``tool`` too."""
    found = {words: top} if words else {}
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found |= commands_of(command, f"{words} {name}".strip())
    return found


COMMANDS = commands_of(parser())


def reference(name: str) -> str:
    return (DOCS / "reference" / name).read_text("utf-8")


@pytest.mark.parametrize("words", [words for words in COMMANDS if words != "help"])
def test_every_command_and_flag_is_told(words: str) -> None:
    text = reference("commands.md")
    assert re.search(rf"`{words.rpartition(' ')[2]}\b", text)
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))
    told |= {f"--no-emit-{flag[13:]}" for flag in told if flag.startswith("--no-install-")}
    # One spelling of a flag will do.
    flags = [
        action for action in COMMANDS[words]._actions if action.option_strings and action.help != argparse.SUPPRESS
    ]
    assert [action.option_strings for action in flags if not told & set(action.option_strings)] == []


def test_every_variable_is_told() -> None:
    told = set(re.findall(r"[A-Z][A-Z_]*[A-Z]", reference("environment-variables.md")))
    used: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        used |= set(re.findall(r"\bPROVENV_[A-Z_]*[A-Z]\b", path.read_text("utf-8")))
    assert sorted(used - told) == []


def test_every_key_of_the_project_file_is_told() -> None:
    text = reference("project-file.md")
    assert [key for key in TOOL_KEYS if f"`{key}`" not in text and f"tool.provenv.{key}" not in text] == []


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("*.md")), *PAGES], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_front_page_leads_to_every_page() -> None:
    front = (ROOT / "README.md").read_text("utf-8")
    assert [str(path.relative_to(ROOT)) for path in PAGES if f"({path.relative_to(ROOT)})" not in front] == []
