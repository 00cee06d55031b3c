"""Collects what a command is asked for: its words, and requirements files with the files that these name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provenv.errors import InputError, UsageError
from provenv.flows import files
from provenv.model.requirements_file import Include, Option, parse_requirements
from provenv.model.wish import Wish, parse_wish

__all__ = ["Wishes", "read_wishes", "wishes_of_words"]

_HELP = "write it as `name`, `name>=1.2` or `name[extra]==1.2`, quoted for your shell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What requirements files say together."""

    needs: tuple[Wish, ...] = ()
    constraints: tuple[Wish, ...] = ()
    options: tuple[Option, ...] = ()
    files: tuple[str, ...] = ()
    """Every file that was read, absolute, in order."""

    def values(self, name: str) -> tuple[str, ...]:
        """The values of an option, as ``index-url``, in order."""
        return tuple(option.value for option in self.options if option.name == name)


def wishes_of_words(words: Sequence[str], *, is_editable: bool = False) -> tuple[Wish, ...]:
    """What the words of a command line ask for. Raises UsageError."""
    found = []
    for word in words:
        try:
            found.append(parse_wish(word, "command line", is_editable=is_editable))
        except InputError as error:
            raise UsageError(error.problem, hint=_HELP) from error
    return tuple(found)


def read_wishes(
    paths: Sequence[str], directory: str, variables: Mapping[str, str], *, are_constraints: bool = False
) -> Wishes:
    """Read requirements files and those that they include. ``paths`` are relative to ``directory``.

    As in pip and uv, a file that is named inside a file is relative to it, the path of a package to ``directory``.
    Raises InputError, which names file and line.
    """
    reader = _Reader(directory, variables)
    for path in paths:
        reader.read(os.path.join(directory, os.path.expanduser(path)), are_constraints, ())
    return Wishes(
        needs=tuple(reader.needs),
        constraints=tuple(reader.constraints),
        options=tuple(reader.options),
        files=tuple(reader.files),
    )


class _Reader:
    def __init__(self, directory: str, variables: Mapping[str, str]) -> None:
        self.directory = directory
        self.variables = variables
        self.needs: list[Wish] = []
        self.constraints: list[Wish] = []
        self.options: list[Option] = []
        self.files: list[str] = []
        self._done: set[tuple[str, bool]] = set()

    def read(self, path: str, is_constraint: bool, stack: tuple[str, ...]) -> None:
        path = os.path.abspath(path)
        shown = os.path.relpath(path, self.directory) if path.startswith(self.directory + os.sep) else path
        if path in stack:
            raise InputError(shown, f"includes itself: {' -> '.join(map(os.path.basename, (*stack, path)))}")
        if (path, is_constraint) in self._done:
            return
        self._done.add((path, is_constraint))
        self.files.append(path)
        text = _text(path, shown)
        for statement in parse_requirements(text, shown, self.variables):
            match statement:
                case Include():
                    if "://" in statement.path:
                        raise InputError(
                            statement.where, f"`{statement.path}` is not a file", hint="download it, and name the copy"
                        )
                    inner = os.path.join(os.path.dirname(path), statement.path)
                    self.read(inner, is_constraint or statement.is_constraint, (*stack, path))
                case Option():
                    self.options.append(statement)
                case Wish() if is_constraint:
                    self.constraints.append(statement)
                case Wish():
                    self.needs.append(statement)


def _text(path: str, shown: str) -> str:
    data = files.read(path, "give the path of a requirements file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(shown, f"line {line} is not UTF-8") from error
