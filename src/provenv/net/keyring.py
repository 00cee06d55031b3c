"""Asks the ``keyring`` program for passwords, as pip and uv do."""

from __future__ import annotations

import subprocess

from provenv.events import Events
from provenv.net.secrets import Credentials

__all__ = ["Keyring"]

_LONGEST_WAIT = 120.0
"""Seconds: a keyring may be locked, and then somebody has to type."""


class Keyring:
    """The keyring of this computer. Each question is asked once in a process; a call is an ``AskKeyring``."""

    def __init__(self, program: str | None, events: Events) -> None:
        self._program = program
        """Its path; None when there is none."""
        self._events = events
        self._is_told = False
        self._known: dict[tuple[str, str | None], Credentials | None] = {}

    def __call__(self, url: str, username: str | None) -> Credentials | None:
        """Ask for the whole URL, then for host and port. Without a user name, the keyring chooses one."""
        for service in (url, url.partition("://")[2].partition("/")[0]):
            key = service, username
            if key not in self._known:
                self._known[key] = self._ask(service, username)
            if self._known[key] is not None:
                return self._known[key]
        return None

    def _ask(self, service: str, username: str | None) -> Credentials | None:
        if self._program is None:
            self._miss("the program `keyring` is not on PATH")
            return None
        if (username or service).startswith("-"):
            return None  # it would be taken for a flag
        question = ["--mode", "creds", service] if username is None else [service, username]
        try:
            done = subprocess.run(
                [self._program, "get", *question],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_LONGEST_WAIT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._miss(f"`keyring` cannot be asked ({type(error).__name__})")
            return None
        answer = done.stdout.decode("utf-8", "replace").rstrip("\r\n")
        if done.returncode or not answer:
            return None
        if username is not None:
            return username, answer
        user, _, password = answer.partition("\n")
        return (user.rstrip("\r"), password) if password else None

    def _miss(self, why: str) -> None:
        if not self._is_told:
            self._events.warned(f"{why}: no password is taken from a keyring")
        self._is_told = True
