"""How to choose, as the command line and the variables say it. On the warm path."""

from __future__ import annotations

from provenv.cli.words import Words
from provenv.errors import UsageError

__all__ = ["has_index", "policy_of", "uses_sources"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_TRUE = ("1", "true", "yes", "on", "y", "t")
_FALSE = ("", "0", "false", "no", "off", "n", "f")

#: Attribute of the words and variable without its prefix -> key of a policy.
_WORDS = {"resolution": "RESOLUTION", "prerelease": "PRERELEASE", "index_strategy": "INDEX_STRATEGY"}
_TRUTHS = {"no_build": "NO_BUILD", "no_binary": "NO_BINARY", "no_build_isolation": "NO_BUILD_ISOLATION"}


def policy_of(words: Words, variables: Mapping[str, str]) -> dict[str, Any]:
    """Only what is said, under the keys of ``flows.aimed.Policy``; a flag wins over a variable. Raises UsageError."""
    found: dict[str, Any] = {}
    for key, variable in _WORDS.items():
        if value := getattr(words, key, None) or _variable_word(variable, variables):
            found[key] = value
    for key, variable in _TRUTHS.items():
        flag = getattr(words, key, None)
        value = _truth(f"PROVENV_{variable}", variables) if flag is None else flag
        if value is not None:
            found[key] = value
        packages = [*(getattr(words, f"{key}_package", None) or ()), *_listed(f"PROVENV_{variable}_PACKAGE", variables)]
        if packages:
            found[f"{key}_packages"] = _names(packages)
    _only_binary(getattr(words, "only_binary", None) or (), found)
    if moment := getattr(words, "exclude_newer", None) or variables.get("PROVENV_EXCLUDE_NEWER"):
        found["exclude_newer"] = _moment(moment, "--exclude-newer")
    if moments := getattr(words, "exclude_newer_package", None):
        found["exclude_newer_package"] = dict(_moment_of_package(text) for text in moments)
    if settings := getattr(words, "config_setting", None):
        found["config_settings"] = _settings(settings)
    if settings := getattr(words, "config_settings_package", None):
        found["config_settings_package"] = _package_settings(settings)
    return found


def uses_sources(words: Words, variables: Mapping[str, str]) -> bool:
    """Whether the rules of ``[tool.provenv.sources]`` count."""
    return not (getattr(words, "no_sources", False) or _truth("PROVENV_NO_SOURCES", variables))


def has_index(words: Words, variables: Mapping[str, str]) -> bool:
    """Whether indexes are asked at all."""
    return not (getattr(words, "no_index", False) or _truth("PROVENV_NO_INDEX", variables))


def _variable_word(variable: str, variables: Mapping[str, str]) -> str | None:
    value = variables.get(f"PROVENV_{variable}")
    if not value:
        return None
    from provenv.model.policy import INDEX_STRATEGIES, PRERELEASES, RESOLUTIONS

    known = {"RESOLUTION": RESOLUTIONS, "PRERELEASE": PRERELEASES, "INDEX_STRATEGY": INDEX_STRATEGIES}[variable]
    if value not in known:
        raise UsageError(f"PROVENV_{variable}: `{value}` is not one of {', '.join(known)}")
    return value


def _truth(name: str, variables: Mapping[str, str]) -> bool | None:
    value = variables.get(name)
    if value is None or value == "":
        return None
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise UsageError(f"{name}: `{value}` is neither `true` nor `false`")


def _listed(name: str, variables: Mapping[str, str]) -> list[str]:
    return variables.get(name, "").replace(",", " ").split()


def _names(texts: Sequence[str]) -> list[str]:
    from packaging.utils import canonicalize_name

    return [str(canonicalize_name(text)) for text in texts]


def _only_binary(texts: Sequence[str], found: dict[str, Any]) -> None:
    """pip's word for ``--no-build``: ``:all:``, or packages separated by commas."""
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if ":all:" in names:
        found["no_build"] = True
    if packages := [name for name in names if not name.startswith(":")]:
        found["no_build_packages"] = [*found.get("no_build_packages", ()), *_names(packages)]


def _moment(text: str, flag: str) -> str:
    from provenv.model.policy import is_moment

    if not is_moment(text):
        raise UsageError(
            f"{flag}: `{text}` is neither a date, a time nor a span", hint="write it as 2026-01-31 or `1 week`"
        )
    return text


def _moment_of_package(text: str) -> tuple[str, str | None]:
    name, separator, moment = text.partition("=")
    if not separator:
        raise UsageError(f"--exclude-newer-package: `{text}` is not PACKAGE=DATE")
    return _names([name])[0], None if moment == "false" else _moment(moment, "--exclude-newer-package")


def _settings(texts: Sequence[str], flag: str = "--config-setting") -> dict[str, str | list[str]]:
    """``KEY=VALUE``; a key that is given twice has a list of values."""
    found: dict[str, str | list[str]] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError(f"{flag}: `{text}` is not KEY=VALUE")
        before = found.get(key)
        found[key] = value if before is None else [*([before] if isinstance(before, str) else before), value]
    return found


def _package_settings(texts: Sequence[str]) -> dict[str, dict[str, str | list[str]]]:
    by_package: dict[str, list[str]] = {}
    for text in texts:
        name, separator, setting = text.partition(":")
        if not separator:
            raise UsageError(f"--config-settings-package: `{text}` is not PACKAGE:KEY=VALUE")
        by_package.setdefault(_names([name])[0], []).append(setting)
    return {name: _settings(settings, "--config-settings-package") for name, settings in by_package.items()}
