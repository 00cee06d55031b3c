"""Index pages in HTML (PEP 503, 592, 629, 658, 714, 792). Pure.

Nearly all pages are written by machines in one form: an anchor per file, ``href`` first, double quotes, plain entities.
A regular expression reads that form 10 times faster than a real parser, and lazily. Everything that could make the
two differ (comments, ``<base>``, other tags, unusual quoting) sends the whole page to the real parser.
"""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

from provenv.index.links import check_rest, filename_problem, is_archive_name, once, url_problem
from provenv.index.page import Fields, Hashes, Listing, NotAnIndexPage, is_supported_version, usable_hashes
from provenv.net.secrets import split_credentials

__all__ = ["parse_fast", "parse_html", "parse_strictly"]

_ANCHOR = re.compile(r'<a href="([^"]+)"([^<>]*)>[^<]*</a>')
_ATTRIBUTES = re.compile(r'(?: [a-z][a-z-]*="[^"<>]*")* ?')
# Characters that a parser or `urljoin` may treat in a way of its own.
_UNUSUAL_IN_LINKS = "<>&?;@[]\\ \t\r\n\f"
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_HEAD_TAG = re.compile(
    r'<(?:!doctype html|/?(?:html|head|meta|title|body|h1|h2|p|br|hr|ul|li|link)(?: [a-z:-]+="[^"<>]*")* ?/?)>', re.I
)
_ENTITIES = ("&gt;", "&lt;", "&amp;", "&quot;", "&#39;", "&#x27;", "&#34;")
_BREAKS = ("<br/>", "<br />", "<br>")
_SIGNATURES = ("links for", "simple index", "pypi:repository-version")


def parse_html(body: bytes, base_url: str) -> Listing:
    """Read a page; an anchor that makes no sense is skipped. Raises NotAnIndexPage."""
    text = body.decode("utf-8", "replace")
    return parse_fast(text, base_url) or parse_strictly(text, base_url)


def parse_fast(text: str, base_url: str) -> Listing | None:
    """Read a page in the common form; None when anything in it is in another form."""
    first, last = text.find("<a "), text.rfind("</a>")
    if first < 0 or last < first:
        return None
    head, middle, tail = text[:first], text[first : last + 4], text[last + 4 :]
    if not _is_plain(head) or not _is_plain(tail) or "pypi:project-status" in head:
        return None
    version = re.search(r'<meta name="pypi:repository-version" content="([^"]*)"', head)
    if version is None and "pypi:repository-version" in head.lower():
        return None
    if version is not None and not is_supported_version(version[1]):
        return None
    anchors = _ANCHOR.findall(middle)
    # Every tag in the middle belongs to an anchor that was understood, or is a line break.
    if not _is_all(middle, "<", _BREAKS, 2 * len(anchors)):
        return None
    attributes = [anchor[1] for anchor in anchors]
    for text in set(attributes):
        if not _ATTRIBUTES.fullmatch(text) or not _is_all(text, "&", _ENTITIES, 0):
            return None
    parts = [anchor[0].partition("#") for anchor in anchors]
    links = [part[0] for part in parts]
    digests = [part[2] for part in parts]
    if not _are_plain_links(links) or not _are_sha256(digests):
        return None
    filenames = [link.rpartition("/")[2] for link in links]
    joined = "".join(filenames)
    if "%" in joined:
        filenames = [unquote(filename) for filename in filenames]
        joined = "".join(filenames)
    # Checked for the whole page at once; what stands out is left to the strict parser, which knows the reasons.
    if (
        "/" in joined
        or "\\" in joined
        or not joined.isprintable()
        or not joined.isascii()
        or len(set(filenames)) != len(filenames)
        or "" in filenames
        or ".." in filenames
        or "." in filenames
    ):
        return None
    if not any(map(is_archive_name, filenames)) and not _has_signature(head):
        return None
    return Listing(filenames, lambda number: _fast_fields(links[number], digests[number], attributes[number], base_url))


def parse_strictly(text: str, base_url: str) -> Listing:
    """Read any page. Raises NotAnIndexPage when it does not look like one."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.version is not None and not is_supported_version(reader.version):
        raise NotAnIndexPage(f"version {reader.version!r} of the index protocol; this program reads 1.x")
    base_url = urljoin(base_url, reader.base) if reader.base else base_url
    files: list[tuple[str, Fields]] = []
    skipped: list[tuple[str, str]] = []
    for attributes in reader.anchors:
        href = attributes.get("href")
        if href is None or href.strip() == "":
            continue
        filename, found = _entry(href.strip(), attributes, base_url)
        if found is None:
            skipped.append((filename[:200], _problem(href.strip(), filename, base_url)))
        else:
            files.append((filename, found))
    files, twice = once(files, lambda fields: fields[1])
    skipped += twice
    check_rest(files, twice)
    if not reader.has_signature and not any(is_archive_name(filename) for filename, _ in files):
        raise NotAnIndexPage("HTML, but not a page of links to packages; perhaps an error or login page")
    listing = Listing.of(files, skipped)
    listing.status = reader.status.get("pypi:project-status") or "active"
    listing.status_reason = reader.status.get("pypi:project-status-reason") or ""
    return listing


def _is_plain(text: str) -> bool:
    rest = _HEAD_TAG.sub("", text)
    lowered = text.lower()
    return "<" not in rest and lowered.count("<title") == lowered.count("</title")


def _are_plain_links(links: list[str]) -> bool:
    joined = "".join(links)
    if not joined.isascii() or any(char in joined for char in _UNUSUAL_IN_LINKS):
        return False
    return all(link.startswith(("https://", "http://")) or ":" not in link for link in links)


def _are_sha256(fragments: list[str]) -> bool:
    """Whether each fragment is empty or ``sha256=`` with a lower-case hex digest."""
    told = list(filter(None, fragments))
    # All at once: a loop over 57,000 of them takes 40 ms.
    joined = "".join(told)
    if set(map(len, told)) - {71} or any(set(joined[at::71]) - {char} for at, char in enumerate("sha256=")):
        return False
    digests = joined.replace("sha256=", "")
    try:
        return len(bytes.fromhex(digests)) == 32 * len(told) and digests == digests.lower()
    except ValueError:
        return False


def _is_all(text: str, mark: str, forms: tuple[str, ...], others: int) -> bool:
    """Whether each ``mark`` in a text begins one of ``forms``, but for ``others`` of them; the likeliest form first."""
    missing = text.count(mark) - others
    for form in forms:
        if missing == 0:
            return True
        missing -= text.count(form)
    return missing == 0


def _has_signature(head: str) -> bool:
    lowered = head.lower()
    return any(signature in lowered for signature in _SIGNATURES)


def _fast_fields(link: str, digest: str, rest: str, base_url: str) -> Fields:
    url = link if link.startswith(("https://", "http://")) else urljoin(base_url, link)
    hashes: Hashes = (("sha256", digest[7:]),) if digest else ()
    if not rest:
        return url, hashes, None, None, None, None, False, ()
    attributes: dict[str, str] = {}
    for name, value in _ATTRIBUTE.findall(rest):
        attributes.setdefault(name, unescape(value))
    return _fields(url, hashes, attributes)


def _fields(url: str, hashes: Hashes, attributes: dict[str, str]) -> Fields:
    # PEP 714: `data-core-metadata` is the name; older servers say `data-dist-info-metadata`.
    announced = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    has_metadata = False
    metadata_hashes: Hashes = ()
    if announced is not None and announced.lower() != "false":
        algorithm, equals, digest = announced.partition("=")
        read = usable_hashes({algorithm: digest}) if equals else ()
        has_metadata, metadata_hashes = read is not None, read or ()
    requires_python = (attributes.get("data-requires-python") or "").strip() or None
    # No standard has it, but PyTorch's index and several mirrors write it; what `upload-time` is in JSON (PEP 700).
    upload_time = attributes.get("data-upload-time") or None
    return url, hashes, None, requires_python, attributes.get("data-yanked"), upload_time, has_metadata, metadata_hashes


def _entry(href: str, attributes: dict[str, str], base_url: str) -> tuple[str, Fields | None]:
    """File name and fields of one anchor; no fields when it cannot be used."""
    try:
        url, _ = split_credentials(urljoin(base_url, href))
    except ValueError:
        return href, None
    url, _, fragment = url.partition("#")
    path = url.partition("://")[2].partition("?")[0]
    filename = unquote(path.rpartition("/")[2])
    hashes: Hashes = ()
    algorithm, equals, digest = fragment.partition("=")
    if equals and "&" not in digest and algorithm in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
        found = usable_hashes({algorithm: digest})
        if found is None:
            return filename, None
        hashes = found
    if filename_problem(filename) or not filename.isprintable() or url_problem(url, base_url):
        return filename, None
    return filename, _fields(url, hashes, attributes)


def _problem(href: str, filename: str, base_url: str) -> str:
    try:
        problem = url_problem(urljoin(base_url, href), base_url) or filename_problem(filename)
    except ValueError as error:
        return f"the link cannot be read: {error}"
    if problem is None and not filename.isprintable():
        problem = "the file name holds characters that no file name may hold"
    return problem or "its hash cannot be read"


class _Reader(HTMLParser):
    """Collects anchors, the base and the signs of an index page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[dict[str, str]] = []
        self.base: str | None = None
        self.version: str | None = None
        self.status: dict[str, str] = {}
        self.has_signature = False
        self._is_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes: dict[str, str] = {}
        for name, value in attrs:
            # HTML: of two attributes with one name the first counts.
            attributes.setdefault(name, value or "")
        if tag == "a":
            self.anchors.append(attributes)
        elif tag == "base" and self.base is None:
            self.base = attributes.get("href")
        elif tag == "meta":
            name = attributes.get("name", "").lower()
            if name == "pypi:repository-version":
                self.version = attributes.get("content", "")
                self.has_signature = True
            elif name.startswith("pypi:project-status"):
                self.status[name] = attributes.get("content", "")
        self._is_heading = tag in ("h1", "title")

    def handle_data(self, data: str) -> None:
        if self._is_heading and data.strip().lower().startswith(_SIGNATURES[:2]):
            self.has_signature = True
