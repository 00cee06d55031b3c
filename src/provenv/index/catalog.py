"""The catalog: pages, metadata and files of packages, wherever they are offered.

Nothing here blocks but ``page``, ``metadata``, ``sha256`` and the results of ``download``. Asking twice costs nothing.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from provenv.errors import Unavailable
from provenv.events import Events
from provenv.index.cache import IndexCache, digest_of
from provenv.index.chain import Chain, Steps
from provenv.index.fetch_metadata import MetadataSource
from provenv.index.fetch_page import DamagedPage, Found, PageSource
from provenv.index.local import files_of, path_of_url
from provenv.index.location import Location
from provenv.index.page import Fields, Listing, Page, normalised
from provenv.model.artifact import Artifact
from provenv.net.request import Pending, Request
from provenv.net.secrets import origin_of, redact

__all__ = ["Catalog", "Door"]

_CHUNK = 1 << 20


class Door(Protocol):
    """What the catalog needs of an HTTP client."""

    def submit(self, request: Request) -> Pending:
        """Begin a request and return at once."""

    def close(self) -> None:
        """Give up everything that is under way."""


class Catalog:
    """All locations of one command, in order. ``client`` is called once, when the network is first needed.

    ``refresh`` names the packages whose cached pages do not count as fresh (True: all). ``pinned`` maps a package to
    the name of the only location that may offer it. The page of a package is that of the first index that has it, or
    with ``is_combined`` the pages of all that have it, one after another. ``beside`` maps a package to names of
    locations that are asked as well: what they have stands behind the others.
    """

    def __init__(
        self,
        locations: Sequence[Location],
        cache_dir: str,
        client: Callable[[], Door],
        *,
        is_offline: bool = False,
        refresh: frozenset[str] | bool = False,
        now: float,
        events: Events | None = None,
        pinned: Mapping[str, str] | None = None,
        is_combined: bool = False,
        beside: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._beside = beside or {}
        self._make_client = client
        self._client: Door | None = None
        self._is_offline = is_offline
        self._events = events or Events()
        self._pinned = {normalised(name): location for name, location in (pinned or {}).items()}
        cache = self._cache = IndexCache(cache_dir)
        self._page_source = PageSource(
            locations,
            cache,
            is_offline=is_offline,
            refresh=refresh,
            now=now,
            is_combined=is_combined,
        )
        self._metadata_source = MetadataSource(cache, self._events, is_offline=is_offline, now=now)
        self._flat_locations = [location for location in locations if location.kind == "flat"]
        self._flat_chains: list[Chain[Found | None]] | None = None
        self._flat_files: dict[str, list[tuple[str, Fields]]] | None = None
        self._pages: dict[str, Chain[list[Found]]] = {}
        self._pages_beside: dict[str, list[tuple[Location, Chain[Found | None]]]] = {}
        self._passed_over: set[str] = set()
        self._ready_pages: dict[str, Page | None] = {}
        self._metadata: dict[str, Chain[bytes]] = {}
        self._digests: dict[str, str] = {}
        self._news = threading.Event()

    def pause(self, seconds: float) -> None:
        """Wait until a page or metadata has come since the last call, at most so long."""
        self._news.wait(seconds)
        self._news.clear()

    # -- pages --------------------------------------------------------------------------------------------

    def request(self, name: str) -> None:
        """Begin to fetch the page of a package (normalised name)."""
        if name not in self._pages:
            self._begin_flat()
            self._pages[name] = Chain(self._page_source.find(name, self._pinned.get(name)), self._submit)
            self._pages_beside[name] = [
                (location, Chain(self._page_source.read(location, name, retries=0), self._submit))
                for location in self._page_source.beside(self._beside.get(name, ()))
            ]
            self._pages[name].tell(self._news.set)
            for _, beside in self._pages_beside[name]:
                beside.tell(self._news.set)

    def is_page_ready(self, name: str) -> bool:
        """Whether ``page`` answers without waiting."""
        chain = self._pages.get(name)
        if chain is None or not all(other.is_done for _, other in self._pages_beside[name]):
            return False
        return chain.is_done and all(flat.is_done for flat in self._flat_chains or ())

    def page(self, name: str) -> Page | None:
        """Wait for the page of a package; None when no location has it.

        Raises Unavailable when a location cannot be asked, or answers something else than a page.
        """
        if name not in self._ready_pages:
            self.request(name)
            found = [*self._pages[name].result(), *self._found_beside(name)]
            for page in found:
                page.check()
            self._ready_pages[name] = self._combined(name, found, self._flat_files_of(name))
        return self._ready_pages[name]

    def _found_beside(self, name: str) -> Iterator[Found]:
        """The pages of locations that are asked as well; one that cannot be asked is passed over, and told once."""
        for location, chain in self._pages_beside[name]:
            try:
                found = chain.result()
            except Unavailable as error:
                host = origin_of(location.url)[1]
                if host not in self._passed_over:
                    self._passed_over.add(host)
                    told = self._events.noted if self._is_offline else self._events.warned
                    told(f"{host} is passed over, where builds for this machine may be: {error.message}")
                continue
            if found is not None:
                yield found

    def _combined(self, name: str, pages: list[Found], flat: list[tuple[str, Fields]]) -> Page | None:
        found = pages[0] if pages else None
        if not flat:
            return None if found is None else self._page(name, pages)
        flat_digest = digest_of(repr(flat).encode())
        if found is None:
            # Nothing vouches for how long a directory stays as it is.
            url = self._flat_locations[0].url
            return Page(name, lambda: Listing.of(flat), digest=flat_digest, expires=0.0, index_url=url)

        def read() -> Listing:
            listing = self._page(name, pages).listing
            count = len(listing.filenames)
            combined = Listing(
                [*listing.filenames, *(filename for filename, _ in flat)],
                lambda number: listing.fields(number) if number < count else flat[number - count][1],
                skipped=listing.skipped,
                status=listing.status,
                status_reason=listing.status_reason,
                parts=listing.parts,
            )
            return combined

        whole = self._page(name, pages)
        digest = digest_of(f"{whole.digest} {flat_digest}".encode())
        return Page(name, read, digest=digest, expires=whole.expires, index_url=found.location.url)

    def _page(self, name: str, pages: list[Found]) -> Page:
        found = pages[0]
        if len(pages) > 1:
            return Page(
                name,
                lambda: Listing.joined([(self._listing(name, page), page.location.url) for page in pages]),
                digest=digest_of(" ".join(page.head.digest for page in pages).encode()),
                expires=min(page.head.expires for page in pages),
                index_url=found.location.url,
            )
        return Page(
            name,
            lambda: self._listing(name, found),
            digest=found.head.digest,
            expires=found.head.expires,
            index_url=found.location.url,
        )

    def _listing(self, name: str, found: Found) -> Listing:
        """What a page says; one that the cache lost is fetched again."""
        try:
            return found.listing()
        except DamagedPage:
            again = Chain(self._page_source.fetch(found.location, name), self._submit).result()
        if again is not None:
            again.check()
        if again is None or again.head.digest != found.head.digest:
            raise Unavailable(
                f"{name}: its cached page was damaged, and the index has another one now", hint="run the command again"
            )
        return again.listing()

    def _begin_flat(self) -> None:
        if self._flat_chains is None:
            self._flat_chains = []
            for location in self._flat_locations:
                self._flat_chains.append(Chain(self._page_source.read(location, ""), self._submit))
                self._flat_chains[-1].tell(self._news.set)

    def _flat_files_of(self, name: str) -> list[tuple[str, Fields]]:
        if self._flat_files is None:
            self._begin_flat()
            files: dict[str, list[tuple[str, Fields]]] = {}
            for chain in self._flat_chains or ():
                found = chain.result()
                if found is not None:
                    found.check()
                    for project, project_files in files_of(self._listing("", found)).items():
                        files.setdefault(project, []).extend(project_files)
            self._flat_files = files
        return self._flat_files.get(name, [])

    # -- metadata -----------------------------------------------------------------------------------------

    def request_metadata(self, artifact: Artifact) -> None:
        """Begin to fetch METADATA of a wheel."""
        if artifact.url not in self._metadata:
            self._metadata[artifact.url] = Chain(self._metadata_source.find(artifact), self._submit)
            self._metadata[artifact.url].tell(self._news.set)

    def is_metadata_ready(self, artifact: Artifact) -> bool:
        """Whether ``metadata`` answers without waiting."""
        chain = self._metadata.get(artifact.url)
        return chain is not None and chain.is_done

    def metadata(self, artifact: Artifact) -> bytes:
        """Wait for METADATA of a wheel; the caller checks the name and version inside.

        Raises Unavailable, and IntegrityError when the bytes do not have the promised hash.
        """
        self.request_metadata(artifact)
        return self._metadata[artifact.url].result()

    # -- files --------------------------------------------------------------------------------------------

    def download(
        self, artifact: Artifact, write: Callable[[bytes], object], *, restart: Callable[[], object] | None = None
    ) -> Chain[None]:
        """Begin to stream a file to ``write``; the chain's ``result`` waits for the end. Raises Unavailable.

        The writer checks the hash. ``restart`` is called when a broken transfer must begin anew. A file of this
        computer is read at once, in this thread; any other arrives in the client's thread.
        """
        return Chain(self._download(artifact, write, restart), self._submit)

    def _download(
        self, artifact: Artifact, write: Callable[[bytes], object], restart: Callable[[], object] | None
    ) -> Steps[None]:
        path = path_of_url(artifact.url)
        if path is not None:
            self._copy(artifact, path, write)
            return
        response = yield Request(
            artifact.url,
            write=write,
            restart=restart,
            size=artifact.size,
            subject=artifact.filename,
            is_verified=bool(artifact.hashes),
        )
        if response.status not in (200, 206):
            is_refused = response.status in (401, 403, 407)
            raise Unavailable(
                f"{artifact.filename}: {redact(response.url)} answered with status {response.status}",
                hint="give a user name and a password in the URL of the index or in .netrc"
                if is_refused
                else "the file may have been removed: lock again, or change its URL if the project names it",
            )

    def _copy(self, artifact: Artifact, path: str, write: Callable[[bytes], object]) -> None:
        try:
            stream = open(path, "rb")  # noqa: SIM115 - an error of `write` must not look like one of the file
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}", hint="check the path of the index") from error
        with stream:
            while data := stream.read(_CHUNK):
                write(data)
                self._events.advanced("download", len(data), artifact.filename)

    def sha256(self, artifact: Artifact) -> str:
        """The SHA-256 of a file, in hex: as the index told it, else by reading the whole file now."""
        told = artifact.sha256
        if told is not None:
            return told
        if artifact.url not in self._digests:
            hashers = [hashlib.sha256()]
            self.download(
                artifact, lambda data: hashers[-1].update(data), restart=lambda: hashers.append(hashlib.sha256())
            ).result()
            self._digests[artifact.url] = hashers[-1].hexdigest()
        return self._digests[artifact.url]

    # -- network ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give up what is under way, and finish writing the cache."""
        if self._client is not None:
            self._client.close()
        self._cache.close()

    def _submit(self, request: Request) -> Pending:
        if self._is_offline:
            raise Unavailable(
                f"{redact(request.url)}: not cached, and the network is not used",
                hint="run the command once without --offline",
            )
        if self._client is None:
            self._client = self._make_client()
        return self._client.submit(request)
