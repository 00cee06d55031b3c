"""Which versions of an old lock a target should keep. On the warm path."""

from __future__ import annotations

__all__ = ["pins_of"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from provenv.flows.known_lock import KnownLock


def pins_of(
    known: KnownLock, environment: Mapping[str, str], target: str, *, other_targets: Collection[str] = ()
) -> dict[str, str]:
    """Package -> the version that an old lock has for a target with that marker environment.

    Where the lock holds several versions of a package, its markers say which one is the target's; if none is, the
    newest stands for it.
    """
    pins = {name: versions[-1] for name, versions in known.versions.items()}
    for name, choices in known.markers.items():
        for version, marker in choices:
            if _holds(marker, environment, known.groups - set(other_targets) | {target}, known.extras):
                pins[name] = version
    return pins


def _holds(marker: str, environment: Mapping[str, str], groups: Collection[str], extras: Collection[str]) -> bool:
    from packaging.markers import Marker

    context: dict[str, str | frozenset[str]] = {
        **environment,
        "dependency_groups": frozenset(groups),
        "extras": frozenset(extras),
    }
    return not marker or Marker(marker).evaluate(context, context="lock_file")
