from __future__ import annotations

import json

import pytest

from provenv.show import json as show_json
from provenv.show.tree import Branch, Node, Package, grow, tree

PACKAGES = {
    "app": Package(name="app", version="0.1.0", needs=(Branch(key="torch"), Branch(key="web", extras=("socks",)))),
    "torch": Package(name="torch", version="2.15.0", needs=(Branch(key="jinja2"), Branch(key="sympy"))),
    "jinja2": Package(name="jinja2", version="3.1", needs=(Branch(key="markupsafe"),)),
    "markupsafe": Package(name="markupsafe", version="3.0"),
    "sympy": Package(name="sympy", version="1.14", needs=(Branch(key="markupsafe"),)),
    "web": Package(name="web", version="1", needs=(Branch(key="jinja2"),)),
    "ping": Package(name="ping", version="1", needs=(Branch(key="pong"),)),
    "pong": Package(name="pong", needs=(Branch(key="ping"),)),
}


def test_a_tree_says_each_package_once_and_marks_the_repeated() -> None:
    assert tree(grow(PACKAGES, [Branch(key="app"), Branch(key="torch", label="group: dev")])) == (
        "app v0.1.0\n"
        "├── torch v2.15.0\n"
        "│   ├── jinja2 v3.1\n"
        "│   │   └── markupsafe v3.0\n"
        "│   └── sympy v1.14\n"
        "│       └── markupsafe v3.0\n"
        "└── web[socks] v1\n"
        "    └── jinja2 v3.1 (*)\n"
        "torch v2.15.0 (group: dev) (*)\n"
        "(*) already shown above"
    )


def test_a_loop_ends() -> None:
    assert tree(grow(PACKAGES, [Branch(key="ping")])) == (
        "ping v1\n└── pong\n    └── ping v1 (*)\n(*) already shown above"
    )


def test_depth_cuts() -> None:
    assert tree(grow(PACKAGES, [Branch(key="app")], depth=1)) == "app v0.1.0\n├── torch v2.15.0\n└── web[socks] v1"


def test_an_unknown_branch_is_an_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        grow(PACKAGES, [Branch(key="nobody")])


def test_nothing_is_no_text() -> None:
    assert tree([]) == ""


def test_names_cannot_command_the_terminal() -> None:
    assert tree([Node(name="a\x1b[2J\nb")]) == "a[2Jb"


def test_json_says_the_same() -> None:
    told = json.loads(show_json.tree(grow(PACKAGES, [Branch(key="app", label="extra: x")])))
    assert told[0]["label"] == "extra: x"
    web = told[0]["dependencies"][1]
    assert web == {
        "name": "web",
        "version": "1",
        "extras": ["socks"],
        "dependencies": [{"name": "jinja2", "version": "3.1", "repeated": True, "dependencies": []}],
    }
