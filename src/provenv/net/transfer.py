"""One request through all its attempts: redirects, broken pieces, pauses, and how it ends.

Rules: only what HTTP calls idempotent is tried again, and we only GET. Connections that fail or break, 408, 425, 429
and 5xx are worth another attempt; any other status is an answer.
"""

from __future__ import annotations

import os

import pycurl

from provenv.errors import ProvenvError, Unavailable
from provenv.events import Events
from provenv.net.failure import RETRIED_CODES, failure_of, is_retried_status, status_failure
from provenv.net.policy import retry_delay
from provenv.net.request import Pending, Request, Response, TooLarge
from provenv.net.secrets import origin_of, redact, split_credentials
from provenv.net.settings import NetSettings

__all__ = ["Transfer"]

_REDIRECTS = (301, 302, 303, 307, 308)
_REDIRECT_LIMIT = 10
_ERROR_BODY_LIMIT = 64 << 10
_PROGRESS_THAT_COUNTS = 1 << 20
_BUFFER = 256 << 10
_STALL_RATE = 1024
_STALL_LIMIT = 2
"""Attempts that may stall: the second one helps when a connection died, a third would only wait."""


class Transfer:
    """The state of one request."""

    def __init__(self, request: Request, pending: Pending, settings: NetSettings, events: Events) -> None:
        self.request = request
        self.pending = pending
        self._settings = settings
        self._events = events
        url, self._own_credentials = split_credentials(request.url)
        self._url = url.partition("#")[0]
        self._origin = origin_of(self._url)
        self._attempts = 0
        self._stalls = 0
        self._redirects = 0
        self._received = 0
        """Bytes of a download that were handed on so far."""
        self._counted = 0
        """``_received`` when the attempts were last counted anew."""
        self._validator: str | None = None
        self._begin_attempt()

    def _begin_attempt(self) -> None:
        self._status = 0
        self._protocol = b""
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._skip = 0
        self._has_body_begun = False
        self._failure: Exception | None = None

    # -- before -------------------------------------------------------------------------------------------

    def configure(self, curl: pycurl.Curl, certificates: tuple[str | None, str | None]) -> None:
        """Prepare a clean handle for the next attempt."""
        self._begin_attempt()
        settings = self._settings
        curl.setopt(pycurl.URL, self._url.encode())
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.NOSIGNAL, 1)
        # Pages wait for the first connection to their host, to share it. A file does not: over HTTP/1 it would wait
        # until the one before it has come to its end.
        curl.setopt(pycurl.PIPEWAIT, int(self.request.write is None))
        curl.setopt(pycurl.BUFFERSIZE, _BUFFER)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.USERAGENT, settings.user_agent)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(settings.timeout_connect * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, _STALL_RATE)
        curl.setopt(pycurl.LOW_SPEED_TIME, settings.stall_seconds)
        curl.setopt(pycurl.HEADERFUNCTION, self._header)
        curl.setopt(pycurl.WRITEFUNCTION, self._body)
        curl.setopt(pycurl.HTTPHEADER, self._header_lines())
        # Positions in a compressed answer would not be positions in the file.
        if self.request.write is None and "Range" not in self.request.headers:
            curl.setopt(pycurl.ACCEPT_ENCODING, "")
        self._set_trust(curl, certificates)
        self._set_proxy(curl)
        credentials = self._credentials()
        if credentials is not None:
            curl.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC)
            curl.setopt(pycurl.USERNAME, credentials[0].encode())
            curl.setopt(pycurl.PASSWORD, credentials[1].encode())

    def _header_lines(self) -> list[str]:
        lines = [f"{name}: {value}" for name, value in self.request.headers.items()]
        if self._received:
            lines.append(f"Range: bytes={self._received}-")
            if self._validator:
                lines.append(f"If-Range: {self._validator}")
        return lines

    def _set_trust(self, curl: pycurl.Curl, certificates: tuple[str | None, str | None]) -> None:
        bundle, directory = certificates
        if bundle is not None:
            curl.setopt(pycurl.CAINFO, bundle)
        if directory is not None:
            curl.setopt(pycurl.CAPATH, directory)

    def _set_proxy(self, curl: pycurl.Curl) -> None:
        proxy = self._settings.proxies.get(self._url.partition(":")[0].lower())
        if proxy is not None:
            curl.setopt(pycurl.PROXY, proxy)
        if self._settings.no_proxy is not None:
            curl.setopt(pycurl.NOPROXY, self._settings.no_proxy)

    def _credentials(self) -> tuple[str, str] | None:
        """What may be sent to the present URL: after a redirect to another place, not what the first one had."""
        is_elsewhere = origin_of(self._url) != self._origin
        if self._own_credentials is not None and not is_elsewhere:
            return self._own_credentials
        return self._settings.keychain.credentials(self._url, is_redirected=is_elsewhere)

    # -- during -------------------------------------------------------------------------------------------

    def _header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            words = line.split(None, 2)
            self._protocol = words[0]
            self._status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
            self._headers = {}
            return
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            name, value = name.strip().lower(), value.strip()
            known = self._headers.get(name)
            self._headers[name] = f"{known}, {value}" if known and name != "location" else value

    def _body(self, data: bytes) -> int | None:
        """Take a piece; a count that differs from its length makes libcurl stop."""
        try:
            return self._take(data)
        except Exception as error:
            self._failure = error
            return -1

    def _take(self, data: bytes) -> int | None:
        if self._status >= 300:
            if self._size < _ERROR_BODY_LIMIT:
                self._pieces.append(data)
                self._size += len(data)
            return None
        if self.request.write is not None:
            self._hand_on(data)
            return None
        self._size += len(data)
        length = self._headers.get("content-length", "")
        announced = int(length) if not self._pieces and length.isdecimal() else 0
        if max(self._size, announced) > self.request.limit:
            raise TooLarge(f"{redact(self._url)}: the answer is larger than {self.request.limit >> 20} MiB")
        self._pieces.append(data)
        return None

    def _hand_on(self, data: bytes) -> None:
        write = self.request.write
        assert write is not None
        if not self._has_body_begun:
            self._has_body_begun = True
            self._begin_body()
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            data = data[dropped:]
            if not data:
                return
        write(data)
        self._received += len(data)
        self._events.advanced("download", len(data), self.request.subject)

    def _begin_body(self) -> None:
        """Decide how the first piece of an attempt joins what was handed on before."""
        validator = _strong_validator(self._headers)
        if not self._received:
            if self._status == 206:
                raise Unavailable(f"{redact(self._url)}: the server sent a part of the file when asked for all of it")
            self._validator = validator
            length = self._headers.get("content-length", "")
            if self.request.size is None and length.isdecimal():
                self._events.expected("download", int(length))
            return
        if self._status == 206:
            content_range = self._headers.get("content-range", "")
            if not content_range.startswith(f"bytes {self._received}-"):
                raise Unavailable(f"{redact(self._url)}: asked for bytes from {self._received}, got `{content_range}`")
            return
        if validator is not None and validator == self._validator:
            self._skip = self._received
            return
        self._start_anew()
        self._validator = validator

    def _start_anew(self) -> None:
        if self.request.restart is None:
            raise Unavailable(
                f"{redact(self._url)}: the transfer broke and the server cannot go on where it stopped",
                hint="run the command again",
            )
        self.request.restart()
        self._events.advanced("download", -self._received, self.request.subject)
        self._received = self._counted = 0

    # -- after --------------------------------------------------------------------------------------------

    def finish(self, code: int, message: str, now: float) -> float | None:
        """Judge an attempt: None when the request is settled, else the pause in seconds before the next attempt."""
        try:
            return self._judge(code, message, now)
        except ProvenvError as error:
            self.settle(error)
            return None

    def settle(self, outcome: Response | Exception) -> None:
        """End the request, and tell who waits for it."""
        self.pending.settle(outcome)
        if self.request.then is not None:
            self.request.then(self.pending)

    def _judge(self, code: int, message: str, now: float) -> float | None:
        if self._failure is not None:
            self.settle(self._failure)
            return None
        if code != pycurl.E_OK:
            if (
                code in RETRIED_CODES
                and not self._has_stalled(code, message)
                and (pause := self._pause(None)) is not None
            ):
                if self._received and self._validator is None and not self.request.is_verified:
                    self._start_anew()
                self._events.noted(f"{self._origin[1]}: {redact(message)}; trying again")
                return pause
            raise failure_of(code, message, self._url, self._settings)
        if self._status in _REDIRECTS and "location" in self._headers:
            self._redirect(self._headers["location"])
            return 0.0
        if is_retried_status(self._status):
            wanted = retry_delay(self._headers.get("retry-after"), now)
            pause = self._pause(wanted)
            if pause is None:
                raise status_failure(self._status, self._url)
            if pause >= 1:
                self._events.waiting(f"{self._origin[1]} (status {self._status}), {pause:.0f} s")
            return pause
        if self.request.write is not None and self._received and self._status == 416:
            # The piece we asked for is not there: the file changed, or it is complete.
            self._start_anew()
            return 0.0
        if self._is_cut_off():
            pause = self._pause(None)
            if pause is None:
                raise Unavailable(
                    f"{redact(self._url)}: the transfer ended after {self._received} of {self.request.size} bytes",
                    hint="run the command again",
                )
            return pause
        body = b"".join(self._pieces)
        self._pieces = []
        self.settle(
            Response(
                status=self._status,
                url=self._url,
                headers=self._headers,
                body=body,
                is_known_whole=self._is_known_whole(),
            )
        )
        return None

    def _is_known_whole(self) -> bool:
        """Whether more than the end of the connection told where the body ends."""
        return self._protocol not in (b"HTTP/1.0", b"HTTP/1.1") or (
            "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()
        )

    def _is_cut_off(self) -> bool:
        """Whether the connection ended before a file did whose size is known."""
        size = self.request.size
        is_file = self.request.write is not None and self._status in (200, 206)
        return is_file and size is not None and self._received < size and not self._is_known_whole()

    def _has_stalled(self, code: int, message: str) -> bool:
        """Count an attempt that moved too slowly; whether there were enough of them."""
        if code == pycurl.E_OPERATION_TIMEDOUT and "too slow" in message:
            self._stalls += 1
        return self._stalls >= _STALL_LIMIT

    def _pause(self, wanted: float | None) -> float | None:
        """Count an attempt; None when there were enough."""
        if self._received - self._counted >= _PROGRESS_THAT_COUNTS:
            self._counted, self._attempts = self._received, 0
        if self._attempts >= (self._settings.retries if self.request.retries is None else self.request.retries):
            return None
        self._attempts += 1
        backoff = 0.25 * 2.0**self._attempts * (0.5 + os.urandom(1)[0] / 510)
        return min(self._settings.pause_limit, backoff if wanted is None else max(wanted, backoff / 4))

    def _redirect(self, location: str) -> None:
        from urllib.parse import urljoin

        target, _ = split_credentials(urljoin(self._url, location))
        target = target.partition("#")[0]
        scheme = target.partition(":")[0].lower()
        self._redirects += 1
        if self._redirects > _REDIRECT_LIMIT:
            raise Unavailable(f"{redact(self.request.url)}: more than {_REDIRECT_LIMIT} redirects")
        if scheme not in ("http", "https"):
            raise Unavailable(f"{redact(self._url)}: redirects to `{redact(target)}`, which is not HTTP")
        if scheme == "http" and self._url.lower().startswith("https:"):
            raise Unavailable(
                f"{redact(self._url)}: redirects from https to http, to `{redact(target)}`",
                hint="nothing was sent there; ask who runs the index",
            )
        self._url = target


def _strong_validator(headers: dict[str, str]) -> str | None:
    """What If-Range may carry: a strong entity tag, or else a date (RFC 9110, 13.1.5)."""
    etag = headers.get("etag")
    if etag and not etag.startswith("W/"):
        return etag
    return None if etag else headers.get("last-modified")
