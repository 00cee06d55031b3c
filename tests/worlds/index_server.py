"""A real package index on the loopback interface, with faults on demand.

::

    with IndexServer(directory, formats="html", sidecars="unannounced") as server:
        server.fail("/files/demo-1.0-py3-none-any.whl", truncate=100, times=1)
        ... use server.url ...
        assert server.count("/files/*.metadata") == 1

The directory holds wheels and source archives, flat. Files may be added while the server runs.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
import re
import socket
import ssl
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from email.parser import BytesHeaderParser
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

__all__ = ["Answer", "Fault", "IndexServer", "SeenRequest", "ranged"]

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html; charset=utf-8"


@dataclass(kw_only=True)
class Answer:
    """What a handler is about to send."""

    status: int = 200
    content_type: str = "text/plain"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Change = Callable[[Answer, Message], Answer]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong; everything left out goes right."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    """Seconds before the answer begins."""
    truncate: int | None = None
    """Drop the connection after this many bytes of the body."""
    stall_after: int | None = None
    """Send this many bytes of the body, then nothing, until the server closes."""
    is_dropped: bool = False
    """Close the connection without any answer."""
    is_dropped_in_headers: bool = False
    """Close the connection in the middle of the headers."""
    drip: float | None = None
    """Seconds between two bytes of the body."""
    is_chunked: bool = False
    """Send the body in chunks; with ``truncate``, the last chunk never comes."""
    is_http10: bool = False
    """Answer as HTTP/1.0: no length, the end of the connection is the end of the body."""
    change: Change | None = None
    """Makes another answer of the right one; it sees the headers of the request."""
    likelihood: float = 1.0
    """The share of requests that are hit, by a generator of numbers with a fixed seed."""
    times: int | None = None
    """How many requests are hit; None: all."""


@dataclass(frozen=True, kw_only=True)
class SeenRequest:
    """One request as it arrived, and the status that it was given."""

    method: str
    path: str
    headers: Message
    status: int


class IndexServer:
    """Serves ``directory`` as a simple repository under ``url`` and as a page of links under ``flat_url``."""

    def __init__(
        self,
        directory: Path,
        *,
        formats: Literal["both", "html", "json"] = "both",
        sidecars: Literal["announced", "unannounced", "none"] = "announced",
        has_ranges: bool = True,
        has_etags: bool = True,
        has_hashes: bool = True,
        cache_control: str | None = "max-age=600",
        upload_times: Mapping[str, str] | None = None,
        yanked: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = None,
        hidden: frozenset[str] = frozenset(),
        host: str = "127.0.0.1",
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.directory = directory
        self.host = host
        """The address it listens on; ``::1`` for IPv6 only."""
        self.certificate = certificate
        """Certificate and key, to speak TLS."""
        self.formats = formats
        self.sidecars = sidecars
        self.has_ranges = has_ranges
        self.has_etags = has_etags
        self.has_hashes = has_hashes
        self.cache_control = cache_control
        self.upload_times = dict(upload_times or {})
        """File name to RFC 3339 time (JSON only)."""
        self.yanked = dict(yanked or {})
        """File name to reason, perhaps empty."""
        self.credentials = credentials
        self.hidden = set(hidden)
        """Package names that the index does not know although their files are there."""
        self.wrong_hashes: dict[str, str] = {}
        """File name, or file name + ``.metadata``, to the SHA-256 that the pages tell instead of the right one."""
        self.requests: list[SeenRequest] = []
        self._faults: list[tuple[str, Fault]] = []
        self._random = random.Random(1)
        self._lock = threading.Lock()
        self._digests: dict[tuple[str, int, int], str] = {}
        self.is_delaying = threading.Event()
        """Somebody waits for an answer that a fault delays."""
        self.is_closing = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    # -- life ---------------------------------------------------------------------------------------------

    def __enter__(self) -> IndexServer:
        index = self

        class Handler(_Handler):
            world = index

        kind = _QuietServer if ":" not in self.host else _QuietServer6
        self._server = kind((self.host, 0), Handler)
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_closing.set()
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def root(self) -> str:
        """``http://127.0.0.1:PORT``."""
        assert self._server is not None
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.certificate is None else 'https'}://{host}:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The root of the simple repository, with a final slash."""
        return f"{self.root}/simple/"

    @property
    def flat_url(self) -> str:
        """A page of links to all files, as ``--find-links`` takes it."""
        return f"{self.root}/flat/"

    def url_with(self, user: str, password: str) -> str:
        """The simple repository's address with credentials inside."""
        return self.url.replace("http://", f"http://{quote(user, safe='')}:{quote(password, safe='')}@")

    def file_url(self, filename: str) -> str:
        """Where a file is served."""
        return f"{self.root}/files/{quote(filename)}"

    # -- faults and log -----------------------------------------------------------------------------------

    def fail(
        self,
        pattern: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        delay: float = 0.0,
        truncate: int | None = None,
        stall_after: int | None = None,
        is_dropped: bool = False,
        times: int | None = None,
    ) -> None:
        """Make requests fail whose path matches ``pattern`` (as ``fnmatch``); earlier faults are used up first."""
        fault = Fault(
            status=status,
            headers=dict(headers or {}),
            body=body,
            delay=delay,
            truncate=truncate,
            stall_after=stall_after,
            is_dropped=is_dropped,
            times=times,
        )
        self.fail_with(pattern, fault)

    def fail_with(self, pattern: str, fault: Fault) -> None:
        """The same with a fault that says more."""
        with self._lock:
            self._faults.append((pattern, fault))

    def redirect(self, pattern: str, location: str, *, status: int = 302) -> None:
        """Answer requests for ``pattern`` with a redirect."""
        self.fail(pattern, status=status, headers={"Location": location}, body=b"")

    def heal(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def count(self, pattern: str = "*", *, method: str = "GET", status: int | None = None) -> int:
        """How many requests matched."""
        return len([seen for seen in self.seen(pattern, method=method) if status is None or seen.status == status])

    def seen(self, pattern: str = "*", *, method: str = "GET") -> list[SeenRequest]:
        """The requests that matched, oldest first."""
        with self._lock:
            return [r for r in self.requests if r.method == method and fnmatchcase(r.path, pattern)]

    def fault_for(self, path: str) -> Fault | None:
        """The fault that hits this request, counted."""
        with self._lock:
            for position, (pattern, fault) in enumerate(self._faults):
                if not fnmatchcase(path, pattern):
                    continue
                if fault.times is not None and fault.times <= 0:
                    continue
                if fault.likelihood < 1 and self._random.random() >= fault.likelihood:
                    return None
                if fault.times is not None:
                    self._faults[position] = (pattern, replace(fault, times=fault.times - 1))
                return fault
        return None

    def note(self, seen: SeenRequest) -> None:
        """Write one request into the log."""
        with self._lock:
            self.requests.append(seen)

    # -- content ------------------------------------------------------------------------------------------

    def answer(self, path: str, accept: str) -> Answer:
        """The right answer to a GET of ``path`` (decoded, without query)."""
        if path.startswith("/files/"):
            return self._file(path.removeprefix("/files/"))
        if path == "/flat/":
            return self._page("flat", sorted(self._paths()), accept="text/html")
        if path == "/simple/":
            return self._root(accept)
        match = re.fullmatch(r"/simple/([^/]+)/", path)
        if match and (name := match[1]) == normalised(name) and name not in self.hidden:
            paths = [path for path in self._paths() if project_of(path.name) == name]
            if paths:
                return self._page(name, paths, accept=accept)
        return Answer(status=404, body=b"not found")

    def _paths(self) -> list[Path]:
        return sorted(p for p in self.directory.iterdir() if p.name.endswith((".whl", ".tar.gz", ".zip")))

    def _file(self, name: str) -> Answer:
        path = self.directory / name
        if "/" in name or name.startswith("."):
            return Answer(status=404)
        if name.endswith(".whl.metadata"):
            wheel = self.directory / name.removesuffix(".metadata")
            if self.sidecars == "none" or not wheel.exists():
                return Answer(status=404)
            return Answer(body=metadata_of(wheel))
        if not path.exists():
            return Answer(status=404)
        return Answer(content_type="application/octet-stream", body=path.read_bytes())

    def _root(self, accept: str) -> Answer:
        names = sorted({project_of(path.name) for path in self._paths()} - self.hidden)
        if self._is_json(accept):
            data = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]}
            return Answer(content_type=JSON_TYPE, body=json.dumps(data).encode())
        links = "\n".join(f'<a href="{name}/">{name}</a><br/>' for name in names)
        return Answer(content_type=HTML_TYPE, body=html_page("Simple index", links))

    def _is_json(self, accept: str) -> bool:
        return self.formats == "json" or (self.formats == "both" and JSON_TYPE in accept)

    def _page(self, name: str, paths: list[Path], *, accept: str) -> Answer:
        files = [self._describe(path) for path in paths]
        if self._is_json(accept):
            data = {
                "meta": {"api-version": "1.1"},
                "name": name,
                "versions": sorted({str(path.name).split("-")[1] for path in paths}),
                "files": files,
            }
            return Answer(content_type=JSON_TYPE, body=json.dumps(data).encode())
        links = "\n".join(html_link(file) for file in files)
        return Answer(content_type=HTML_TYPE, body=html_page(f"Links for {name}", links))

    def _describe(self, path: Path) -> dict[str, object]:
        sha256 = self.wrong_hashes.get(path.name, self._sha256(path))
        file: dict[str, object] = {
            "filename": path.name,
            "url": f"../../files/{quote(path.name)}" if self.formats != "json" else self.file_url(path.name),
            "hashes": {"sha256": sha256} if self.has_hashes else {},
            "size": path.stat().st_size,
        }
        if path.name in self.upload_times:
            file["upload-time"] = self.upload_times[path.name]
        if path.name in self.yanked:
            file["yanked"] = self.yanked[path.name] or True
        if path.name.endswith(".whl"):
            metadata = metadata_of(path)
            requires_python = BytesHeaderParser().parsebytes(metadata)["Requires-Python"]
            if requires_python:
                file["requires-python"] = requires_python
            if self.sidecars == "announced":
                sidecar = self.wrong_hashes.get(f"{path.name}.metadata", hashlib.sha256(metadata).hexdigest())
                file["core-metadata"] = {"sha256": sidecar}
        return file

    def _sha256(self, path: Path) -> str:
        stat = path.stat()
        key = (path.name, stat.st_size, stat.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._digests[key]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of many tests."""


class _QuietServer6(_QuietServer):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    world: IndexServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, format: str, *args: object) -> None:
        """The log is ``IndexServer.requests``."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        fault = self.world.fault_for(path) or Fault()
        if fault.delay:
            self.world.is_delaying.set()
            self.world.is_closing.wait(fault.delay)
        if fault.is_dropped:
            self._note(0)
            self.close_connection = True
            return
        if fault.is_dropped_in_headers:
            self._note(0)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Le")
            self.close_connection = True
            return
        if fault.status is not None or fault.body is not None:
            answer = Answer(status=fault.status or 200, content_type=HTML_TYPE, body=fault.body or b"")
        elif not self._is_allowed():
            answer = Answer(status=401, body=b"who are you?", headers={"WWW-Authenticate": 'Basic realm="index"'})
        else:
            answer = self._conditioned(self.world.answer(path, self.headers.get("Accept", "")))
        answer.headers.update(fault.headers)
        if fault.change is not None:
            answer = fault.change(answer, self.headers)
        self._send(answer, fault)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _is_allowed(self) -> bool:
        if self.world.credentials is None:
            return True
        user, password = self.world.credentials
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return self.headers.get("Authorization") == wanted

    def _conditioned(self, answer: Answer) -> Answer:
        """Apply validators, freshness and ranges to a good answer."""
        if answer.status != 200:
            return answer
        if self.world.cache_control is not None:
            answer.headers["Cache-Control"] = self.world.cache_control
        etag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        if self.world.has_etags:
            answer.headers["ETag"] = etag
            if self.headers.get("If-None-Match") == etag:
                answer.status, answer.body = 304, b""
                return answer
        wanted = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        if wanted and self.world.has_ranges and self.path.startswith("/files/"):
            if condition is None or (self.world.has_etags and condition == etag):
                return ranged(answer, wanted)
        elif self.world.has_ranges:
            answer.headers["Accept-Ranges"] = "bytes"
        return answer

    def _send(self, answer: Answer, fault: Fault) -> None:
        self._note(answer.status)
        if fault.is_http10:
            self.protocol_version, self.close_connection = "HTTP/1.0", True
        self.send_response(answer.status)
        own = {name.lower() for name in answer.headers}
        if "content-type" not in own:
            self.send_header("Content-Type", answer.content_type)
        if fault.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.status != 304 and not fault.is_http10 and "content-length" not in own:
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = fault.truncate if fault.truncate is not None else fault.stall_after
        body = answer.body if cut is None else answer.body[:cut]
        if fault.is_chunked:
            body = b"%x\r\n%s" % (len(answer.body) + 1, body) if cut is not None else _chunks(body)
        if fault.drip is not None:
            self._drip(body, fault.drip)
            return
        self.wfile.write(body)
        self.wfile.flush()
        if cut is not None:
            if fault.stall_after is not None:
                self.world.is_closing.wait(60)
            self.close_connection = True

    def _drip(self, body: bytes, seconds: float) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.world.is_closing.wait(seconds):
                break

    def _note(self, status: int) -> None:
        path = unquote(urlsplit(self.path).path)
        self.world.note(SeenRequest(method=self.command, path=path, headers=self.headers, status=status))


def _chunks(body: bytes) -> bytes:
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def ranged(answer: Answer, wanted: str) -> Answer:
    """Answer a request for one range of bytes (RFC 9110, 14)."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if match is None or match[0] == "bytes=-":
        return answer
    total = len(answer.body)
    first, last = (int(part) if part else None for part in match.groups())
    if first is None:
        first, last = max(0, total - (last or 0)), total - 1
    last = total - 1 if last is None else min(last, total - 1)
    if first >= total:
        return Answer(status=416, headers={"Content-Range": f"bytes */{total}"})
    headers = {**answer.headers, "Content-Range": f"bytes {first}-{last}/{total}"}
    return replace(answer, status=206, body=answer.body[first : last + 1], headers=headers)


def metadata_of(wheel: Path) -> bytes:
    """The METADATA file inside a wheel; empty when it has none."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1:
                return archive.read(name)
    return b""


def normalised(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(filename: str) -> str:
    """The package that a file name belongs to."""
    if filename.endswith(".whl"):
        return normalised(filename.split("-")[0])
    stem = filename.removesuffix(".zip").removesuffix(".tar.gz")
    return normalised(stem.rpartition("-")[0])


def html_page(title: str, links: str) -> bytes:
    """A page in the common machine-made form."""
    head = f'<meta name="pypi:repository-version" content="1.1">\n    <title>{title}</title>'
    body = f"<h1>{title}</h1>\n{links}"
    text = f"<!DOCTYPE html>\n<html>\n  <head>\n    {head}\n  </head>\n  <body>\n    {body}\n</body>\n</html>\n"
    return text.encode()


def html_link(file: Mapping[str, object]) -> str:
    """One anchor (PEP 503, 592, 658)."""
    hashes = file["hashes"]
    assert isinstance(hashes, dict)
    fragment = "".join(f"#{name}={value}" for name, value in hashes.items())
    attributes = f'href="{file["url"]}{fragment}"'
    if "requires-python" in file:
        attributes += f' data-requires-python="{html.escape(str(file["requires-python"]))}"'
    if "upload-time" in file:
        attributes += f' data-upload-time="{file["upload-time"]}"'
    if "core-metadata" in file:
        sidecar = file["core-metadata"]
        assert isinstance(sidecar, dict)
        value = f"sha256={sidecar['sha256']}"
        attributes += f' data-dist-info-metadata="{value}" data-core-metadata="{value}"'
    if "yanked" in file:
        reason = file["yanked"] if isinstance(file["yanked"], str) else ""
        attributes += f' data-yanked="{html.escape(reason)}"'
    return f"<a {attributes} >{file['filename']}</a><br />"
