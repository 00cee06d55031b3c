"""The metadata block of a single-file script (PEP 723): found, read as a project, and replaced. Warm.

# /// script
# requires-python = ">=3.11"
# dependencies = ["rich"]
# ///
"""

from __future__ import annotations

from provenv.errors import InputError

__all__ = ["KEYS", "Block", "find_block", "with_block"]

KEYS = ("dependencies", "requires-python", "tool")
"""What a block may hold at its top."""

_CLOSING = b"# ///"
_OPENING = b"# /// "
_BOM = b"\xef\xbb\xbf"


class Block:
    """One block of type ``script``."""

    __slots__ = ("content", "end", "line", "start")

    def __init__(self, content: bytes, *, line: int, start: int, end: int) -> None:
        self.content = content
        """The TOML document, each line ended by a newline."""
        self.line = line
        """Number of the opening line in the file, from 1."""
        self.start = start
        self.end = end
        """The block with its opening and closing line is ``data[start:end]``."""

    def as_project(self) -> bytes:
        """The same wishes as a ``pyproject.toml``; every line has the number that it has in the script."""
        return b"\n" * (self.line - 1) + b"[project]\n" + self.content


def find_block(data: bytes, where: str) -> Block | None:
    """The block of a script with these bytes, or None.

    "When there are multiple comment blocks of the same TYPE defined, tools MUST produce an error." So does a block that
    is never closed. Raises InputError; ``where`` names the script.
    """
    if _OPENING not in data:
        return None
    lines = data.splitlines(keepends=True)
    found: Block | None = None
    number, offset = 0, 0
    while number < len(lines):
        kind = _kind(lines[number].removeprefix(_BOM) if number == 0 else lines[number])
        last = _closing(lines, number + 1) if kind else None
        if kind == "script":
            if last is None:
                raise _unclosed(f"{where}: line {number + 1}")
            block = _block(lines, number, last, offset)
            if found is not None:
                raise InputError(
                    f"{where}: line {number + 1}",
                    f"a second block `# /// script`; the first one begins in line {found.line}",
                    hint="a script has one: put all of it there",
                )
            found = block
            _check_single(lines, number, last, where)
        after = number + 1 if last is None else last + 1
        offset += sum(map(len, lines[number:after]))
        number = after
    return found


def with_block(data: bytes, content: bytes, block: Block | None) -> bytes:
    """The script with ``content`` as its block: in the place of ``block``, or at its top, below a ``#!`` line."""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    lines = [b"# " + line if line.strip() else b"#" for line in content.rstrip().splitlines()]
    text = newline.join([_OPENING + b"script", *lines, _CLOSING]) + newline
    if block is not None:
        return data[: block.start] + text + data[block.end :]
    head = _BOM if data.startswith(_BOM) else b""
    body = data.removeprefix(_BOM)
    if body.startswith(b"#!"):
        first, _, body = body.partition(b"\n")
        head += first.rstrip(b"\r") + newline
    # A comment right below would become part of the block: an empty line keeps them apart.
    gap = newline if body.startswith(b"#") else b""
    return head + text + gap + body


def _kind(line: bytes) -> str | None:
    """The type of the block that this line opens."""
    if not line.startswith(_OPENING):
        return None
    name = line.rstrip(b"\r\n")[len(_OPENING) :]
    return name.decode() if name.replace(b"-", b"").isalnum() and name.isascii() else None


def _closing(lines: list[bytes], first: int) -> int | None:
    """The last ``# ///`` in the run of comment lines from ``first`` on.

    "Precedence for an ending line # /// is given when the next line is not a valid embedded content line."
    """
    last = None
    for number in range(first, len(lines)):
        line = lines[number].rstrip(b"\r\n")
        if line != b"#" and not line.startswith(b"# "):
            break
        if line == _CLOSING:
            last = number
    return last


def _block(lines: list[bytes], first: int, last: int, offset: int) -> Block:
    content = [line.rstrip(b"\r\n")[2:] for line in lines[first + 1 : last]]
    start = offset + (len(_BOM) if first == 0 and lines[0].startswith(_BOM) else 0)
    end = offset + sum(map(len, lines[first : last + 1]))
    return Block(b"".join(line + b"\n" for line in content), line=first + 1, start=start, end=end)


def _check_single(lines: list[bytes], first: int, last: int, where: str) -> None:
    for number in range(first + 1, last):
        if (kind := _kind(lines[number])) is not None:
            raise InputError(
                f"{where}: line {number + 1}",
                f"a block `{kind}` begins inside the block `script` of line {first + 1}",
                hint="a script has one block of a type; leave an empty line between blocks",
            )


def _unclosed(where: str) -> InputError:
    return InputError(
        where,
        "the block `# /// script` is never closed by a line `# ///`",
        hint="every line between the two begins with `#` and a space, or is `#` alone",
    )
