"""The words of one command line, parsed."""

from __future__ import annotations

__all__ = ["Words"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Words:
    """What the parser made of the words: an attribute for each flag. Flags that every command has may be missing."""

    argv: list[str]
    has_colour: bool
    has_error_colour: bool

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
