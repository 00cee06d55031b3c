"""Runs ``git``: it never asks, and nothing that a repository brings along is executed.

The user's own configuration holds (``insteadOf``, credential helpers, proxies), as that of somebody who typed the
command; the configuration, the hooks and the submodules' wishes of a repository do not.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from provenv.errors import Unavailable
from provenv.events import Events

__all__ = ["Git", "GitFailed"]

#: Variables that would lead git to another repository than the one it is told.
_STRANGE = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_SETTINGS = {
    "advice.detachedHead": "false",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "credential.interactive": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "init.defaultBranch": "main",
    "init.templateDir": "",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
}


class GitFailed(Exception):
    """A command of git failed; the argument is what it said."""


class Git:
    """The program, found on ``search_path``, with the variables of the user. Methods may be called from threads."""

    def __init__(self, variables: Mapping[str, str], search_path: str, events: Events) -> None:
        self._program = shutil.which("git", path=search_path)
        self._events = events
        self._variables = {name: value for name, value in variables.items() if name not in _STRANGE}
        self._variables |= {
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            "PATH": search_path,
        }

    def run(
        self,
        *words: str,
        url: str,
        directory: str | None = None,
        credentials: tuple[str, str] | None = None,
        allows_files: bool = False,
    ) -> str:
        """What git says on its standard output. ``url`` is the repository that this is about.

        ``credentials`` are sent to the host of ``url`` only, and are seen by no other user of this computer.
        ``allows_files``: submodules may be repositories of this computer.
        Raises GitFailed, and Unavailable without git.
        """
        if self._program is None:
            raise Unavailable(
                f"{url}: the program `git` is needed for this, and it is not there",
                hint="install git, and see that it is on the PATH",
            )
        settings = list(_SETTINGS.items())
        if allows_files:
            settings.append(("protocol.file.allow", "always"))
        if credentials is not None:
            token = base64.b64encode(":".join(credentials).encode()).decode()
            settings.append((f"http.{_origin(url)}.extraHeader", f"Authorization: Basic {token}"))
        self._events.noted(f"git {' '.join(words)}")
        process = subprocess.run(
            [self._program, *words],
            cwd=directory,
            env=self._with(settings, url),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if process.returncode:
            raise GitFailed(process.stderr.decode("utf-8", "replace").strip() or f"exit code {process.returncode}")
        return process.stdout.decode("utf-8", "surrogateescape")

    def _with(self, settings: Sequence[tuple[str, str]], url: str) -> dict[str, str]:
        variables = dict(self._variables)
        given = variables.get("GIT_CONFIG_COUNT", "")
        begin = int(given) if given.isdecimal() else 0
        for number, (key, value) in enumerate(settings, begin):
            variables[f"GIT_CONFIG_KEY_{number}"], variables[f"GIT_CONFIG_VALUE_{number}"] = key, value
        variables["GIT_CONFIG_COUNT"] = str(begin + len(settings))
        if url.startswith("ssh://") and not {"GIT_SSH", "GIT_SSH_COMMAND"} & set(variables):
            variables["GIT_SSH_COMMAND"] = f"{self._ssh_command()} -o BatchMode=yes"
        return variables

    def _ssh_command(self) -> str:
        """The user's own way to call ssh, which the variable that forbids questions would hide."""
        assert self._program is not None, "somebody runs it"
        asked = subprocess.run(
            [self._program, "config", "--global", "--get", "core.sshCommand"],
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return asked.stdout.decode("utf-8", "surrogateescape").strip() or "ssh"


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"
