"""What a lock must be before anything in it is used. Pure.

``packaging`` checks what PEP 751 says of types and keys. This is the rest: what a lock of anybody may say, so that no
later step meets a name that climbs out of its directory, a file of another package, an option for git, or a table where
it wants a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

__all__ = ["problem_of", "too_long"]

Problem = tuple[str, str]
"""The key, as ``packages[3].wheels[0].url``, and what is wrong with it."""

_ARCHIVES = (".whl", ".tar.gz", ".zip")
_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_LONGEST = 16 << 10
_STRONG = {"sha256", "sha384", "sha512"}
_LISTS = ("requires", "targets", "conflicts")
_TABLES = ("extras", "groups", "members", "member-default-groups", "directories", "policy")


def problem_of(document: Mapping[str, Any]) -> Problem | None:
    """The first thing in a lock that cannot be; None when there is nothing. It is one by PEP 751 already."""
    return next(_problems(document), None)


def too_long(document: Mapping[str, Any]) -> str | None:
    """The key of a text that is so long that to understand it would take seconds; None when there is none."""
    for number, package in enumerate(_listed(document.get("packages"))):
        for key, value in package.items() if isinstance(package, dict) else ():
            if isinstance(value, str) and len(value) > _LONGEST:
                return f"packages[{number}].{key}"
    texts = [document.get("requires-python", ""), *_listed(document.get("environments"))]
    return "environments" if any(isinstance(text, str) and len(text) > _LONGEST for text in texts) else None


def _problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    for key in document:
        if key != "tool":
            yield from _strange_characters(document[key], key)
    yield from _recorded(document.get("tool", {}))
    packages: Sequence[Mapping[str, Any]] = document["packages"]
    for number, package in enumerate(packages):
        for key, problem in _package(package, f"packages[{number}]"):
            yield f"{key} ({package['name']})", problem


def _strange_characters(value: Any, key: str) -> Iterator[Problem]:
    """Control characters, and letters that are not shown or turn the direction of a line."""
    if isinstance(value, str):
        if not value.isprintable():
            yield key, "it holds a character that cannot be printed"
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _strange_characters(name, key)
            yield from _strange_characters(item, f"{key}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _strange_characters(item, f"{key}[{number}]")


def _recorded(tool: Any) -> Iterator[Problem]:
    """The shape of what we recorded of the project."""
    recorded = tool.get("provenv", {}) if isinstance(tool, dict) else tool
    where = "tool.provenv"
    if not isinstance(recorded, dict):
        yield where, "it is not a table"
        return
    for key in _LISTS:
        if key in recorded and not isinstance(recorded[key], list):
            yield f"{where}.{key}", "it is not a list"
    for key in _TABLES:
        if key in recorded and not isinstance(recorded[key], dict):
            yield f"{where}.{key}", "it is not a table"
    for key in ("extras", "groups", "member-default-groups"):
        table = recorded.get(key, {})
        for name, items in table.items() if isinstance(table, dict) else ():
            if not _are_texts(items):
                yield f"{where}.{key}.{name}", "it is not a list of texts"
    if not _are_texts(recorded.get("requires", [])):
        yield f"{where}.requires", "it is not a list of texts"
    if not _are_texts(recorded.get("plain-wheels", [])):
        yield f"{where}.plain-wheels", "it is not a list of texts"
    if not all(_are_texts(item) for item in _listed(recorded.get("conflicts"))):
        yield f"{where}.conflicts", "it is not a list of lists of texts"
    for number, target in enumerate(_listed(recorded.get("targets"))):
        if not isinstance(target, dict) or not isinstance(target.get("name"), str):
            yield f"{where}.targets[{number}]", "it is not a table with a name"
    if not isinstance(recorded.get("root", ""), str):
        yield f"{where}.root", "it is not a text"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _package(package: Mapping[str, Any], where: str) -> Iterator[Problem]:
    name, version = package["name"], package.get("version")
    for number, needed in enumerate(package.get("dependencies", ())):
        if not isinstance(needed.get("name"), str):
            yield f"{where}.dependencies[{number}]", "it names no package"
    if "index" in package:
        yield from _url(package["index"], f"{where}.index")
    for number, wheel in enumerate(package.get("wheels", ())):
        yield from _file(wheel, f"{where}.wheels[{number}]", name, version)
    if "sdist" in package:
        yield from _file(package["sdist"], f"{where}.sdist", name, version)
    if "archive" in package:
        yield from _source(package["archive"], f"{where}.archive")
        yield from _hashes(package["archive"], f"{where}.archive")
    if "directory" in package:
        yield from _source(package["directory"], f"{where}.directory")
    if "vcs" in package:
        yield from _source(package["vcs"], f"{where}.vcs")
        yield from _commit(package["vcs"], f"{where}.vcs")


def _file(file: Mapping[str, Any], where: str, name: str, version: str | None) -> Iterator[Problem]:
    """A wheel or a source archive: its name must be that of the package, wherever it is told (CVE-2023-45805)."""
    yield from _source(file, where)
    yield from _hashes(file, where)
    told = [("url", unquote(urlsplit(file["url"]).path.rpartition("/")[2]))] if "url" in file else []
    told += [("path", str(file["path"]).replace("\\", "/").rpartition("/")[2])] if "path" in file else []
    # An index may serve a file under any address; one that ends in another file's name is none of those.
    names = [(key, text) for key, text in told if text.endswith(_ARCHIVES)]
    names += [("name", file["name"])] if "name" in file else []
    if not names:
        yield where, "it tells no file name"
    for key, text in names:
        if text != names[-1][1]:
            yield f"{where}.{key}", f"the file is `{text}` here, and `{names[-1][1]}` by its name"
        try:
            found = parse_wheel_filename(text)[:2] if ".wheels[" in where else parse_sdist_filename(text)
        except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion) as error:
            yield f"{where}.{key}", f"not a name of such a file: {error}"
        else:
            if found[0] != name or (version is not None and found[1] != Version(version)):
                yield f"{where}.{key}", f"`{text}` is not a file of {name} {version or ''}".rstrip()


def _hashes(file: Mapping[str, Any], where: str) -> Iterator[Problem]:
    hashes = file["hashes"]
    for algorithm, digest in hashes.items():
        length = _LENGTHS.get(algorithm)
        if length is not None and (len(digest) != length or digest.strip("0123456789abcdef")):
            kind = algorithm.upper().replace("SHA", "SHA-")
            yield f"{where}.hashes.{algorithm}", f"it is no {kind} hash: not {length} hexadecimal digits in lower case"
    if not _STRONG & set(hashes):
        yield f"{where}.hashes", "there is no SHA-256, and weaker hashes prove nothing"
    if (size := file.get("size")) is not None and size < 0:
        yield f"{where}.size", "it is negative"


def _source(source: Mapping[str, Any], where: str) -> Iterator[Problem]:
    if "url" in source:
        yield from _url(source["url"], f"{where}.url")
    subdirectory = str(source.get("subdirectory", "")).replace("\\", "/")
    if ".." in subdirectory.split("/") or subdirectory.startswith(("/", "-")) or subdirectory[1:2] == ":":
        yield f"{where}.subdirectory", "it leads out of the source"


def _url(url: str, where: str) -> Iterator[Problem]:
    try:
        scheme, host = urlsplit(url)[:2]
    except ValueError as error:
        yield where, f"it is not a URL: {error}"
        return
    if url.startswith("-") or any(letter in url for letter in ' <>"\\'):
        yield where, "it holds a character that no URL may hold"
    if scheme in ("http", "https") and "@" in host:
        yield where, "it holds a user name or a password, which no lock of ours does"
    elif scheme not in ("http", "https", "file") and (not where.endswith("vcs.url") or scheme == "ext"):
        yield where, f"addresses with the scheme `{scheme}` are not used"


def _commit(vcs: Mapping[str, Any], where: str) -> Iterator[Problem]:
    commit, revision = vcs["commit-id"], str(vcs.get("requested-revision", ""))
    if vcs["type"] == "git" and (len(commit) not in (40, 64) or commit.strip("0123456789abcdef")):
        yield f"{where}.commit-id", "it is not the full name of a commit"
    if revision.startswith("-"):
        yield f"{where}.requested-revision", "a revision cannot begin with a dash"
