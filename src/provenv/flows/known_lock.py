"""What an existing lock says, remembered by the digest of its bytes. On the warm path."""

from __future__ import annotations

from provenv.flows.memory import digest, recall, remember

__all__ = ["KnownLock", "known_lock"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from provenv.flows.prepared import Commit
    from provenv.flows.world import World


_FORMAT = 6
"""Of what is remembered."""


class KnownLock:
    """The pins of a lock and what it was made from."""

    __slots__ = ("archives", "commits", "extras", "groups", "inputs", "is_edited", "markers", "versions")

    def __init__(
        self,
        versions: dict[str, tuple[str, ...]],
        inputs: dict[str, Any],
        markers: dict[str, list[tuple[str, str]]],
        extras: list[str],
        groups: list[str],
        commits: dict[str, Commit],
        archives: dict[str, list[str]],
        is_edited: bool,
    ) -> None:
        self.versions = versions
        """Package -> its versions, ascending by their place in the lock."""
        self.inputs = inputs
        """``[tool.provenv]``; empty when another tool made the lock."""
        self.markers = markers
        """Version and marker of each entry, for packages that have several."""
        self.extras = frozenset(extras)
        self.groups = frozenset(groups)
        self.commits = commits
        """Package -> its repository, the revision that was asked for, and the commit."""
        self.archives = archives
        """Package -> the SHA-256 of the wheels or source archives on this computer that it is."""
        self.is_edited = is_edited
        """It is not what provenv wrote: an editor or a merge changed it."""

    def difference(self, inputs: Mapping[str, Any], form: int) -> str | None:
        """What makes the lock stale for a project with these inputs, in words; None when nothing does."""
        if not self.inputs:
            return "another tool made it"
        if self.inputs.get("format") != form:
            return "its format is another version's"
        if self.is_edited:
            return "it was changed since provenv wrote it"
        for key in sorted({*inputs, *self.inputs} - _NOT_COMPARED):
            if inputs.get(key) != self.inputs.get(key) and not (key == "targets" and self._has_more(inputs[key])):
                return f"{_WORDS.get(key, key)} changed{_change(self.inputs.get(key), inputs.get(key))}"
        return None

    def _has_more(self, targets: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the lock holds these targets and besides only platforms that nobody declared: a colleague's."""
        recorded = self.inputs.get("targets", [])
        return all(target in recorded for target in targets) and all(
            target in targets or target.get("name") == target.get("platform") for target in recorded
        )


#: What the aim cannot tell: the form, and what local directories said of themselves.
_NOT_COMPARED = {"directories", "format", "plain-wheels", "root"}
_WORDS = {
    "extras": "optional dependencies",
    "groups": "dependency groups",
    "package": "the name of the project",
    "requires": "project.dependencies",
    "targets": "the targets",
}


def _change(old: object, new: object) -> str:
    """The first differing items of two lists of strings, or of two tables of such lists; nothing for other shapes."""
    before, after = _items(old), _items(new)
    added = [f"`{item}` is new" for item in after if item not in before]
    gone = [f"`{item}` is gone" for item in before if item not in after]
    listed = [*added, *gone][:3]
    return f" ({', '.join(listed)})" if listed else ""


def _items(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{item}` in `{key}" for key, items in value.items() for item in _items(items)]
    if not isinstance(value, list):
        return []
    return [_target(item) if isinstance(item, dict) else str(item) for item in value]


def _target(record: dict[str, object]) -> str:
    """A target in one line: ``train: linux-x86_64, python 3.12, driver 535.104.05``."""
    parts = [str(record.get("platform"))]
    parts += [f"{key} {record[key]}" for key in record if key not in ("name", "platform")]
    return f"{record.get('name')}: {', '.join(parts)}"


def _commit(table: Mapping[str, str]) -> Commit:
    return table.get("url") or table.get("path", ""), table.get("requested-revision"), table["commit-id"]


def _local_archives(packages: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in packages:
        if "path" in item.get("archive", ()):
            found.setdefault(item["name"], []).append(item["archive"]["hashes"].get("sha256", ""))
    return found


def known_lock(world: World, data: bytes) -> KnownLock:
    """Understand the bytes of a lock. Raises InputError when they are no valid lock."""
    key = digest(_FORMAT, data)
    known = recall(world.cache, "locks", key)
    if known is None:
        from provenv.lockfile.read import parse
        from provenv.lockfile.seal import is_as_written

        document = parse(data, world.lock_file)
        entries: dict[str, list[tuple[str, str]]] = {}
        for package in document["packages"]:
            entry = str(package.get("version", "")), str(package.get("marker", ""))
            entries.setdefault(package["name"], []).append(entry)
        known = (
            {name: tuple(version for version, _ in found) for name, found in entries.items()},
            document.get("tool", {}).get("provenv", {}),
            {name: found for name, found in entries.items() if len(found) > 1},
            document.get("extras", []),
            document.get("dependency-groups", []),
            {item["name"]: _commit(item["vcs"]) for item in document["packages"] if "vcs" in item},
            _local_archives(document["packages"]),
            not is_as_written(data),
        )
        remember(world.cache, "locks", key, known)
    return KnownLock(*known)
