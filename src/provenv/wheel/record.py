"""RECORD: the list of a distribution's files, as CSV (PEP 376, 427, 627)."""

from __future__ import annotations

import binascii

from provenv.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RecordRow", "digest_for_record", "digest_from_record", "parse_record", "write_record"]

_ALGORITHMS = {"sha256": 32, "sha384": 48, "sha512": 64}


class RecordRow:
    """One file: ``algorithm`` and ``digest`` (raw bytes) are None when no hash is given, ``size`` when no size is."""

    __slots__ = ("_sha256", "algorithm", "digest", "size")

    def __init__(self, algorithm: str | None, digest: bytes | None, size: int | None) -> None:
        self.algorithm = algorithm
        self.digest = digest
        self.size = size
        self._sha256: str | None = None

    @property
    def sha256(self) -> str:
        """The hash as RECORD writes it; empty when there is none, or one of another algorithm."""
        if self._sha256 is None:
            digest = self.digest if self.algorithm == "sha256" else None
            self._sha256 = "" if digest is None else digest_for_record(digest)
        return self._sha256


def digest_from_record(text: str) -> bytes:
    """Decode URL-safe base64 without padding; a ValueError when it is anything else."""
    encoded = text.encode("ascii").translate(_TO_STANDARD)
    return binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4), strict_mode=True)


def digest_for_record(digest: bytes) -> str:
    """``digest`` as RECORD writes it: URL-safe base64 without padding."""
    return binascii.b2a_base64(digest, newline=False).translate(_TO_URL).rstrip(b"=").decode()


_TO_URL = bytes.maketrans(b"+/", b"-_")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def parse_record(text: str, where: str) -> dict[str, RecordRow]:
    """Map each path, as written, to its row; an InputError names ``where`` and the line that cannot be right."""
    rows: dict[str, RecordRow] = {}
    for number, fields in enumerate(_lines(text, where), 1):
        if not fields:
            continue
        if len(fields) != 3:
            raise InputError(f"{where}:{number}", f"expected three fields, found {len(fields)}")
        path, hash_text, size_text = fields
        if not path or path in rows:
            raise InputError(f"{where}:{number}", f"{path!r} is empty or listed twice")
        algorithm, digest, size = None, None, None
        try:
            if hash_text:
                algorithm, _, encoded = hash_text.partition("=")
                # Some backends write hexadecimal; by its length it is nothing else.
                is_hex = len(encoded) == 2 * _ALGORITHMS.get(algorithm, 0)
                digest = bytes.fromhex(encoded) if is_hex else digest_from_record(encoded)
            if size_text:
                size = int(size_text)
        except ValueError as problem:
            raise InputError(f"{where}:{number}", f"not a hash or size: {hash_text!r}, {size_text!r}") from problem
        if algorithm is not None and _ALGORITHMS.get(algorithm) != len(digest or b""):
            raise InputError(f"{where}:{number}", f"{hash_text!r} is no SHA-256, SHA-384 or SHA-512 (PEP 427)")
        rows[path] = RecordRow(algorithm, digest, size)
    return rows


def write_record(rows: Iterable[tuple[str, str, str]]) -> str:
    """Text of a RECORD from ``(path, hash, size)``; quotes only where CSV asks for it."""
    return "".join([f"{_quoted(path)},{digest},{size}\n" for path, digest, size in rows])


def _quoted(path: str) -> str:
    if "," in path or '"' in path or "\n" in path or "\r" in path:
        return '"' + path.replace('"', '""') + '"'
    return path


def _lines(text: str, where: str) -> Iterable[list[str]]:
    if '"' not in text:
        return [line.split(",") if line else [] for line in text.splitlines()]
    import csv

    try:
        return list(csv.reader(text.splitlines(keepends=True), strict=True))
    except csv.Error as problem:
        raise InputError(where, f"not CSV: {problem}") from problem
