"""What git leaves out: the patterns of ``.gitignore`` files (gitignore(5)), without asking git."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Rule", "is_ignored", "rules_of"]


class Rule:
    """One pattern."""

    __slots__ = ("base", "is_for_directories", "is_negated", "pattern")

    def __init__(self, pattern: re.Pattern[str], base: str, *, is_negated: bool, is_for_directories: bool) -> None:
        self.pattern = pattern
        self.base = base
        """The directory of its file, with a ``/`` at the end; "" for the top of the repository."""
        self.is_negated = is_negated
        self.is_for_directories = is_for_directories


def rules_of(text: str, base: str = "") -> Iterator[Rule]:
    """The patterns of one file, in their order; ``base`` is its directory, with a ``/`` at the end."""
    for line in text.splitlines():
        pattern = line.rstrip() if not line.endswith("\\ ") else line
        if not pattern or pattern.startswith("#"):
            continue
        is_negated = pattern.startswith("!")
        pattern = pattern[is_negated:].removeprefix("\\")
        is_for_directories = pattern.endswith("/")
        pattern = pattern.rstrip("/")
        if not pattern:
            continue
        # Only a pattern without a slash before its end means files of that name at any depth.
        start = "" if "/" in pattern else "(?:.*/)?"
        try:
            compiled = re.compile(start + "".join(_pieces(pattern.lstrip("/"))))
        except re.error:
            continue
        yield Rule(compiled, base, is_negated=is_negated, is_for_directories=is_for_directories)


def _pieces(pattern: str) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            yield "(?:.*/)?"
            at += 3
        elif pattern.startswith("/**", at) and at + 3 == len(pattern):
            yield "/.+"
            at += 3
        elif pattern[at] == "*":
            yield "[^/]*"
            at += 1
        elif pattern[at] == "?":
            yield "[^/]"
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            yield f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
            at = end + 1
        else:
            at += pattern[at] == "\\" and at + 1 < len(pattern)
            yield re.escape(pattern[at])
            at += 1


def is_ignored(rules: Sequence[Rule], path: str, *, is_directory: bool = False) -> bool:
    """Whether a path (relative to the repository) is left out, by itself or with a directory above it."""
    parts = path.strip("/").split("/")
    return any(
        _is_matched(rules, "/".join(parts[:count]), is_directory=is_directory or count < len(parts))
        for count in range(1, len(parts) + 1)
    )


def _is_matched(rules: Iterable[Rule], path: str, *, is_directory: bool) -> bool:
    answer = False
    for rule in rules:
        if rule.is_for_directories and not is_directory:
            continue
        if path.startswith(rule.base) and rule.pattern.fullmatch(path[len(rule.base) :]):
            answer = not rule.is_negated
    return answer
