"""The shared form of an environment: one read-only, merged tree in the store, and light environments that point to it.

The tree is made once for a set of wheels and a kind of interpreter; its name is a digest of both. A light environment
is an empty virtual environment with one path file, launchers, and links to the tree's data. It takes milliseconds.

One merged tree, not a link per package: libraries of CUDA wheels find each other through paths that climb to their
neighbours. The path file calls ``addsitedir``, so that path files inside the tree work too.
"""

from __future__ import annotations

import hashlib
import os

from provenv.env.collision import check_collisions
from provenv.env.create import create
from provenv.env.distribution import Distribution, Work, place
from provenv.env.layout import Layout
from provenv.env.paths import Paths
from provenv.env.placing import choose_mode
from provenv.errors import InstallError
from provenv.store.failure import told_as_install_error
from provenv.store.inventory import write_inventory
from provenv.store.packed import pack, unpack
from provenv.store.tree import SHARED, tag_of
from provenv.wheel.scripts import launcher, rewritten, windows_launcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provenv.env.distribution import Mend
    from provenv.events import Events
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Wanted
    from provenv.store.store import Store
    from provenv.store.tree import Bytecode, Tree

__all__ = ["Shared", "find_shared", "make_shared", "point"]

_POINTER = "provenv.pth"
_LONGEST_KEPT = 1 << 16


class Shared:
    """A merged tree. ``site`` is its absolute site-packages; ``distributions`` are ``(name, version, sha256)``."""

    __slots__ = ("data", "directory", "distributions", "launchers", "programs", "site")

    def __init__(
        self,
        *,
        directory: str,
        site: str,
        data: tuple[str, ...],
        launchers: tuple[tuple[str, str, str], ...],
        programs: tuple[tuple[str, bytes | None], ...],
        distributions: tuple[tuple[str, str, str], ...],
    ) -> None:
        self.directory = directory
        self.site = f"{directory}/{site}"
        self.data = data
        """Names right below ``directory`` that an environment links to: ``share``, ``etc``."""
        self.launchers = launchers
        """``(group, name, reference)`` of entry points."""
        self.programs = programs
        """``(name, text)`` of shipped scripts; None for the text of one that lies ready in ``bin``."""
        self.distributions = distributions


def _key(store: Store, sha256s: Iterable[str], interpreter: Interpreter, *, is_compiled: bool) -> str:
    words = ["shared 1", tag_of(interpreter), interpreter.platform, str(interpreter.minor), str(is_compiled)]
    # What holds a sloppy wheel is not found by a project that lets none pass.
    words += ["lax " + sha256 for sha256 in sorted(store.lax.intersection(sha256s))]
    return hashlib.sha256("\n".join(words + sorted(set(sha256s))).encode()).hexdigest()


def find_shared(
    store: Store, sha256s: Iterable[str], interpreter: Interpreter, *, is_compiled: bool = True
) -> Shared | None:
    """The merged tree of exactly these wheels for this kind of interpreter, if it was made before."""
    sha256s = set(sha256s)
    key = _key(store, sha256s, interpreter, is_compiled=is_compiled)
    directory = store.place("shared", key)
    found = store.manifest(directory)
    value = None if found is None else unpack(SHARED, found[0])
    if found is None or value is None or {sha256 for _, _, sha256 in value[4]} != sha256s:
        return None
    if found[1]:
        from provenv.store.suspects import is_cleared_shared

        if not is_cleared_shared(store, directory, key):
            return None
    store.touch(directory)
    site, data, launchers, programs, distributions = value
    return Shared(
        directory=directory, site=site, data=data, launchers=launchers, programs=programs, distributions=distributions
    )


def make_shared(
    store: Store,
    wanted: Sequence[Wanted],
    trees: Mapping[str, Tree],
    bytecode: Mapping[str, Bytecode],
    interpreter: Interpreter,
    events: Events,
    *,
    link_mode: str = "auto",
    mend: Mend | None = None,
) -> Shared:
    """Merge the trees of ``wanted``, unless that was done before; the shared environment is complete and read-only.

    ``trees`` and ``bytecode`` are by SHA-256; with an empty ``bytecode`` the tree carries none. InstallError when two
    distributions own one path with unequal bytes. ``mend`` is as in ``env.apply``.
    """
    sha256s = [one.sha256 for one in wanted]
    is_compiled = bool(bytecode)
    key = _key(store, sha256s, interpreter, is_compiled=is_compiled)
    guard = store.guard("shared-" + key, events, "a shared environment")
    with told_as_install_error("make a shared environment in", store.root), guard:
        found = find_shared(store, sha256s, interpreter, is_compiled=is_compiled)
        if found is not None:
            return found
        directory = store.temporary()
        try:
            _fill(directory, wanted, trees, bytecode, interpreter, events, link_mode, store.workers, mend, key)
            store.publish(directory, store.place("shared", key))
        finally:
            if os.path.isdir(directory):
                _make_writable(directory)
                store.discard(directory)
        made = find_shared(store, sha256s, interpreter, is_compiled=is_compiled)
    if made is None:
        raise InstallError(f"the shared environment could not be kept in {store.root}")
    return made


def _fill(
    directory: str,
    wanted: Sequence[Wanted],
    trees: Mapping[str, Tree],
    bytecode: Mapping[str, Bytecode],
    interpreter: Interpreter,
    events: Events,
    link_mode: str,
    workers: int,
    mend: Mend | None,
    key: str,
) -> None:
    paths = Paths.from_interpreter(directory, interpreter)
    ordered = sorted(wanted, key=lambda one: one.name)
    layouts = [Layout.from_tree(trees[one.sha256], bytecode.get(one.sha256), paths) for one in ordered]
    distributions = [
        Distribution(one, layout, paths, has_scripts=False) for one, layout in zip(ordered, layouts, strict=True)
    ]
    check_collisions([one.owner() for one in distributions], paths)
    launchers: list[tuple[str, str, str]] = []
    programs: list[tuple[str, bytes | None]] = []
    for one in distributions:
        tree = one.layout.tree
        launchers += [entry for entry in tree.entry_points if entry[0] in ("console_scripts", "gui_scripts")]
        for path, destination, _ in one.layout.scripts:
            name = destination.rpartition("/")[2]
            with open(f"{tree.files}/{path}", "rb") as file:
                text = file.read(_LONGEST_KEPT + 1)
            if len(text) > _LONGEST_KEPT:
                sizes = {place: size for place, size, _, _ in tree.entries}
                one.linked_scripts.append((path, destination, sizes[path]))
            programs.append((name, text if len(text) <= _LONGEST_KEPT else None))
    os.makedirs(paths.absolute(paths.purelib))
    sample = next((f"{tree.files}/{tree.entries[0][0]}" for tree in trees.values()), None)
    mode = "copy" if sample is None else choose_mode(link_mode, sample, directory)
    work = Work(paths, events, mode, workers)
    place(work, distributions, mend, has_scripts=False)
    reserved = {paths.purelib.partition("/")[0], paths.scripts, "inventory", "manifest"}
    data = tuple(sorted(name for name in os.listdir(directory) if name not in reserved))
    rows = tuple((one.name, one.version, one.sha256) for one in ordered)
    write_inventory(directory, key)
    with open(directory + "/manifest", "xb") as manifest:
        manifest.write(pack(SHARED, (paths.purelib, data, tuple(launchers), tuple(programs), rows)))
    # Nobody adds packages here: "pip install" in a pointing environment writes into its own site-packages.
    os.chmod(paths.absolute(paths.purelib), 0o555)


def _make_writable(directory: str) -> None:
    for below, _, _ in os.walk(directory):
        os.chmod(below, 0o700)


def point(
    root: str,
    interpreter: Interpreter,
    shared: Sequence[Shared],
    *,
    sites: Sequence[str] = (),
    prompt: str | None = None,
    version: str = "",
) -> None:
    """Make a light environment at ``root`` (absolute) that sees the packages of all ``shared``, the first one first.

    ``sites`` are further site-packages directories, seen after those: that of a project's own environment, for one.
    Earlier ``shared`` win where two have a script of one name.
    """
    create(root, interpreter, prompt, version=version)
    paths = Paths.from_interpreter(root, interpreter)
    places = [one.site for one in shared] + list(sites)
    with told_as_install_error("write to the environment", root):
        lines = "".join(f"import site; site.addsitedir({place!r})\n" for place in places)
        with open(paths.absolute(f"{paths.purelib}/{_POINTER}"), "w", encoding="utf-8") as file:
            file.write(lines)
        for one in reversed(shared):
            for name in one.data:
                place = paths.absolute(name)
                if not os.path.lexists(place):
                    os.symlink(f"{one.directory}/{name}", place, target_is_directory=True)
            for name, data in _programs(one, paths):
                _write_program(
                    paths.absolute(f"{paths.scripts}/{name}"), data, f"{one.directory}/{paths.scripts}/{name}"
                )


def _programs(shared: Shared, paths: Paths) -> Iterable[tuple[str, bytes | None]]:
    python = paths.absolute(paths.python)
    for name, text in shared.programs:
        yield name, None if text is None else rewritten(text, python)
    for group, name, reference in shared.launchers:
        if paths.is_windows:
            is_gui = group == "gui_scripts"
            yield f"{name}.exe", windows_launcher(name, reference, python, shared.directory, is_gui=is_gui)
        else:
            yield name, launcher(name, reference, python, shared.directory)


def _write_program(path: str, data: bytes | None, ready: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
    if data is None:
        os.symlink(ready, path)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o755)
    with open(descriptor, "wb") as file:
        file.write(data)
