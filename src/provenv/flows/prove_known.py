"""Whether proving a choice would tell anything new. On the warm path; ``prove_learn`` is off it.

What proving told of the same wheels, for the same machines, with the same facts at hand is remembered where it ruled
nothing out: to lock for a machine then costs what it costs without one.
"""

from __future__ import annotations

import os

import provenv
from provenv.flows.memory import digest, recall, remember
from provenv.store.places import base_of, place_of

__all__ = ["Told", "remember_told", "told_before", "wheel_for"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provenv.flows.aimed import Aim
    from provenv.flows.world import World
    from provenv.lockfile.merge import Chosen, Solved
    from provenv.model.artifact import FileRow
    from provenv.proof.subject import Package

_FORMAT = 1
"""Of what is remembered."""
_KINDS = ("facts", "trees", "blobs")


class Told:
    """What proving a choice told, without what was read for it."""

    __slots__ = ("key", "notes", "packages", "warnings")

    def __init__(self, key: str, notes: Sequence[str], warnings: Sequence[str]) -> None:
        self.key = key
        self.notes = list(notes)
        self.warnings = list(warnings)
        self.packages: tuple[Package, ...] = ()
        """None: a lock carries the facts only of what was read for it."""


def wheel_for(chosen: Chosen, ranks: Mapping[str, int]) -> FileRow | None:
    """The wheel that a target takes of the files of a choice; ``ranks`` are its tags, best first. None: it takes none.

    Tags stand in the name as PEP 425 has them: ``cp311.cp312-abi3-linux_x86_64.any`` stands for all combinations.
    """
    best: FileRow | None = None
    best_rank = -1
    for row in chosen.files:
        filename = row[0]
        parts = filename[:-4].lower().split("-")
        if not filename.endswith(".whl") or len(parts) not in (5, 6):
            continue
        pythons, abis, platforms = (part.split(".") for part in parts[-3:])
        for python in pythons:
            for abi in abis:
                for platform in platforms:
                    rank = ranks.get(f"{python}-{abi}-{platform}")
                    if rank is not None and (best is None or rank < best_rank):
                        best, best_rank = row, rank
    return best


def told_before(world: World, aimed: Aim, solved: Sequence[Solved], carried: bytes | None) -> tuple[str, Told | None]:
    """The key of this choice with the facts that are at hand, and what proving it told, if that is known.

    ``carried`` is the old lock, if it has facts.
    """
    # Where the store has things is known without it: to load its room costs a tenth of a warm lock.
    base = base_of(os.path.join(world.cache, "store"))
    kinds = [kind for kind in _KINDS if os.path.exists(f"{base}/{kind}")]
    targets = {target["name"]: target for target in aimed["targets"]}
    parts: list[object] = []
    for one in solved:
        target = targets[one.name]
        parts += [one.name, list(one.fork), target["machine"], target["environment"]]
        for name, chosen in sorted(one.packages.items()):
            # The files of a choice are those that its target takes, the best first.
            row = chosen.files[0] if chosen.files and chosen.files[0][0].endswith(".whl") else None
            sha256 = dict(row[2]).get("sha256") if row is not None else None
            here = [os.path.exists(place_of(base, kind, sha256)) for kind in kinds] if sha256 else []
            parts.append((name, chosen.version, sha256, *here))
    rules = {path for target in aimed["targets"] if target["machine"] for path in target["machine"]["rules"]}
    key = digest(
        _FORMAT,
        provenv.__version__,
        parts,
        repr(aimed["inputs"]["targets"]),
        [(path, _stamp(path)) for path in sorted(rules)],
        sorted(aimed["file_owners"].items()),
        carried,
    )
    known = recall(world.cache, "told", key)
    return key, None if known is None else Told(key, *known)


def remember_told(world: World, told: Told) -> None:
    """Keep what proving told: only of a choice of which nothing was ruled out."""
    remember(world.cache, "told", told.key, (told.notes, told.warnings))


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size
