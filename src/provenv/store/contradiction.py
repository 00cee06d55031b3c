"""Wheels that contradict themselves: RECORD promises another hash of a long member than the member has."""

from __future__ import annotations

import hashlib

from provenv.errors import ProvenvError
from provenv.store.inflate import LONG, Source, pieces
from provenv.store.inspection import hash_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provenv.store.tree import Tree

__all__ = ["contradictions"]


def contradictions(tree: Tree, wheel: str, paths: Iterable[str]) -> Mapping[str, bytes]:
    """Of these files of a tree, those that RECORD of their wheel lies about: path to the SHA-256 that is true.

    ``wheel`` is the file of the wheel; unless it has the hash of the tree, nothing is said. Only of long members the
    word of RECORD was taken (see ``write_member``).
    """
    from provenv.wheel.record import digest_from_record

    asked = set(paths)
    told = {
        path: digest_from_record(sha256) for path, size, _, sha256 in tree.entries if size >= LONG and path in asked
    }
    if not told or hash_of(wheel).hex() != tree.sha256:
        return {}
    from provenv.archives.judge import Judge
    from provenv.archives.zip import read_archive

    found: dict[str, bytes] = {}
    source = Source(wheel, tree.filename)
    try:
        mapped = source.map()
        try:
            with memoryview(mapped) as view:
                members = read_archive(view, tree.filename, Judge(tree.filename, is_lax=True))
        finally:
            mapped.close()
        for member in members:
            if member.path in told:
                digest = hashlib.sha256()
                for piece in pieces(source, member):
                    digest.update(piece)
                if digest.digest() != told[member.path]:
                    found[member.path] = digest.digest()
    except (ProvenvError, OSError):
        return found
    finally:
        source.close()
    return found
