"""Files that set variables."""

from __future__ import annotations

import pytest

from provenv.errors import InputError
from provenv.model.env_file import parse_env_file


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n# nothing\n  # here\n", {}),
        ("A=1\nB = two words  \n", {"A": "1", "B": "two words"}),
        ("export A=1", {"A": "1"}),
        ("A=\nB=''\nC=\"\"\n", {"A": "", "B": "", "C": ""}),
        ("A=1 # why\nB=a#b\nC='x' # y\n", {"A": "1", "B": "a#b", "C": "x"}),
        ("A='$HOME \\n'\n", {"A": "$HOME \\n"}),
        ('A="one\\ntwo\\"\\$HOME"\n', {"A": 'one\ntwo"$HOME'}),
        ("A='one\ntwo'\nB=3\n", {"A": "one\ntwo", "B": "3"}),
        ("A=$HOME/x\nB=${A}/y\nC=${NONE:-else}$NONE\n", {"A": "/house/x", "B": "/house/x/y", "C": "else"}),
        ("A=it's\n", {"A": "it's"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\n", {"A": "1"}),
    ],
)
def test_what_a_file_sets(text: str, values: dict[str, str]) -> None:
    assert parse_env_file(text.encode(), ".env", {"HOME": "/house"}) == values


@pytest.mark.parametrize(
    ("text", "line"), [("A", 1), ("A=1\n=2\n", 2), ("A=1\n\nB='x\n", 3), ("1A=2", 1), ('A="x" y', 1)]
)
def test_what_it_cannot_be(text: str, line: int) -> None:
    with pytest.raises(InputError, match=rf"\.env: line {line}: "):
        parse_env_file(text.encode(), ".env", {})


def test_a_file_that_is_no_text() -> None:
    with pytest.raises(InputError, match="line 2: is not UTF-8"):
        parse_env_file(b"A=1\nB=\xff\n", ".env", {})
