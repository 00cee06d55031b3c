"""Index pages: which files of a package there are (PEP 503, 592, 629, 658, 691, 700, 714, 792). Pure.

A page of a popular package has thousands of links, and most of them are never looked at. So parsing finds the file
names; everything else about a file is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from provenv.model.artifact import Artifact

__all__ = ["Fields", "Listing", "NotAnIndexPage", "Page", "is_supported_version", "normalised", "usable_hashes"]

Hashes = tuple[tuple[str, str], ...]
Fields = tuple[str, Hashes, "int | None", "str | None", "str | None", "str | None", bool, Hashes]
"""URL, hashes, size, requires-python, yanked, upload time, whether metadata is announced, hashes of the metadata."""

_HEX_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


class NotAnIndexPage(ValueError):
    """The bytes are something else: an error page, a login form, a version of the protocol that we do not know."""


class Listing:
    """What the body of one page says."""

    __slots__ = ("fields", "filenames", "parts", "skipped", "status", "status_reason")

    def __init__(
        self,
        filenames: list[str],
        fields: Callable[[int], Fields],
        *,
        skipped: Sequence[tuple[str, str]] = (),
        status: str = "active",
        status_reason: str = "",
        parts: Sequence[tuple[int, str]] = (),
    ) -> None:
        self.filenames = filenames
        self.fields = fields
        """Position of a file name to what is said of that file."""
        self.skipped = skipped
        """``(file name or link, reason)`` of entries that cannot be used."""
        self.status = status
        """``active``, ``archived``, ``deprecated`` or ``quarantined`` (PEP 792)."""
        self.status_reason = status_reason
        self.parts = parts
        """``(position of the first file, index)`` when the files of several indexes stand one after another."""

    @classmethod
    def joined(cls, listings: Sequence[tuple[Listing, str]]) -> Listing:
        """The files of several indexes, one after another; a file name counts where it stands first."""
        filenames: list[str] = []
        sources: list[tuple[Listing, int]] = []
        parts: list[tuple[int, str]] = []
        seen: set[str] = set()
        for listing, index in listings:
            parts.append((len(filenames), index))
            for number, filename in enumerate(listing.filenames):
                if filename not in seen:
                    seen.add(filename)
                    filenames.append(filename)
                    sources.append((listing, number))
        first = listings[0][0]
        return cls(
            filenames,
            lambda number: sources[number][0].fields(sources[number][1]),
            skipped=[entry for listing, _ in listings for entry in listing.skipped],
            status=first.status,
            status_reason=first.status_reason,
            parts=parts,
        )

    @classmethod
    def of(cls, files: Sequence[tuple[str, Fields]], skipped: Sequence[tuple[str, str]] = ()) -> Listing:
        """A listing of files that are known already."""
        rows = [fields for _, fields in files]
        return cls([filename for filename, _ in files], rows.__getitem__, skipped=skipped)


class Page:
    """The files of one package on one index, with those of flat locations.

    The body is parsed when its files are first looked at; ``digest`` and ``expires`` cost nothing.
    """

    __slots__ = ("_last", "_listing", "_read", "digest", "expires", "index_url", "name", "split")

    def __init__(self, name: str, read: Callable[[], Listing], *, digest: str, expires: float, index_url: str) -> None:
        self.name = name
        """Normalised (PEP 503)."""
        self.digest = digest
        """Names the content: two pages with the same digest say the same."""
        self.expires = expires
        """Seconds since the epoch; from then on the index must be asked again."""
        self.index_url = index_url
        """The root of the index that has the package, without credentials."""
        self._read = read
        self.split: tuple[list[tuple[int, str, str]], dict[str, int]] | None = None
        """What ``universe`` made of the file names: wheels (number, version, tags) and source archives by version."""
        self._listing: Listing | None = None
        self._last: tuple[int, Fields] | None = None

    @property
    def listing(self) -> Listing:
        """What the body says."""
        if self._listing is None:
            self._listing = self._read()
        return self._listing

    @property
    def filenames(self) -> list[str]:
        """The names of all files, in the order of the page; the other methods take positions in this list."""
        return self.listing.filenames

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """Entries that cannot be used, with the reason."""
        return self.listing.skipped

    @property
    def status(self) -> str:
        """``active``, ``archived``, ``deprecated`` or ``quarantined`` (PEP 792)."""
        return self.listing.status

    @property
    def indexes(self) -> list[str]:
        """The roots of the indexes that the files are from, in order."""
        return [index for _, index in self.listing.parts] or [self.index_url]

    def part(self, number: int) -> int:
        """The place among ``indexes`` of the one that a file is from."""
        return max(0, sum(first <= number for first, _ in self.listing.parts) - 1)

    def requires_python(self, number: int) -> str | None:
        """The Python versions that a file admits, as the index tells them."""
        return self._fields(number)[3]

    def yanked(self, number: int) -> str | None:
        """None: not yanked; otherwise the reason, perhaps empty (PEP 592)."""
        return self._fields(number)[4]

    def upload_time(self, number: int) -> str | None:
        """When a file was uploaded, as the index wrote it (PEP 700); None when it does not tell."""
        return self._fields(number)[5]

    def artifact(self, number: int) -> Artifact:
        """Everything that the index says of a file."""
        url, hashes, size, requires_python, yanked, upload_time, has_metadata, metadata_hashes = self._fields(number)
        return Artifact(
            filename=self.filenames[number],
            url=url,
            hashes=hashes,
            size=size,
            requires_python=requires_python,
            yanked=yanked,
            upload_time=upload_time,
            has_metadata=has_metadata,
            metadata_hashes=metadata_hashes,
        )

    def _fields(self, number: int) -> Fields:
        if self._last is None or self._last[0] != number:
            self._last = (number, self.listing.fields(number))
        return self._last[1]


def normalised(name: str) -> str:
    """A package name as PEP 503 compares it."""
    if name.isalnum() and name.islower():
        return name
    for mark in "_.":
        name = name.replace(mark, "-")
    return "-".join(part for part in name.lower().split("-") if part)


def usable_hashes(pairs: object) -> Hashes | None:
    """Sorted ``(algorithm, lower-case hex)`` pairs of a mapping; None when one of them cannot be a hash."""
    if not isinstance(pairs, dict):
        return None
    found = []
    for algorithm, digest in pairs.items():
        if not isinstance(algorithm, str) or not isinstance(digest, str):
            return None
        algorithm, digest = algorithm.lower(), digest.lower()
        length = _HEX_LENGTHS.get(algorithm, len(digest))
        if not digest or len(digest) != length or digest.strip("0123456789abcdef"):
            return None
        found.append((algorithm, digest))
    return tuple(sorted(found))


def is_supported_version(text: object) -> bool:
    """Whether we may read this version of the simple repository API: its major number is 1 (PEP 629)."""
    return isinstance(text, str) and text.partition(".")[0] == "1"
