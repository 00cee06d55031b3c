"""Gets METADATA of a wheel in the cheapest way that works.

In order: the sidecar that the index announced, a sidecar that it did not announce, the end of the wheel, the whole
wheel. What works is remembered per host, so that the next wheel starts there. That a sidecar is missing for one wheel
says little about the next: some mirrors have them for most wheels and not for some.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Generator

from provenv.errors import IntegrityError, Unavailable
from provenv.events import Events
from provenv.index.cache import IndexCache, digest_of
from provenv.index.chain import Steps
from provenv.index.local import path_of_url
from provenv.index.tail import LARGEST_METADATA, BadWheel, Piece, Want, metadata_in
from provenv.model.artifact import Artifact
from provenv.net.request import Request, Response, TooLarge
from provenv.net.secrets import origin_of, redact

__all__ = ["MetadataSource", "check_hashes", "metadata_of_file", "strongest"]

_STRENGTH = ("sha512", "sha384", "sha256", "sha224")
_MISSES_THAT_CONVINCE = 8
_LARGEST_UNASKED = 4 << 20
_OFFLINE_HINT = "run the command once without --offline"


class MetadataSource:
    """How metadata is found; one for all wheels of a command."""

    def __init__(self, cache: IndexCache, events: Events, *, is_offline: bool, now: float) -> None:
        self._cache = cache
        self._events = events
        self._is_offline = is_offline
        self._now = now
        self._misses: dict[str, int] = {}
        self._paces: dict[str, _Pace] = {}
        self._guard = threading.Lock()

    def find(self, artifact: Artifact) -> Steps[bytes]:
        """METADATA of a wheel. Raises Unavailable, IntegrityError."""
        path = path_of_url(artifact.url)
        if path is not None:
            return _from_path(artifact, path)
        key = artifact.sha256 or f"url-{digest_of(artifact.url.encode())}"
        content = self._cache.metadata(key)
        if content is None:
            if self._is_offline:
                raise Unavailable(
                    f"{artifact.filename}: its metadata is not cached, and the network is not used", hint=_OFFLINE_HINT
                )
            content = yield from self._fetch(artifact)
            self._cache.keep_metadata(key, content)
        return content

    def _fetch(self, artifact: Artifact) -> Steps[bytes]:
        host = _host(artifact.url)
        content: bytes | None = None
        if artifact.has_metadata:
            content = yield from self._announced(artifact)
        is_range_first = content is None and self._is_range_first(host)
        if is_range_first:
            content = yield from self._from_end(artifact, host)
        if content is None and not artifact.has_metadata and self._cache.fact(host, "sidecars", self._now) is not False:
            content = yield from self._unannounced(artifact, host)
        if content is None and not is_range_first and self._cache.fact(host, "ranges", self._now) is not False:
            content = yield from self._from_end(artifact, host)
        if content is None:
            content = yield from self._from_whole(artifact)
        return content

    def _is_range_first(self, host: str) -> bool:
        """Whether the end of a wheel was found to come sooner than an unannounced sidecar, which may not be there.

        A host that looks elsewhere for a missing sidecar takes fifty times as long for its 404 as for a range.
        """
        known = self._cache.fact(host, "ranges-first", self._now)
        if known is not None or self._cache.fact(host, "ranges", self._now) is False:
            return known is True
        with self._guard:
            pace = self._paces.get(host)
            if pace is None or not pace.is_range_quicker():
                return False
        self._cache.keep_fact(host, "ranges-first", True, self._now)
        return True

    def _announced(self, artifact: Artifact) -> Steps[bytes | None]:
        response = yield Request(f"{artifact.url}.metadata", limit=LARGEST_METADATA)
        if response.status != 200:
            self._events.noted(f"{artifact.filename}: the announced metadata is missing (status {response.status})")
            return None
        check_hashes(response.body, artifact.metadata_hashes, redact(response.url))
        return response.body

    def _unannounced(self, artifact: Artifact, host: str) -> Steps[bytes | None]:
        begin = time.monotonic()
        response = yield Request(f"{artifact.url}.metadata", limit=LARGEST_METADATA)
        # A server that answers everything with a page of its own must not pass for one that has sidecars.
        is_there = response.status == 200 and b"Metadata-Version:" in response.body[:4096]
        # Nor may half of one, which no hash would tell from the whole.
        is_there = is_there and response.is_known_whole
        self._pace(host).add_sidecar(time.monotonic() - begin, is_there=is_there)
        self._count_sidecar(host, is_there)
        return response.body if is_there else None

    def _count_sidecar(self, host: str, is_there: bool) -> None:
        with self._guard:
            if is_there:
                self._misses[host] = -1
                if self._cache.fact(host, "sidecars", self._now) is not True:
                    self._cache.keep_fact(host, "sidecars", True, self._now)
            elif self._misses.get(host, 0) >= 0:
                self._misses[host] = self._misses.get(host, 0) + 1
                is_news = self._cache.fact(host, "sidecars", self._now) is None
                if self._misses[host] >= _MISSES_THAT_CONVINCE and is_news:
                    self._cache.keep_fact(host, "sidecars", False, self._now)

    def _from_end(self, artifact: Artifact, host: str) -> Steps[bytes | None]:
        """Read the end of the wheel; None when the server does not send pieces."""
        reading = metadata_in(artifact.filename, artifact.size)
        want = next(reading)
        begin = time.monotonic()
        while True:
            headers = {"Range": _range(want), "Accept-Encoding": "identity"}
            try:
                response = yield Request(artifact.url, headers=headers, limit=want[1] + _LARGEST_UNASKED)
            except TooLarge:
                self._note_ranges(host, False)
                return None
            _check_status(artifact, response, accepted=(200, 206, 416, 501))
            self._note_ranges(host, response.status == 206)
            if response.status == 200:
                check_hashes(response.body, artifact.hashes, redact(response.url))
            piece = _piece(response, want)
            if piece is None:
                return None
            try:
                want = reading.send(piece)
            except StopIteration as end:
                self._pace(host).add_range(time.monotonic() - begin)
                return bytes(end.value)
            except BadWheel as error:
                raise Unavailable(f"{redact(response.url)}: {error}") from error

    def _pace(self, host: str) -> _Pace:
        with self._guard:
            return self._paces.setdefault(host, _Pace())

    def _note_ranges(self, host: str, is_true: bool) -> None:
        with self._guard:
            if self._cache.fact(host, "ranges", self._now) is not is_true:
                self._cache.keep_fact(host, "ranges", is_true, self._now)

    def _from_whole(self, artifact: Artifact) -> Steps[bytes]:
        """Stream the wheel into a temporary file, check it, and read it there."""
        self._events.noted(f"{artifact.filename}: the server sends no pieces, so the whole wheel is read")
        path = self._cache.temporary_path()
        hasher = _Hashing(artifact)
        try:
            with open(path, "xb") as stream:

                def write(data: bytes) -> None:
                    stream.write(data)
                    hasher.update(data)

                def restart() -> None:
                    stream.seek(0)
                    stream.truncate()
                    hasher.reset()

                response = yield Request(
                    artifact.url, write=write, restart=restart, size=artifact.size, subject=artifact.filename,
                    is_verified=hasher.is_checking,
                )  # fmt: skip
                _check_status(artifact, response, accepted=(200, 206))
            hasher.check()
            try:
                return _read_file(artifact.filename, path)
            except BadWheel as error:
                raise Unavailable(f"{redact(response.url)}: {error}") from error
        except OSError as error:
            raise Unavailable(
                f"{artifact.filename}: {path}: {error.strerror}", hint="make room in the cache"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)


class _Pace:
    """How long the ways to metadata took on one host, in seconds."""

    __slots__ = ("first_sidecar", "misses", "range_seconds", "ranges", "sidecar_seconds", "sidecars")

    def __init__(self) -> None:
        self.sidecars = 0
        self.misses = 0
        self.first_sidecar = 0.0
        self.sidecar_seconds = 0.0
        self.ranges = 0
        self.range_seconds = 0.0

    def add_sidecar(self, seconds: float, *, is_there: bool) -> None:
        if not self.sidecars:
            self.first_sidecar = seconds
        self.sidecars += 1
        self.sidecar_seconds += seconds
        self.misses += not is_there

    def add_range(self, seconds: float) -> None:
        self.ranges += 1
        self.range_seconds += seconds

    def is_range_quicker(self) -> bool:
        """Clearly quicker than a sidecar, plus the range that follows each missing one.

        The first request waited for the connection: it counts only while it is alone.
        """
        if not self.ranges or not self.misses:
            return False
        later = self.sidecars - 1
        sidecar = (self.sidecar_seconds - self.first_sidecar) / later if later else self.first_sidecar
        mean = self.range_seconds / self.ranges
        return 1.5 * mean < sidecar + mean * self.misses / self.sidecars


class _Hashing:
    """The strongest hash that an artifact promises, computed as its bytes arrive."""

    def __init__(self, artifact: Artifact) -> None:
        self._subject = redact(artifact.url)
        self._promised = strongest(artifact.hashes)
        self.is_checking = self._promised is not None
        self.reset()

    def reset(self) -> None:
        self._hasher = hashlib.new(self._promised[0]) if self._promised else None

    def update(self, data: bytes) -> None:
        if self._hasher is not None:
            self._hasher.update(data)

    def check(self) -> None:
        if self._promised is not None and self._hasher is not None:
            _compare(self._subject, self._promised, self._hasher.hexdigest())


def strongest(hashes: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    """The strongest hash that still counts; None when there is none (MD5 and SHA-1 prove nothing)."""
    known = dict(hashes)
    return next(((algorithm, known[algorithm]) for algorithm in _STRENGTH if algorithm in known), None)


def check_hashes(content: bytes, hashes: tuple[tuple[str, str], ...], subject: str) -> None:
    """Raise IntegrityError unless the content has the strongest promised hash."""
    promised = strongest(hashes)
    if promised is not None:
        _compare(subject, promised, hashlib.new(promised[0], content).hexdigest())


def _compare(subject: str, promised: tuple[str, str], actual: str) -> None:
    if actual != promised[1]:
        raise IntegrityError(
            subject,
            expected=f"{promised[0]} {promised[1]}",
            actual=actual,
            hint="the index and its files do not agree: try again later, or tell who runs the index",
        )


def _host(url: str) -> str:
    scheme, host, port = origin_of(url)
    return f"{scheme}://{host}:{port}"


def _range(want: Want) -> str:
    first, length = want
    return f"bytes=-{length}" if first is None else f"bytes={first}-{first + length - 1}"


def _piece(response: Response, want: Want) -> Piece | None:
    """The piece that an answer holds; None when the server ignored the range or its answer cannot be trusted."""
    if response.status == 200:
        # It sent everything; a small wheel has arrived whole.
        return (0, response.body, len(response.body))
    unit, _, rest = response.headers.get("content-range", "").strip().partition(" ")
    span, _, total_text = rest.partition("/")
    first_text, _, last_text = span.partition("-")
    if response.status != 206 or unit.lower() != "bytes" or not (first_text + last_text + total_text).isdecimal():
        return None
    first, last, total = int(first_text), int(last_text), int(total_text)
    wanted_first = max(0, total - want[1]) if want[0] is None else want[0]
    is_honest = first == wanted_first and last < total and last - first + 1 == len(response.body)
    is_honest = is_honest and (last == total - 1 or len(response.body) == want[1])
    return (first, response.body, total) if is_honest else None


def _check_status(artifact: Artifact, response: Response, *, accepted: tuple[int, ...]) -> None:
    if response.status not in accepted:
        hint = "put user and password into the index URL or into netrc" if response.status in (401, 403) else None
        raise Unavailable(
            f"{artifact.filename}: {redact(response.url)} answered with status {response.status}", hint=hint
        )


def _from_path(artifact: Artifact, path: str) -> bytes:
    try:
        return metadata_of_file(artifact.filename, path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error


def metadata_of_file(filename: str, path: str) -> bytes:
    """METADATA of a wheel on this computer. Raises OSError, and Unavailable when it is no wheel."""
    try:
        return _read_file(filename, path)
    except BadWheel as error:
        raise Unavailable(f"{filename}: {error}") from error


def _read_file(filename: str, path: str) -> bytes:
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        reading: Generator[Want, Piece, bytes] = metadata_in(filename, size)
        try:
            first, length = next(reading)
            while True:
                stream.seek(first or 0)
                first, length = reading.send((first or 0, stream.read(length), size))
        except StopIteration as end:
            return bytes(end.value)
