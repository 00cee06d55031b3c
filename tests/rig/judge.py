"""The independent judge of an environment: is every file of every wheel there, with the right bytes, and nothing else?

Nothing here is shared with what it judges: the standard library reads the wheels, and the environment's own Python
imports what they bring. It knows what an installer may add: RECORD, INSTALLER, REQUESTED, direct_url.json, programs,
and byte code of modules that are there; byte code must be what its source compiles to, wherever Python would run it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import marshal
import os
import re
import subprocess
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from configparser import ConfigParser
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

__all__ = ["Expected", "expected_of", "judge"]

_ADDED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
_ROOT_FILES = {"pyvenv.cfg", "provenv-receipt", ".gitignore", ".lock", "CACHEDIR.TAG"}
_OWN_PROGRAMS = re.compile(r"activate.*|deactivate.*|pydoc\.bat|python[0-9.]*t?|pypy[0-9.]*|[Aa]ctivate\.ps1")
_SCHEMES = {"purelib": "{site}/", "platlib": "{site}/", "headers": "include/site/{python}/{name}/", "scripts": "bin/"}
_IMPORT = """
import sys
for name in sys.argv[1:]:
    try:
        __import__(name)
    except BaseException as problem:
        print(f"import {name}: {problem!r}")
"""


class Expected:
    """What one wheel puts into an environment, below its root; ``{site}`` and ``{python}`` stand in the paths."""

    def __init__(self, path: Path) -> None:
        self.filename = path.name
        self.files: dict[str, str] = {}
        """Path to the SHA-256 of its content."""
        self.shebangs: dict[str, bytes] = {}
        """Path of a shipped ``#!python`` script to what follows its first line."""
        self.programs: dict[str, str] = {}
        """Name of a program to its ``module:object``."""
        self.dist_info = ""
        with zipfile.ZipFile(path) as archive:
            self._read(archive)

    def _read(self, archive: zipfile.ZipFile) -> None:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        self.dist_info = next(name.split("/")[0] for name in names if name.split("/")[0].endswith(".dist-info"))
        data_dir = self.dist_info.removesuffix(".dist-info") + ".data/"
        name = self.dist_info.split("-")[0]
        for member in names:
            content = archive.read(member)
            if member == f"{self.dist_info}/entry_points.txt":
                self.programs = _programs(content.decode())
            if member.startswith(data_dir):
                scheme, _, rest = member[len(data_dir) :].partition("/")
                place = _SCHEMES.get(scheme, "").replace("{name}", name.lower().replace("_", "-")) + rest
                if scheme == "scripts" and content.startswith(b"#!python"):
                    self.shebangs[place] = content.partition(b"\n")[2]
                    continue
            elif member == f"{self.dist_info}/RECORD":
                continue
            else:
                place = "{site}/" + member
            self.files[place] = hashlib.sha256(content).hexdigest()

    def modules(self) -> set[str]:
        """Names to import: packages, modules, and what lies right below a namespace package."""
        paths = [path.removeprefix("{site}/") for path in self.files if path.startswith("{site}/")]
        packages = {path.rpartition("/")[0] for path in paths if path.endswith("/__init__.py")}
        found = set()
        for path in paths:
            parts = path.removesuffix(".py").split("/")
            if not path.endswith(".py") or not all(part.isidentifier() for part in parts):
                continue
            if len(parts) == 1 or parts[0] in packages:
                found.add(parts[0])
            elif len(parts) == 2:
                found.add(".".join(parts))
        return found


def judge(
    environment: Path, wheels: Iterable[Path], *, has_imports: bool = True, ignored: Collection[str] = ()
) -> list[str]:
    """What is wrong with an environment that should hold exactly ``wheels``; empty when it is good.

    ``ignored`` are first parts of paths in site-packages that are nobody's business here (``pip`` of a stock venv).
    """
    site = next(iter(sorted(environment.glob("lib/python3.*/site-packages"))), None)
    if site is None:
        return [f"{environment} has no site-packages"]
    expected = [expected_of(wheel) for wheel in wheels]
    words = {"{site}": site.relative_to(environment).as_posix(), "{python}": site.parent.name}
    seen = {path: os.lstat(environment / path) for path in _files(environment)}
    wrong: list[str] = []
    owned: set[str] = set()
    for one in expected:
        owned |= set(_judge_wheel(environment, one, words, seen, wrong))
    wrong += _extra(words["{site}"], owned, seen, ignored)
    wrong += _byte_code(environment, seen)
    if has_imports and not wrong:
        wrong += _imports(environment, sorted(set().union(*(one.modules() for one in expected))))
    return wrong


def expected_of(wheel: Path) -> Expected:
    """What a wheel brings; read once."""
    status = wheel.stat()
    return _expected(wheel, status.st_mtime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=512)
def _expected(wheel: Path, *_: int) -> Expected:
    return Expected(wheel)


def _judge_wheel(
    environment: Path,
    one: Expected,
    words: Mapping[str, str],
    seen: Mapping[str, os.stat_result],
    wrong: list[str],
) -> Iterator[str]:
    """The paths that one wheel owns."""
    digests: dict[str, str] = {}
    for pattern, digest in one.files.items():
        path = _placed(pattern, words)
        digests[path] = digest
        if path not in seen:
            wrong.append(f"{one.filename}: {path} is missing")
        elif not S_ISREG(seen[path].st_mode):
            wrong.append(f"{one.filename}: {path} is no file")
        elif _digest(environment / path) != digest:
            wrong.append(f"{one.filename}: {path} has other bytes")
        yield path
    for pattern, body in one.shebangs.items():
        path = _placed(pattern, words)
        wrong += _judge_program(environment, one, path, seen, body)
        yield path
    for name, reference in one.programs.items():
        module, _, attribute = reference.partition(":")
        line = f"from {module} import {attribute.partition('.')[0]}".encode()
        wrong += _judge_program(environment, one, f"bin/{name}", seen, line)
        yield f"bin/{name}"
    dist_info = f"{words['{site}']}/{one.dist_info}"
    wrong += _judge_record(environment, one, f"{dist_info}/RECORD", words["{site}"], digests)
    yield from (f"{dist_info}/{name}" for name in _ADDED)


def _judge_program(
    environment: Path, one: Expected, path: str, seen: Mapping[str, os.stat_result], needle: bytes
) -> list[str]:
    if path not in seen:
        return [f"{one.filename}: the program {path} is missing"]
    text = (environment / path).read_bytes()
    wrong = []
    if not seen[path].st_mode & 0o100:
        wrong.append(f"{one.filename}: the program {path} is not executable")
    if f"{environment}/bin/python".encode() not in text.split(b"\n")[0] + text.partition(b"\n")[2][:400]:
        wrong.append(f"{one.filename}: the program {path} is for another Python")
    if needle not in text:
        wrong.append(f"{one.filename}: the program {path} has other bytes")
    return wrong


def _judge_record(environment: Path, one: Expected, path: str, site: str, digests: Mapping[str, str]) -> list[str]:
    """RECORD names every file of the wheel, and every hash in it is right."""
    try:
        with open(environment / path, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as problem:
        return [f"{one.filename}: {path}: {problem}"]
    if any(len(row) != 3 for row in rows):
        return [f"{one.filename}: {path} is torn"]
    named = {os.path.normpath(f"{site}/{row[0]}"): row[1:] for row in rows}
    wrong = [f"{one.filename}: RECORD does not name {place}" for place in digests if place not in named]
    for place, (digest, *_) in named.items():
        if not digest:
            continue
        try:
            actual = digests.get(place) or _digest(environment / place)
        except OSError:
            wrong.append(f"{one.filename}: RECORD names {place}, which is missing")
            continue
        if digest != "sha256=" + base64.urlsafe_b64encode(bytes.fromhex(actual)).decode().rstrip("="):
            wrong.append(f"{one.filename}: RECORD has another hash of {place}")
    return wrong


def _extra(
    site: str, owned: Collection[str], seen: Mapping[str, os.stat_result], ignored: Collection[str]
) -> Iterator[str]:
    """Files that no wheel and no installer would put there."""
    known = {*owned, *_ROOT_FILES, "lib64"}
    tops = {*ignored, "_virtualenv.py", "_virtualenv.pth"}
    for path in seen:
        is_below_site = path.startswith(site + "/")
        if path in known or (path.startswith("bin/") and _OWN_PROGRAMS.fullmatch(path[4:])):
            continue
        if is_below_site and (path[len(site) + 1 :].split("/")[0] in tops or _source_of(path) in owned):
            continue
        yield f"{path} belongs to nobody"


def _byte_code(environment: Path, seen: Mapping[str, os.stat_result]) -> Iterator[str]:
    """Byte code that Python would run must be what its source compiles to."""
    for path in seen:
        source = _source_of(path)
        if source is None or source not in seen:
            continue
        code = (environment / path).read_bytes()
        if code[:4] != importlib.util.MAGIC_NUMBER:
            continue  # of another Python
        status = seen[source]
        fits = (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
        if code[4:8] != bytes(4):
            yield f"{path} is not checked against its source"
        elif code[8:16] == fits and not _is_compiled(code[16:], (environment / source).read_bytes()):
            yield f"{path} is not what its source compiles to, and Python would run it"


@lru_cache(maxsize=8192)
def _is_compiled(code: bytes, source: bytes) -> bool:
    try:
        return bool(marshal.loads(code) == compile(source, "module", "exec", dont_inherit=True))
    except (ValueError, EOFError, TypeError, SyntaxError):
        return False


def _imports(environment: Path, modules: list[str]) -> list[str]:
    python = environment / "bin/python"
    try:
        done = subprocess.run(
            [python, "-I", "-B", "-c", _IMPORT, *modules], capture_output=True, text=True, timeout=120, check=False
        )
    except OSError as problem:
        return [f"{python}: {problem}"]
    return done.stdout.splitlines() + ([] if done.returncode == 0 else [f"{python} ended with {done.returncode}"])


def _files(environment: Path) -> Iterator[str]:
    """Everything that is no directory, relative to the root; links to directories are seen, not followed."""
    for directory, names, files in os.walk(environment):
        below = os.path.relpath(directory, environment)
        prefix = "" if below == "." else below + "/"
        links = [name for name in names if os.path.islink(f"{directory}/{name}")]
        yield from (prefix + name for name in [*files, *links])


def _source_of(path: str) -> str | None:
    match = re.fullmatch(r"(.*)__pycache__/([^/.]+)\.[^/]+\.pyc", path)
    return f"{match[1]}{match[2]}.py" if match else None


def _placed(pattern: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        pattern = pattern.replace(word, value)
    return pattern


def _programs(text: str) -> dict[str, str]:
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    groups = [parser[name] for name in ("console_scripts", "gui_scripts") if parser.has_section(name)]
    return {name: reference.partition("[")[0].replace(" ", "") for group in groups for name, reference in group.items()}


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
