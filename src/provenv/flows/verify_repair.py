"""Puts right what ``verify`` found, from the store or the index; what somebody put there by design stays.

Our own environments are repaired by a sync that places the damaged packages anew. In those of other tools file after
file is replaced by that of the wheel that the lock names; everything else stays as its installer left it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from provenv.errors import ProvenvError
from provenv.flows.environment import alone
from provenv.flows.verify_claims import FILE, LAUNCHER, SCRIPT, Promise
from provenv.flows.verify_look import Verified, Verifier
from provenv.model.finding import FAILS
from provenv.store.failure import told_as_install_error
from provenv.store.inspection import fault_of, faults_of, rows_of_bytecode, rows_of_tree
from provenv.wheel.scripts import launcher, rewritten

__all__ = ["repair"]

_REPLACED = ("absent", "changed", "duplicate", "link", "missing", "mode", "receipt", "unreadable", "version")
"""Kinds that placing a package anew puts right."""


_TEMPORARY = ".provenv-repair-"
"""How files are named that are being written; what a killed repair left goes with the next one."""


def repair(verifier: Verifier) -> Verified:
    """Look, put right what can be put right, and look again. Raises what ``sync`` raises when nothing can be had."""
    before = verifier.look()
    if before.is_proven:
        return before
    if verifier.basis == "lock":
        _repair_own(verifier, before)
    else:
        _repair_files(verifier, before)
    after = verifier.look()
    left = {(finding.kind, finding.subject, finding.path) for finding in after.findings}
    gone = [one for one in before.findings if (one.kind, one.subject, one.path) not in left]
    return Verified(
        **{name: getattr(after, name) for name in Verified.__slots__ if name != "repaired"}, repaired=tuple(gone)
    )


def _repair_own(verifier: Verifier, before: Verified) -> None:
    from provenv.flows.sync import sync

    world = verifier.world
    damaged = {one.subject for one in before.findings if one.level == FAILS and one.kind in _REPLACED} - {""}
    _mend_store(verifier, damaged)
    with alone(world, verifier.root), told_as_install_error("repair the environment", verifier.root):
        _remove(verifier, [*verifier.removable, *_bad_bytecode(before)])
    sync(
        world,
        verifier.choice,
        is_frozen=True,
        is_inexact=True,
        reinstalled=damaged,
        has_bytecode=_has_bytecode(verifier),
        keeps_target=True,
    )
    _restore_own_files(verifier, before)


def _has_bytecode(verifier: Verifier) -> bool:
    """Whether byte code was placed with the packages: a repair changes no more than it must."""
    return any(promise.path.endswith(".pyc") for claim in verifier.claims for promise in claim.promises)


def _mend_store(verifier: Verifier, damaged: set[str]) -> None:
    """Who edits a linked file edits the store's: what is rotten there is unpacked anew before it is placed again."""
    store, events = verifier.store, verifier.world.events
    for claim in verifier.claims:
        if claim.name not in damaged or claim.tree is None or claim.wanted is None:
            continue
        rows = rows_of_tree(claim.tree)
        faults = faults_of(claim.tree.files, rows, store.workers)
        bytecode = None if verifier.interpreter is None else store.bytecode(claim.tree, verifier.interpreter)
        if bytecode is not None:
            faults += faults_of(bytecode.files, rows_of_bytecode(bytecode), store.workers)
        if all(fault.is_harmless for fault in faults):
            continue
        events.warned(
            f"{claim.name}: {faults[0].path} was changed in the store, too; other environments that share it are not "
            "repaired: verify each"
        )
        store.mend(claim.wanted.sha256, claim.wanted.filename, events)


def _restore_own_files(verifier: Verifier, before: Verified) -> None:
    """Settings, links to the interpreter and activation scripts, where a sync saw nothing wrong with them."""
    if not any(one.kind == "environment" for one in before.findings) or verifier.interpreter is None:
        return
    import provenv
    from provenv.env.create import create

    with alone(verifier.world, verifier.root):
        name = os.path.basename(verifier.world.directory)
        create(verifier.root, verifier.interpreter, name, version=provenv.__version__, is_cleared=False)
    from provenv.flows.sync import sync

    sync(verifier.world, verifier.choice, is_frozen=True, is_inexact=True, has_bytecode=_has_bytecode(verifier))


def _bad_bytecode(before: Verified) -> Iterable[str]:
    return (one.path for one in before.findings if one.kind == "bytecode")


def _remove(verifier: Verifier, paths: Iterable[str]) -> None:
    """Remove extra files, and directories that are empty then. Nothing is followed through a link."""
    emptied = set()
    for path in paths:
        if verifier.ground.obstacle(path) is None:
            try:
                os.unlink(f"{verifier.root}/{path}")
            except FileNotFoundError:
                continue
            emptied.add(path.rpartition("/")[0])
    for directory in sorted(emptied, key=lambda one: -one.count("/")):
        while directory not in verifier.ground.sites and directory:
            try:
                os.rmdir(f"{verifier.root}/{directory}")
            except OSError:
                break
            directory = directory.rpartition("/")[0]


def _repair_files(verifier: Verifier, before: Verified) -> None:
    """File by file, from wheels whose hash the lock (or the receipt) names."""
    damaged = {one.path for one in before.findings if one.level == FAILS and one.kind in _REPLACED} - {""}
    absent = {one.subject for one in before.findings if one.kind == "absent"}
    sources = {
        promise.path: (promise, claim.wanted.sha256, claim.wanted.filename)
        for claim in verifier.claims
        if claim.wanted is not None and claim.name not in absent
        for promise in claim.promises
        if promise.path in damaged or any(promise.path.startswith(place + "/") for place in damaged)
    }
    mended: set[str] = set()
    with (
        alone(verifier.world, verifier.root),
        verifier.store.using(),
        told_as_install_error("repair the environment", verifier.root),
    ):
        _remove(verifier, [*verifier.removable, *_bad_bytecode(before)])
        _clear_obstacles(verifier, before)
        for name in os.listdir(verifier.root):
            if name.startswith(_TEMPORARY):
                os.unlink(f"{verifier.root}/{name}")
        for promise, sha256, filename in sources.values():
            if sha256 not in mended and not _is_sound(verifier, sha256, promise):
                mended.add(sha256)
                verifier.store.mend(sha256, filename, verifier.world.events)
            try:
                data = _content(verifier, promise)
            except (OSError, ProvenvError):
                continue
            if data is not None:
                _replace(verifier.root, promise, data)


def _clear_obstacles(verifier: Verifier, before: Verified) -> None:
    """Links in the place of directories go; what they lead to stays. An empty directory in a file's place goes, too."""
    for one in before.findings:
        full = f"{verifier.root}/{one.path}"
        if one.kind == "link" and os.path.islink(full) and verifier.ground.obstacle(one.path) is None:
            os.unlink(full)
        elif one.kind == "changed" and os.path.isdir(full) and not os.path.islink(full) and not os.listdir(full):
            os.rmdir(full)


def _is_sound(verifier: Verifier, sha256: str, promise: Promise) -> bool:
    tree = verifier.store.tree_to_compare(sha256)
    if tree is None or not promise.source.startswith(tree.files + "/"):
        return True
    path = promise.source[len(tree.files) + 1 :]
    row = next(row for row in rows_of_tree(tree) if row[0] == path)
    fault = fault_of(tree.files, row)
    return fault is None or fault.is_harmless


def _content(verifier: Verifier, promise: Promise) -> bytes | None:
    """What must be in a file; None when only its installer can tell."""
    python = f"{verifier.root}/{verifier.ground.programs}/python"
    if promise.content is not None:
        return promise.content
    if promise.role == LAUNCHER:
        name = promise.path.rpartition("/")[2]
        return launcher(name, promise.reference, python, promise.owner)
    if not promise.source or promise.role not in (FILE, SCRIPT):
        return None
    with open(promise.source, "rb") as file:
        data = file.read()
    return rewritten(data, python) if promise.role == SCRIPT else data


def _replace(root: str, promise: Promise, data: bytes) -> None:
    """A file of its own, at first where nobody looks for modules and programs, and then in the damaged one's place."""
    place = f"{root}/{promise.path}"
    os.makedirs(os.path.dirname(place), exist_ok=True)
    temporary = f"{root}/{_TEMPORARY}{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(temporary, flags, 0o755 if promise.is_executable else 0o644), "wb") as file:
            file.write(data)
        os.replace(temporary, place)
    except IsADirectoryError:
        os.unlink(temporary)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
