"""What indexes said, on disk: raw pages, metadata, and how each host behaves.

Everything here can be fetched again, so nothing is forced to disk; instead each entry carries its own digest, and one
that does not match is as good as missing. A cache that cannot be written makes a command slower, never wrong.
"""

from __future__ import annotations

import contextlib
import os
from hashlib import blake2b

from provenv.index.writer import Writer, write_file
from provenv.net.secrets import redact

__all__ = ["CachedPage", "IndexCache", "digest_of"]

_HEAD_MARK = "provenv page 1"
_DIGEST_SIZE = 16
_FACT_LIFETIMES = {"yes": 7 * 86400.0, "no": 86400.0}


class CachedPage:
    """The head of a page: where its body came from, how fresh it is. The body is a file of its own."""

    __slots__ = ("content_type", "digest", "etag", "expires", "last_modified", "status", "url")

    def __init__(
        self,
        *,
        url: str,
        status: int,
        digest: str,
        content_type: str,
        expires: float,
        etag: str | None,
        last_modified: str | None,
    ) -> None:
        self.url = url
        """Where the body came from, after redirects."""
        self.status = status
        """200, or 404 when the index does not have the package; then there is no body."""
        self.digest = digest
        self.content_type = content_type
        self.expires = expires
        self.etag = etag
        self.last_modified = last_modified


class IndexCache:
    """A directory that may be shared by any number of processes."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._facts: dict[tuple[str, str], tuple[str, float]] | None = None
        self._writer = Writer()

    def close(self) -> None:
        """Wait until everything is written."""
        self._writer.wait_until_done()

    # -- pages --------------------------------------------------------------------------------------------

    def page(self, index_url: str, name: str) -> CachedPage | None:
        """The head of a cached page; None when there is none, or its body is gone."""
        head = self._head_path(index_url, name)
        try:
            with open(head, encoding="utf-8", errors="surrogateescape") as stream:
                lines = stream.read().split("\n")
        except OSError:
            return None
        if lines[0] != _HEAD_MARK:
            return None
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        try:
            page = CachedPage(
                url=fields["url"],
                status=int(fields["status"]),
                digest=fields["digest"],
                content_type=fields.get("type", ""),
                expires=float(fields["expires"]),
                etag=fields.get("etag"),
                last_modified=fields.get("last-modified"),
            )
        except (KeyError, ValueError):
            return None
        return page if page.status != 200 or os.path.exists(self._body_path(head, page.digest)) else None

    def body(self, index_url: str, name: str, page: CachedPage) -> bytes | None:
        """The body of a cached page, if it is still what it was."""
        try:
            with open(self._body_path(self._head_path(index_url, name), page.digest), "rb") as stream:
                body = stream.read()
        except OSError:
            return None
        return body if digest_of(body) == page.digest else None

    def keep_page(self, index_url: str, name: str, page: CachedPage, body: bytes | None) -> None:
        """Write a page, soon; without a body only its head, after a 304 or a 404."""
        self._writer.put(lambda: self._write_page(index_url, name, page, body))

    def _write_page(self, index_url: str, name: str, page: CachedPage, body: bytes | None) -> None:
        head = self._head_path(index_url, name)
        previous = self.page(index_url, name) if body is not None else None
        lines = [
            _HEAD_MARK,
            f"url: {redact(page.url)}",
            f"status: {page.status}",
            f"digest: {page.digest}",
            f"type: {page.content_type}",
            f"expires: {page.expires!r}",
        ]
        lines += [f"etag: {page.etag}"] if page.etag else []
        lines += [f"last-modified: {page.last_modified}"] if page.last_modified else []
        text = "\n".join([*lines, ""])
        # The body has its digest in its name and is written first: a head never names a body that is not there.
        if body is not None and not write_file(self._body_path(head, page.digest), body):
            return
        write_file(head, text.encode("utf-8", "surrogateescape"))
        if previous is not None and previous.status == 200 and previous.digest != page.digest:
            with contextlib.suppress(OSError):
                os.unlink(self._body_path(head, previous.digest))

    def _head_path(self, index_url: str, name: str) -> str:
        return os.path.join(self._directory, "pages", digest_of(index_url.encode())[:16], name or "@flat")

    def _body_path(self, head: str, digest: str) -> str:
        return f"{head}.{digest}"

    # -- metadata -----------------------------------------------------------------------------------------

    def metadata(self, key: str) -> bytes | None:
        """METADATA of a file that is named by its SHA-256, or by the digest of its URL."""
        try:
            with open(self._metadata_path(key), "rb") as stream:
                data = stream.read()
        except OSError:
            return None
        content = data[_DIGEST_SIZE:]
        return content if blake2b(content, digest_size=_DIGEST_SIZE).digest() == data[:_DIGEST_SIZE] else None

    def keep_metadata(self, key: str, content: bytes) -> None:
        """Write METADATA, soon; what a SHA-256 names never changes."""
        data = blake2b(content, digest_size=_DIGEST_SIZE).digest() + content
        self._writer.put(lambda: write_file(self._metadata_path(key), data))

    def _metadata_path(self, key: str) -> str:
        return os.path.join(self._directory, "metadata", key[:2], key[2:])

    # -- hosts --------------------------------------------------------------------------------------------

    def fact(self, host: str, name: str, now: float) -> bool | None:
        """Whether a host has a property, if that was seen lately."""
        value, seen = self._read_facts().get((host, name), ("", 0.0))
        if not value or not -60 < now - seen < _FACT_LIFETIMES.get(value, 0.0):
            return None
        return value == "yes"

    def keep_fact(self, host: str, name: str, is_true: bool, now: float) -> None:
        """Remember a property of a host."""
        facts = self._read_facts()
        facts[host, name] = ("yes" if is_true else "no", now)
        lines = [f"{key[0]}\t{key[1]}\t{value}\t{seen!r}\n" for key, (value, seen) in sorted(facts.items())]
        data = "".join(lines).encode()
        self._writer.put(lambda: write_file(os.path.join(self._directory, "hosts"), data))

    def _read_facts(self) -> dict[tuple[str, str], tuple[str, float]]:
        if self._facts is None:
            self._facts = {}
            with contextlib.suppress(OSError, ValueError), open(os.path.join(self._directory, "hosts")) as stream:
                for line in stream:
                    host, name, value, seen = line.rstrip("\n").split("\t")
                    self._facts[host, name] = (value, float(seen))
        return self._facts

    def temporary_path(self) -> str:
        """A new name for a file that is being made, in a directory that exists."""
        directory = os.path.join(self._directory, "temporary")
        os.makedirs(directory, exist_ok=True)
        return os.path.join(directory, f"{os.getpid()}-{os.urandom(8).hex()}")


def digest_of(content: bytes) -> str:
    """The digest that names pages."""
    return blake2b(content, digest_size=_DIGEST_SIZE).hexdigest()
