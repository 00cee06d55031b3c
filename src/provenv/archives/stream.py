"""The decompressed bytes of a file: exactly one stream of gzip, bzip2, xz or lzma, and nothing behind it.

A file of several streams is several archives for some readers and one for others, so it is refused.
"""

from __future__ import annotations

from provenv.archives.judge import Judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["MARKS", "Decompressed"]

MARKS = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\0", "lzma": b"\x5d\0\0"}
"""Kind of compression -> how a file begins; the empty kind is no compression."""

_PIECE = 1 << 16
_MEMORY = 128 << 20
"""What xz may ask for: a stream that wants more is refused rather than given it."""


class Decompressed:
    """A stream of decompressed bytes. ``read`` gives ``n`` bytes of the compressed file, less only at its end.

    No more than ``limit`` bytes are given out; IntegrityError says what is wrong, and that there are more.
    """

    def __init__(self, read: Callable[[int], bytes], kind: str, judge: Judge, *, limit: int) -> None:
        self._source = read
        self._judge = judge
        self._limit = limit
        self._engine = _engine(kind)
        self._errors = _errors()
        self._waiting = b""
        self._ready = bytearray()
        self._given = 0
        self._is_at_end = False

    def read(self, count: int) -> bytes:
        """The next ``count`` bytes, less only at the end. Raises IntegrityError."""
        while len(self._ready) < count and not self._is_at_end:
            self._fill()
        found = bytes(self._ready[:count])
        del self._ready[:count]
        return found

    def _fill(self) -> None:
        engine = self._engine
        if not self._waiting and (engine is None or getattr(engine, "needs_input", True)):
            self._waiting = self._source(_PIECE)
            if not self._waiting and engine is None:
                self._is_at_end = True
                return
        if engine is None:
            piece, self._waiting = self._waiting, b""
        else:
            is_last = not self._waiting
            piece = self._inflated(engine)
            # What was read may have given more than fitted into one piece.
            if is_last and not piece and not engine.eof:
                self._judge.refuse("a whole archive", "the end of the file")
        self._given += len(piece)
        if self._given > self._limit:
            self._judge.refuse(f"at most {self._limit} bytes of content", "more")
        self._ready += piece

    def _inflated(self, engine: Any) -> bytes:
        try:
            piece: bytes = engine.decompress(self._waiting, _PIECE)
        except self._errors as problem:
            self._judge.refuse("a whole archive", f"damage: {problem}")
        self._waiting = getattr(engine, "unconsumed_tail", b"")
        if engine.eof:
            self._is_at_end = True
            self._check_end(engine.unused_data)
        return piece

    def _check_end(self, rest: bytes) -> None:
        has_more = bool(rest)
        while rest:
            if any(rest):
                self._judge.refuse("one compressed stream", "more bytes behind it")
            rest = self._source(_PIECE)
        if not has_more and (rest := self._source(_PIECE)):
            self._check_end(rest)
            return
        if has_more:
            self._judge.frown("nothing behind the compressed stream", "zeros")


def _engine(kind: str) -> Any:
    """What decompresses; imported here, for most commands never need it."""
    if kind == "gz":
        import zlib

        return zlib.decompressobj(31)
    if kind == "bz2":
        import bz2

        return bz2.BZ2Decompressor()
    if kind in ("xz", "lzma"):
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_XZ if kind == "xz" else lzma.FORMAT_ALONE, memlimit=_MEMORY)
    return None


def _errors() -> tuple[type[Exception], ...]:
    import lzma
    import zlib

    return zlib.error, lzma.LZMAError, OSError, EOFError, ValueError
