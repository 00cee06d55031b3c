"""Finds the page of a package: from the cache while it is fresh, from a directory, or from the index.

First index wins: indexes are asked in order, and the first that has the package is the only one that counts. Merging
them would let anybody with an account on a public index replace a private package (dependency confusion). So an index
that cannot be reached is an error, not a reason to ask the next.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from provenv.errors import Unavailable
from provenv.index.cache import CachedPage, IndexCache, digest_of
from provenv.index.chain import Steps
from provenv.index.html_page import parse_html
from provenv.index.json_page import parse_json
from provenv.index.local import directory_digest, list_directory, path_of_url
from provenv.index.location import Location
from provenv.index.page import Listing, NotAnIndexPage
from provenv.net.policy import freshness_of
from provenv.net.request import Request, Response
from provenv.net.secrets import origin_of, redact

__all__ = ["DamagedPage", "Found", "PageSource"]

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_LARGEST_PAGE = 64 << 20
"""Decoded. The largest pages that are known have 25 MiB."""
_UNKNOWN = (404, 410)


class DamagedPage(Exception):
    """The body of a cached page is not what it was."""


class Found:
    """A page that was found; its body is parsed when it must be: at once when it is new, lazily when it was cached."""

    __slots__ = ("_body", "_cache", "_is_storable", "_listing", "_name", "head", "location")

    def __init__(
        self,
        location: Location,
        name: str,
        head: CachedPage,
        cache: IndexCache,
        *,
        body: bytes | None = None,
        is_storable: bool = True,
    ) -> None:
        self.location = location
        self.head = head
        self._name = name
        self._cache = cache
        self._body = body
        self._is_storable = is_storable
        self._listing: Listing | None = None

    @classmethod
    def of_listing(cls, location: Location, name: str, listing: Listing, digest: str, cache: IndexCache) -> Found:
        """A page that needs no reading."""
        head = CachedPage(
            url=location.url, status=200, digest=digest, content_type="", expires=0.0, etag=None, last_modified=None
        )
        found = cls(location, name, head, cache)
        found._listing = listing
        return found

    def check(self) -> None:
        """Make sure that a new page is one, and then keep it. Raises Unavailable."""
        if self._body is not None and self._listing is None:
            self.listing()
            if self._is_storable:
                self._cache.keep_page(self.location.url, self._name, self.head, self._body)
            self._body = None

    def listing(self) -> Listing:
        """What the page says. Raises Unavailable when it is not an index page, DamagedPage when the cache lost it."""
        if self._listing is None:
            body = self._body
            if body is None:
                body = self._cache.body(self.location.url, self._name, self.head)
            if body is None:
                raise DamagedPage
            parse = parse_json if "json" in self.head.content_type.lower() else parse_html
            try:
                self._listing = parse(body, self.head.url)
            except NotAnIndexPage as error:
                raise Unavailable(
                    f"{redact(self.head.url)}: the answer is not a page of a package index: {error}",
                    hint="open the address in a browser, and check the index URL and the proxy",
                ) from error
        return self._listing


class PageSource:
    """How pages are found; one for all packages of a command."""

    def __init__(
        self,
        locations: Sequence[Location],
        cache: IndexCache,
        *,
        is_offline: bool,
        refresh: frozenset[str] | bool,
        now: float,
        is_combined: bool = False,
    ) -> None:
        self._locations = locations
        self._is_combined = is_combined
        self._cache = cache
        self._is_offline = is_offline
        self._refresh = refresh
        self._now = now

    def find(self, name: str, pinned: str | None) -> Steps[list[Found]]:
        """The page of the first index that has the package, or (combined) those of all that have it."""
        pages: list[Found] = []
        for location in self._locations:
            is_asked = location.name == pinned if pinned is not None else not location.is_explicit
            if location.kind == "simple" and is_asked:
                found = yield from self.read(location, name)
                if found is not None:
                    pages.append(found)
                    if not self._is_combined:
                        break
        return pages

    def beside(self, names: Sequence[str]) -> list[Location]:
        """The locations of these names, in their order."""
        known = {location.name: location for location in self._locations}
        return [known[name] for name in names if name in known]

    def read(self, location: Location, name: str, *, retries: int | None = None) -> Steps[Found | None]:
        """The page of a package on one index, or, without a name, the one page of a flat location.

        ``retries``: how often more than once an index that does not answer is asked; None: as usual.
        """
        path = path_of_url(location.url)
        if path is not None:
            return self._read_path(location, name, path)
        cached = self._cache.page(location.url, name)
        if cached is not None and (self._is_offline or self._is_fresh(cached, name)):
            return self._from_cache(location, name, cached)
        if self._is_offline:
            raise Unavailable(
                f"{name or location.name}: its page on {origin_of(location.url)[1]} is not cached, "
                "and the network is not used",
                hint="run the command once without --offline",
            )
        return (yield from self.fetch(location, name, cached, retries=retries))

    def fetch(
        self, location: Location, name: str, cached: CachedPage | None = None, *, retries: int | None = None
    ) -> Steps[Found | None]:
        """Ask the index for a page; what is cached is only confirmed."""
        url = f"{location.url}{name}/" if name else location.url
        response = yield Request(url, headers=_request_headers(cached), limit=_LARGEST_PAGE, retries=retries)
        return self._answered(location, name, cached, response)

    def _is_fresh(self, cached: CachedPage, name: str) -> bool:
        is_refreshed = self._refresh if isinstance(self._refresh, bool) else name in self._refresh
        return not is_refreshed and cached.expires > self._now

    def _from_cache(self, location: Location, name: str, cached: CachedPage) -> Found | None:
        return Found(location, name, cached, self._cache) if cached.status == 200 else None

    def _answered(self, location: Location, name: str, cached: CachedPage | None, response: Response) -> Found | None:
        freshness = freshness_of(response.headers, self._now)
        if response.status == 304 and cached is not None:
            cached.expires = freshness.expires
            cached.etag = freshness.etag or cached.etag
            self._cache.keep_page(location.url, name, cached, None)
            return self._from_cache(location, name, cached)
        is_unknown = response.status in _UNKNOWN or response.status in location.ignored_statuses
        if is_unknown and name:
            self._cache.keep_page(location.url, name, _head(response, 404, "-", freshness.expires), None)
            return None
        if response.status != 200:
            raise _refused(location, name, response)
        if not response.is_known_whole and not _is_complete(response):
            raise Unavailable(
                f"{redact(response.url)}: the page was cut off: the connection ended before it did",
                hint="run the command again",
            )
        head = _head(response, 200, digest_of(response.body), freshness.expires)
        head.etag, head.last_modified = freshness.etag, freshness.last_modified
        return Found(location, name, head, self._cache, body=response.body, is_storable=freshness.is_storable)

    def _read_path(self, location: Location, name: str, path: str) -> Found | None:
        """A repository, a page or a directory of files on this computer."""
        where = f"index {location.name}"
        if name:
            if not os.path.isdir(path):
                raise Unavailable(f"{where}: no such directory: {path}", hint="check the path of the index")
            path = os.path.join(path, name)
            if not os.path.isdir(path):
                return None
        page = os.path.join(path, "index.html") if os.path.isdir(path) else path
        if os.path.isdir(path) and not os.path.isfile(page):
            files = list_directory(path, where)
            return Found.of_listing(location, name, Listing.of(files), directory_digest(path, files), self._cache)
        try:
            with open(page, "rb") as stream:
                body = stream.read()
        except OSError as error:
            raise Unavailable(f"{where}: {page}: {error.strerror}", hint="check the path of the index") from error
        url = f"{location.url}{name}/" if name else location.url
        head = CachedPage(
            url=url, status=200, digest=digest_of(body), content_type="", expires=0.0, etag=None, last_modified=None
        )
        return Found(location, name, head, self._cache, body=body, is_storable=False)


def _request_headers(cached: CachedPage | None) -> dict[str, str]:
    headers = {"Accept": _ACCEPT}
    if cached is not None and cached.status == 200:
        if cached.etag:
            headers["If-None-Match"] = cached.etag
        if cached.last_modified:
            headers["If-Modified-Since"] = cached.last_modified
    return headers


def _is_complete(response: Response) -> bool:
    """Whether a page whose length nobody told ends as pages do; half a page of JSON is none anyway."""
    is_html = "json" not in response.headers.get("content-type", "").lower()
    return not is_html or response.body[-1024:].rstrip().lower().endswith(b"</html>")


def _head(response: Response, status: int, digest: str, expires: float) -> CachedPage:
    return CachedPage(
        url=response.url,
        status=status,
        digest=digest,
        content_type=response.headers.get("content-type", ""),
        expires=expires,
        etag=None,
        last_modified=None,
    )


def _refused(location: Location, name: str, response: Response) -> Unavailable:
    what = f"{name or 'the page'} on {redact(location.url)}"
    if response.status in (401, 403, 407):
        reason = "it wants credentials" if response.status != 403 else "it refuses to answer"
        return Unavailable(
            f"{what}: {reason} (status {response.status})",
            hint="put user and password into the index URL (an environment variable can hold it) or into netrc",
        )
    return Unavailable(f"{what}: unexpected status {response.status}", hint="check the index URL")
