"""The metadata block of a script, by the words of PEP 723."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.errors import InputError
from provenv.model.script import find_block, with_block

#: The reference implementation's pattern.
_PATTERN = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$"

_EXAMPLE = b"""\
#!/usr/bin/env python
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "rich",
# ]
#
# [tool.provenv]
# find-links = ["wheels"]
# ///
import rich
"""


def test_the_block_is_a_project_with_the_same_line_numbers() -> None:
    block = find_block(_EXAMPLE, "a.py")
    assert block is not None
    document = tomllib.loads(block.as_project().decode())
    assert document["project"] == {"requires-python": ">=3.11", "dependencies": ["rich"]}
    assert document["tool"]["provenv"] == {"find-links": ["wheels"]}
    ours, theirs = block.as_project().splitlines(), _EXAMPLE.splitlines()
    assert [number for number, line in enumerate(ours) if b"rich" in line] == [theirs.index(b'#   "rich",')]


def test_a_script_without_a_block() -> None:
    assert find_block(b"print(1)\n", "a.py") is None
    assert find_block(b"# /// other\n# x = 1\n# ///\n", "a.py") is None
    assert find_block(b"#/// script\n# ///\n", "a.py") is None


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "head", ["", "\ufeff", "\ufeff#!/bin/python\n", "#!/bin/python\n", "# a comment\n", '"""doc"""\n']
)
def test_a_new_block_stands_at_the_top_and_can_be_replaced(head: str, newline: str) -> None:
    data = (head + "print(1)\n").replace("\n", newline).encode()
    made = with_block(data, b'dependencies = ["a"]\n', None)
    block = find_block(made, "a.py")
    assert block is not None
    assert block.content == b'dependencies = ["a"]\n'
    again = with_block(made, b'dependencies = ["b"]\n\n[tool.x]\ny = 1\n', block)
    assert (
        again.replace(b'["b"]', b'["a"]').replace(newline.join(["#", "# [tool.x]", "# y = 1", ""]).encode(), b"")
        == made
    )
    assert len(again.splitlines()) == len(made.splitlines()) + 3
    assert made.endswith(f"print(1){newline}".encode())
    assert (b"#!" in made) == ("#!" in head)
    assert "#!" not in head or made.removeprefix("\ufeff".encode()).startswith(b"#!/bin/python")


def test_two_blocks_are_an_error() -> None:
    with pytest.raises(InputError, match=r"a.py: line 4: a second block .* line 1"):
        find_block(b"# /// script\n# ///\n\n# /// script\n# ///\n", "a.py")
    with pytest.raises(InputError, match=r"a.py: line 3: a block `script` begins inside"):
        find_block(b"# /// script\n# ///\n# /// script\n# ///\n", "a.py")


def test_a_block_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(InputError, match=r"a.py: line 2: .* never closed"):
        find_block(b"\n# /// script\n# dependencies = []\n\n# ///\n", "a.py")


def test_a_block_inside_another_one_is_none() -> None:
    assert find_block(b"# /// other\n# /// script\n# ///\n", "a.py") is None


_LINES = st.lists(
    st.sampled_from(
        ["# /// script", "# /// other", "# ///", "#", "# a = 1", "#b", "c = 1", "", "# /// no type", "# ///  "]
    ),
    max_size=12,
)


@given(_LINES)
def test_what_is_found_is_what_the_reference_finds(lines: list[str]) -> None:
    """Where the reference implementation finds exactly one block of type script, so do we, with the same content;
    we may only be stricter, with an error."""
    text = "".join(line + "\n" for line in lines)
    theirs = [match for match in re.finditer(_PATTERN, text) if match["type"] == "script"]
    try:
        ours = find_block(text.encode(), "a.py")
    except InputError:
        return
    if not theirs:
        assert ours is None or ours.content == b""
        return
    assert len(theirs) == 1
    assert ours is not None
    content = "".join(
        line[2:] if line.startswith("# ") else line[1:] for line in theirs[0]["content"].splitlines(keepends=True)
    )
    assert ours.content.decode() == content
