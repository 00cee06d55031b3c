from __future__ import annotations

import json

import pytest

from provenv.errors import InputError, NoSolution
from provenv.show import json as show_json


def test_changes() -> None:
    told = show_json.changes([("b", "1"), ("a", "2")], [("c", "3")], [("d", "4", "5")], dry_run=True)
    assert json.loads(told) == {
        "dry_run": True,
        "installed": [{"name": "a", "version": "2"}, {"name": "b", "version": "1"}],
        "removed": [{"name": "c", "version": "3"}],
        "updated": [{"name": "d", "from": "4", "to": "5"}],
    }


def test_an_error_says_its_kind() -> None:
    assert json.loads(show_json.error(NoSolution("no", hint="try"))) == {
        "error": {"kind": "NoSolution", "message": "no", "hint": "try"}
    }


def test_an_error_in_a_file_says_where() -> None:
    told = json.loads(show_json.error(InputError("pyproject.toml: project.name", "empty")))
    assert told["error"]["where"] == "pyproject.toml: project.name"


def test_foreign_text_is_escaped() -> None:
    assert show_json.document("\x1b\x9b\u202e") == '"\\u001b\\u009b\\u202e"'


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        show_json.document(float("nan"))
