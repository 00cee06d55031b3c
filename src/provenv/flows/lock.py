"""Locks a project: one solution per target, merged into ``pylock.toml``. On the warm path."""

from __future__ import annotations

import os

import provenv
from provenv.errors import BuildError, NoSolution, StaleLock
from provenv.flows import files
from provenv.flows.aim import aim
from provenv.flows.forked import chosen_sections
from provenv.flows.known_lock import KnownLock, known_lock
from provenv.flows.local_archives import archive_digests
from provenv.flows.lock_proof import proven_too, with_facts
from provenv.flows.memory import digest, recall, remember
from provenv.flows.pins import pins_of
from provenv.flows.solving import expect, prepared_references, solve_target
from provenv.lockfile.choices import Forks, group_of
from provenv.lockfile.merge import Solved, merge
from provenv.lockfile.write import to_toml

__all__ = ["Locked", "lock", "solve_target"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from provenv.flows.aimed import Aim, AimedTarget
    from provenv.flows.prepared import Commit
    from provenv.flows.prove_known import Told
    from provenv.flows.prove_learn import Learned
    from provenv.flows.world import World
    from provenv.lockfile.uv_lock import UvLock

FORMAT = 3
"""Version of ``[tool.provenv]`` in the lock."""


class Locked:
    """What locking did: the lock's bytes and what changed in it."""

    __slots__ = ("data", "is_changed", "is_written", "new", "notes", "old", "warnings")

    def __init__(
        self,
        data: bytes,
        old: Mapping[str, tuple[str, ...]],
        new: Mapping[str, tuple[str, ...]],
        *,
        is_changed: bool,
        is_written: bool,
        warnings: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self.old = old
        """Package -> versions, before."""
        self.new = new
        self.is_changed = is_changed
        self.is_written = is_written
        self.warnings = warnings
        self.notes = notes
        """What the user may want to know of the choices: platforms left out, newer versions not taken."""


def lock(
    world: World,
    *,
    upgrade: bool = False,
    upgrade_packages: tuple[str, ...] = (),
    is_locked: bool = False,
    is_dry: bool = False,
    proving: str = "known",
) -> Locked:
    """Bring the lock of a project up to date, keeping old pins where they still fit.

    ``is_locked`` refuses to change anything: StaleLock says what differs. ``is_dry`` solves and compares, but writes
    nothing. ``proving`` says how what was chosen for declared machines is proven: ``known`` by what was read before,
    ``all`` reads the rest, and the lock then carries what was read; ``none`` does not. Raises InputError, NoSolution,
    Unavailable; the old lock is then as it was.
    """
    aimed = aim(world)
    # Whoever only wants to know what would be chosen has nothing to keep: a script without a lock of ours, for one.
    data = None if world.is_only_here else world.lock_data_if_there()
    known = known_lock(world, data) if data is not None else None
    if known is not None and data is not None and not upgrade and not upgrade_packages and proving != "all":
        difference = known.difference(_inputs(aimed), FORMAT) or _moved(world, aimed, known)
        if difference is None:
            return Locked(data, known.versions, known.versions, is_changed=False, is_written=False)
        if is_locked:
            raise StaleLock(f"{world.lock_file} is out of date: {difference}", hint="run `provenv lock`")
    elif is_locked and known is None:
        raise StaleLock(f"{world.lock_file} is missing", hint="run `provenv lock`")
    is_dry = is_dry or not world.writes_lock
    return _lock_anew(world, aimed, data, known, upgrade, upgrade_packages, is_dry, proving)


def _moved(world: World, aimed: Aim, known: KnownLock) -> str | None:
    """Which local directory needs something else than when the lock was made, or which archive is another, in words."""
    recorded = known.inputs.get("directories", {})
    found = _directories(world, aimed, known)
    for name in sorted({*recorded, *found}):
        if recorded.get(name) != found.get(name):
            return f"what {name} needs changed"
    for target in aimed["targets"]:
        for name, sha256 in archive_digests(world, target["references"].items()):
            if sha256 and sha256 not in known.archives.get(name, (sha256,)):
                return f"the file of {name} changed"
    return None


def _directories(world: World, aimed: Aim, known: KnownLock | None) -> dict[str, str]:
    """Local directories besides the project itself, each with a digest of what it says of itself."""
    found: dict[str, str] = {}
    forks = Forks(aimed["conflicts"])
    for target in aimed["targets"]:
        for without in map(forks.excluded, forks.all if target["forked"] else forks.all[:1]):
            chosen = chosen_sections(target, without)
            others = [one["kind"] for name, one in chosen["references"].items() if name != aimed["name"]]
            if "directory" not in others:
                continue
            commits = known.commits if known is not None else {}
            for name, prepared in prepared_references(world, aimed, chosen, commits).items():
                if "directory" in prepared.table and name != aimed["name"]:
                    found[name] = prepared.needs_digest
    return found


def _lock_anew(
    world: World,
    aimed: Aim,
    data: bytes | None,
    known: KnownLock | None,
    upgrade: bool,
    upgrade_packages: tuple[str, ...],
    is_dry: bool,
    proving: str,
) -> Locked:
    world.events.started("resolve")
    # What was chosen under another rule is no wish under this one.
    is_same_rule = known is not None and _rule(known.inputs) == _rule(aimed["inputs"])
    kept = known if is_same_rule and not upgrade else None
    other = None if upgrade or known is not None else _other_lock(world)
    solving = _Solving(world, aimed, kept, other, upgrade_packages)
    learned: Learned | Told | None = None
    if proving == "all" or (proving == "known" and any(target["machine"] for target in aimed["targets"])):
        solved, learned = proven_too(world, aimed, solving.anew, data, proving)
    else:
        solved = solving.all_targets()
    world.events.finished("resolve")
    tables, environments, grouped = merge(solved, _beside(world, aimed), aimed["conflicts"])
    tables, plain = with_facts(tables, data, learned.packages if learned is not None else ())
    script = world.script and os.path.basename(world.script)
    fresh = to_toml(_document(world, aimed, tables, environments, grouped, kept, plain), script=script)
    new: dict[str, tuple[str, ...]] = {}
    for table in tables:
        new[table["name"]] = (*new.get(table["name"], ()), table.get("version", ""))
    is_changed = fresh != data
    if is_changed and not is_dry:
        world.put_lock(fresh)
    old = known.versions if known is not None else {}
    return Locked(
        fresh,
        old,
        new,
        is_changed=is_changed,
        is_written=is_changed and not is_dry,
        warnings=tuple(dict.fromkeys([*solving.warnings, *(learned.warnings if learned else ())])),
        notes=tuple(
            dict.fromkeys(
                [
                    *_begun_with(other),
                    *solving.left_out,
                    *_different(solved),
                    *(learned.notes if learned else ()),
                    *_held(world, aimed, solved, is_changed),
                ]
            )
        ),
    )


def _other_lock(world: World) -> UvLock | None:
    """What uv locked for the project: versions to begin with, so that changing the tool changes nothing else."""
    if world.given is not None or world.script is not None:
        return None
    data = files.read_if_there(os.path.join(world.directory, "uv.lock"))
    if data is None:
        return None
    from provenv.lockfile.uv_lock import UvLock

    return UvLock(data)


def _begun_with(other: UvLock | None) -> list[str]:
    return [] if other is None else ["versions of uv.lock were kept where they fit: --upgrade lets go of them"]


class _Solving:
    """Solves every target and every choice, each preferring what was chosen before it."""

    def __init__(
        self, world: World, aimed: Aim, known: KnownLock | None, other: UvLock | None, upgraded: Collection[str]
    ) -> None:
        self._world = world
        self._aimed = aimed
        self._known = known
        self._other = other
        """The lock that another tool made of the project, before there was one of ours."""
        self._upgraded = upgraded
        self._earlier: dict[str, str] = {}
        self._left: dict[str, set[str]] = {}
        """Package -> versions of the old lock that a target had to give up: the others then follow it."""
        self.warnings: list[str] = []
        self.left_out: list[str] = []
        """Platforms that nobody asked for and that cannot be had, each with the reason."""

    def anew(self, aimed: Aim) -> list[Solved]:
        """Everything once more, with another aim."""
        self._aimed, self._earlier = aimed, {}
        self._left.clear()
        self.warnings.clear()
        self.left_out.clear()
        return self.all_targets()

    def all_targets(self) -> list[Solved]:
        forks = Forks(self._aimed["conflicts"])
        solved: list[Solved] = []
        here = _of_this_machine(self._world, self._aimed)
        for target in self._aimed["targets"]:
            is_optional = not target["is_declared"] and target["name"] != here
            try:
                found = [self._solved(target, fork, forks, is_optional=is_optional) for fork in forks.all]
            except (NoSolution, BuildError) as failure:
                if not is_optional:
                    raise
                self.left_out.append(f"left out {target['name']}: {_short(failure)}")
                continue
            is_first = not solved
            solved += found
            for one in found:
                for name, chosen in one.packages.items():
                    if chosen.version is not None:
                        self._earlier.setdefault(name, chosen.version)
            if is_first and self._world.doors and not self._aimed["conflicts"]:
                # The network was needed for the first target: what the others need can travel all at once.
                for other in self._aimed["targets"][self._aimed["targets"].index(target) + 1 :]:
                    expect(self._world, self._aimed, other, self._earlier)
        return solved

    def _solved(self, target: AimedTarget, fork: tuple[str, ...], forks: Forks, *, is_optional: bool) -> Solved:
        kept: dict[str, str] = {}
        commits: dict[str, Commit] = {}
        if self._known is not None:
            names = [one["name"] for one in self._aimed["targets"]]
            old = pins_of(self._known, target["environment"], target["name"], other_targets=names)
            kept = {name: version for name, version in old.items() if name not in self._upgraded}
            commits = {name: one for name, one in self._known.commits.items() if name not in self._upgraded}
        elif self._other is not None:
            pins = self._other.pins(target["environment"])
            kept = {name: version for name, version in pins.items() if name not in self._upgraded}
            commits = {name: one for name, one in self._other.commits().items() if name not in self._upgraded}
        packages, warnings = solve_target(
            self._world,
            self._aimed,
            target,
            {**self._earlier, **{name: one for name, one in kept.items() if one not in self._left.get(name, ())}},
            without=forks.excluded(fork),
            commits=commits,
            kept=kept,
            is_optional=is_optional,
        )
        self.warnings += warnings
        for name, chosen in packages.items():
            if chosen.version != kept.get(name, chosen.version):
                self._left.setdefault(name, set()).add(kept[name])
        return Solved(target["name"], target["environment"], packages, fork)


def _of_this_machine(world: World, aimed: Aim) -> str | None:
    """The name of the undeclared target that is this machine."""
    if aimed["interpreter"] is None:
        return None
    from provenv.pythons.inspect import inspect

    markers = dict(inspect(aimed["interpreter"], os.path.join(world.cache, "memory", "interpreters")).markers)
    for target in aimed["targets"]:
        keys = ("sys_platform", "platform_machine")
        if not target["is_declared"] and all(target["environment"][key] == markers[key] for key in keys):
            return target["name"]
    return None


def _short(failure: NoSolution | BuildError) -> str:
    """The reason of a failure in one line: what cannot be used there, else the end of the story."""
    if failure.hint and "cannot be used here" in failure.hint:
        return failure.hint.splitlines()[0].replace("cannot be used here", "cannot be used there")
    lines = failure.message.splitlines()
    return (lines[-1] if isinstance(failure, NoSolution) else lines[0]).rstrip(".")


def _held(world: World, aimed: Aim, solved: Sequence[Solved], is_changed: bool) -> list[str]:
    """Direct requirements that are held below their newest version, when a lock changed."""
    if not is_changed or world.is_only_here:
        return []
    held_back = [(one.name, name, chosen.newest) for one in solved for name, chosen in one.packages.items()
                 if chosen.newest is not None]  # fmt: skip
    if not held_back:
        return []
    chosen = [(one.name, one.fork, name, found.version) for one in solved for name, found in one.packages.items()]
    key = digest(
        provenv.__version__,
        world.project_data(),
        aimed["policy"],
        aimed["members"],
        held_back,
        chosen,
        world.is_offline,
    )
    known: list[str] | None = recall(world.cache, "held", key)
    if known is None:
        from provenv.flows.held import held

        known = held(world, aimed, solved)
        remember(world.cache, "held", key, known)
    return known


def _different(solved: Sequence[Solved]) -> list[str]:
    """Packages that have an older version on some target than on others, in a line each."""
    versions: dict[str, dict[str, list[str]]] = {}
    for one in solved:
        for name, chosen in one.packages.items():
            if not any(one.fork):
                versions.setdefault(name, {}).setdefault(chosen.version or "", []).append(one.name)
    told = []
    for name, by_version in sorted(versions.items()):
        if len(by_version) > 1:
            usual = max(by_version, key=lambda version: len(by_version[version]))
            others = [f"{version} on {', '.join(at)}" for version, at in by_version.items() if version != usual]
            told.append(f"{name} is {usual}, but {' and '.join(others)}")
    return told


def _beside(world: World, aimed: Aim) -> str | None:
    """The URL of the project's directory, when the project looks for files in it."""
    urls = [url for _, url, *_ in aimed["locations"]]
    urls += [reference["url"] for target in aimed["targets"] for reference in target["references"].values()]
    if not any(url.startswith("file:") for url in urls):
        return None
    from provenv.index.local import url_of_path

    return url_of_path(world.directory).rstrip("/") + "/"


def _rule(inputs: Mapping[str, Any]) -> object:
    return inputs.get("policy", {}).get("resolution")


def _inputs(aimed: Aim) -> dict[str, Any]:
    """What the lock records of the project."""
    inputs = dict(aimed["inputs"])
    if aimed["conflicts"]:
        inputs["conflicts"] = aimed["conflicts"]
    if groups := {name: found for name, found in aimed["member_default_groups"].items() if found}:
        inputs["member-default-groups"] = groups
    return inputs


def _document(
    world: World,
    aimed: Aim,
    tables: list[dict[str, Any]],
    environments: list[str],
    grouped: list[str],
    known: KnownLock | None,
    plain: Sequence[str],
) -> dict[str, Any]:
    document: dict[str, Any] = {"lock-version": "1.0", "environments": environments}
    if aimed["requires_python"]:
        document["requires-python"] = aimed["requires_python"]
    sections = {section for target in aimed["targets"] for _, _, section in target["rows"]}
    members = sorted(group_of(section) for section in sections if section.startswith("member:"))
    document["extras"] = aimed["extras"]
    document["dependency-groups"] = sorted({*aimed["groups"], *grouped, *members})
    default = [aimed["targets"][0]["name"]] if aimed["targets"][0]["name"] in grouped else []
    if aimed["members"]:
        # A workspace whose root is no project stands for all of its members.
        root = [group_of(f"member:{aimed['name']}")]
        default += root if aimed["name"] else [group for group in members if group.count("--") == 1]
        members = sorted({*members, *(root if aimed["name"] else [])})
    document["default-groups"] = [*aimed["default_groups"], *default]
    document["created-by"] = "provenv"
    lax = set(aimed["policy"]["lax_archives"])
    document["packages"] = [_lax(table) if table["name"] in lax else table for table in tables]
    inputs = {"format": FORMAT, **_inputs(aimed)}
    if aimed["members"] and aimed["name"]:
        inputs["root"] = aimed["name"]
    if directories := _directories(world, aimed, known):
        inputs["directories"] = directories
    if plain:
        inputs["plain-wheels"] = list(plain)
    document["tool"] = {"provenv": inputs}
    return document


def _lax(table: dict[str, Any]) -> dict[str, Any]:
    """An entry that says that its archive may be sloppy."""
    own = {"lax-archive": True, **table.get("tool", {}).get("provenv", {})}
    return {**table, "tool": {"provenv": own}}
