"""Writes a lock: the same values give the same bytes. On the warm path."""

from __future__ import annotations

from provenv.lockfile.seal import seal

__all__ = ["to_toml"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_HEADER = "# Made by provenv from {}. Do not edit: change the {}, then run `provenv lock{}`.\n"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def to_toml(document: Mapping[str, Any], *, script: str | None = None) -> bytes:
    """A lock as bytes: keys in the order given, lists of tables as ``[[...]]`` at the top and inline below; a list with
    ``is_inline`` stays on its line. It says
    that it was made from ``pyproject.toml``, or from a script of that name.
    """
    about = (script, "script", f" --script {script}") if script else ("pyproject.toml", "project", "")
    lines: list[str] = []
    _table(document, "", lines)
    body = "".join(lines).encode()
    return _HEADER.format(*about).encode() + seal(body) + body


def _table(table: Mapping[str, Any], path: str, lines: list[str]) -> None:
    nested = []
    for key, value in table.items():
        if isinstance(value, dict) or (key in ("packages", "targets") and isinstance(value, list) and value):
            nested.append((key, value))
        else:
            lines.append(f"{_key(key)} = {_value(value)}\n")
    for key, value in nested:
        full = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, dict):
            if not value or any(not isinstance(item, dict) for item in value.values()):
                lines.append(f"\n[{full}]\n")
            _table(value, full, lines)
            continue
        for item in value:
            lines.append(f"\n[[{full}]]\n")
            _table(item, full, lines)


def _key(key: str) -> str:
    return key if key.replace("-", "a").replace("_", "a").isalnum() and key.isascii() else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return str(value) if getattr(value, "is_bare", False) else _string(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if not value:
        return "[]"
    if getattr(value, "is_inline", False) or (len(value) == 1 and not isinstance(value[0], dict)):
        return f"[{', '.join(map(_value, value))}]"
    return "[\n" + "".join(f"    {_value(item)},\n" for item in value) + "]"


def _string(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text) + '"'
