"""What an environment of another tool must hold, by a lock of any tool: the files of the wheels that the lock names.

The lock's hash proves a wheel, and the wheel proves the files. A package that was built from its source cannot be
proven so: nobody has locked what came out of the build. It is compared with its own RECORD, and called unproven.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.tags import Tag, parse_tag
from packaging.version import InvalidVersion, Version

from provenv.convert.foreign import ForeignLock, ForeignPackage
from provenv.env.layout import Layout
from provenv.env.paths import Paths
from provenv.errors import ProvenvError
from provenv.flows.fetch import fetch_trees
from provenv.flows.required import required
from provenv.flows.verify_claims import FREE, LAUNCHER, SCRIPT, Claim, Promise
from provenv.flows.verify_ground import Ground
from provenv.flows.verify_records import Found, record_claim
from provenv.flows.verify_wheels import Shelf
from provenv.flows.world import World
from provenv.model.finding import FAILS, HOLDS, UNKNOWN, WARNS, Finding
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.store.store import Store
from provenv.store.tree import WRITTEN_BY_INSTALLERS, Tree
from provenv.wheel.record import digest_from_record

__all__ = ["ForeignClaims", "foreign_claims"]

_SEEDS = ("pip", "setuptools", "wheel", "distribute")
"""What tools put into every environment, whatever a lock says."""
_OF_INSTALLERS = (*WRITTEN_BY_INSTALLERS, "uv_cache.json", "uv_build.json", "provenance_url.json", "REFER_TO")
_LARGEST = 1 << 20


class ForeignClaims:
    """What can be compared with what (``claims``), what cannot (``findings``), and what is only told (``notes``)."""

    __slots__ = ("claims", "findings", "notes", "skipped")

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []
        self.skipped: list[Found] = []
        """Told of as a whole: their files are not looked at."""


def foreign_claims(
    world: World,
    store: Store,
    ground: Ground,
    paths: Paths,
    interpreter: Interpreter | None,
    lock: ForeignLock,
    found: Sequence[Found],
    conda: Iterable[Claim],
    *,
    is_inexact: bool = False,
) -> ForeignClaims:
    """A claim for each distribution that was found: by the lock where it can be, else by its RECORD."""
    made = ForeignClaims()
    for claim in conda:
        if lock.named(claim.name):
            claim.remark = claim.remark or "conda built it: its own record is all there is"
            made.findings.append(_unproven(claim.name, lock, claim.remark))
        made.claims.append(claim)
    of_conda = {claim.name for claim in made.claims}
    choices: list[tuple[Found, Claim, list[Wanted]]] = []
    shelf = Shelf(world, store, lock, interpreter)
    for one in found:
        if one.name in of_conda:
            continue
        recorded = record_claim(ground, one)
        package = _package(made, lock, one, is_inexact=is_inexact)
        if package is None:
            continue
        reason = _why_not(package, recorded)
        candidates = [] if reason else shelf.candidates(package, one.version, _tags(ground, one))
        if candidates:
            choices.append((one, recorded, candidates))
            continue
        _by_record(made, lock, one, recorded, reason or shelf.why)
    trees = _trees(world, store, choices, made, lock)
    for one, recorded, candidates in choices:
        tree = next((trees[item.sha256] for item in candidates if item.sha256 in trees), None)
        if tree is None:
            made.claims.append(recorded)
            continue
        if not _is_confirmed(one, recorded, tree):
            _by_record(
                made, lock, one, recorded, "its WHEEL file is not that of the locked wheel: it was built elsewhere"
            )
            continue
        wanted = next(item for item in candidates if item.sha256 in trees)
        made.claims.append(_wheel_claim(ground, paths, one, recorded, wanted, tree, lock))
        _check_origin(ground, one, made, lock)
    made.findings += _absent(lock, found, of_conda, interpreter)
    return made


def _package(made: ForeignClaims, lock: ForeignLock, one: Found, *, is_inexact: bool) -> ForeignPackage | None:
    """The entry of the lock for a distribution; None when there is none, which is told."""
    named = [package for package in lock.named(one.name) if package.kind != "virtual"]
    if not named:
        made.skipped.append(one)
        if one.name in _SEEDS:
            made.notes.append(
                Finding(level=HOLDS, kind="unlocked", subject=one.name, path=one.path, actual=f"{one.version}, a tool")
            )
            return None
        made.findings.append(
            Finding(
                level=WARNS if is_inexact else FAILS,
                kind="unlocked",
                subject=one.name,
                path=one.path,
                expected="nothing: the lock does not name it",
                actual=one.version,
                remedy="remove it, or add it to the project and lock again",
                rule=lock.where,
            )
        )
        return None
    fitting = [package for package in named if package.version is None or _is_same(package.version, one.version)]
    if not fitting:
        made.skipped.append(one)
        made.findings.append(
            Finding(
                level=FAILS,
                kind="version",
                subject=one.name,
                path=one.path,
                expected=", ".join(sorted({package.version or "" for package in named})),
                actual=one.version,
                remedy="install what the lock says",
                rule=lock.where,
            )
        )
        return None
    return fitting[0]


def _is_same(first: str, second: str) -> bool:
    try:
        return Version(first) == Version(second)
    except InvalidVersion:
        return first == second


def _why_not(package: ForeignPackage, recorded: Claim) -> str:
    """Why the lock cannot prove a package; "" when it may."""
    if recorded.editable or package.kind == "editable":
        return "it is worked on in its own directory"
    if package.kind in ("git", "directory"):
        return "it was built from a repository or a directory: the lock has no hash of what was built"
    if not any(file.sha256 for file in package.files):
        return "the lock has no SHA-256 of it"
    return ""


def _by_record(made: ForeignClaims, lock: ForeignLock, one: Found, recorded: Claim, reason: str) -> None:
    made.claims.append(recorded)
    recorded.remark = recorded.remark or reason
    if recorded.editable:
        made.notes.append(
            Finding(
                level=HOLDS,
                kind="editable",
                subject=one.name,
                actual=f"leads to {recorded.editable}, whose files nobody locked",
                rule=lock.where,
            )
        )
        return
    made.findings.append(_unproven(one.name, lock, reason))


def _unproven(name: str, lock: ForeignLock, reason: str) -> Finding:
    return Finding(
        level=UNKNOWN,
        kind="unproven",
        subject=name,
        expected="a wheel whose hash the lock has",
        actual=f"{reason}; compared with its own records only",
        remedy="",
        rule=lock.where,
    )


def _tags(ground: Ground, one: Found) -> tuple[frozenset[Tag], str]:
    """What WHEEL of an installed distribution says: the tags of its wheel, and its build number."""
    path = f"{one.path}/WHEEL"
    status = ground.look(path)
    if status is None or status.st_size > _LARGEST:
        return frozenset(), ""
    tags: set[Tag] = set()
    build = ""
    try:
        with open(f"{ground.root}/{path}", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip().lower() == "tag":
                    tags |= parse_tag(value.strip())
                elif key.strip().lower() == "build":
                    build = value.strip()
    except (OSError, ValueError):
        return frozenset(), ""
    return frozenset(tags), build


def _trees(
    world: World,
    store: Store,
    choices: Sequence[tuple[Found, Claim, list[Wanted]]],
    made: ForeignClaims,
    lock: ForeignLock,
) -> Mapping[str, Tree]:
    """The trees of wheels: those of the store first, then what can be downloaded."""
    trees: dict[str, Tree] = {}
    lacking: list[tuple[Claim, Wanted]] = []
    for one, recorded, candidates in choices:
        here = next((tree for item in candidates if (tree := store.tree_to_compare(item.sha256)) is not None), None)
        if here is not None:
            trees[here.sha256] = here
        elif (item := candidates[0]).url is None and item.path is None and store.blob(item.sha256) is None:
            recorded.remark = "its wheel cannot be had: the lock does not say where"
            made.findings.append(_unproven(one.name, lock, recorded.remark))
        elif world.is_offline and item.path is None and store.blob(item.sha256) is None:
            recorded.remark = "its wheel is not in the store, and the network is not used"
            made.findings.append(_unproven(one.name, lock, recorded.remark))
        else:
            lacking.append((recorded, item))
    try:
        trees.update(fetch_trees(world, store, [item for _, item in lacking]))
    except ProvenvError:
        for recorded, item in lacking:
            try:
                trees.update(fetch_trees(world, store, (item,)))
            except ProvenvError as problem:
                recorded.remark = problem.message
                made.findings.append(_unproven(recorded.name, lock, problem.message))
    return trees


def _is_confirmed(one: Found, recorded: Claim, tree: Tree) -> bool:
    """Whether the installer saw the WHEEL file of this wheel, as far as RECORD tells."""
    told = next((promise.digest for promise in recorded.promises if promise.path == f"{one.path}/WHEEL"), None)
    own = next((sha256 for path, _, _, sha256 in tree.entries if path == f"{tree.dist_info}/WHEEL"), "")
    return told is None or told == digest_from_record(own)


def _wheel_claim(
    ground: Ground, paths: Paths, one: Found, recorded: Claim, wanted: Wanted, tree: Tree, lock: ForeignLock
) -> Claim:
    """The files of a wheel where another installer puts them, and what it writes besides."""
    layout = Layout.from_tree(tree, None, paths)
    entries = {path: (size, is_executable, sha256) for path, size, is_executable, sha256 in tree.entries}
    inside = tree.files + "/"
    listed = {promise.path: promise for promise in recorded.promises}
    own = {f"{layout.dist_info}/{name}" for name in _OF_INSTALLERS}
    promises: dict[str, Promise] = {}
    for source, destination, names in layout.links:
        for name in names:
            path = f"{destination}/{name}" if destination else name
            size, _, sha256 = entries[f"{source}/{name}"[len(inside) :]]
            if path in own:
                continue
            path = _placed(path, paths, listed)
            digest = digest_from_record(sha256)
            promises[path] = Promise(one.name, path, digest=digest, size=size, source=f"{source}/{name}")
    for path, destination, _ in layout.scripts:
        promises[destination] = Promise(one.name, destination, SCRIPT, source=inside + path)
    programs = {name: what for group, name, what in tree.entry_points if group in ("console_scripts", "gui_scripts")}
    for name, reference in _launchers(programs, listed, paths):
        path = f"{paths.scripts}/{name}"
        promises[path] = Promise(one.name, path, LAUNCHER, is_executable=True, reference=reference)
    for path, promise in listed.items():
        if path in own:
            promises.setdefault(path, Promise(one.name, path, FREE))
        elif promise.path.endswith(".pyc") and "/__pycache__/" in promise.path:
            promises.setdefault(path, promise)
    return Claim(
        one.name, one.version, lock.where, list(promises.values()), dist_info=one.path, wanted=wanted, tree=tree
    )


def _placed(path: str, paths: Paths, listed: Mapping[str, Promise]) -> str:
    """Where a header lies: tools do not agree on its directory, and RECORD tells which one it was."""
    if not path.startswith(paths.headers + "/") or path in listed:
        return path
    tail = path[len(paths.headers) :].split("/", 2)[-1]
    return next((other for other in listed if other.startswith("include/") and other.endswith("/" + tail)), path)


def _launchers(programs: Mapping[str, str], listed: Mapping[str, Promise], paths: Paths) -> Iterable[tuple[str, str]]:
    """Programs of entry points; pip adds some with the number of Python behind the name: ``pip3.11``."""
    start = paths.scripts + "/"
    versioned = {
        name: path[len(start) :]
        for path in listed
        if path.startswith(start) and (name := path[len(start) :].rstrip("0123456789.-")) in programs
    }
    added = {path: programs[name] for name, path in versioned.items() if path not in programs}
    return [*programs.items(), *added.items()]


def _check_origin(ground: Ground, one: Found, made: ForeignClaims, lock: ForeignLock) -> None:
    """A package of an index has no direct URL; its bytes are right all the same."""
    path = f"{one.path}/direct_url.json"
    kinds = {package.kind for package in lock.named(one.name)}
    if kinds == {"index"} and lock.form != "requirements" and path in ground.entries:
        made.notes.append(
            Finding(
                level=HOLDS,
                kind="origin",
                subject=one.name,
                path=path,
                expected="a package of an index",
                actual="installed from a file or URL; its bytes are those that the lock names",
                rule=lock.where,
            )
        )


def _absent(
    lock: ForeignLock, found: Sequence[Found], of_conda: set[str], interpreter: Interpreter | None
) -> list[Finding]:
    """Packages that the lock wants on this machine in any case, and that are not there."""
    if interpreter is None:
        return []
    here = {one.name for one in found} | of_conda
    missing = [
        package
        for package in required(lock, dict(interpreter.markers))
        # Older locks of Poetry do not tell the groups of a package: one of `dev` need not be there.
        if package.name not in here and (lock.form != "poetry" or package.groups)
    ]
    return [
        Finding(
            level=FAILS,
            kind="absent",
            subject=name,
            expected=version or "the package",
            actual="nothing",
            remedy="install what the lock says",
            rule=lock.where,
        )
        for name, version in sorted({(package.name, package.version) for package in missing})
    ]
