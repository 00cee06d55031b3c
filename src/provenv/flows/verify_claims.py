"""What an environment must hold: a claim for each package, a promise for each file, and on what they rest."""

from __future__ import annotations

import hashlib

from provenv.env.distribution import Distribution
from provenv.model.plan import Wanted
from provenv.store.tree import Bytecode, Tree
from provenv.wheel.record import digest_from_record

__all__ = ["BYTECODE", "FILE", "FREE", "LAUNCHER", "LINK", "SCRIPT", "Claim", "Promise", "wheel_claim"]

FILE, BYTECODE, LAUNCHER, SCRIPT, FREE, LINK = "file", "bytecode", "launcher", "script", "free", "link"
"""How a file is judged: by its hash; as byte code; as a launcher by its meaning; as a script whose first line names
the interpreter; by its presence only, as an installer writes it as it likes; the same, and it may be a link."""


class Promise:
    """What one file must be. ``path`` is relative to the environment's root."""

    __slots__ = (
        "algorithm",
        "content",
        "digest",
        "is_executable",
        "owner",
        "path",
        "reference",
        "role",
        "size",
        "source",
    )

    def __init__(
        self,
        owner: str,
        path: str,
        role: str = FILE,
        *,
        digest: bytes | None = None,
        size: int | None = None,
        is_executable: bool = False,
        algorithm: str = "sha256",
        content: bytes | None = None,
        source: str = "",
        reference: str = "",
    ) -> None:
        self.owner = owner
        """The package, normalised."""
        self.path = path
        self.role = role
        self.digest = digest
        """None: nothing tells what the bytes must be."""
        self.size = size
        self.is_executable = is_executable
        self.algorithm = algorithm
        self.content = content
        """The bytes themselves, of what is written for one environment."""
        self.source = source
        """Absolute path of the same file in the store, if it is there."""
        self.reference = reference
        """``module:object``, of a launcher."""


class Claim:
    """One package that must be there. ``basis`` is what proves it: the lock, the receipt, RECORD, conda's records."""

    __slots__ = ("basis", "dist_info", "editable", "name", "promises", "remark", "tree", "version", "wanted")

    def __init__(
        self,
        name: str,
        version: str,
        basis: str,
        promises: list[Promise],
        *,
        dist_info: str = "",
        wanted: Wanted | None = None,
        tree: Tree | None = None,
        editable: str = "",
        remark: str = "",
    ) -> None:
        self.name = name
        self.version = version
        self.basis = basis
        self.promises = promises
        self.dist_info = dist_info
        self.wanted = wanted
        self.tree = tree
        self.editable = editable
        """The directory that an editable installation leads to."""
        self.remark = remark
        """Why it is proven by less than was asked for; "" when it is proven by ``basis``."""


def wheel_claim(made: Distribution, bytecode: Bytecode | None, basis: str) -> Claim:
    """Every file that we place for a wheel, byte by byte: what the store has, and what is written for this place."""
    layout, wanted, tree = made.layout, made.wanted, made.layout.tree
    entries = {path: (size, is_executable, sha256) for path, size, is_executable, sha256 in tree.entries}
    compiled = _compiled(bytecode)
    inside = tree.files + "/"
    promises: list[Promise] = []
    for source, destination, names in layout.links:
        start = destination + "/" if destination else ""
        for name in names:
            path, place = start + name, f"{source}/{name}"
            entry = entries.get(place[len(inside) :]) if place.startswith(inside) else None
            if entry is None:
                size, digest = compiled[place]
                promises.append(Promise(wanted.name, path, BYTECODE, size=size, digest=digest, source=place))
                continue
            size, is_executable, sha256 = entry
            promises.append(
                Promise(
                    wanted.name,
                    path,
                    digest=digest_from_record(sha256),
                    size=size,
                    is_executable=is_executable,
                    source=place,
                )
            )
    for source, destination, size in made.linked_scripts:
        promises.append(
            Promise(
                wanted.name,
                destination,
                digest=digest_from_record(entries[source][2]),
                size=size,
                is_executable=True,
                source=inside + source,
            )
        )
    for destination, data, is_executable in made.generated:
        promises.append(
            Promise(
                wanted.name,
                destination,
                digest=hashlib.sha256(data).digest(),
                size=len(data),
                is_executable=is_executable,
                content=data,
            )
        )
    return Claim(wanted.name, wanted.version, basis, promises, dist_info=layout.dist_info, wanted=wanted, tree=tree)


def _compiled(bytecode: Bytecode | None) -> dict[str, tuple[int, bytes]]:
    """Absolute path in the store -> size and hash of byte code."""
    if bytecode is None:
        return {}
    return {
        f"{bytecode.files}/{path}": (size, bytes.fromhex(digest))
        for (path, size), digest in zip(bytecode.entries, bytecode.digests, strict=True)
    }
