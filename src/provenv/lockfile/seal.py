"""The line of a lock that tells whether it is as it was written. On the warm path.

It finds what an editor, a merge or a broken disk did. It does not stop anybody who can count: whoever wants to change a
lock can also write the right digest. What such a lock may lead to is bounded elsewhere (``flows.named_places``).
"""

from __future__ import annotations

from _blake2 import blake2b

__all__ = ["is_as_written", "seal"]

_MARK = b"# Digest of what follows (b2sum -l 128): "


def seal(body: bytes) -> bytes:
    """The line that tells the digest of ``body``, which is to follow it."""
    return _MARK + blake2b(body, digest_size=16).hexdigest().encode() + b"\n"


def is_as_written(data: bytes) -> bool | None:
    """Whether a lock is what was written; None when it has no such line. Ends of lines may be those of Windows."""
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    _, mark, rest = data.partition(b"\n" + _MARK)
    if not mark:
        return None
    digest, _, body = rest.partition(b"\n")
    return blake2b(body, digest_size=16).hexdigest().encode() == digest
