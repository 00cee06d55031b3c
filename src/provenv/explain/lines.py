"""Where in a TOML file something is written: ``project.dependencies[2]`` is line 12.

``tomllib`` reads values without their places, so this walks over the text once more. The text was read before: it is
valid TOML.
"""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["lines_of", "script_block"]

_SPACE = " \t\r\n"
_BARE_END = ",]}#\n"


def lines_of(text: str) -> dict[str, int]:
    """The line, from 1, of every value by its place: ``project.dependencies``, ``project.dependencies[2]``.

    Keys are joined by dots as they are written, without quotes; the n-th table of ``[[key]]`` is ``key[n]``.
    """
    return _Walk(text).document()


def script_block(text: str) -> str:
    """The metadata of a script (PEP 723) on the lines where the script has it; all other lines are empty."""
    lines, inside = [], False
    for line in text.splitlines():
        if not inside:
            inside = line.rstrip() == "# /// script"
            lines.append("")
        elif not line.startswith("#") or line.rstrip() == "# ///":
            break
        else:
            lines.append(line[2:])
    return "\n".join(lines) + "\n"


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text + "\n"
        self._ends = [at for at, character in enumerate(self._text) if character == "\n"]
        self._at = 0
        self._found: dict[str, int] = {}
        self._tables: dict[str, int] = {}

    def document(self) -> dict[str, int]:
        prefix = ""
        while self._skip(_SPACE):
            if self._here("["):
                prefix = self._header() + "."
            else:
                self._pair(prefix)
        return self._found

    def _header(self) -> str:
        is_array = self._here("[[")
        line = self._line()
        self._at += 2 if is_array else 1
        key = self._key("]")
        self._at += 2 if is_array else 1
        # A table below an array of tables belongs to the last one of them.
        for name, number in self._tables.items():
            if key.startswith(f"{name}."):
                key = f"{name}[{number}].{key[len(name) + 1 :]}"
        if is_array:
            self._tables[key] = self._tables.get(key, -1) + 1
            key = f"{key}[{self._tables[key]}]"
        self._found.setdefault(key, line)
        return key

    def _pair(self, prefix: str) -> None:
        key = prefix + self._key("=")
        self._at += 1
        self._skip(" \t")
        self._value(key)

    def _key(self, end: str) -> str:
        """A dotted key up to ``end``, its parts without quotes and the space around them."""
        parts = [""]
        while not self._here(end):
            character = self._text[self._at]
            if character in "\"'":
                parts[-1] = self._string()
                continue
            if character == ".":
                parts.append("")
            elif character not in _SPACE:
                parts[-1] += character
            self._at += 1
        return ".".join(parts)

    def _value(self, place: str) -> None:
        self._found[place] = self._line()
        character = self._text[self._at]
        if character == "[":
            self._at += 1
            number = 0
            while self._skip(_SPACE + ",") and not self._here("]"):
                self._value(f"{place}[{number}]")
                number += 1
            self._at += 1
        elif character == "{":
            self._at += 1
            while self._skip(_SPACE + ",") and not self._here("}"):
                self._pair(f"{place}.")
            self._at += 1
        elif character in "\"'":
            self._string()
        else:
            while self._text[self._at] not in _BARE_END:
                self._at += 1

    def _string(self) -> str:
        quote = self._text[self._at]
        mark = quote * 3 if self._here(quote * 3) else quote
        start = self._at = self._at + len(mark)
        while not self._here(mark):
            self._at += 2 if quote == '"' and self._here("\\") else 1
        end = self._at
        self._at += len(mark)
        # One or two quotes may stand right before the closing three.
        while len(mark) == 3 and self._here(quote):
            self._at += 1
        return self._text[start:end]

    def _skip(self, characters: str) -> bool:
        """Pass over these characters and comments; whether anything is left."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                self._at = self._text.index("\n", self._at)
            elif self._text[self._at] not in characters:
                return True
            else:
                self._at += 1
        return False

    def _here(self, text: str) -> bool:
        if self._at >= len(self._text):
            raise ValueError("the text is not valid TOML")
        return self._text.startswith(text, self._at)

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1
