"""How long an answer stays fresh: HTTP caching (RFC 9111) for a private cache. Pure."""

from __future__ import annotations

__all__ = ["Freshness", "freshness_of", "parse_http_date", "retry_delay"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR = 365 * 86400.0


class Freshness:
    """Until when an answer may be used without asking again, and what to ask with afterwards."""

    __slots__ = ("etag", "expires", "is_storable", "last_modified")

    def __init__(self, *, expires: float, etag: str | None, last_modified: str | None, is_storable: bool) -> None:
        self.expires = expires
        """Seconds since the epoch; an answer that is not newer than now is stale."""
        self.etag = etag
        self.last_modified = last_modified
        self.is_storable = is_storable
        """False when the server forbids keeping a copy (``no-store``)."""


def freshness_of(headers: Mapping[str, str], now: float) -> Freshness:
    """Read the caching headers (names in lower case) of an answer that arrived at ``now``.

    An answer that says nothing expires at once: guessing a lifetime (RFC 9111, 4.2.2) would hide new releases.
    """
    directives = _directives(headers.get("cache-control", ""))
    expires = now
    if "no-cache" in directives or "no-store" in directives:
        pass
    elif (max_age := _seconds(directives.get("max-age"))) is not None:
        expires = now + max(0.0, min(max_age, _YEAR) - (_seconds(headers.get("age")) or 0.0))
    elif "max-age" not in directives and "expires" in headers:
        # The server's clock may differ from ours: its own Date makes a lifetime of it (RFC 9111, 4.2.1).
        end = parse_http_date(headers["expires"])
        start = parse_http_date(headers.get("date", "")) or now
        if end is not None:
            age = _seconds(headers.get("age")) or 0.0
            expires = now + max(0.0, min(end - start, _YEAR) - age)
    return Freshness(
        expires=expires,
        etag=headers.get("etag") or None,
        last_modified=headers.get("last-modified") or None,
        is_storable="no-store" not in directives,
    )


def parse_http_date(text: str) -> float | None:
    """Seconds since the epoch of an IMF-fixdate (RFC 9110, 5.6.7), as ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    if len(text) > 64:
        return None
    words = text.replace(",", " ").replace("-", " ").split()
    if len(words) != 6 or words[5].upper() not in ("GMT", "UTC"):
        return None
    _, day, month, year, clock, _ = words
    parts = clock.split(":")
    if len(parts) != 3 or month.lower() not in _MONTHS or not all(w.isdecimal() for w in (day, year, *parts)):
        return None
    hour, minute, second = (int(part) for part in parts)
    days = _days(int(year), _MONTHS.index(month.lower()) + 1, int(day))
    return float(days * 86400 + hour * 3600 + minute * 60 + second)


def retry_delay(value: str | None, now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for: a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    moment = parse_http_date(value)
    return None if moment is None else max(0.0, moment - now)


def _directives(value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in value.split(","):
        name, _, argument = part.strip().partition("=")
        if name:
            found.setdefault(name.strip().lower(), argument.strip().strip('"'))
    return found


def _seconds(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(text[:12]) if text.isdecimal() else None


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar (Hinnant, days_from_civil)."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
