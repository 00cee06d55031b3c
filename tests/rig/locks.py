"""Locks that somebody changed: every field, every line, with the digest line made right again or not."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tomlkit

from provenv.lockfile.seal import seal

__all__ = ["Mutant", "mutants"]

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A changed lock."""

    name: str
    data: bytes
    is_other_wish: bool = False
    """A valid lock that asks for something else, sealed: who could tell? It may install less, never other bytes."""


def mutants(data: bytes, *, good: str, evil: str, evil_hash: str) -> list[Mutant]:
    """All of them. ``good`` and ``evil`` are roots of servers; the evil one has other bytes, with ``evil_hash``."""
    return [*_texts(data), *_documents(data, good, evil, evil_hash)]


# -- bytes ------------------------------------------------------------------------------------------------


def _texts(data: bytes) -> Iterator[Mutant]:
    for size in range(0, len(data), 64):
        yield Mutant(name=f"cut at {size}", data=data[:size])
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines):
        before, after = b"".join(lines[:number]), b"".join(lines[number:])
        if number % 4 == 0:
            conflict = b"<<<<<<< ours\n" + line + b"=======\n" + line + b">>>>>>> theirs\n"
            yield Mutant(name=f"merge at line {number}", data=before + conflict + after[len(line) :])
        yield Mutant(name=f"line {number} twice", data=before + line + after)
        yield Mutant(name=f"line {number} gone", data=before + after[len(line) :])
    yield Mutant(name="BOM", data=b"\xef\xbb\xbf" + data)
    yield Mutant(name="CRLF", data=data.replace(b"\n", b"\r\n"))
    yield Mutant(name="CR", data=data.replace(b"\n", b"\r"))
    yield Mutant(name="NUL", data=data.replace(b"alpha", b"alp\0ha", 1))
    yield Mutant(name="not UTF-8", data=data + b"# \xff\n")
    yield Mutant(name="UTF-16", data=data.decode().encode("utf-16"))
    yield Mutant(name="deep lists", data=data + b"x = " + b"[" * 10_000 + b"]" * 10_000 + b"\n")
    yield Mutant(name="deep tables", data=data + b"x = " + b"{ a = " * 10_000 + b"1" + b" }" * 10_000 + b"\n")
    yield Mutant(name="deep keys", data=data + b"[" + b".".join([b"a"] * 10_000) + b"]\n")
    yield Mutant(name="50 MB", data=data + b"# more\n" * (50 << 20 >> 3))
    yield Mutant(name="another tool's", data=b"version = 1\n\n[[package]]\nname = 'alpha'\n")


# -- values -----------------------------------------------------------------------------------------------


def _documents(data: bytes, good: str, evil: str, evil_hash: str) -> Iterator[Mutant]:
    document = tomllib.loads(data.decode())
    # The line of the digest, as it was: whoever changes a value by hand leaves it.
    header = data.partition(b"\n")[0] + b"\n"
    digest_line = next(line for line in data.splitlines(keepends=True) if line.startswith(b"# Digest"))
    for name, change, is_other_wish in _changes(document, good, evil, evil_hash):
        changed = copy.deepcopy(document)
        change(changed)
        if changed == document:
            continue
        body = tomlkit.dumps(changed).encode()
        yield Mutant(name=f"{name}, digest left", data=header + digest_line + body)
        yield Mutant(name=f"{name}, digest right", data=header + seal(body) + body, is_other_wish=is_other_wish)


Change = tuple[str, Callable[[Document], object], bool]


def _changes(document: Document, good: str, evil: str, evil_hash: str) -> Iterator[Change]:
    for number, package in enumerate(document["packages"]):
        for key, at in _files_of(package):
            where = f"{package['name']} {key}"
            for what, change in _file_changes(package["name"], good, evil, evil_hash):

                def on_file(
                    changed: Document,
                    number: int = number,
                    key: str = key,
                    at: int | None = at,
                    change: Callable[[Document], object] = change,
                ) -> None:
                    found = changed["packages"][number][key]
                    change(found if at is None else found[at])

                yield f"{where}: {what}", on_file, what.startswith("(wish)")
        for what, change in _package_changes(evil):

            def on_package(
                changed: Document, number: int = number, change: Callable[[Document], object] = change
            ) -> None:
                change(changed["packages"][number])

            yield f"{package['name']}: {what}", on_package, what.startswith("(wish)")
        yield f"{package['name']}: (wish) gone", _gone(number), True
        yield f"{package['name']}: twice", _twice(number), False
    for what, top_change in _top_changes():
        yield what, top_change, what.startswith("(wish)")


def _gone(number: int) -> Callable[[Document], object]:
    return lambda document: document["packages"].pop(number)


def _twice(number: int) -> Callable[[Document], object]:
    return lambda document: document["packages"].append(copy.deepcopy(document["packages"][number]))


def _files_of(package: Document) -> Iterator[tuple[str, int | None]]:
    for at in range(len(package.get("wheels", ()))):
        yield "wheels", at
    for key in ("sdist", "archive"):
        if key in package:
            yield key, None


def _set(**values: object) -> Callable[[Document], object]:
    return lambda table: table.update({key.replace("_", "-"): value for key, value in values.items()})


def _file_changes(
    name: str, good: str, evil: str, evil_hash: str
) -> Iterator[tuple[str, Callable[[Document], object]]]:
    def on_hash(change: Callable[[str], str]) -> Callable[[Document], object]:
        return lambda file: file["hashes"].update(sha256=change(file["hashes"]["sha256"]))

    def on_url(change: Callable[[str], str]) -> Callable[[Document], object]:
        def changed(file: Document) -> None:
            if "url" in file:
                file["url"] = change(file["url"])
            else:
                file["path"] = change(file["path"])

        return changed

    def to_evil(file: Document) -> None:
        filename = (file.get("url") or file["path"]).rpartition("/")[2]
        file.pop("path", None)
        file["url"] = f"{evil}/files/{filename}"

    def to_evil_whole(file: Document) -> None:
        to_evil(file)
        file["hashes"] = {"sha256": evil_hash}
        file.pop("size", None)

    yield "hash of other bytes", on_hash(lambda text: ("1" if text[0] == "0" else "0") + text[1:])
    yield "hash of zeros", on_hash(lambda text: "0" * 64)
    yield "short hash", on_hash(lambda text: text[:63])
    yield "long hash", on_hash(lambda text: text + "0")
    yield "upper-case hash", on_hash(str.upper)
    yield "hash with a line", on_hash(lambda text: text + "\n")
    yield "empty hash", on_hash(lambda text: "")
    yield "only MD5", _set(hashes={"md5": "0" * 32})
    yield "only SHA-1", _set(hashes={"sha1": "0" * 40})
    yield "no hash", _set(hashes={})
    yield "no hashes", lambda file: file.pop("hashes")
    yield "hashes as text", _set(hashes="sha256:0")
    yield "hash as number", _set(hashes={"sha256": 7})
    yield "short MD5 too", lambda file: file["hashes"].update(md5="00")
    yield "another host", to_evil
    yield "another host, with its hash", to_evil_whole
    yield "https", on_url(lambda url: url.replace("http://", "https://"))
    yield "ftp", on_url(lambda url: url.replace("http://", "ftp://"))
    yield "a local file", on_url(lambda url: "file:///etc/passwd")
    yield "a file of another computer", on_url(lambda url: f"file://{evil.partition('://')[2]}/files/{name}.whl")
    yield "a script", on_url(lambda url: "javascript:alert(1)")
    yield "a user", on_url(lambda url: url.replace("http://", "http://user:word@"))
    yield (
        "a host as user",
        on_url(lambda url: url.replace("http://", f"http://{good.partition('://')[2]}@evil.example/")),
    )
    yield "a space", on_url(lambda url: url + " x")
    yield "a NUL", on_url(lambda url: url + "\0")
    yield "a right-to-left mark", on_url(lambda url: url + "\u202e")
    yield "no URL", lambda file: (file.pop("url", None), file.pop("path", None))
    yield "a URL that is a list", _set(url=["http://x.example/"])
    yield "a URL of nonsense", _set(url="http://[x/")
    yield "a path that climbs", _set(path="../../../../etc/passwd")
    yield "another name", _set(name="other-1.0-py3-none-any.whl")
    yield "another version in the name", _set(name=f"{name}-9.0-py3-none-any.whl")
    yield "a name that climbs", _set(name=f"../{name}-1.0-py3-none-any.whl")
    yield "an encoded name", _set(name=f"..%2f{name}-1.0-py3-none-any.whl")
    yield "an empty name", _set(name="")
    yield "a size of one more", lambda file: file.update(size=file.get("size", 1000) + 1)
    yield "a size of nothing", _set(size=0)
    yield "a negative size", _set(size=-1)
    yield "a size as text", _set(size="12")
    yield "a subdirectory that climbs", _set(subdirectory="../..")


def _package_changes(evil: str) -> Iterator[tuple[str, Callable[[Document], object]]]:
    for text in ("other", "../x", "Alpha", "", ".", "..", "\u0430lpha", "a/b", "--index-url", "alpha\n"):
        yield f"name {text!r}", _set(name=text)
    for text in ("9.0", "", "../1", "1.0\n", "1.0; x", "1" * 5000):
        yield f"version {text[:9]!r}", _set(version=text)
    for text in ("(wish) sys_platform == 'win32'", "sys_platform = 'x'", "(" * 3000, "os_name == '\0'", "import os"):
        yield f"{text[:30]!r}" if not text.startswith("(wish)") else text, _set(marker=text.removeprefix("(wish) "))
    yield "a marker that is a number", _set(marker=3)
    yield "dependencies of nothing", _set(dependencies=[{"name": "nothing"}])
    yield "dependencies as text", _set(dependencies="beta")
    yield "dependencies without names", _set(dependencies=[{}])
    yield "dependencies with numbers", _set(dependencies=[{"name": 3}])
    yield "another index", _set(index=f"{evil}/simple/")
    yield "an index of nonsense", _set(index="http://[x/")
    yield "a repository too", _set(vcs={"type": "git", "url": f"{evil}/x.git", "commit-id": "0" * 40})
    yield "a directory instead", lambda package: _instead(package, directory={"path": "/etc"})
    yield (
        "a repository instead",
        lambda package: _instead(package, vcs={"type": "git", "url": f"{evil}/x.git", "commit-id": "0" * 40}),
    )
    yield (
        "a repository with an option",
        lambda package: _instead(package, vcs={"type": "git", "url": "--upload-pack=touch x", "commit-id": "0" * 40}),
    )
    yield (
        "a command as repository",
        lambda package: _instead(package, vcs={"type": "git", "url": "ext::sh -c true", "commit-id": "0" * 40}),
    )
    yield (
        "a commit with an option",
        lambda package: _instead(package, vcs={"type": "git", "url": f"{evil}/x.git", "commit-id": "--output=x"}),
    )
    yield (
        "an archive instead",
        lambda package: _instead(
            package, archive={"url": f"{evil}/files/x-1.0.tar.gz", "hashes": {"sha256": "0" * 64}}
        ),
    )
    yield "requires another Python", _set(requires_python=">=99")
    yield "requires no Python at all", _set(requires_python="?")


def _instead(package: Document, **source: object) -> None:
    for key in ("wheels", "sdist", "archive", "directory", "vcs", "index"):
        package.pop(key, None)
    package.update(source)


def _top_changes() -> Iterator[tuple[str, Callable[[Document], object]]]:
    for version in ("2.0", "0.9", "1.x", "", 1, None):
        yield f"lock-version {version}", _set(lock_version=version) if version is not None else _without("lock-version")
    for text in ("?", "<3", ">=99"):
        yield f"requires-python {text}", _set(requires_python=text)
    yield "environments of others", _set(environments=["sys_platform == 'win32'"])
    yield "environments of nonsense", _set(environments=["x"])
    yield "packages gone", _without("packages")
    yield "(wish) no packages", _set(packages=[])
    yield "packages as text", _set(packages="alpha")
    yield "an extra that climbs", _set(extras=["../x"])
    yield "extras as text", _set(extras="x")
    yield "a group that climbs", _set(dependency_groups=["../x"])
    yield "(wish) other default groups", _set(default_groups=[])
    yield "(wish) tool gone", _without("tool")
    yield "created by nobody", _without("created-by")
    tools: list[object] = ["x", 1, [], {"provenv": "x"}, {"provenv": []}, {"provenv": {"format": "x"}}]
    for tool in [*tools, {"provenv": {"format": 99}}]:
        yield f"(wish) tool {tool!r}", _set(tool=tool)
    keys = (
        "requires",
        "extras",
        "groups",
        "targets",
        "conflicts",
        "members",
        "root",
        "directories",
        "policy",
        "format",
    )
    values: list[object] = ["x", 7, [7], ["x"], {"x": 7}, {"x": ["y"]}, [["x"]], [{}], True]
    for key in keys:
        for value in values:

            def recorded(changed: Document, key: str = key, value: object = value) -> None:
                changed["tool"]["provenv"][key] = value

            yield f"(wish) {key} {value!r}", recorded


def _without(key: str) -> Callable[[Document], object]:
    return lambda changed: changed.pop(key)
