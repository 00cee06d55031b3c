"""HTTP through libcurl: one thread drives all transfers, multiplexed over few connections.

libcurl works without the interpreter lock, so transfers go on while other threads compute. A request waits for the
first connection to its host and shares it where the server speaks HTTP/2 (measured: 67 index pages, 19 MB, in 50 ms);
opening many connections at once made a server stall for 5 s.
"""

from __future__ import annotations

import contextlib
import heapq
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

import pycurl

from provenv.errors import ProvenvError, Unavailable
from provenv.events import Events
from provenv.net.certificates import system_certificates
from provenv.net.failure import offline_failure
from provenv.net.request import Pending, Request
from provenv.net.secrets import redact
from provenv.net.settings import NetSettings
from provenv.net.transfer import Transfer

__all__ = ["Client"]

_LONGEST_SLEEP = 60.0


class Client:
    """The door to HTTP. Its thread starts with the first request; ``close`` ends it."""

    def __init__(self, settings: NetSettings, events: Events) -> None:
        self._settings = settings
        self._events = events
        self._arrivals: deque[Transfer] = deque()
        self._delayed: list[tuple[float, int, Transfer]] = []
        self._active: dict[pycurl.Curl, Transfer] = {}
        self._spare: list[pycurl.Curl] = []
        self._count = 0
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._is_asleep = False
        self._broken: Exception | None = None

    def submit(self, request: Request) -> Pending:
        """Begin a request and return at once."""
        pending = Pending()
        transfer = Transfer(request, pending, self._settings, self._events)
        if self._settings.is_offline:
            transfer.settle(offline_failure(request.url))
        elif self._is_closing or self._broken is not None:
            transfer.settle(self._broken or Unavailable(f"{redact(request.url)}: the client is closed"))
        else:
            self._start()
            self._arrivals.append(transfer)
            if self._is_asleep:
                self._wake()
        return pending

    def download(
        self,
        url: str,
        write: Callable[[bytes], object],
        *,
        restart: Callable[[], object] | None = None,
        size: int | None = None,
        subject: str = "",
        is_verified: bool = False,
    ) -> Pending:
        """Begin to stream a file to ``write``; see ``Request`` for the arguments.

        The answer's body is empty. Any status other than 200 comes back as an answer without a call of ``write``.
        """
        return self.submit(
            Request(url, write=write, restart=restart, size=size, subject=subject, is_verified=is_verified)
        )

    def close(self) -> None:
        """Give up everything that is under way, and end the thread."""
        self._is_closing = True
        thread = self._thread
        if thread is not None:
            self._wake()
            thread.join()

    # -- the thread ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._ear, self._bell = socket.socketpair()
                self._ear.setblocking(False)
                self._bell.setblocking(False)
                self._certificates: tuple[str | None, str | None] = (self._settings.ca_file, self._settings.ca_dir)
                if self._certificates == (None, None):
                    self._certificates = system_certificates()
                self._thread = threading.Thread(target=self._run, name="provenv-http", daemon=True)
                self._thread.start()

    def _wake(self) -> None:
        # A full pipe means that it is going to wake up anyway.
        with contextlib.suppress(OSError):
            self._bell.send(b"!")

    def _run(self) -> None:
        self._multi = pycurl.CurlMulti()
        try:
            self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
            self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, self._settings.max_connections)
            while not self._is_closing:
                self._admit()
                self._multi.perform()
                self._reap()
                self._sleep()
        except Exception as error:
            # A defect must not leave anybody waiting for ever.
            self._broken = error
        self._abandon(self._broken or Unavailable("the command ended while a transfer was under way"))
        self._ear.close()
        self._bell.close()

    def _admit(self) -> None:
        now = time.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            self._begin(heapq.heappop(self._delayed)[2])
        while self._arrivals:
            self._begin(self._arrivals.popleft())

    def _begin(self, transfer: Transfer) -> None:
        curl = self._spare.pop() if self._spare else pycurl.Curl()
        try:
            transfer.configure(curl, self._certificates)
        except ProvenvError as error:
            curl.close()
            transfer.settle(error)
            return
        except (pycurl.error, UnicodeError, ValueError) as error:
            curl.close()
            transfer.settle(Unavailable(f"{redact(transfer.request.url)}: not a usable URL: {redact(str(error))}"))
            return
        self._active[curl] = transfer
        self._multi.add_handle(curl)

    def _reap(self) -> None:
        remaining = 1
        while remaining:
            remaining, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                self._end(curl, pycurl.E_OK, "")
            for curl, code, message in failed:
                self._end(curl, code, message)

    def _end(self, curl: pycurl.Curl, code: int, message: str) -> None:
        transfer = self._active.pop(curl)
        self._multi.remove_handle(curl)
        curl.reset()
        self._spare.append(curl)
        pause = transfer.finish(code, message, time.time())
        if pause is not None:
            self._count += 1
            heapq.heappush(self._delayed, (time.monotonic() + pause, self._count, transfer))

    def _sleep(self) -> None:
        reading, writing, failing = self._multi.fdset()
        timeout = self._multi.timeout()
        seconds = _LONGEST_SLEEP if timeout < 0 else timeout / 1000
        if self._delayed:
            seconds = min(seconds, max(0.0, self._delayed[0][0] - time.monotonic()))
        self._is_asleep = True
        try:
            if not self._arrivals and not self._is_closing:
                ready, _, _ = select.select([*reading, self._ear.fileno()], writing, failing, seconds)
                if self._ear.fileno() in ready:
                    self._ear.recv(4096)
        finally:
            self._is_asleep = False

    def _abandon(self, error: Exception) -> None:
        for curl, transfer in list(self._active.items()):
            self._multi.remove_handle(curl)
            transfer.settle(error)
        for transfer in [delayed for _, _, delayed in self._delayed]:
            transfer.settle(error)
        while self._arrivals:
            self._arrivals.popleft().settle(error)
        self._active.clear()
        self._delayed.clear()
        self._multi.close()
