"""What an environment of ours must hold: every file of the wheels that the lock (or the receipt) names by their hash.

The chain is: the lock's SHA-256 of a wheel; the tree that the store made of a file with that hash; the hash of each
file of the tree. RECORD in the environment proves nothing here: whoever edits a file can edit it, too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import provenv
from provenv.env.activation import activation_scripts
from provenv.env.collision import check_collisions
from provenv.env.create import own_paths
from provenv.env.distribution import Distribution
from provenv.env.layout import Layout
from provenv.env.paths import Paths
from provenv.env.receipt import Receipt
from provenv.errors import ProvenvError
from provenv.flows.fetch import fetch_trees
from provenv.flows.verify_claims import Claim, wheel_claim
from provenv.flows.verify_ground import Ground, kind_of
from provenv.flows.world import World
from provenv.model.finding import FAILS, HOLDS, UNKNOWN, Finding
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.store.inspection import fault_of, rows_of_tree
from provenv.store.store import Store
from provenv.store.tree import Bytecode, Tree
from provenv.store.usage import origin

__all__ = ["OwnClaims", "environment_findings", "own_claims", "settings_of", "wanted_of_receipt"]


class OwnClaims:
    """What can be proven (``claims``), and what cannot and why (``findings``); ``notes`` are only told."""

    __slots__ = ("claims", "findings", "notes")

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []


def own_claims(
    world: World,
    store: Store,
    ground: Ground,
    paths: Paths,
    interpreter: Interpreter,
    wanted: Sequence[Wanted],
    receipt: Receipt | None,
    basis: str,
    decisions: Mapping[str, str],
) -> OwnClaims:
    """A claim for each wanted wheel. The store is asked first; what it lacks is downloaded, with its hash checked.

    ``decisions`` say whose file is taken where several bring it (see ``check_collisions``).
    """
    made = OwnClaims()
    known = {} if receipt is None else {item.name: item for item in wanted_of_receipt(store, receipt)}
    items: list[tuple[Wanted, str]] = []
    for item in wanted:
        if item.sha256:
            items.append((item, basis))
        elif (built := known.get(item.name)) is not None:
            # A project whose files changed since it was built: what is installed is the last build.
            items.append((built.changed(is_requested=item.is_requested), "receipt"))
            made.notes.append(_stale(item, HOLDS if _is_editable(ground, built, paths) else UNKNOWN))
        else:
            made.findings.append(_stale(item, UNKNOWN))
    trees = _trees(world, store, [item for item, _ in items], made)
    placed: list[tuple[Distribution, Bytecode | None, str]] = []
    for item, rule in items:
        tree = trees.get(item.sha256)
        if tree is None:
            continue
        bytecode = _bytecode(world, store, ground, paths, tree, receipt, interpreter)
        row = None if receipt is None else receipt.items.get(item.name)
        is_requested = item.is_requested if row is None or row.sha256 != item.sha256 else row.is_requested
        layout = Layout.from_tree(tree, bytecode, paths)
        placed.append((Distribution(item.changed(is_requested=is_requested), layout, paths), bytecode, rule))
    # Of a file that several bring, the user decided whose is taken; the others are placed as if they had none.
    lost = check_collisions([one.owner() for one, _, _ in placed], paths, decisions)
    for one, bytecode, rule in placed:
        item = one.wanted
        if item.name in lost:
            one.layout.leave(lost[item.name])
            one = Distribution(item, one.layout, paths)
        claim = wheel_claim(one, bytecode, rule)
        claim.editable = _editable(item)
        if claim.editable:
            made.notes.append(
                Finding(
                    level=HOLDS,
                    kind="editable",
                    subject=item.name,
                    actual=f"leads to {claim.editable}, whose files nobody locked",
                    rule=rule,
                )
            )
        made.claims.append(claim)
    made.findings += [note for note in made.notes if note.level != HOLDS]
    made.notes = [note for note in made.notes if note.level == HOLDS]
    return made


def _stale(item: Wanted, level: str) -> Finding:
    return Finding(
        level=level,
        kind="unproven",
        subject=item.name,
        expected="a wheel that was built from it as it is now",
        actual="its files changed since it was built, or it was never built here",
        remedy="`provenv sync` builds it",
        rule="pylock.toml",
    )


def _is_editable(ground: Ground, item: Wanted, paths: Paths) -> bool:
    stem = f"{item.name.replace('-', '_')}-{item.version}"
    try:
        with open(f"{ground.root}/{paths.purelib}/{stem}.dist-info/direct_url.json", "rb") as file:
            return b'"editable": true' in file.read(1 << 16)
    except OSError:
        return False


def _editable(item: Wanted) -> str:
    """The directory that an editable installation leads to."""
    if item.direct_url is None or '"editable": true' not in item.direct_url:
        return ""
    import json
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(json.loads(item.direct_url)["url"]).path)


def wanted_of_receipt(store: Store, receipt: Receipt) -> list[Wanted]:
    """The wheels that the receipt says were installed; the store may know their names, and where they came from."""
    found = []
    for item in receipt.items.values():
        tree, known = store.tree_to_compare(item.sha256), origin(store, item.sha256)
        name = tree.filename if tree is not None else "" if known is None else known.filename
        found.append(
            Wanted(
                name=item.name,
                version=item.version,
                filename=name or f"{item.name.replace('-', '_')}-{item.version}-py3-none-any.whl",
                sha256=item.sha256,
                url=None if known is None else known.url,
                is_requested=item.is_requested,
            )
        )
    return found


def _trees(world: World, store: Store, items: Sequence[Wanted], made: OwnClaims) -> dict[str, Tree]:
    trees: dict[str, Tree] = {}
    lacking = []
    for item in items:
        tree = store.tree_to_compare(item.sha256)
        if tree is not None and not _has_sound_scripts(tree):
            tree = store.mend(item.sha256, item.filename, world.events)
        if tree is None:
            lacking.append(item)
        else:
            trees[item.sha256] = tree
    try:
        trees.update(fetch_trees(world, store, [item for item in lacking if _can_be_had(store, item)]))
    except ProvenvError:
        # One that cannot be had must not hide the others.
        for item in lacking:
            try:
                trees.update(fetch_trees(world, store, (item,)))
            except ProvenvError as problem:
                made.findings.append(_unhad(item, problem.message))
        return trees
    made.findings += [_unhad(item, "its wheel is not in the store") for item in lacking if item.sha256 not in trees]
    return trees


def _can_be_had(store: Store, item: Wanted) -> bool:
    return item.url is not None or item.path is not None or store.blob(item.sha256) is not None


def _unhad(item: Wanted, reason: str) -> Finding:
    return Finding(
        level=UNKNOWN,
        kind="unproven",
        subject=item.name,
        expected=f"the wheel with sha256 {item.sha256}",
        actual=reason,
        remedy="run it once without --offline, or sync again",
        rule="pylock.toml",
    )


def _has_sound_scripts(tree: Tree) -> bool:
    """Scripts are read to know what is written from them: they must be what they were."""
    start = f"{tree.data_dir}/scripts/"
    rows = [row for row in rows_of_tree(tree) if row[0].startswith(start)] if tree.data_dir else []
    faults = [fault_of(tree.files, row) for row in rows]
    return all(fault is None or fault.is_harmless for fault in faults)


def _bytecode(
    world: World,
    store: Store,
    ground: Ground,
    paths: Paths,
    tree: Tree,
    receipt: Receipt | None,
    interpreter: Interpreter,
) -> Bytecode | None:
    """The byte code that was placed with a wheel; None when it was placed without."""
    if receipt is not None and (item := receipt.items.get(tree.name)) is not None and item.sha256 == tree.sha256:
        has_bytecode = any(path.endswith(".pyc") for path, *_ in receipt.files(tree.name))
    else:
        site = paths.purelib if tree.is_purelib else paths.platlib
        try:
            with open(f"{ground.root}/{site}/{tree.dist_info}/RECORD", "rb") as file:
                has_bytecode = b".pyc,,\n" in file.read()
        except OSError:
            has_bytecode = True
    if not has_bytecode:
        return None
    return store.bytecode(tree, interpreter) or store.compile([tree], interpreter, world.events)[tree.sha256]


def settings_of(root: str) -> dict[str, str]:
    """The lines of ``pyvenv.cfg``; empty without one."""
    try:
        with open(f"{root}/pyvenv.cfg", encoding="utf-8", errors="replace") as file:
            pairs = [line.partition("=") for line in file]
    except OSError:
        return {}
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def environment_findings(ground: Ground, paths: Paths, interpreter: Interpreter) -> list[Finding]:
    """What makes the directory an environment of ours: settings, links to the interpreter, activation scripts."""
    root, settings = ground.root, settings_of(ground.root)
    found = []
    for path in own_paths(paths, interpreter):
        if path in (".gitignore", "lib64") and not os.path.lexists(f"{root}/{path}"):
            continue
        told = _own_fault(ground, paths, interpreter, settings, path)
        if told is not None:
            expected, actual = told
            found.append(
                Finding(
                    level=FAILS,
                    kind="environment",
                    path=path,
                    expected=expected,
                    actual=actual,
                    remedy="`provenv verify --repair` puts it back",
                    rule="provenv",
                )
            )
    return found


def _own_fault(
    ground: Ground, paths: Paths, interpreter: Interpreter, settings: dict[str, str], path: str
) -> tuple[str, str] | None:
    """What was expected of one of the environment's own files, and what is there; None when it is right."""
    name = path.rpartition("/")[2]
    full = f"{ground.root}/{path}"
    if not paths.is_windows and (name.startswith(("python", "pypy")) or name == "lib64"):
        target = {"python": interpreter.base_executable, "lib64": "lib"}.get(name, "python")
        actual = ground.target(path) if os.path.islink(full) else _kind(full)
        # One interpreter has several names: `python3` and `python3.11`, and so was it found when it was made.
        is_same = name == "python" and os.path.islink(full) and os.path.realpath(actual) == os.path.realpath(target)
        if actual == target or (is_same and os.path.isabs(actual)):
            return None
        return f"a link to {target}", f"a link to {actual}" if os.path.islink(full) else actual
    if os.path.islink(full) or not os.path.isfile(full):
        return "a file", _kind(full)
    if name == "pyvenv.cfg":
        return _wrong_setting(settings, interpreter)
    if settings.get("provenv") != provenv.__version__ or name.endswith(".exe"):
        return None
    wanted = {
        ".gitignore": "*\n",
        **activation_scripts(ground.root, settings.get("prompt", ""), is_windows=paths.is_windows),
    }
    try:
        with open(full, encoding="utf-8", newline="") as file:
            is_right = file.read() == wanted[name]
    except (OSError, UnicodeDecodeError):
        is_right = False
    return None if is_right else ("what provenv writes there", "something else")


def _wrong_setting(settings: dict[str, str], interpreter: Interpreter) -> tuple[str, str] | None:
    wanted = {
        "home": os.path.dirname(interpreter.base_executable),
        "include-system-site-packages": "false",
        "version": interpreter.version,
    }
    for key, value in wanted.items():
        told = settings.get(key, "")
        is_same = told == value
        if key == "version":  # a newer patch of the same Python fits
            is_same = told.split(".")[:2] == value.split(".")[:2]
        elif key == "home" and os.path.isabs(told):  # of which `/bin` may be another name
            is_same = os.path.realpath(told) == os.path.realpath(value)
        if not is_same:
            return f"{key} = {value}", f"{key} = {settings.get(key)}"
    return None


def _kind(path: str) -> str:
    try:
        return kind_of(os.lstat(path).st_mode)
    except OSError:
        return "nothing"
