"""Places of a TOML file and their lines."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.explain.lines import lines_of, script_block

PROJECT = '''# a project
[project]
name = "demo"  # not [a table]
dependencies = [
    "numpy<2", # why
    'pandas[excel] ; python_version < "3"',

    "quoted \\" ] end", "same line",
]
[project.optional-dependencies]
"with dots.inside" = ["one"]
test = ["pytest"
  , "hypothesis"]
[dependency-groups]
dev = [{include-group = "lint"}, "mypy"]
[tool.uv]
constraint-dependencies = ["grpcio<1"]
text = """
[not.a.table]
""\\" " """""
[[tool.uv.index]]
url = "a"
[[tool.uv.index]]
url = "b"
[tool.provenv.targets.train]
python = "3.12"
a.b = 1979-05-27T07:32:00Z
'''


@pytest.mark.parametrize(
    ("place", "start"),
    [
        ("project.name", "name"),
        ("project.dependencies", "dependencies"),
        ("project.dependencies[0]", '    "numpy<2"'),
        ("project.dependencies[1]", "    'pandas"),
        ("project.dependencies[2]", '    "quoted'),
        ("project.dependencies[3]", '    "quoted'),
        ("project.optional-dependencies.with dots.inside[0]", '"with dots'),
        ("project.optional-dependencies.test[1]", "  , "),
        ("dependency-groups.dev[1]", "dev ="),
        ("tool.uv.constraint-dependencies[0]", "constraint-"),
        ("tool.uv.index[1].url", 'url = "b"'),
        ("tool.provenv.targets.train.python", "python"),
        ("tool.provenv.targets.train.a.b", "a.b"),
    ],
)
def test_a_place_has_a_line(place: str, start: str) -> None:
    tomllib.loads(PROJECT)
    assert PROJECT.splitlines()[lines_of(PROJECT)[place] - 1].startswith(start)


def test_the_block_of_a_script_keeps_its_lines() -> None:
    script = '#!/usr/bin/env python\n# /// script\n# dependencies = [\n#   "rich",\n# ]\n# ///\nprint(1)\n'
    assert lines_of(script_block(script))["dependencies[0]"] == 4


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), max_size=5))
def test_any_strings_are_found(items: list[str]) -> None:
    quoted = ['"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items]
    text = "x = [\n" + "".join(f"{item},\n" for item in quoted) + "]\nlast = 1\n"
    document: dict[str, Any] = tomllib.loads(text)
    assert document["x"] == items
    found = lines_of(text)
    assert [found[f"x[{number}]"] for number in range(len(items))] == list(range(2, 2 + len(items)))
    assert found["last"] == len(items) + 3
