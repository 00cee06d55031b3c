"""The rules of machines: the tables that provenv brings, and those that a project adds."""

from __future__ import annotations

import os
from collections.abc import Sequence

import provenv.stack
from provenv.errors import InputError
from provenv.stack.tables import FILES, Tables

__all__ = ["rules"]

_READ: dict[tuple[str, ...], Tables] = {}


def rules(own: Sequence[str] = ()) -> Tables:
    """All tables; rows of ``own`` files (absolute paths) stand before those of provenv. Raises InputError."""
    key = tuple(own)
    if key not in _READ:
        if own:
            _READ[key] = rules().extended(Tables.from_texts([(path, _text(path)) for path in own]))
        else:
            room = os.path.dirname(str(provenv.stack.__file__))
            _READ[key] = Tables.from_texts([(name, _text(os.path.join(room, name))) for name in FILES])
    return _READ[key]


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise InputError(
            path, f"cannot be read: {error.strerror}", hint="it is named by `rules` in [tool.provenv]"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8") from error
