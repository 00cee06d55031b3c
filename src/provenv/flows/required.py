"""Which packages of another tool's lock a machine installs, by its marker environment."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

from provenv.convert.foreign import ForeignLock, ForeignPackage, Need

__all__ = ["required"]


def required(
    lock: ForeignLock,
    environment: Mapping[str, str],
    *,
    extras: Collection[str] = (),
    groups: Collection[str] = (),
) -> list[ForeignPackage]:
    """What is installed; without ``extras`` and ``groups`` only what is needed in any case.

    Local directories are none of them.
    """
    if lock.form == "uv":
        return _reached(lock, environment, extras, groups)
    wanted = {*groups, *lock.default_groups}
    is_bare = not (extras or groups)
    return [
        package
        for package in lock.packages
        if package.kind not in ("virtual", "directory", "editable")
        and (not package.is_optional or not is_bare)
        and (lock.form == "pylock" or not package.groups or wanted & set(package.groups))
        and _holds(package.marker, environment, extras, wanted)
    ]


def _reached(
    lock: ForeignLock, environment: Mapping[str, str], extras: Collection[str], groups: Collection[str]
) -> list[ForeignPackage]:
    """What the projects of a ``uv.lock`` need, followed through the graph; the projects themselves do not count."""
    roots = set(lock.roots)
    waiting: list[tuple[str, tuple[str, ...]]] = [(name, tuple(extras)) for name in lock.roots]
    seen: set[tuple[str, str]] = set()
    reached: dict[str, ForeignPackage] = {}
    while waiting:
        name, wanted = waiting.pop()
        fitting = [
            one for one in lock.named(name) if not one.markers or any(_holds(m, environment) for m in one.markers)
        ]
        if not fitting:
            continue
        package = fitting[0]
        for extra in ("", *wanted):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += [
                (need.name, need.extras)
                for need in package.needs
                if _is_meant(need, extra, groups if name in roots else ()) and _holds(need.marker, environment)
            ]
        if package.kind in ("index", "archive", "git"):
            reached[name] = package
    return list(reached.values())


def _is_meant(need: Need, extra: str, groups: Collection[str]) -> bool:
    if need.group:
        return not extra and need.group in groups
    return need.extra == extra


def _holds(
    text: str, environment: Mapping[str, str], extras: Collection[str] = (), groups: Collection[str] = ()
) -> bool:
    """Whether a marker is true; one that cannot be told asks for nothing."""
    if not text:
        return True
    try:
        marker = Marker(text)
        context = {
            **environment,
            "extra": "",
            "extras": frozenset(extras),
            "dependency_groups": frozenset(groups),
        }
        return marker.evaluate(context, context="lock_file")  # type: ignore[arg-type]  # a TypedDict with the same keys
    except (InvalidMarker, UndefinedEnvironmentName, KeyError, TypeError):
        return False
