"""What can be wrong with an index: each fault by name, with the requests that it hits."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from email.utils import formatdate

from tests.worlds.index_server import Answer, Fault, IndexServer

__all__ = ["FAULTS", "MODES", "IndexFault"]

ALL, PAGES, WHEELS, SIDECARS = "/*", "/simple/*", "/files/*.whl", "/files/*.metadata"
_PORTAL = b"<html><head><title>Welcome</title></head><body><form action='/login'>Log in</form></body></html>"

MODES = ("every", "first", "random")
"""Which of the requests are hit."""


@dataclass(frozen=True, kw_only=True)
class IndexFault:
    """One fault. ``seconds`` bounds what a command may take with the waiting times that the test sets."""

    name: str
    pattern: str = ALL
    fault: Callable[[], Fault]
    seconds: float = 12
    settings: Mapping[str, object] = field(default_factory=dict)
    """How the index is otherwise: attributes of ``IndexServer``."""
    never_works: bool = False
    """With every request hit, no command can succeed."""
    is_lie: bool = False
    """Nothing but the wheels themselves could tell that the index lies: a lock may believe it, an environment not."""

    def install(self, server: IndexServer, mode: str) -> None:
        """Let the requests fail."""
        fault = self.fault()
        if mode == "first":
            fault = replace(fault, times=1)
        elif mode == "random":
            fault = replace(fault, likelihood=0.3)
        server.fail_with(self.pattern, fault)


def _changed(change: Callable[[bytes], bytes]) -> Callable[[], Fault]:
    """Another body of the same answer."""

    def on_answer(answer: Answer, headers: Message) -> Answer:
        return replace(answer, body=change(answer.body)) if answer.status in (200, 206) else answer

    return lambda: Fault(change=on_answer)


def _page(change: Callable[[dict[str, object]], dict[str, object]]) -> Callable[[], Fault]:
    """A page of JSON that says something else."""
    return _changed(lambda body: json.dumps(change(json.loads(body))).encode())


def _status(status: int, **headers: str) -> Callable[[], Fault]:
    return lambda: Fault(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _loop(answer: Answer, headers: Message) -> Answer:
    return Answer(status=302, headers={"Location": "?again"})


def _lying_range(answer: Answer, headers: Message) -> Answer:
    """Says that it sends what was asked for, and sends something else."""
    if answer.status == 206:
        answer.body = bytes(len(answer.body))
    return answer


def _other_range(answer: Answer, headers: Message) -> Answer:
    if answer.status == 206:
        answer.headers["Content-Range"] = f"bytes 7-{6 + len(answer.body)}/{len(answer.body) + 7}"
    return answer


def _unasked_part(answer: Answer, headers: Message) -> Answer:
    if answer.status == 200 and "Range" not in headers:
        half = len(answer.body) // 2
        span = f"bytes 0-{half - 1}/{len(answer.body)}"
        return replace(answer, status=206, body=answer.body[:half], headers={**answer.headers, "Content-Range": span})
    return answer


def _stale(answer: Answer, headers: Message) -> Answer:
    """Whatever is in the cache is said to be new."""
    return Answer(status=304, headers={"ETag": '"other"'}) if headers["If-None-Match"] else answer


def _twice(page: dict[str, object]) -> dict[str, object]:
    """Every file a second time, with another hash."""
    files = page["files"]
    assert isinstance(files, list)
    return {**page, "files": [*files, *({**file, "hashes": {"sha256": "0" * 64}} for file in files)]}


def _confusable(page: dict[str, object]) -> dict[str, object]:
    """Every file a second time, newer, under a name that looks the same."""
    files = page["files"]
    assert isinstance(files, list)
    letter = {"alpha": "\u0430lpha", "beta": "b\u0435ta"}
    twins = [{**file, "filename": letter[file["filename"].split("-")[0]] + "-9.0-py3-none-any.whl"} for file in files]
    return {**page, "files": [*twins, *files]}


def _twin_keys(body: bytes) -> bytes:
    return body.replace(b'"filename": ', b'"filename": "evil-1.0-py3-none-any.whl", "filename": ')


def _bomb() -> Fault:
    body = gzip.compress(b"<html>" + b" " * (100 << 20), 6)
    return Fault(body=body, headers={"Content-Encoding": "gzip"})


def _date(seconds: float) -> Callable[[], Fault]:
    return lambda: Fault(status=429, headers={"Retry-After": formatdate(time.time() + seconds, usegmt=True)})


def _lying_sidecar(body: bytes) -> bytes:
    return body.replace(b"Requires-Dist: beta\n", b"").replace(b"Name: beta", b"Requires-Python: >=3\nName: beta")


FAULTS = (
    IndexFault(name="drop", fault=lambda: Fault(is_dropped=True), never_works=True),
    IndexFault(name="drop in headers", fault=lambda: Fault(is_dropped_in_headers=True), never_works=True),
    IndexFault(name="drop in body", fault=lambda: Fault(truncate=100), never_works=True),
    IndexFault(name="500", fault=_status(500), never_works=True),
    IndexFault(name="503 once", fault=lambda: Fault(status=503, times=1)),
    IndexFault(name="429 for 2 s", fault=_status(429, Retry_After="2"), never_works=True),
    IndexFault(name="429 until a date", fault=_date(2), never_works=True),
    IndexFault(name="429 for 30 years", fault=_status(429, Retry_After="1000000000"), never_works=True),
    IndexFault(name="length too long", fault=lambda: Fault(truncate=1 << 30, headers={"Content-Length": "9999999"}),
               never_works=True),
    IndexFault(name="chunks cut off", fault=lambda: Fault(is_chunked=True, truncate=100), never_works=True),
    IndexFault(name="other bytes", fault=_changed(lambda body: bytes(byte ^ 1 for byte in body)), never_works=True),
    IndexFault(name="other bytes in wheels", pattern=WHEELS, fault=_changed(lambda body: body[:-1] + b"?")),
    IndexFault(name="gzip bomb", pattern=PAGES, fault=_bomb),
    IndexFault(name="slow loris", fault=lambda: Fault(drip=0.5), never_works=True, seconds=15),
    IndexFault(name="no progress", fault=lambda: Fault(stall_after=50), never_works=True, seconds=15),
    IndexFault(name="no answer", fault=lambda: Fault(delay=60, is_dropped=True), never_works=True, seconds=15),
    IndexFault(name="redirect loop", fault=lambda: Fault(change=_loop), never_works=True),
    IndexFault(name="captive portal", fault=lambda: Fault(body=_PORTAL), never_works=True),
    IndexFault(name="captive portal for pages", pattern=PAGES, fault=lambda: Fault(body=_PORTAL)),
    IndexFault(name="captive portal for metadata", pattern=SIDECARS, fault=lambda: Fault(body=_PORTAL)),
    IndexFault(name="captive portal for unannounced metadata", pattern=SIDECARS, fault=lambda: Fault(body=_PORTAL),
               settings={"sidecars": "unannounced"}),
    IndexFault(name="captive portal for wheels", pattern=WHEELS, fault=lambda: Fault(body=_PORTAL),
               settings={"sidecars": "none"}),
    IndexFault(name="bad JSON", pattern=PAGES, fault=_changed(lambda body: body[: len(body) // 2])),
    IndexFault(name="JSON with keys twice", pattern=PAGES, fault=_changed(_twin_keys)),
    IndexFault(name="wrong content type", fault=lambda: Fault(headers={"Content-Type": "image/png"})),
    IndexFault(name="JSON as HTML", pattern=PAGES, fault=lambda: Fault(headers={"Content-Type": "text/html"})),
    IndexFault(name="range with other bytes", pattern=WHEELS, fault=lambda: Fault(change=_lying_range),
               settings={"sidecars": "none"}),
    IndexFault(name="range from elsewhere", pattern=WHEELS, fault=lambda: Fault(change=_other_range),
               settings={"sidecars": "none"}),
    IndexFault(name="no ranges", pattern=WHEELS, fault=lambda: Fault(),
               settings={"sidecars": "none", "has_ranges": False}),
    IndexFault(name="a part that nobody asked for", fault=lambda: Fault(change=_unasked_part)),
    IndexFault(name="304 with nothing cached", fault=_status(304), never_works=True),
    IndexFault(name="stale ETag", pattern=PAGES, fault=lambda: Fault(change=_stale), settings={"cache_control": None}),
    IndexFault(name="metadata that is not the wheel's", pattern=SIDECARS, fault=_changed(_lying_sidecar)),
    IndexFault(name="unannounced metadata that is not the wheel's", pattern=SIDECARS, fault=_changed(_lying_sidecar),
               is_lie=True,
               settings={"sidecars": "unannounced"}),
    IndexFault(name="page of 100 MB", pattern=PAGES, fault=lambda: Fault(body=b"<html>" + b"<p>x</p>" * (13 << 20))),
    IndexFault(name="files twice", pattern=PAGES, fault=_page(_twice)),
    IndexFault(name="confusable files", pattern=PAGES, fault=_page(_confusable)),
    IndexFault(name="HTTP/1.0", fault=lambda: Fault(is_http10=True)),
    IndexFault(name="HTTP/1.0 cut off", fault=lambda: Fault(is_http10=True, truncate=120), never_works=True),
    IndexFault(name="HTTP/1.0 pages of HTML cut off", pattern=PAGES, settings={"formats": "html"},
               fault=lambda: Fault(is_http10=True, truncate=500)),
    IndexFault(name="HTTP/1.0 unannounced metadata cut off", pattern=SIDECARS, settings={"sidecars": "unannounced"},
               fault=lambda: Fault(is_http10=True, truncate=60)),
)  # fmt: skip
