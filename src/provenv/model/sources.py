"""Where packages come from, as a project file says it: indexes, and rules for single packages; in uv's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.markers import Marker

from provenv.model.mistakes import Mistakes, Setting, Settings

__all__ = ["IndexSource", "SourceRule", "read_indexes", "read_rules"]

_INDEX_KEYS = ("authenticate", "default", "explicit", "format", "ignore-error-codes", "name", "url")
_KINDS = ("git", "url", "path", "index", "workspace")
_RULE_KEYS = {
    "git": ("branch", "lfs", "rev", "subdirectory", "tag"),
    "url": ("subdirectory",),
    "path": ("editable", "package"),
    "index": (),
    "workspace": ("editable",),
}
_CONDITIONS = ("extra", "group", "marker")


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSource:
    """One ``[[tool.provenv.index]]``."""

    name: str | None
    url: str
    is_default: bool = False
    is_explicit: bool = False
    """Asked only for packages that a rule pins to it."""
    is_flat: bool = False
    """One page, or one directory, with files of many packages."""
    authenticate: str = "auto"
    """``auto``, ``always`` or ``never``."""
    ignored_statuses: tuple[int, ...] = ()
    """Error statuses that mean "no such package" here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRule:
    """One rule of ``[tool.provenv.sources]``: where a package comes from, and when the rule holds."""

    where: str
    kind: str
    """``git``, ``url``, ``path``, ``index`` or ``workspace``."""
    place: str
    """The repository, URL or path as written, or the name of the index; empty for ``workspace``."""
    rev: str | None = None
    subdirectory: str | None = None
    is_editable: bool | None = None
    is_package: bool | None = None
    marker: Marker | None = None
    extra: str | None = None
    group: str | None = None


def read_indexes(settings: Settings, mistakes: Mistakes) -> tuple[IndexSource, ...]:
    """The indexes in the order they are asked; ``extra-index-url`` and ``index-url`` come last, as in uv."""
    found = list(_indexes(settings["index"], mistakes))
    extra = settings["extra-index-url"]
    found += [
        IndexSource(name=None, url=url)
        for url in mistakes.strings(extra.value, extra.where)
        if _is_place(url, extra.where, mistakes)
    ]
    old = settings["index-url"]
    url = mistakes.text(old.value, old.where)
    if url is not None and _is_place(url, old.where, mistakes):
        found.append(IndexSource(name=None, url=url, is_default=True))
    return tuple(found)


def _indexes(setting: Setting, mistakes: Mistakes) -> Iterator[IndexSource]:
    if setting.value is not None and not isinstance(setting.value, list):
        mistakes.add(setting.where, f"write it as [[{setting.where}]]")
        return
    names: set[str] = set()
    for number, item in enumerate(setting.value or ()):
        where = f"{setting.where}[{number}]"
        if not isinstance(item, dict) or not isinstance(item.get("url"), str):
            mistakes.add(where, "an index needs a `url`")
            continue
        if setting.is_ours:
            mistakes.only(item, _INDEX_KEYS, where)
        name = mistakes.text(item.get("name"), f"{where}.name")
        if name is not None and name in names:
            mistakes.add(f"{where}.name", f"another index is named `{name}`")
        names.add(name or "")
        is_explicit = mistakes.truth(item.get("explicit"), f"{where}.explicit") or False
        if is_explicit and name is None:
            mistakes.add(where, "an explicit index needs a `name`, for the sources to refer to")
        if _is_place(item["url"], f"{where}.url", mistakes):
            yield IndexSource(
                name=name,
                url=item["url"],
                is_default=mistakes.truth(item.get("default"), f"{where}.default") or False,
                is_explicit=is_explicit,
                is_flat=mistakes.one_of(item.get("format"), ("simple", "flat"), f"{where}.format") == "flat",
                authenticate=mistakes.one_of(
                    item.get("authenticate"), ("auto", "always", "never"), f"{where}.authenticate"
                )
                or "auto",
                ignored_statuses=_statuses(item.get("ignore-error-codes"), f"{where}.ignore-error-codes", mistakes),
            )


def _is_place(text: str, where: str, mistakes: Mistakes) -> bool:
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() not in ("http", "https", "file"):
        mistakes.add(where, f"`{text}` is neither an http, https or file URL nor a path")
        return False
    return True


def _statuses(value: Any, where: str, mistakes: Mistakes) -> tuple[int, ...]:
    found = []
    for item in mistakes.items(value, where, "numbers"):
        if isinstance(item, int) and 400 <= item < 600:
            found.append(item)
        else:
            mistakes.add(where, f"{item!r} is not an error status such as 403")
    return tuple(found)


def read_rules(setting: Setting, mistakes: Mistakes) -> dict[str, tuple[SourceRule, ...]]:
    """Package -> its rules, in the order they are tried."""
    found = {}
    for written, value in mistakes.table(setting.value, setting.where).items():
        where = f"{setting.where}.{written}"
        name = mistakes.name(written, where)
        items = value if isinstance(value, list) else [value]
        rules = [
            _rule(item, where if item is value else f"{where}[{number}]", setting.is_ours, mistakes)
            for number, item in enumerate(items)
        ]
        if name is not None:
            found[name] = tuple(rule for rule in rules if rule is not None)
    return found


def _rule(item: Any, where: str, is_ours: bool, mistakes: Mistakes) -> SourceRule | None:
    if not isinstance(item, dict):
        mistakes.add(where, f'a table such as {{ path = "../x" }} is expected here, not {item!r}')
        return None
    kinds = [kind for kind in _KINDS if kind in item]
    if len(kinds) != 1:
        mistakes.add(
            where, f"a source has exactly one of {', '.join(_KINDS)}; this one has {' and '.join(kinds) or 'none'}"
        )
        return None
    kind = kinds[0]
    if is_ours:
        mistakes.only(item, (kind, *_RULE_KEYS[kind], *_CONDITIONS), where)
    place = _place(kind, item[kind], f"{where}.{kind}", mistakes)
    if place is None:
        return None
    marker = mistakes.text(item.get("marker"), f"{where}.marker")
    return SourceRule(
        where=where,
        kind=kind,
        place=place,
        rev=_rev(item, where, mistakes) if kind == "git" else None,
        subdirectory=mistakes.text(item.get("subdirectory"), f"{where}.subdirectory"),
        is_editable=mistakes.truth(item.get("editable"), f"{where}.editable"),
        is_package=mistakes.truth(item.get("package"), f"{where}.package"),
        marker=mistakes.marker(marker, f"{where}.marker") if marker else None,
        extra=_name(item, "extra", where, mistakes),
        group=_name(item, "group", where, mistakes),
    )


def _place(kind: str, value: Any, where: str, mistakes: Mistakes) -> str | None:
    if kind == "workspace":
        if value is not True:
            mistakes.add(where, "only `workspace = true` means something")
            return None
        return ""
    if not isinstance(value, str) or not value.strip():
        mistakes.add(where, f"a string is expected here, not {value!r}")
        return None
    return value.strip()


def _rev(item: Mapping[str, Any], where: str, mistakes: Mistakes) -> str | None:
    given = [key for key in ("rev", "tag", "branch") if key in item]
    if len(given) > 1:
        mistakes.add(where, f"a source has one of rev, tag and branch; this one has {' and '.join(given)}")
    return mistakes.text(item[given[0]], f"{where}.{given[0]}") if given else None


def _name(item: Mapping[str, Any], key: str, where: str, mistakes: Mistakes) -> str | None:
    return None if item.get(key) is None else mistakes.name(item[key], f"{where}.{key}")
