"""Says of what is locked, or of what is installed, what will fail on which machine - from the bytes of its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from provenv.convert.detect import read_lock
from provenv.convert.foreign import ForeignLock
from provenv.errors import InputError, ProvenvError, StaleLock, UsageError
from provenv.flows import files
from provenv.flows.choice import Choice
from provenv.flows.look import file_owners
from provenv.flows.prove_carried import carried_of
from provenv.flows.prove_facts import Facts
from provenv.flows.prove_installed import installed
from provenv.flows.prove_parts import Part, parts_of_foreign, parts_of_lock, parts_of_wheel
from provenv.flows.prove_spots import Spot, as_targets, own_rules, spots_of
from provenv.flows.proven import Asked, Proof, Proven
from provenv.flows.target import lock_bytes
from provenv.flows.world import World
from provenv.lockfile.read import parse
from provenv.model.finding import FAILS, LEVELS, UNKNOWN, Finding
from provenv.proof.prove import prove as check
from provenv.proof.subject import Case
from provenv.stack.tables import Tables

__all__ = ["Asked", "Proof", "Proven", "prove"]


_NOBODY = b'[project]\nname = "prove"\nversion = "0"\n'


def prove(world: World, choice: Choice, asked: Asked) -> Proven:
    """Check everything that is asked for; wheels that nobody has read are downloaded and read, unless offline.

    Nothing is changed but the store. Raises UsageError, InputError and StaleLock for what is not there.
    """
    if sum(one is not None for one in (asked.file, asked.environment, asked.root)) > 1:
        raise UsageError("only one of a file, --environment and --root can be proven at a time")
    tables = own_rules(world)
    if asked.is_loading:
        return _prove_loading(world, tables, asked)
    if asked.environment is not None or asked.root is not None:
        return _prove_installed(world, tables, asked)
    if asked.file is not None:
        return _prove_file(world, choice, tables, asked, asked.file)
    return _prove_project(world, choice, tables, asked)


def _prove_project(world: World, choice: Choice, tables: Tables, asked: Asked) -> Proven:
    if not os.path.isfile(world.project_file) and files.read_if_there(world.lock_file) is None:
        raise StaleLock(
            f"there is no project and no lock in {world.directory}",
            hint="name a lock, a wheel, --environment or --root, or run it in a project",
        )
    data = lock_bytes(world, is_locked=asked.is_locked, is_frozen=asked.is_frozen or not world.has_project)
    spots = spots_of(world, tables, targets=asked.targets, machines=asked.machines, is_here=asked.is_here)
    document = parse(data, world.lock_file)
    spots = as_targets(world, data, spots, tables)
    facts = Facts(world, world.store(), carried_of(document), is_fetching=True, owners=file_owners(world))
    proofs = _proofs(
        tables, facts, spots, lambda spot: parts_of_lock(world, data, choice, spot), has_strict_owners=True
    )
    return Proven(against=world.lock_file, proofs=tuple(proofs), tables_date=tables.date)


def _prove_file(world: World, choice: Choice, tables: Tables, asked: Asked, path: str) -> Proven:
    lock: ForeignLock | None = None
    carried = {}
    if path.endswith(".whl"):
        if not os.path.isfile(path):
            raise InputError(path, "is not there", hint="give the path of a wheel")
    else:
        data = files.read(path, "give the path of a lock or of a wheel")
        lock = read_lock(data, path)
        if lock.form == "pylock":
            carried = carried_of(parse(data, path))
        _check_locked(lock)
    spots = spots_of(
        world,
        tables,
        targets=asked.targets,
        machines=asked.machines,
        is_here=asked.is_here,
        requires_python=lock.requires_python if lock is not None else "",
    )
    store = world.store()
    # Whoever names a lock trusts the indexes that it names, and no project has a say in it.
    alone = world.with_project("prove", _NOBODY)
    alone.indexes = (*world.indexes, *(lock.indexes if lock is not None else ()))
    facts = Facts(alone, store, carried, is_fetching=True)
    extras, groups = _chosen(choice, lock)

    def parts(spot: Spot) -> list[Part]:
        if lock is None:
            return parts_of_wheel(path, spot)
        return parts_of_foreign(world, store, lock, spot, extras=extras, groups=groups)

    proofs = _proofs(tables, facts, spots, parts, has_strict_owners=False)
    return Proven(against=path, proofs=tuple(proofs), tables_date=tables.date)


def _check_locked(lock: ForeignLock) -> None:
    """Loose requirements choose other files tomorrow: there is nothing that could be proven."""
    if lock.form != "requirements":
        return
    loose = [package.name for package in lock.packages if package.kind == "index" and not package.files]
    if loose:
        named = ", ".join(loose[:6]) + (f" and {len(loose) - 6} more" if len(loose) > 6 else "")
        raise InputError(
            lock.where,
            f"it is not locked: nothing says which files {named} will be",
            hint="lock it first: `provenv init --bare`, `provenv add -r FILE`, then `provenv prove`",
        )


def _chosen(choice: Choice, lock: ForeignLock | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if lock is None:
        return (), ()
    extras = lock.extras if choice.all_extras else choice.extras
    groups = lock.groups if choice.all_groups else (*choice.groups, *choice.only_groups)
    return tuple(extras), tuple(groups)


def _proofs(
    tables: Tables,
    facts: Facts,
    spots: Sequence[Spot],
    parts_of: Callable[[Spot], list[Part]],
    *,
    has_strict_owners: bool,
) -> list[Proof]:
    chosen: list[tuple[Spot, list[Part] | Finding]] = []
    for spot in spots:
        try:
            chosen.append((spot, parts_of(spot)))
        except (InputError, UsageError) as problem:
            chosen.append((spot, _not_made_for(problem)))
    # All wheels of all machines at once: what several share is read once, and downloads run side by side.
    facts.read(
        part.wanted
        for _, parts in chosen
        if not isinstance(parts, Finding)
        for part in parts
        if part.wanted is not None
    )
    return [
        Proof(target=spot.name, python=spot.target.python, hardware=spot.hardware, packages=(), findings=(parts,))
        if isinstance(parts, Finding)
        else _proof(tables, facts, spot, parts, has_strict_owners=has_strict_owners)
        for spot, parts in chosen
    ]


def _not_made_for(problem: ProvenvError) -> Finding:
    return Finding(
        level=FAILS,
        kind="lock",
        expected="packages for this machine",
        actual=problem.message,
        remedy=problem.hint or "declare the machine in [tool.provenv.targets] and lock again",
        rule="markers and tags of the lock",
    )


def _proof(tables: Tables, facts: Facts, spot: Spot, parts: Sequence[Part], *, has_strict_owners: bool) -> Proof:
    wheels = [part for part in parts if part.wanted is not None or part.facts is not None]
    packages = tuple(facts.package(part) for part in wheels)
    case = Case(
        target=spot.name,
        python=spot.target.minor,
        abi_flags=spot.target.abi_flags,
        hardware=spot.hardware,
        packages=packages,
        tables=tables,
        has_strict_owners=has_strict_owners,
    )
    found = [_told_why(finding, facts, case) for finding in check(case)]
    found += _unbuilt(parts)
    found += _other_system(case)
    return Proof(
        target=spot.name,
        python=spot.target.python,
        hardware=spot.hardware,
        packages=packages,
        findings=tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level))),
        sizes={part.name: size for part in parts if (size := facts.size(part)) is not None},
        local=tuple(part.name for part in parts if part.is_local),
    )


def _told_why(finding: Finding, facts: Facts, case: Case) -> Finding:
    """A wheel that was not read, with the reason."""
    if finding.kind != "unread":
        return finding
    package = case.package(finding.subject)
    reason = facts.reasons.get(package.sha256) if package is not None else None
    return finding if reason is None else finding.changed(actual=f"{finding.actual}: {reason}")


def _unbuilt(parts: Sequence[Part]) -> list[Finding]:
    """What has no wheel, and a wheel that the machine's installers would not take."""
    found = []
    for part in parts:
        if part.is_local or not part.reason:
            continue
        has_wheel = part.wanted is not None
        found.append(
            Finding(
                level=FAILS if has_wheel else UNKNOWN,
                kind="tag" if has_wheel else "unbuilt",
                subject=part.name,
                expected="a wheel for this machine",
                actual=part.reason
                if not has_wheel
                else f"{part.wanted.filename}: {part.reason}"
                if part.wanted
                else "",
                remedy="choose another file of this package" if has_wheel else "",
                rule="PEP 425: the tags of the wheel's name" if has_wheel else "only wheels say what will be there",
                evidence=(("version", part.version),),
            )
        )
    return found


def _other_system(case: Case) -> list[Finding]:
    """Of Mac and Windows no compiled file is read: that nothing was found there proves nothing."""
    if case.hardware.system == "linux":
        return []
    compiled = [package.label for package in case.packages if not package.filename.endswith("-any.whl")]
    if not compiled:
        return []
    return [
        Finding(
            level=UNKNOWN,
            kind="system",
            expected="compiled files that can be read",
            actual=f"only those of Linux are; of {len(compiled)} packages nothing is proven on {case.hardware.system}",
            rule="Mach-O and PE files are not read",
            evidence=tuple(("package", label) for label in compiled),
        )
    ]


def _prove_installed(world: World, tables: Tables, asked: Asked) -> Proven:
    """Environments lie on a machine already: that one, unless others are named."""
    place = asked.environment or asked.root or ""
    if not os.path.isdir(place):
        raise StaleLock(f"there is no directory {place}", hint="name an environment, or the root of a system")
    facts = Facts(world, world.store(), {}, is_fetching=False)
    cases = installed(
        world,
        tables,
        place,
        is_root=asked.root is not None,
        targets=asked.targets,
        machines=asked.machines,
        is_here=asked.is_here,
    )
    proofs = tuple(_proof(tables, facts, spot, parts, has_strict_owners=False) for spot, parts in cases)
    return Proven(against=place, proofs=proofs, tables_date=tables.date)


def _prove_loading(world: World, tables: Tables, asked: Asked) -> Proven:
    """An environment is proven for this machine, and its extension modules are loaded on it."""
    from provenv.flows.prove_load import load_all

    if asked.file is not None or asked.root is not None or asked.targets or asked.machines:
        raise UsageError("--load loads what is installed on this machine: it goes with --environment only")
    place = asked.environment or world.environment_directory
    proven = _prove_installed(world, tables, replace(asked, environment=place, is_here=True))
    return replace(proven, proofs=tuple(load_all(world, place, proof) for proof in proven.proofs))
