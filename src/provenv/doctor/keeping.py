"""What git keeps and should not, and what it should keep and does not; secrets in files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from provenv.doctor.subject import Patient
from provenv.doctor.words import found, listed
from provenv.model.finding import FAILS, WARNS, Finding

__all__ = ["git_findings", "secret_findings"]

_SECRET_FILE = re.compile(
    r"(?:.*/)?(?:\.env(?:\.(?!example|sample|template|dist|test)[\w.-]+)?|\.pypirc|\.netrc|_netrc|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|credentials\.json|[^/]+\.(?:p12|pfx|jks))"
)
_KEY_FILE = re.compile(r".*\.(?:pem|key)")
_PRIVATE = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")
_WITH_PASSWORD = re.compile(r"\b([a-z][a-z0-9+.-]{1,14})://[^\s/:@\"'<>]{0,200}:([^\s/@\"'<>]{1,200})@([\w.-]+)")
_TOKENS = {
    "a token of a package index": re.compile(r"\bpypi-AgE[\w-]{20,}"),
    "a token of GitHub": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})"),
    "a token of GitLab": re.compile(r"\bglpat-[\w-]{20,}"),
    "a token of Hugging Face": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a key of AWS": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a token of Slack": re.compile(r"\bxox[abprs]-[\w-]{10,}"),
    "a key of OpenAI or Anthropic": re.compile(r"\bsk-(?:ant-|proj-)?[\w-]{32,}"),
}
_HARMLESS = re.compile(r"[$%{<*]|^(?:x+|\.+|pass(?:word)?|secret|token|user(?:name)?|changeme|example|postgres)$", re.I)
_MOST, _MOST_LOOKED_AT = 3, 100


def git_findings(patient: Patient) -> Iterator[Finding]:
    """Locks that are not kept, environments and wheels that are."""
    tree = patient.tree
    tracked = tree.tracked
    if tracked is None:
        return
    for lock in patient.locks:
        if tree.is_ignored(lock.path) and lock.path not in tracked:
            yield found(
                "ignored-lock",
                "git ignores the lock: nobody else gets these versions",
                "take it out of .gitignore, and commit it",
                level=FAILS,
                path=lock.path,
            )
        elif lock.path not in tracked:
            yield found(
                "untracked-lock",
                "git does not keep the lock: nobody else gets these versions",
                f"`git add {lock.path}`",
                path=lock.path,
            )
    roots = {match[1] for path in tracked if (match := re.fullmatch(r"(?:(.*)/)?pyvenv\.cfg", path))}
    roots |= {match[1] for path in tracked if (match := re.match(r"(.*?)/lib/python3\.\d+/site-packages/", path))}
    for root in sorted(root or "." for root in roots):
        count = sum(path.startswith(f"{root}/") or root == "." for path in tracked)
        yield found(
            "environment-in-git",
            f"git keeps an environment ({count} files), which works on one computer only",
            f"`git rm -r --cached {root}`, and name it in .gitignore",
            level=FAILS,
            path=root,
        )
    wheels = sorted(path for path in tracked if path.endswith(".whl") and not path.startswith(("tests/", "test/")))
    if wheels:
        yield found(
            "wheels-in-git",
            f"git keeps {listed(wheels, 2)}, in every clone and for good",
            "put wheels on an index, or build them from a repository: [tool.provenv.sources]",
            path=wheels[0],
        )
    for place in tree.environments:
        if place not in roots and not tree.is_ignored(place, is_directory=True):
            yield found(
                "environment-not-ignored",
                "git does not ignore this environment: one `git add .` commits it",
                f"add `{place}/` to .gitignore",
                path=place,
            )


def secret_findings(patient: Patient) -> Iterator[Finding]:
    """Files that are secret by their name, and secrets in the text of others. What a secret says is told nowhere."""
    tree = patient.tree
    for path in sorted(tree.tracked or ()):
        is_key = _KEY_FILE.fullmatch(path) is not None and _PRIVATE.search(tree.texts.get(path, "")) is not None
        if is_key or (_SECRET_FILE.fullmatch(path) and not path.startswith(("tests/", "test/"))):
            yield found(
                "secret-file",
                "git keeps a file that holds secrets: everybody with a clone has them, also after it is deleted",
                f"change the secrets, `git rm --cached {path}`, and name it in .gitignore",
                level=FAILS,
                path=path,
            )
    for path, text in sorted(tree.texts.items()):
        if _SECRET_FILE.fullmatch(path) or _KEY_FILE.fullmatch(path) or _is_lock(path):
            continue
        for line, what in _secrets(text)[:_MOST]:
            is_kept = tree.tracked is not None and path in tree.tracked
            yield found(
                "secret",
                f"{what} stands here" + (", and git keeps it" if is_kept else ""),
                "change it, and give it by a variable, netrc or the keyring",
                level=FAILS if is_kept else WARNS,
                path=path,
                line=line,
            )


def _is_lock(path: str) -> bool:
    return path.endswith((".lock", "pylock.toml"))


def _secrets(text: str) -> list[tuple[int, str]]:
    """The lines in which secrets stand, with what they are."""
    told: list[tuple[int, str]] = []
    for match in islice(_WITH_PASSWORD.finditer(text), _MOST_LOOKED_AT):
        # A database beside the tests has a password that everybody may know.
        is_here = match[3].startswith(("localhost", "127.")) or ("." not in match[3] and match[1][:4] != "http")
        if not is_here and not _HARMLESS.search(match[2]):
            told.append((text.count("\n", 0, match.start()) + 1, f"a password for {match[3]}"))
    for what, pattern in _TOKENS.items():
        told += [(text.count("\n", 0, match.start()) + 1, what) for match in islice(pattern.finditer(text), _MOST)]
    return sorted(told)
