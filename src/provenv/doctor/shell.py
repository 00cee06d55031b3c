"""Commands in CI files and Dockerfiles that install what nobody locked, or run what nobody has read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from provenv.doctor.words import found, listed
from provenv.model.finding import Finding

__all__ = ["command_findings", "pip_installs"]

_PIP = re.compile(r"(?:^|[\s/\"'\[(])(?:uv\s+)?pip3?(?:\.\d+)?\s+install\s+(.*)", re.DOTALL)
_SYNC = re.compile(r"(?:^|\s)(uv|provenv)\s+sync\b(.*)", re.DOTALL)
_PIPED = re.compile(r"\b(?:curl|wget)\b[^|;&]{0,1000}\|\s*(?:sudo\s+)?(?:\w+=\S+\s+)*(?:env\s+)?(ba|z|da|k)?sh\b")
_PIPED_PYTHON = re.compile(r"\b(?:curl|wget)\b[^|;&]{0,1000}\|\s*(?:sudo\s+)?python[\d.]*\b")
_SUBSTITUTED = re.compile(r"\b(?:ba|z)?sh\s+(?:-c\s+[\"']?\$\(|<\()\s*(?:curl|wget)\b")
_OF_INTEREST = re.compile(r"\b(?:pip3?(?:\.\d+)?|sync|curl|wget)\b")
_TEMPLATE = re.compile(r"\$?\{\{[^{}]*\}\}")
_BY_VARIABLE = re.compile(r"\b(?:UV|PROVENV)_(?:LOCKED|FROZEN)\b")
_LONGEST = 20_000
"""No command that somebody wrote is longer; what a program wrote is not read."""
_WITH_VALUE = {"-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-t", "--target",
               "--prefix", "--root", "--python", "-p", "--platform", "--python-version", "--timeout", "--retries",
               "--cache-dir", "--no-binary", "--only-binary", "--trusted-host", "--progress-bar", "--src", "--log",
               "--config-settings", "--implementation", "--abi", "--upgrade-strategy", "--index-strategy",
               "--torch-backend", "--exclude-newer", "--resolution", "--prerelease",
               "--keyring-provider", "--group", "--report", "--proxy", "--cert", "--exists-action"}  # fmt: skip
_FILE = ("-r", "--requirement")
_OWN = ("-e", "--editable")
_ENDS = ("|", ">", ">>", "<", "2>&1", "&", ")", "]")
_INSTALLERS = ("pip", "uv", "provenv", "pipx")
_LOOSE = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?(?:\[[\w., -]*\])?(?:[<>~!=].*)?")
_LOCKED = ("--locked", "--frozen", "--check")
_USE_LOCK = "install the lock: `provenv sync --locked`"


def command_findings(
    text: str, texts: Mapping[str, str], *, path: str, line: int, has_lock: bool, is_local: bool = True
) -> Iterator[Finding]:
    """What is wrong with one command line; ``texts`` are the files of the project that it may name.

    ``is_local``: this is where the project's own packages are chosen, so that installing it loosely is worth telling.
    """
    if len(text) > _LONGEST or not _OF_INTEREST.search(text):
        return
    text = _TEMPLATE.sub("$TEMPLATE", text)
    if _PIPED.search(text) or _PIPED_PYTHON.search(text) or _SUBSTITUTED.search(text):
        yield found(
            "piped-script",
            "a script from the network is run unread: what it does may change any day",
            "download it, compare its hash (`sha256sum -c`), then run it; or install a pinned package",
            path=path,
            line=line,
        )
    for words in pip_installs(text):
        yield from _pip(words, texts, path=path, line=line, has_lock=has_lock, is_local=is_local)
    for part in _parts(text):
        if (match := _SYNC.search(part)) and not any(word in match[2] for word in _LOCKED):
            if _BY_VARIABLE.search(texts.get(path, "")):
                return
            yield found(
                "unlocked-sync",
                f"`{match[1]} sync` may choose other versions than the lock's when the project file was changed",
                f"write `{match[1]} sync --locked`: a stale lock then ends the job",
                path=path,
                line=line,
            )


def pip_installs(text: str) -> Iterator[list[str]]:
    """The words behind each ``pip install`` of a command line."""
    for part in _parts(text):
        if match := _PIP.search(part):
            try:
                yield shlex.split(match[1], comments=True)
            except ValueError:
                yield match[1].replace("'", "").replace('"', "").split()


def _parts(text: str) -> list[str]:
    return re.split(r"&&|\|\||;|\n", text)


def _pip(
    words: list[str], texts: Mapping[str, str], *, path: str, line: int, has_lock: bool, is_local: bool
) -> Iterator[Finding]:
    files, loose, own = _arguments(words)
    is_hashed = "--require-hashes" in words
    unproven = [file for file in files if not (is_hashed or _is_lock(file) or "--hash=" in _text_of(texts, file))]
    if unproven:
        yield found(
            "loose-install",
            f"{listed(unproven)} is installed without hashes: what comes is what the index has that day",
            f"{_USE_LOCK}, or export it with hashes (`provenv export`) and install with `--require-hashes`",
            path=path,
            line=line,
        )
    if loose:
        yield found(
            "unpinned-install",
            f"{listed(loose)}: no version says which one, so each run may install another",
            f"add it to the project and {_USE_LOCK}, or pin it: `{re.split('[<>~!;=[]', loose[0])[0]}==VERSION`",
            path=path,
            line=line,
        )
    if own and has_lock and is_local and "--no-deps" not in words:
        yield found(
            "past-lock",
            f"`pip install {own[0]}` takes what the index has, although there is a lock",
            f"{_USE_LOCK}, or give `--no-deps`",
            path=path,
            line=line,
        )


def _is_lock(file: str) -> bool:
    """Also a name that only a variable tells: it is not known, and not guessed."""
    name = file.rpartition("/")[2]
    return "$" in file or (name.startswith("pylock") and name.endswith(".toml"))


def _text_of(texts: Mapping[str, str], file: str) -> str:
    """A requirements file by the path that a command names; its directory in an image may be another."""
    name = file.removeprefix("./")
    if name in texts:
        return texts[name]
    base = name.rpartition("/")[2]
    same = [text for path, text in texts.items() if path.rpartition("/")[2] == base]
    return same[0] if len(same) == 1 else ""


def _arguments(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Requirement files, packages without an exact version, and local projects of one ``pip install``."""
    files: list[str] = []
    loose: list[str] = []
    own: list[str] = []
    waiting = ""
    for word in words:
        if waiting:
            (files if waiting in _FILE else own if waiting in _OWN else []).append(word)
            waiting = ""
        elif word in _FILE or word in _OWN or word in _WITH_VALUE:
            waiting = word
        elif word.startswith("--requirement=") or (word.startswith("-r") and len(word) > 2):
            files.append(word.removeprefix("--requirement=").removeprefix("-r"))
        elif word in _ENDS:
            break
        elif _is_exact(word):
            continue
        elif word.startswith((".", "/", "~")) or "/" in word:
            own.append(word)
        elif _LOOSE.fullmatch(word) and re.split(r"[<>~!;=\[]", word)[0].lower() not in _INSTALLERS:
            loose.append(word)
    return files, loose, own


def _is_exact(word: str) -> bool:
    """A flag, a variable that we do not know, a file, or a package with its version or place."""
    return (
        word.startswith(("-", "`", "<", "{"))
        or word.endswith((".whl", ".tar.gz", ".zip", ".txt", ".toml"))
        or any(part in word for part in ("==", "@", "$", "{{", "://"))
    )
