"""Remembers what was computed from bytes that have not changed. On the warm path.

A memory is a marshalled file named by a digest of everything that it came from; losing one costs time, never truth.
"""

from __future__ import annotations

import marshal
import os
from _blake2 import blake2b

__all__ = ["digest", "place_of", "recall", "remember"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def digest(*parts: Any) -> str:
    """A digest of plain values (strings, bytes, numbers, tuples, lists, None)."""
    return blake2b(marshal.dumps(parts, 2), digest_size=16).hexdigest()


def place_of(cache: str, kind: str, key: str) -> str:
    """The file in which something is remembered."""
    return os.path.join(cache, "memory", kind, key)


def recall(cache: str, kind: str, key: str) -> Any:
    """What was remembered under that key, or None."""
    try:
        with open(place_of(cache, kind, key), "rb") as file:
            return marshal.loads(file.read())
    except (OSError, ValueError, EOFError, TypeError):
        return None


def remember(cache: str, kind: str, key: str, value: Any) -> None:
    """Keep a plain value; a failure to write is no failure of the command."""
    path = place_of(cache, kind, key)
    temporary = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(marshal.dumps(value))
        os.replace(temporary, path)
    except OSError:
        return
