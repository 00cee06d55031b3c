"""``exclude-newer``: from a date, a time or a span to a moment. Off the warm path.

The forms are uv's: RFC 3339 times; local dates, of which the whole day counts; spans of fixed length ("1 week",
"P7D"), counted back from now. A day of a span has 24 hours; months and years have no fixed length and are refused.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from provenv.errors import InputError

__all__ = ["moment", "uploaded"]

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_UNITS = {
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 604_800),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
}
_ISO_SPAN = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE)
_SPAN_PART = re.compile(r"\s*(\d+)\s*([a-z]+)\s*,?(?:\s*and\b)?", re.IGNORECASE)
_CALENDAR = re.compile(r"\d\s*(?:months?|mos?|years?|yrs?|y)\b|^P\d+[YM]", re.IGNORECASE)


def moment(text: str, now: float) -> float:
    """Seconds since the epoch; files uploaded then or later do not count. Raises InputError."""
    written = text.strip()
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
            following = date.fromisoformat(written) + timedelta(days=1)
            return datetime(following.year, following.month, following.day).astimezone().timestamp()
        if re.match(r"\d{4}-\d{2}-\d{2}[Tt ]", written):
            told = datetime.fromisoformat(written.upper())
            if told.tzinfo is None:
                raise InputError(f"exclude-newer: `{text}`", "the time has no offset", hint="end it with `Z` for UTC")
            return told.timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError(f"exclude-newer: `{text}`", f"this is no date or time ({error})") from error
    return now - _span(written)


def _span(written: str) -> int:
    if _CALENDAR.search(written):
        raise InputError(
            f"exclude-newer: `{written}`", "months and years have no fixed length", hint="count days or weeks"
        )
    found = _ISO_SPAN.fullmatch(written)
    if found is not None and any(found.groups()):
        return sum(int(count or 0) * _SECONDS[unit] for count, unit in zip(found.groups(), "wdhms", strict=True))
    seconds = position = 0
    body = written.removesuffix("ago").rstrip()
    while part := _SPAN_PART.match(body, position):
        if part[2].lower() not in _UNITS:
            break
        seconds += int(part[1]) * _UNITS[part[2].lower()]
        position = part.end()
    if position == 0 or body[position:].strip():
        raise InputError(
            f"exclude-newer: `{written}`",
            "this is no date, time or span",
            hint="write `2026-01-31`, `2026-01-31T12:00:00Z`, `1 week` or `P7D`",
        )
    return seconds


def uploaded(text: str | None) -> float | None:
    """The moment of an upload as an index tells it (RFC 3339); None when it does not, or not legibly."""
    if text is None:
        return None
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return told.timestamp() if told.tzinfo is not None else told.replace(tzinfo=UTC).timestamp()
