"""A project file open for editing: comments, order and style of what is not touched stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import ParseError
from tomlkit.items import Array, InlineTable, Table

from provenv.errors import InputError
from provenv.model.requirement import name_of

__all__ = ["Document", "text_of"]


class Document:
    """Parsed TOML. ``where`` names the file in messages. Raises InputError where a table or list is something else."""

    def __init__(self, data: bytes, where: str) -> None:
        self.where = where
        try:
            self._toml = tomlkit.parse(data.decode())
        except (ParseError, UnicodeDecodeError) as error:
            raise InputError(where, f"not valid TOML: {error}") from error

    def data(self) -> bytes:
        """The file as it is now."""
        return tomlkit.dumps(self._toml).encode()

    def find(self, *path: str) -> Any:
        """The value at a path of keys; None when it is not there."""
        value: Any = self._toml
        for key in path:
            if not isinstance(value, Table | InlineTable | dict) or key not in value:
                return None
            value = value[key]
        return value

    def table(self, *path: str) -> Any:
        """The table at a path, made when it is not there. One that only holds tables gets no heading of its own."""
        table: Any = self._toml
        for number, key in enumerate(path):
            if key not in table:
                table[key] = tomlkit.table(is_super_table=number < len(path) - 1)
            table = table[key]
            if not isinstance(table, Table | InlineTable | dict):
                raise InputError(f"{self.where}: {'.'.join(path[: number + 1])}", "a table is expected here")
        return table

    def array(self, *path: str) -> Array:
        """The list at a path, made when it is not there."""
        table = self.table(*path[:-1])
        if path[-1] not in table:
            table[path[-1]] = tomlkit.array()
        array = table[path[-1]]
        if not isinstance(array, Array):
            raise InputError(f"{self.where}: {'.'.join(path)}", "a list is expected here")
        return array

    def home(self, key: str) -> str:
        """The tool whose table holds a key: uv's only where ours would hide what it says there, or where there is only
        uv's."""
        if self.find("tool", "provenv", key) is not None:
            return "provenv"
        if self.find("tool", "uv", key) is not None:
            return "uv"
        return "uv" if self.find("tool", "provenv") is None and self.find("tool", "uv") is not None else "provenv"

    # -- sources ------------------------------------------------------------------------------------------

    def put_source(self, name: str, rule: Mapping[str, object]) -> None:
        """Say where a package comes from. Of several rules, those with a condition stay."""
        table = self.table("tool", self.home("sources"), "sources")
        key = _key_of(table, name) or name
        item = _inline(rule)
        known = table.get(key)
        kept = [one for one in known if _has_condition(one)] if isinstance(known, Array) else []
        if not kept:
            table[key] = item
            return
        array = tomlkit.array()
        for one in (*kept, item):
            array.append(one)
        array.multiline(True)
        table[key] = array

    def drop_source(self, name: str) -> None:
        """Forget where a package comes from, if that is said."""
        tool = self.home("sources")
        table = self.find("tool", tool, "sources")
        if table is None or (key := _key_of(table, name)) is None:
            return
        del table[key]
        if not table:
            del self.find("tool", tool)["sources"]

    # -- indexes ------------------------------------------------------------------------------------------

    def put_index(self, name: str | None, url: str, *, is_default: bool) -> None:
        """Put an index before all others, or change the one with its name or URL; the default one comes last."""
        tool = self.home("index")
        table = self.table("tool", tool)
        there = [item for item in table.get("index", ()) if isinstance(item, Table | InlineTable)]
        for item in there:
            is_same = item.get("url", "").rstrip("/") == url.rstrip("/") or (name and item.get("name") == name)
            if is_same or (is_default and item.get("default")):
                item["url"] = url
                if name:
                    item["name"] = name
                if is_default:
                    item["default"] = True
                return
        entry = {"name": name, "url": url, "default": is_default or None}
        values = {key: value for key, value in entry.items() if value is not None}
        if isinstance(table.get("index"), Array):
            table["index"].insert(len(there) if is_default else 0, _inline(values))
            return
        new = tomlkit.table()
        new.update(values)
        if "index" not in table:
            table["index"] = tomlkit.aot()
        table["index"].insert(len(there) if is_default else 0, new)

    # -- workspace ----------------------------------------------------------------------------------------

    def add_member(self, pattern: str) -> None:
        """Make a directory a member of the workspace, which begins if there was none."""
        array = self.array("tool", self.home("workspace"), "workspace", "members")
        if pattern not in [str(item) for item in array]:
            array.append(pattern)
            if "\n" not in array.as_string():
                array.multiline(True)

    # -- requirements -------------------------------------------------------------------------------------

    def put(self, array: Array, requirement: Requirement) -> None:
        """Replace the line of the same package and marker, or add one in its sorted place."""
        name = canonicalize_name(requirement.name)
        for number, text in enumerate(array):
            if name_of(str(text)) != name:
                continue
            old = Requirement(str(text))
            if str(old.marker or "") == str(requirement.marker or ""):
                if not requirement.specifier and requirement.url is None:
                    requirement.specifier = old.specifier
                requirement.extras |= old.extras
                array[number] = text_of(requirement)
                return
        names = [name_of(str(text)) for text in array]
        at = sum(there < name for there in names) if names == sorted(names) else len(names)
        array.insert(at, text_of(requirement))
        if names and "\n" not in array.as_string():
            array.multiline(True)

    def needs(self, name: str) -> bool:
        """Whether any list of requirements names a package."""
        groups = self.find("dependency-groups") or {}
        extras = self.find("project", "optional-dependencies") or {}
        lists = [self.find("project", "dependencies") or (), *groups.values(), *extras.values()]
        lists += [self.find("tool", "uv", "dev-dependencies") or ()]
        return any(name_of(str(text)) == name for lines in lists for text in lines if isinstance(text, str))


def text_of(requirement: Requirement) -> str:
    """A requirement as people write it in TOML: bounds in the order lower, upper, others; single quotes in a marker."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}".replace('"', "'") if requirement.marker else ""
    if requirement.url is not None:
        return f"{requirement.name}{extras} @ {requirement.url}{marker}"
    order = {">": 0, "=": 1, "~": 1, "<": 2, "!": 3}
    bounds = ",".join(sorted(map(str, requirement.specifier), key=lambda text: (order.get(text[0], 4), text)))
    return f"{requirement.name}{extras}{bounds}{marker}"


def _inline(values: Mapping[str, object]) -> Any:
    """A table in one line, with a space inside each brace, as people write it."""
    text = ", ".join(f"{key} = {tomlkit.item(value).as_string()}" for key, value in values.items())
    return tomlkit.value(f"{{ {text} }}")


def _key_of(table: Any, name: str) -> str | None:
    for key in table:
        if canonicalize_name(str(key)) == canonicalize_name(name):
            return str(key)
    return None


def _has_condition(rule: Any) -> bool:
    return isinstance(rule, Table | InlineTable) and any(key in rule for key in ("extra", "group", "marker"))
