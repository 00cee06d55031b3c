"""Small records of our own on disk: a mark, a checksum and marshalled plain values.

Marshal loads ten thousand rows in a few milliseconds and needs no import. A torn or foreign file never reaches it:
the checksum is looked at first.
"""

from __future__ import annotations

import marshal
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MARSHAL_VERSION", "pack", "unpack"]

MARSHAL_VERSION = 4
"""Since Python 3.4; the bytes are the same for every Python that we run on."""


def pack(mark: bytes, value: Any) -> bytes:
    """Bytes of ``value`` (None, numbers, text, bytes and tuples of them) under ``mark``."""
    body = marshal.dumps(value, MARSHAL_VERSION)
    return mark + crc32(body).to_bytes(4, "little") + body


def unpack(mark: bytes, data: bytes) -> Any:
    """The value, or None when ``data`` has another mark or is damaged."""
    begin = len(mark) + 4
    if data[: len(mark)] != mark or crc32(data[begin:]).to_bytes(4, "little") != data[len(mark) : begin]:
        return None
    return marshal.loads(data[begin:])
