"""Changes an environment as a plan says.

The order makes every crash recoverable: everything that can be refused is refused first; then the receipt is set aside;
then distributions are removed, each with its RECORD last; then installed, each with its RECORD first, so that whatever
was written is told by some RECORD; the receipt is written last. An environment without receipt is unknown ground, and
the next plan replaces everything in it.

Files that are linked from the store are looked at once they are there: who edits a linked file in place edits that of
the store, too. Such a tree is unpacked anew, and placed once more.
"""

from __future__ import annotations

import hashlib
import os

from provenv.env import receipt as receipts
from provenv.env.collision import Owner, check_collisions
from provenv.env.create import own_paths
from provenv.env.distribution import Distribution, Work, place
from provenv.env.drift import directories_of, own_rows
from provenv.env.layout import Layout
from provenv.env.paths import Paths
from provenv.env.placing import HARDLINK, check_mode, choose_mode
from provenv.env.removal import foreign_files, remove_files
from provenv.env.scan import normalised
from provenv.errors import InstallError
from provenv.store.failure import told_as_install_error
from provenv.wheel.record import digest_for_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from provenv.env.distribution import Mend
    from provenv.env.receipt import FileRow, Receipt
    from provenv.events import Events
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Plan, Wanted
    from provenv.store.tree import Bytecode, Tree

__all__ = ["apply", "identity"]


def identity(interpreter: Interpreter) -> tuple[str, ...]:
    """What must stay equal for an environment to fit its interpreter."""
    return (
        interpreter.base_executable,
        interpreter.version,
        interpreter.cache_tag + interpreter.soabi_flags,
        interpreter.platform,
    )


def apply(
    root: str,
    plan: Plan,
    trees: Mapping[str, Tree],
    bytecode: Mapping[str, Bytecode],
    interpreter: Interpreter,
    events: Events,
    *,
    link_mode: str = "auto",
    lock_digest: str = "",
    workers: int = 3,
    boot: str = "",
    owners: Mapping[str, str] | None = None,
    mend: Mend | None = None,
    is_durable: bool = False,
) -> None:
    """Make the environment at ``root`` (absolute, a virtual environment) what ``plan`` says.

    ``workers`` is best a little above the number of cores: making links waits for the file system, not the processor.
    ``trees`` holds the tree of every wheel in ``plan.install`` by SHA-256; ``bytecode`` that of those which shall come
    compiled. ``boot`` names the run of the machine since it was started; ``owners`` says which package a path that
    several own is taken from (see ``check_collisions``); ``mend`` is asked when the store's own file was edited.
    LosesFiles (nothing changed) when something in ``plan.keep`` would lose files.
    InstallError (nothing changed) when two distributions own one path with unequal bytes; InstallError
    (the next call heals) when the system refuses something on the way.
    """
    paths = Paths.from_interpreter(root, interpreter)
    before = receipts.read(root)
    check_mode(link_mode)
    work = Work(paths, events, HARDLINK, workers, _replaceable(root, before))
    kept = _kept(plan, before)
    prepared = []
    for wanted in plan.install:
        layout = Layout.from_tree(_tree(trees, wanted), bytecode.get(wanted.sha256), paths)
        prepared.append(Distribution(wanted, layout, paths))
    everybody = [*(_kept_owner(root, name, rows) for name, rows in kept.items()), *(one.owner() for one in prepared)]
    lost = check_collisions(everybody, paths, owners)
    prepared = [_without(one, lost.get(one.wanted.name, set()), paths) for one in prepared]
    with told_as_install_error("change the environment", root):
        removals = _removals(paths, plan, before, events)
        receipts.forget(root)
        # Only now: a kill in the middle of the trial leaves a file that is nobody's.
        work.mode = _sample_mode(paths, plan, trees, link_mode)
        protected = {path for rows in kept.values() for path, *_ in rows}
        for dist_info, files in removals:
            remove_files(root, (path for path in files if path not in protected), dist_info)
        for directory in (paths.purelib, paths.platlib, paths.scripts):
            work.directories.make(directory)
        prepared = place(work, prepared, mend)
        items = [(before.items[name], before.body(name)) for name in kept] if before is not None else []
        items += [one.receipt_item(work.mode) for one in prepared]
        receipts.write(
            root,
            lock_digest=lock_digest,
            interpreter=identity(interpreter),
            stamps=_stamps(paths),
            items=sorted(items, key=lambda item: item[0].name),
            boot=boot,
            own=own_rows(root, own_paths(paths, interpreter)),
            owners=tuple(sorted((owners or {}).items())),
            is_durable=is_durable,
        )


def _without(one: Distribution, lost: set[str], paths: Paths) -> Distribution:
    """The same distribution, but for files that it leaves to others."""
    if not lost:
        return one
    one.layout.leave(lost)
    return Distribution(one.wanted, one.layout, paths)


def _replaceable(root: str, before: Receipt | None) -> set[str]:
    """Directories that were ours, also before a change that did not end: a link or file in their place is damage."""
    before = before or receipts.read(root, receipts.UNFINISHED)
    if before is None:
        return set()
    return directories_of(path for rows in before.all_files().values() for path, *_ in rows)


def _tree(trees: Mapping[str, Tree], wanted: Wanted) -> Tree:
    try:
        return trees[wanted.sha256]
    except KeyError:
        raise InstallError(f"{wanted.filename} was not unpacked before it was to be installed") from None


def _sample_mode(paths: Paths, plan: Plan, trees: Mapping[str, Tree], link_mode: str) -> str:
    """Try the link mode once, on the first file there is."""
    for wanted in plan.install:
        tree = _tree(trees, wanted)
        with told_as_install_error("write to the environment", paths.root):
            return choose_mode(link_mode, f"{tree.files}/{tree.entries[0][0]}", paths.root)
    return HARDLINK


def _kept(plan: Plan, before: Receipt | None) -> dict[str, tuple[FileRow, ...]]:
    """The files of what stays, by name. What the receipt does not know cannot stay: the plan must install it."""
    if not plan.keep:
        return {}
    if before is None:
        raise InstallError("the environment has no receipt, so nothing in it can be kept")
    files = before.all_files()
    missing = [wanted.name for wanted in plan.keep if wanted.name not in files]
    if missing:
        raise InstallError(f"the environment's receipt does not know {missing[0]}, so it cannot be kept")
    return {wanted.name: files[wanted.name] for wanted in plan.keep}


def _kept_owner(root: str, name: str, rows: tuple[FileRow, ...]) -> Owner:
    """What stays owns what the receipt says; the hash is that of the file as it is now."""

    def digest(path: str) -> str | None:
        if path.endswith(".pyc"):
            return None
        try:
            with open(f"{root}/{path}", "rb") as file:
                return digest_for_record(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            return ""

    groups: dict[str, list[str]] = {}
    for path, *_ in rows:
        parent, _, file_name = path.rpartition("/")
        groups.setdefault(parent, []).append(file_name)
    return Owner(name, groups.items(), digest, is_kept=True)


def _removals(paths: Paths, plan: Plan, before: Receipt | None, events: Events) -> list[tuple[str, list[str]]]:
    """``(.dist-info, files)`` of all that goes: what the plan removes, and older forms of what it installs."""
    names = {one.name for one in plan.remove} | {one.name for one in plan.install}
    found: dict[str, list[str]] = {}
    if before is not None:
        files = before.all_files()
        for name in sorted(names & before.items.keys()):
            found[before.items[name].dist_info] = [path for path, *_ in files[name]]
    for site in sorted({paths.purelib, paths.platlib}):
        for directory in sorted(os.listdir(paths.absolute(site))) if os.path.isdir(paths.absolute(site)) else ():
            name = normalised(directory.removesuffix(".dist-info").partition("-")[0])
            if directory.endswith(".dist-info") and name in names:
                dist_info = f"{site}/{directory}"
                if dist_info in found and _is_ours(paths.absolute(dist_info)):
                    continue
                files_of_record = foreign_files(paths, dist_info, events)
                # Both lists: another tool may have reinstalled what our receipt still tells about.
                found[dist_info] = sorted({*found.get(dist_info, ()), *files_of_record})
    return sorted(found.items())


def _is_ours(dist_info: str) -> bool:
    """Whether we installed it last: then our own manifest counts, whatever its RECORD may say by now."""
    path = dist_info + "/INSTALLER"
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(64).strip() == b"provenv"
    except OSError:
        return False


def _stamps(paths: Paths) -> tuple[tuple[str, int], ...]:
    return tuple(
        (path, os.stat(paths.absolute(path)).st_mtime_ns)
        for path in sorted({paths.purelib, paths.platlib, paths.scripts})
    )
