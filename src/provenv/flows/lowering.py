"""Lowers a requirement to where its package comes from: an index, one index by name, or one known place.

A direct reference stands in the requirement itself (PEP 508, ``name @ URL``) or in the ``sources`` of the project that
wrote it. Credentials never get into a reference: it is kept on disk.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote, urldefrag, urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from provenv.errors import InputError
from provenv.flows.aimed import Reference
from provenv.index.local import path_of_url, url_of_path
from provenv.model.sources import SourceRule
from provenv.net.secrets import redact, split_credentials

__all__ = ["directory_reference", "lower", "path_reference", "url_reference", "without_secret"]

_ARCHIVES = (".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tar")
_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//)[^\s]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def lower(
    rules: Mapping[str, Sequence[SourceRule]],
    requirement: Requirement,
    *,
    holds: Callable[[Marker], bool],
    section: str,
    directory: str,
    workspace: Mapping[str, str],
    where: str,
) -> Reference | str | None:
    """Where the package of a requirement comes from: a reference, the name of the index to ask, or None for any index.

    ``rules`` are those of the project in ``directory`` that wrote the requirement in ``section`` (``""``,
    ``extra:NAME`` or ``group:NAME``). ``holds`` evaluates a marker on the target. ``workspace`` maps the members of
    the project's workspace to their directories. ``where`` names the line in messages. Raises InputError.
    """
    name = str(canonicalize_name(requirement.name))
    rule = _rule(rules.get(name, ()), holds, section)
    if requirement.url is not None:
        if rule is not None and rule.kind != "index":
            raise InputError(
                where,
                f"{name} has a direct reference here and another at {rule.where}",
                hint="leave one of them out",
            )
        return url_reference(requirement.url, directory=directory, where=where)
    if rule is None:
        return None
    at = f"{where.partition(': ')[0]}: {rule.where}"
    if rule.kind == "index":
        return rule.place
    if rule.kind == "workspace":
        if name not in workspace:
            raise InputError(
                at, f"`{name}` is no member of the workspace", hint="add its directory to `members` of the workspace"
            )
        is_editable = rule.is_editable is not False
        return directory_reference(workspace[name], where=at, is_editable=is_editable)
    if rule.kind == "path":
        return path_reference(
            rule.place,
            directory=directory,
            where=at,
            is_editable=bool(rule.is_editable),
            is_package=rule.is_package,
        )
    text = rule.place.removeprefix("git+")
    reference = _git(text, rule.rev, at) if rule.kind == "git" else url_reference(text, directory=directory, where=at)
    if rule.subdirectory is not None:
        reference["subdirectory"] = rule.subdirectory
    return reference


def _rule(rules: Sequence[SourceRule], holds: Callable[[Marker], bool], section: str) -> SourceRule | None:
    """The first rule that holds here."""
    for rule in rules:
        is_meant = rule.extra is None or section == f"extra:{rule.extra}"
        is_meant = is_meant and (rule.group is None or section == f"group:{rule.group}")
        if is_meant and (rule.marker is None or holds(rule.marker)):
            return rule
    return None


def url_reference(text: str, *, directory: str, where: str) -> Reference:
    """The reference of a URL as a requirement holds it; a path is one from ``directory``. Raises InputError."""
    text = text.strip().replace("${PROJECT_ROOT}", directory)
    if text.startswith("git+"):
        return _git_url(text[4:], where)
    url, fragment = urldefrag(text)
    options = _fragment(fragment)
    scheme = url.partition(":")[0].lower() if "://" in url or url[:5].lower() == "file:" else ""
    if scheme in ("", "file"):
        path = path_of_url(url) if "://" in url else unquote(url[5:]) if scheme else url
        if path is None:
            raise InputError(where, f"`{url}` is a file of another computer")
        reference = path_reference(path, directory=directory, where=where)
    elif scheme in ("http", "https"):
        reference = _reference("archive", without_secret(url))
        if not urlsplit(url).path.lower().endswith(_ARCHIVES):
            raise InputError(
                where,
                f"`{redact(url)}` does not end like a wheel or a source archive",
                hint="a repository begins with `git+`; an archive ends in .whl, .tar.gz or .zip",
            )
    else:
        raise InputError(
            where,
            f"`{redact(url)}` begins with `{scheme}://`, which provenv cannot read",
            hint="http, https, file and git+https, git+ssh, git+file are known",
        )
    reference["subdirectory"] = options.get("subdirectory")
    reference["sha256"] = _sha256(options, where)
    return reference


def path_reference(
    path: str, *, directory: str, where: str, is_editable: bool = False, is_package: bool | None = None
) -> Reference:
    """The reference of a path from ``directory``: a wheel, a source archive, or a directory. Raises InputError."""
    if path.lower().startswith("file:"):
        return url_reference(path, directory=directory, where=where)
    full = os.path.abspath(os.path.join(directory, os.path.expanduser(path)))
    if os.path.isdir(full):
        return directory_reference(full, where=where, is_editable=is_editable, is_package=is_package)
    if full.lower().endswith(_ARCHIVES):
        if is_editable:
            raise InputError(where, f"`{path}` is an archive, which cannot be editable", hint="leave out `editable`")
        return _reference("archive", url_of_path(full))
    if os.path.exists(full):
        raise InputError(where, f"`{path}` is neither a directory, a wheel nor a source archive")
    raise InputError(where, f"`{path}` does not exist", hint=f"it was looked for at {full}")


def directory_reference(
    path: str, *, where: str, is_editable: bool = False, is_package: bool | None = None, is_needed: bool = True
) -> Reference:
    """The reference of a directory (an absolute path). Raises InputError when no project is there.

    It is virtual if ``is_package`` is False, or if its own project file says ``package = false``. One that nothing
    needs (``is_needed``: a workspace member on its own) is virtual without a build system, too, as in uv.
    """
    try:
        with open(os.path.join(path, "pyproject.toml"), "rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        if not any(os.path.exists(os.path.join(path, name)) for name in ("setup.py", "setup.cfg")):
            raise InputError(
                where, f"`{path}` is no project", hint="a directory needs a pyproject.toml or a setup.py"
            ) from None
        document = {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(os.path.join(path, "pyproject.toml"), f"cannot be read: {error}") from error
    if is_package is None:
        is_package = _says_package(document)
    if is_package is None:
        is_package = is_needed or "build-system" in document
    reference = _reference("directory", path)
    reference["is_editable"] = is_editable and is_package
    reference["is_virtual"] = not is_package
    return reference


def _says_package(document: Mapping[str, object]) -> bool | None:
    tool = document.get("tool")
    for name in ("provenv", "uv"):
        table = tool.get(name) if isinstance(tool, dict) else None
        if isinstance(table, dict) and isinstance(table.get("package"), bool):
            return bool(table["package"])
    return None


def _git_url(text: str, where: str) -> Reference:
    """``https://host/path@rev#subdirectory=x``, as pip writes it after ``git+``."""
    url, fragment = urldefrag(text)
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    # A user name stands before the host; after it, a branch may have slashes in its name.
    at = path.rfind("@")
    path, at_sign, rev = (path[:at], "@", path[at + 1 :]) if at >= 0 else (path, "", "")
    reference = _git(f"{scheme}{separator}{host}{slash}{path}", rev or None, where)
    if at_sign and not rev:
        raise InputError(where, f"`{redact(text)}` ends in `@`: a branch, a tag or a commit is expected after it")
    reference["subdirectory"] = _fragment(fragment).get("subdirectory")
    return reference


def _git(url: str, rev: str | None, where: str) -> Reference:
    if "://" not in url and _SCP.fullmatch(url):
        host, _, path = url.partition(":")
        url = f"ssh://{host}/{path}"
    scheme = url.partition("://")[0].lower()
    if "://" not in url or scheme not in ("http", "https", "ssh", "git", "file"):
        raise InputError(
            where,
            f"`{redact(url)}` is not the URL of a repository",
            hint="write it as https://host/path, ssh://git@host/path or file:///path",
        )
    if (rev or "").startswith("-"):
        raise InputError(where, f"`{rev}` is not the name of a branch, a tag or a commit")
    reference = _reference("git", without_secret(url))
    reference["rev"] = rev
    return reference


def without_secret(url: str) -> str:
    """A URL without user name and password. A user of ssh is no secret: without it the URL means another place."""
    clean, credentials = split_credentials(url)
    scheme, separator, rest = clean.partition("://")
    if credentials is not None and scheme.lower().removeprefix("git+") == "ssh" and credentials[0]:
        return f"{scheme}{separator}{credentials[0]}@{rest}"
    return clean


def _reference(kind: str, url: str) -> Reference:
    return {
        "kind": kind,
        "url": url,
        "rev": None,
        "subdirectory": None,
        "sha256": None,
        "is_editable": False,
        "is_virtual": False,
    }


def _fragment(fragment: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in fragment.split("&") if part]
    return {key: unquote(value) for key, _, value in pairs}


def _sha256(options: Mapping[str, str], where: str) -> str | None:
    value = options.get("sha256")
    if value is None:
        if other := [name for name in ("md5", "sha1", "sha224", "sha384", "sha512") if name in options]:
            raise InputError(where, f"the URL has a hash of the kind {other[0]}", hint="only sha256 is checked")
        return None
    if not _SHA256.fullmatch(value.lower()):
        raise InputError(where, f"`{value}` is not a SHA-256", hint="64 hexadecimal digits are expected after sha256=")
    return value.lower()
