"""Brings wheels into the store, and their byte code. On the warm path: what is there costs no import."""

from __future__ import annotations

from provenv.errors import IntegrityError
from provenv.flows.told_metadata import check_told
from provenv.store.store import Store

__all__ = ["compiled", "fetch_trees", "mender"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from provenv.env.distribution import Mend
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Wanted
    from provenv.store.tree import Bytecode, Tree


def compiled(world: World, store: Store, trees: Mapping[str, Tree], interpreter: Interpreter) -> Mapping[str, Bytecode]:
    """The byte code of trees; what was never compiled for this kind of interpreter is compiled now."""
    found = {sha256: code for sha256, tree in trees.items() if (code := store.bytecode(tree, interpreter)) is not None}
    missing = [tree for sha256, tree in trees.items() if sha256 not in found]
    if missing:
        world.events.started("compile", len(missing))
        found.update(store.compile(missing, interpreter, world.events))
        world.events.finished("compile")
    return found


def fetch_trees(world: World, store: Store, wanted: Sequence[Wanted]) -> Mapping[str, Tree]:
    """The unpacked trees of all wanted wheels, by SHA-256; what the store lacks is downloaded and checked.

    Raises Unavailable, IntegrityError and InstallError; whatever was complete by then stays in the store.
    """
    trees: dict[str, Tree] = {}
    missing: dict[str, Wanted] = {}
    store.lax.update([item.sha256 for item in wanted if item.is_lax])
    for item in wanted:
        tree = store.tree(item.sha256)
        if tree is None:
            missing[item.sha256] = item
        else:
            trees[item.sha256] = tree
    if missing:
        from provenv.flows.download import fetch_missing
        from provenv.flows.named_places import check_places

        remote = [item for item in missing.values() if item.path is None and store.blob(item.sha256) is None]
        check_places(world, remote)
        # Every process takes files in the same order, so that two of them never wait for one another.
        try:
            trees.update(fetch_missing(world, store, [missing[sha256] for sha256 in sorted(missing)]))
        except IntegrityError as error:
            raise _with_host(error, missing.values()) from error
        _keep_origins(world, store, missing)
    check_told(world, wanted, trees, missing)
    return trees


def _with_host(error: IntegrityError, fetched: Iterable[Wanted]) -> IntegrityError:
    """The error that also says who sent the file."""
    from provenv.net.secrets import origin_of

    url = next((item.url for item in fetched if item.filename == error.subject and item.path is None), None)
    if url is None or not (host := origin_of(url)[1]):
        return error
    return IntegrityError(f"{error.subject} from {host}", expected=error.expected, actual=error.actual, hint=error.hint)


def _keep_origins(world: World, store: Store, fetched: Mapping[str, Wanted]) -> None:
    """What is found rotten one day can be had again from where it came from."""
    import os

    from provenv.index.local import url_of_path
    from provenv.store.usage import keep_origin

    for sha256, item in fetched.items():
        url = item.url if item.path is None else url_of_path(os.path.join(world.directory, item.path))
        if url is not None:
            keep_origin(store, sha256, item.filename, url, item.size)


def mender(world: World, store: Store, interpreter: Interpreter, *, has_bytecode: bool = True) -> Mend:
    """Unpacks a wheel anew whose files in the store were edited, through a link from some environment.

    When the wheel itself is gone, it is downloaded again. The user hears of it.
    """

    def mend(item: Wanted, source: str) -> tuple[Tree, Bytecode | None]:
        path = source.partition("/files/")[2]
        world.events.warned(
            f"{item.name}: {path} was changed in the store, through an environment that shares it: unpacked anew"
        )
        tree = store.mend(item.sha256, item.filename, world.events)
        if tree is None:
            tree = fetch_trees(world, store, (item,))[item.sha256]
        return tree, compiled(world, store, {item.sha256: tree}, interpreter)[item.sha256] if has_bytecode else None

    return mend
