"""Repositories of this computer's cache: each is fetched as little as possible, and each commit is laid out once.

::

    repositories/<key>/                 bare; one commit deep where the server allows
    repositories/<key>-history/         bare; everything, for trees whose version is told by tags
    trees/<key>/<commit>/               the files of a commit, complete from the moment they can be seen
    trees/<key>/<commit>-history/       the same, with the tags and all that came before
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import blake2b

from provenv.errors import InputError, Unavailable
from provenv.git.program import Git, GitFailed

__all__ = ["Repositories", "is_full_commit"]

_FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{4,63}")
_SCHEMES = ("file", "git", "http", "https", "ssh")
_CONTROL = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")
_HINTS = (
    (
        re.compile(
            r"could not read Username|Authentication failed|terminal prompts disabled|HTTP 40[13]|error: 40[13]"
        ),
        "git could not say who you are: set up a credential helper for this host, or use ssh",
    ),
    (re.compile(r"Permission denied|publickey|Host key verification"), "try `ssh` to this host by hand first"),
    (
        re.compile(r"not found|does not exist|does not appear to be"),
        "check the URL; a private repository looks the same",
    ),
    (re.compile(r"resolve host|timed out|unable to connect|Connection refused"), "check the network, or use --offline"),
    (re.compile(r"not our ref|unadvertised object|couldn't find remote ref"), "the commit may have been removed there"),
)


def is_full_commit(rev: str | None) -> bool:
    """Whether a revision is a whole commit hash, which no server needs to be asked about."""
    return rev is not None and _FULL.fullmatch(rev.lower()) is not None


class Repositories:
    """All repositories below ``root``. ``guard`` gives a lock between processes for a key and what it is about.

    ``credentials`` finds user name and password for the URL of a repository, where the user gave them to us and not to
    git. Methods may be called from several threads.
    """

    def __init__(
        self,
        root: str,
        git: Git,
        *,
        guard: Callable[[str, str], AbstractContextManager[object]],
        credentials: Callable[[str], tuple[str, str] | None] = lambda url: None,
        is_offline: bool = False,
    ) -> None:
        self._root = root
        self._git = git
        self._guard = guard
        self._credentials = credentials
        self._is_offline = is_offline

    def commit(self, url: str, rev: str | None) -> str:
        """The full commit that a branch, a tag or a short commit is now; of None, that of the default branch.

        A branch wins over a tag of its name. Offline it is what the server said last. Raises InputError for a revision
        that cannot be or is not there, and Unavailable.
        """
        _check(url, rev)
        if rev is not None and is_full_commit(rev):
            return rev.lower()
        if self._is_offline:
            return self._last_known(url, rev)
        names = ["HEAD"] if rev is None else _names(rev)
        told = self._asked(
            "ls-remote", "--", url, *names, *(f"{name}^{{}}" for name in names if "/tags/" in name), url=url
        )
        found: dict[str, str] = {}
        for line in told.splitlines():
            commit, _, name = line.partition("\t")
            found[name] = commit
        for name in names:
            if commit := found.get(f"{name}^{{}}", found.get(name, "")):
                self._note(url, rev, commit)
                return commit
        if rev is not None and _SHORT.fullmatch(rev.lower()) and (short := self._of_short(url, rev.lower())):
            return short
        what = f"`{rev}` is neither a branch, a tag nor a commit" if rev else "there is no default branch"
        raise InputError(url, f"{what} of this repository", hint="name a branch, a tag or a commit that it has")

    def tree(self, url: str, commit: str, *, rev: str | None = None, has_history: bool = False) -> str:
        """The directory with the files of a full commit, submodules included. Nobody changes anything in it.

        ``rev`` is what led to the commit: some servers give a branch but no single commit. ``has_history``: git can
        tell there which tags came before. Raises Unavailable.
        """
        _check(url, rev)
        key = _key(url) + ("-history" if has_history else "")
        final = os.path.join(self._root, "trees", _key(url), commit + ("-history" if has_history else ""))
        if os.path.isdir(final):
            return final
        repository = os.path.join(self._root, "repositories", key)
        with self._guard(f"git-{key}", url):
            if os.path.isdir(final):
                return final
            self._fetch(url, commit, repository, rev, has_history=has_history)
            self._lay_out(url, commit, repository, final, has_history=has_history)
        return final

    # -- fetching -----------------------------------------------------------------------------------------

    def _fetch(self, url: str, commit: str, repository: str, rev: str | None, *, has_history: bool) -> None:
        if self._has(repository, commit, url):
            return
        if self._is_offline:
            raise Unavailable(
                f"{url}: commit {commit[:12]} is not cached, and the network is not used",
                hint="run the command once without --offline",
            )
        self._begin(repository, url)
        if not has_history:
            # One commit deep; an old server gives no single commit, and a simple one no part of a history.
            names = [commit] if rev is None or is_full_commit(rev) else [commit, *_names(rev)]
            for name in names:
                for depth in (["--depth=1"], []):
                    if self._tried(repository, url, *depth, f"+{name}:refs/provenv/{commit}") and self._has(
                        repository, commit, url
                    ):
                        return
        unshallow = ["--unshallow"] if os.path.exists(os.path.join(repository, "shallow")) else []
        self._fetch_all(url, repository, "+HEAD:refs/provenv/HEAD", *unshallow)
        if not self._has(repository, commit, url) and not self._tried(
            repository, url, f"+{commit}:refs/provenv/{commit}"
        ):
            raise Unavailable(
                f"{url}: commit {commit} is not in this repository",
                hint="it may have been removed by a forced push: run `provenv lock --upgrade-package` for this package",
            )

    def _fetch_all(self, url: str, repository: str, *words: str) -> None:
        self._asked(
            *_fetching(repository, url, *words, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"), url=url
        )

    def _tried(self, repository: str, url: str, *words: str) -> bool:
        """Whether the server gave it; raises Unavailable when it is not the reference that it does not like."""
        try:
            self._run(*_fetching(repository, url, "--no-tags", *words), url=url)
        except GitFailed as failure:
            if not _is_about_refs(str(failure)):
                raise _told(url, failure) from failure
            return False
        return True

    def _has(self, repository: str, commit: str, url: str) -> bool:
        if not os.path.isdir(repository):
            return False
        try:
            self._git.run("--git-dir", repository, "cat-file", "-e", f"{commit}^{{commit}}", url=url)
        except GitFailed:
            return False
        return True

    def _begin(self, repository: str, url: str) -> None:
        if not os.path.isdir(os.path.join(repository, "objects")):
            os.makedirs(repository, exist_ok=True)
            self._asked("init", "--quiet", "--bare", repository, url=url)

    def _of_short(self, url: str, rev: str) -> str | None:
        """The commit that a short one stands for; only the whole history can tell."""
        key = _key(url) + "-history"
        repository = os.path.join(self._root, "repositories", key)
        with self._guard(f"git-{key}", url):
            self._begin(repository, url)
            refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            self._asked(
                "--git-dir",
                repository,
                "fetch",
                "--quiet",
                "--force",
                "--no-write-fetch-head",
                "--",
                url,
                *refs,
                url=url,
            )
            try:
                return self._git.run(
                    "--git-dir", repository, "rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}", url=url
                ).strip()
            except GitFailed:
                return None

    # -- laying out ---------------------------------------------------------------------------------------

    def _lay_out(self, url: str, commit: str, repository: str, final: str, *, has_history: bool) -> None:
        parent = os.path.join(self._root, "trees", "tmp")
        os.makedirs(parent, exist_ok=True)
        work = os.path.join(parent, os.urandom(8).hex())
        is_local = url.startswith("file:")
        try:
            self._asked("init", "--quiet", work, url=url)
            self._share(repository, work)
            # Submodules with relative URLs are told from here.
            self._asked("config", "remote.origin.url", url, url=url, directory=work)
            if has_history:
                self._asked(
                    "fetch", "--quiet", "--no-write-fetch-head", "--", repository, "+refs/tags/*:refs/tags/*",
                    url=url, directory=work,
                )  # fmt: skip
            self._asked("checkout", "--quiet", "--force", "--detach", commit, url=url, directory=work)
            if os.path.exists(os.path.join(work, ".gitmodules")):
                self._asked(
                    "submodule", "--quiet", "update", "--init", "--recursive",
                    url=url, directory=work, allows_files=is_local,
                )  # fmt: skip
            os.makedirs(os.path.dirname(final), exist_ok=True)
            os.rename(work, final)
        except OSError as error:
            raise Unavailable(f"{final}: cannot be made: {error.strerror}", hint="make room in the cache") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _share(self, repository: str, work: str) -> None:
        """Let a tree see the objects of the cached repository, instead of copying them."""
        with open(os.path.join(work, ".git/objects/info/alternates"), "w", encoding="utf-8") as file:
            file.write(os.path.join(os.path.abspath(repository), "objects") + "\n")
        shallow = os.path.join(repository, "shallow")
        if os.path.exists(shallow):
            shutil.copyfile(shallow, os.path.join(work, ".git/shallow"))

    # -- asking -------------------------------------------------------------------------------------------

    def _asked(self, *words: str, url: str, directory: str | None = None, allows_files: bool = False) -> str:
        try:
            return self._run(*words, url=url, directory=directory, allows_files=allows_files)
        except GitFailed as failure:
            raise _told(url, failure) from failure

    def _run(self, *words: str, url: str, directory: str | None = None, allows_files: bool = False) -> str:
        return self._git.run(
            *words, url=url, directory=directory, credentials=self._credentials(url), allows_files=allows_files
        )

    # -- what was said last -------------------------------------------------------------------------------

    def _note(self, url: str, rev: str | None, commit: str) -> None:
        path = self._note_path(url, rev)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(f"{path}.{os.getpid()}", "w", encoding="ascii") as file:
                file.write(commit)
            os.replace(f"{path}.{os.getpid()}", path)
        except OSError:
            return

    def _last_known(self, url: str, rev: str | None) -> str:
        try:
            with open(self._note_path(url, rev), encoding="ascii") as file:
                return file.read()
        except OSError:
            raise Unavailable(
                f"{url}: which commit `{rev or 'HEAD'}` is was never asked, and the network is not used",
                hint="run the command once without --offline",
            ) from None

    def _note_path(self, url: str, rev: str | None) -> str:
        return os.path.join(self._root, "heads", _key(url), _key(rev or "HEAD"))


def _check(url: str, rev: str | None) -> None:
    """Refuse what git could take for an option or for another way of speaking to a repository."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES or rest.startswith("-") or re.search(r"[\x00-\x20\x7f]", url):
        raise InputError(repr(url), "this is not the URL of a repository", hint="https, ssh, git and file are known")
    if rev is not None and (not rev or rev.startswith("-") or _CONTROL.search(rev)):
        raise InputError(url, f"`{rev}` is not the name of a branch, a tag or a commit")


def _fetching(repository: str, url: str, *words: str) -> list[str]:
    """The words of a fetch into a bare repository, options before the URL."""
    options = [word for word in words if word.startswith("--")]
    refs = [word for word in words if not word.startswith("--")]
    common = ["--quiet", "--force", "--no-write-fetch-head"]
    return ["--git-dir", repository, "fetch", *common, *options, "--", url, *refs]


def _names(rev: str) -> list[str]:
    if rev.startswith("refs/") or rev == "HEAD":
        return [rev]
    return [f"refs/heads/{rev}", f"refs/tags/{rev}"]


def _key(text: str) -> str:
    return blake2b(text.removesuffix("/").removesuffix(".git").encode(), digest_size=12).hexdigest()


def _is_about_refs(said: str) -> bool:
    """Whether the server only did not want to give this, and may give it when asked otherwise."""
    return any(
        words in said
        for words in (
            "not our ref",
            "unadvertised object",
            "couldn't find remote ref",
            "does not support shallow",
            "dumb http",
        )
    )


def _told(url: str, failure: GitFailed) -> Unavailable:
    said = str(failure)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else said)
    hint = next((hint for pattern, hint in _HINTS if pattern.search(said)), None)
    return Unavailable(f"{url}: git failed: {last.partition(': ')[2] or last}", hint=hint)
