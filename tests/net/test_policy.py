from __future__ import annotations

import calendar
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.net.policy import freshness_of, parse_http_date, retry_delay

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("headers", "lifetime"),
    [
        ({}, 0),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "public, Max-Age=600"}, 600),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "900"}, 0),
        ({"cache-control": "max-age=600, no-cache"}, 0),
        ({"cache-control": "no-store, max-age=600"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=soon", "expires": "Tue, 01 Jan 2030 00:00:00 GMT"}, 0),
        ({"cache-control": "max-age=99999999999999999999"}, 365 * 86400),
        ({"date": "Mon, 01 Jan 2024 00:00:00 GMT", "expires": "Mon, 01 Jan 2024 00:10:00 GMT"}, 600),
        ({"date": "Mon, 01 Jan 2024 00:00:00 GMT", "expires": "Mon, 01 Jan 2020 00:10:00 GMT"}, 0),
        ({"expires": "0"}, 0),
        ({"expires": "Mon, 01 Jan 2024 00:10:00 GMT", "cache-control": "max-age=5"}, 5),
    ],
)
def test_lifetimes(headers: dict[str, str], lifetime: float) -> None:
    assert freshness_of(headers, NOW).expires == NOW + lifetime


def test_validators_and_permission() -> None:
    fresh = freshness_of({"etag": '"x"', "last-modified": "yesterday", "cache-control": "no-store"}, NOW)
    assert (fresh.etag, fresh.last_modified, fresh.is_storable) == ('"x"', "yesterday", False)
    assert freshness_of({}, NOW).is_storable


@given(st.integers(0, 4_000_000_000))
def test_dates_agree_with_the_standard_library(moment: int) -> None:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    parts = time.gmtime(moment)
    text = f"Sun, {parts.tm_mday:02} {months[parts.tm_mon - 1]} {time.strftime('%Y %H:%M:%S', parts)} GMT"
    assert parse_http_date(text) == calendar.timegm(parts) == moment


@pytest.mark.parametrize(
    "text", ["", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "1 2 3 4 5 6"]
)
def test_other_texts_are_no_dates(text: str) -> None:
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        (None, None),
        ("2", 2.0),
        ("1000000000", 1e9),
        ("nonsense", None),
        ("Mon, 12 Jan 1970 13:46:50 GMT", 10.0),
        ("Mon, 12 Jan 1970 13:46:30 GMT", 0.0),
    ],
)
def test_retry_after(value: str | None, delay: float | None) -> None:
    assert retry_delay(value, NOW) == delay
