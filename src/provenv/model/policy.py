"""How to choose, as a project file says it: uv's keys and meanings, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from provenv.model.mistakes import Line, Mistakes, Setting, Settings

__all__ = ["INDEX_STRATEGIES", "KEYS", "PRERELEASES", "RESOLUTIONS", "is_moment", "read_policy"]

RESOLUTIONS = ("highest", "lowest", "lowest-direct")
PRERELEASES = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")
INDEX_STRATEGIES = ("first-index", "unsafe-first-match", "unsafe-best-match")

#: Key of the project file -> key of a policy, by what is expected there.
_WORDS = {
    "resolution": ("resolution", RESOLUTIONS),
    "prerelease": ("prerelease", PRERELEASES),
    "index-strategy": ("index_strategy", INDEX_STRATEGIES),
}
_TRUTHS = {"no-build": "no_build", "no-binary": "no_binary", "no-build-isolation": "no_build_isolation"}
_NAMES = {
    "no-build-package": "no_build_packages",
    "no-binary-package": "no_binary_packages",
    "no-build-isolation-package": "no_build_isolation_packages",
    "lax-archives": "lax_archives",
}
KEYS = (
    *_WORDS,
    *_TRUTHS,
    *_NAMES,
    "build-constraint-dependencies",
    "config-settings",
    "config-settings-package",
    "dependency-metadata",
    "exclude-newer",
    "exclude-newer-package",
    "extra-build-dependencies",
)
"""The keys of ``[tool.provenv]`` that are read here."""

_METADATA_KEYS = ("name", "provides-extra", "requires-dist", "requires-python", "version")

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?)?")
_PERIOD = re.compile(r"P(?=.)(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", re.IGNORECASE)
_SPAN = re.compile(
    r"(\d+\s*(w|weeks?|wks?|d|days?|h|hours?|hrs?|m|mins?|minutes?|s|secs?|seconds?)\b[\s,]*)+(ago)?", re.IGNORECASE
)


def is_moment(text: str) -> bool:
    """Whether a text is a date, a time (RFC 3339), or a span before now such as ``1 week`` or ``P7D``."""
    text = text.strip()
    return any(pattern.fullmatch(text) for pattern in (_DATE, _PERIOD, _SPAN))


def read_policy(settings: Settings, mistakes: Mistakes) -> dict[str, Any]:
    """What a project file says of how to choose: only what it says, under the keys of a policy, as plain values."""
    found: dict[str, Any] = {}
    for key, (name, known) in _WORDS.items():
        found[name] = mistakes.one_of(settings[key].value, known, settings[key].where)
    for key, name in _TRUTHS.items():
        found[name] = mistakes.truth(settings[key].value, settings[key].where)
    for key, name in _NAMES.items():
        found[name] = _given(settings[key], lambda one: list(mistakes.names(one.value, one.where)))
    found["exclude_newer"] = _moment(settings["exclude-newer"].value, settings["exclude-newer"].where, mistakes)
    found["exclude_newer_package"] = _given(settings["exclude-newer-package"], lambda one: _moments(one, mistakes))
    found["build_constraints"] = _given(
        settings["build-constraint-dependencies"],
        lambda one: [line.text for line in mistakes.lines(one.value, one.where)],
    )
    found["config_settings"] = _given(settings["config-settings"], lambda one: _config(one.value, one.where, mistakes))
    found["config_settings_package"] = _given(
        settings["config-settings-package"],
        lambda one: {
            str(canonicalize_name(name)): _config(value, f"{one.where}.{name}", mistakes)
            for name, value in mistakes.table(one.value, one.where).items()
        },
    )
    found["extra_build"] = _given(settings["extra-build-dependencies"], lambda one: _extra_build(one, mistakes))
    found["metadata"] = _given(settings["dependency-metadata"], lambda one: list(_metadata(one, mistakes)))
    return {key: value for key, value in found.items() if value is not None}


def _given(setting: Setting, read: Any) -> Any:
    return None if setting.value is None else read(setting)


def _moment(value: Any, where: str, mistakes: Mistakes) -> str | None:
    # TOML has dates of its own; uv wants a string, but who writes a date means it.
    text = value.isoformat() if hasattr(value, "isoformat") else mistakes.text(value, where)
    if text is not None and not is_moment(text):
        mistakes.add(where, f"`{text}` is neither a date, a time nor a span: write 2026-01-31 or `1 week`")
        return None
    return text


def _moments(setting: Setting, mistakes: Mistakes) -> dict[str, str | None]:
    """Package -> moment; ``false`` means that there is no limit for this one."""
    found: dict[str, str | None] = {}
    for name, value in mistakes.table(setting.value, setting.where).items():
        where = f"{setting.where}.{name}"
        found[str(canonicalize_name(name))] = None if value is False else _moment(value, where, mistakes)
    return found


def _config(value: Any, where: str, mistakes: Mistakes) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for key, item in mistakes.table(value, where).items():
        if isinstance(item, list):
            found[key] = list(mistakes.strings(item, f"{where}.{key}"))
        elif isinstance(item, bool):
            found[key] = str(item).lower()
        elif (text := mistakes.text(item, f"{where}.{key}")) is not None:
            found[key] = text
    return found


def _extra_build(setting: Setting, mistakes: Mistakes) -> dict[str, list[tuple[str, bool]]]:
    found: dict[str, list[tuple[str, bool]]] = {}
    for name, value in mistakes.table(setting.value, setting.where).items():
        where = f"{setting.where}.{name}"
        lines = []
        for number, item in enumerate(mistakes.items(value, where, "requirements")):
            if (one := _extra_build_line(item, f"{where}[{number}]", mistakes)) is not None:
                lines.append(one)
        found[str(canonicalize_name(name))] = lines
    return found


def _extra_build_line(item: Any, where: str, mistakes: Mistakes) -> tuple[str, bool] | None:
    must_match = False
    if isinstance(item, dict):
        mistakes.only(item, ("match-runtime", "requirement"), where)
        must_match = mistakes.truth(item.get("match-runtime"), f"{where}.match-runtime") or False
        item = item.get("requirement")
    line: Line | None = mistakes.line(item, where)
    if line is None:
        return None
    if must_match and (line.requirement.specifier or line.requirement.url):
        mistakes.add(where, "what must match the locked version can have no version of its own")
    return line.text, must_match


def _metadata(setting: Setting, mistakes: Mistakes) -> Iterator[Mapping[str, Any]]:
    for number, item in enumerate(mistakes.items(setting.value, setting.where, "tables")):
        where = f"{setting.where}[{number}]"
        table = mistakes.table(item, where)
        name = mistakes.name(table.get("name"), f"{where}.name")
        if setting.is_ours:
            mistakes.only(table, _METADATA_KEYS, where)
        requires = [line.text for line in mistakes.lines(table.get("requires-dist"), f"{where}.requires-dist")]
        found: dict[str, Any] = {"name": name, "requires-dist": requires}
        found["provides-extra"] = list(mistakes.names(table.get("provides-extra"), f"{where}.provides-extra"))
        for key in ("requires-python", "version"):
            if (text := mistakes.text(table.get(key), f"{where}.{key}")) is not None:
                found[key] = text
        if name is not None:
            yield found
