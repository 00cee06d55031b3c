"""Real, small source archives for tests, with a build backend of their own: no build needs the network.

The backend makes a wheel with one package, and writes into it what it saw of its surroundings: ``told.json``.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.worlds.wheels import build_wheel, core_metadata

__all__ = ["BACKEND", "backend_wheel", "build_sdist", "project_files", "write_tar", "write_tree"]

_DATE = 1_704_067_200

BACKEND = '''\
"""A build backend in one file. The table [tool.small] says what it does."""
import base64, hashlib, importlib, json, os, sys, tomllib, zipfile


def _read():
    with open("pyproject.toml", "rb") as file:
        document = tomllib.load(file)
    return document["project"], document.get("tool", {}).get("small", {})


def _requires(hook, config_settings=None):
    small = _read()[1]
    print("asked for", hook)
    return small.get("requires", [])


def get_requires_for_build_wheel(config_settings=None):
    return _requires("wheel")


def _metadata(project, small):
    version = project.get("version", small.get("version", ""))
    lines = ["Metadata-Version: 2.1", "Name: " + project["name"], "Version: " + version]
    for text in [*project.get("dependencies", []), *small.get("dependencies", [])]:
        lines.append("Requires-Dist: " + text)
    return "\\n".join(lines) + "\\n"


def _prepare(small):
    for text in small.get("says", []):
        print(text, file=sys.stderr, flush=True)
    found = {}
    for module in small.get("imports", []):
        found[module] = getattr(importlib.import_module(module), "__version__", "")
    if "exits" in small:
        sys.exit(small["exits"])
    return found


def _stem(project, small):
    return project["name"].replace("-", "_") + "-" + project.get("version", small.get("version", ""))


def prepare_metadata_for_build_wheel(into, config_settings=None):
    project, small = _read()
    _prepare(small)
    name = _stem(project, small) + ".dist-info"
    os.makedirs(os.path.join(into, name), exist_ok=True)
    with open(os.path.join(into, name, "METADATA"), "w") as file:
        file.write(_metadata(project, small))
    return name


def _wheel(into, config_settings, files):
    project, small = _read()
    found = _prepare(small)
    stem, module = _stem(project, small), project["name"].replace("-", "_")
    if files is None:
        told = {
            "imports": found, "settings": config_settings, "epoch": os.environ.get("SOURCE_DATE_EPOCH"),
            "path": os.environ.get("PYTHONPATH"), "prefix": sys.prefix, "here": os.getcwd(),
        }
        files = {
            module + "/__init__.py": "__version__ = %r\\n" % stem.partition("-")[2],
            module + "/told.json": json.dumps(told),
        }
    files = {
        **files,
        stem + ".dist-info/METADATA": _metadata(project, small),
        stem + ".dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append("%s,sha256=%s,%d\\n" % (path, digest, len(text.encode())))
    files[stem + ".dist-info/RECORD"] = "".join(rows) + stem + ".dist-info/RECORD,,\\n"
    name = stem + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(into, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0)), text)
    return name


def build_wheel(into, config_settings=None, metadata_directory=None):
    return _wheel(into, config_settings, None)
'''

EDITABLE = """

def get_requires_for_build_editable(config_settings=None):
    return _requires("editable")


def build_editable(into, config_settings=None, metadata_directory=None):
    name = _read()[0]["name"].replace("-", "_")
    return _wheel(into, config_settings, {"__editable__" + name + ".pth": os.getcwd() + "\\n"})
"""


def project_files(
    name: str,
    version: str = "1.0",
    requires: Iterable[str] = (),
    *,
    is_static: bool = False,
    is_dynamic_version: bool = False,
    build_requires: Iterable[str] = (),
    backend: str | None = None,
    has_prepare: bool = True,
    has_editable: bool = True,
    more: str = "",
    small: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The files of a project, path to content.

    ``is_static``: its requirements can be read; else only a build tells. ``backend`` is the module of a backend that
    ``build_requires`` brings, instead of the one in the tree. ``small`` goes into the table that the backend reads:
    ``imports`` (modules that it imports), ``requires`` (for the build, told only by a hook), ``says``, ``exits``.
    """
    table = {**(small or {})}
    dynamic = [*([] if is_static else ["dependencies"]), *(["version"] if is_dynamic_version else [])]
    if not is_static:
        table["dependencies"] = list(requires)
    if is_dynamic_version:
        table["version"] = version
    lines = [
        "[build-system]",
        f"requires = {list(build_requires)!r}",
        f"build-backend = {backend or 'small_backend'!r}",
    ]
    if backend is None:
        lines.append("backend-path = ['.']")
    lines += ["", "[project]", f"name = {name!r}"]
    if not is_dynamic_version:
        lines.append(f"version = {version!r}")
    if is_static:
        lines.append(f"dependencies = {list(requires)!r}")
    if dynamic:
        lines.append(f"dynamic = {dynamic!r}")
    lines += ["", "[tool.small]", *(f"{key} = {value!r}" for key, value in table.items()), more, ""]
    source = BACKEND if has_prepare else BACKEND.replace("def prepare_metadata", "def _unused_prepare_metadata")
    found = {"pyproject.toml": "\n".join(lines), **(files or {})}
    if backend is None:
        found["small_backend.py"] = source + (EDITABLE if has_editable else "")
    return found


def build_sdist(
    directory: Path,
    name: str,
    version: str = "1.0",
    requires: Iterable[str] = (),
    *,
    metadata_version: str = "2.1",
    is_static: bool = False,
    build_requires: Iterable[str] = (),
    backend: str | None = None,
    has_prepare: bool = True,
    small: Mapping[str, object] | None = None,
) -> Path:
    """Write a source archive into ``directory``; see ``project_files``. PKG-INFO of 2.1 is not to be trusted."""
    files = project_files(
        name,
        version,
        requires,
        is_static=is_static,
        build_requires=build_requires,
        backend=backend,
        has_prepare=has_prepare,
        small=small,
    )
    files["PKG-INFO"] = core_metadata(name, version, requires=requires).replace("2.1", metadata_version, 1)
    stem = f"{name.replace('-', '_')}-{version}"
    path = directory / f"{stem}.tar.gz"
    write_tar(path, {f"{stem}/{place}": text for place, text in files.items()})
    return path


def backend_wheel(directory: Path, version: str = "1.0") -> Path:
    """The backend as a wheel of its own: ``small-backend``, module ``small_backend``."""
    return build_wheel(directory, "small-backend", version, files={"small_backend.py": BACKEND + EDITABLE})


def write_tree(directory: Path, files: Mapping[str, str]) -> Path:
    """Write files below a directory; the directory."""
    for place, text in files.items():
        path = directory / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def write_tar(path: Path, files: Mapping[str, str | tarfile.TarInfo], mode: str = "w:gz") -> None:
    """Write an archive, the same bytes for the same files except for gzip's own time; a TarInfo is put in as it is."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for place, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(place)
            data = content.encode()
            member.size, member.mtime = len(data), _DATE
            archive.addfile(member, io.BytesIO(data))
