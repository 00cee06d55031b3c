"""Real repositories on disk, served by ``file://`` or over HTTP by git's own program on the loopback interface."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

__all__ = ["GitServer", "Repository", "is_git_there"]

_SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "someone",
    "GIT_AUTHOR_EMAIL": "someone@mail.example",
    "GIT_COMMITTER_NAME": "someone",
    "GIT_COMMITTER_EMAIL": "someone@mail.example",
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
    "GIT_TERMINAL_PROMPT": "0",
}


def is_git_there() -> bool:
    """Whether the program can be run here."""
    try:
        return subprocess.run(["git", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Repository:
    """A repository with a working tree in ``directory``; everything in it is committed by ``commit``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return self.directory.as_uri()

    def git(self, *words: str) -> str:
        """Run git in the working tree; what it says."""
        process = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=self.directory,
            env={**os.environ, **_SETTINGS},
            capture_output=True,
            text=True,
            check=True,
        )
        return process.stdout.strip()

    def commit(self, files: Mapping[str, str], *, tag: str | None = None, branch: str | None = None) -> str:
        """Write files and commit them, on a new branch if one is named; the full commit."""
        if branch is not None:
            self.git("checkout", "--quiet", "-B", branch)
        for path, text in files.items():
            place = self.directory / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        if tag is not None:
            self.git("tag", "--annotate", "--message", tag, tag)
        return self.git("rev-parse", "HEAD")


class GitServer:
    """Serves the repositories below a directory over HTTP, by ``git http-backend``; wants a password if it has one."""

    def __init__(self, root: Path, *, user: str | None = None, password: str = "") -> None:
        expected = None if user is None else "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, format: str, *args: object) -> None:
                return

            def _answer(self, body: bytes) -> None:
                if expected is not None and self.headers.get("Authorization") != expected:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="repositories"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                head, content = _backend(root, self.command, self.path, dict(self.headers.items()), body)
                status = next((line[8:11] for line in head if line.lower().startswith("status:")), "200")
                self.send_response(int(status))
                for line in head:
                    name, _, value = line.partition(":")
                    if name.lower() != "status":
                        self.send_header(name, value.strip())
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> GitServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _backend(root: Path, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[list[str], bytes]:
    place, _, query = path.partition("?")
    named = {name.lower(): value for name, value in headers.items()}
    process = subprocess.run(
        ["git", "http-backend"],
        input=body,
        env={
            **os.environ,
            **_SETTINGS,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(root),
            "GIT_PROTOCOL": named.get("git-protocol", ""),
            "HTTP_CONTENT_ENCODING": named.get("content-encoding", ""),
            "CONTENT_TYPE": named.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "PATH_INFO": place,
            "QUERY_STRING": query,
            "REQUEST_METHOD": method,
            "REMOTE_USER": "someone",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        },
        capture_output=True,
        check=False,
    )
    head, _, content = process.stdout.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), content
