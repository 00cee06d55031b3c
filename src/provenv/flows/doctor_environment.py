"""Reads an environment for the doctor, whoever made it: its settings and what is in it. Its Python is not run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName, default_environment

from provenv.binary.facts import FileFacts
from provenv.doctor.subject import Distribution, Environment, Startup
from provenv.env import receipt as receipts
from provenv.env.drift import drifted, own_drift
from provenv.env.paths import Paths
from provenv.env.scan import normalised, scan
from provenv.flows.doctor_tree import read_text
from provenv.store.compiled import kept_facts
from provenv.store.store import Store

__all__ = ["read_environment", "site_of"]

_PROGRAMS = ("bin/python", "bin/python3", "Scripts/python.exe")
_CUSTOM = ("sitecustomize.py", "usercustomize.py")
_LARGEST_RECORD = 64 << 20


def read_environment(root: str, place: str, store: Store | None, *, is_of_project: bool) -> Environment:
    """What is known of the environment at ``root``; ``place`` is what people call it."""
    settings = _settings(root)
    is_conda = os.path.isdir(f"{root}/conda-meta")
    site = site_of(root)
    receipt = receipts.read(root)
    python = _python(settings, site)
    distributions = tuple(_distributions(root, site, receipt, store, python))
    return Environment(
        place=place,
        is_of_project=is_of_project,
        has_settings=os.path.isfile(f"{root}/pyvenv.cfg"),
        settings=settings,
        missing_interpreter=_missing(root, settings),
        is_conda=is_conda,
        is_ours=receipt is not None or "provenv" in settings,
        python=python,
        distributions=distributions,
        startup=tuple(_startup(root, site, distributions)),
        libraries=dict(_libraries(root, site)),
        damaged=() if receipt is None else _damaged(root, receipt),
    )


def site_of(root: str) -> str:
    """Where packages are, relative to the environment; "" when it has no such place."""
    library = f"{root}/lib"
    names = sorted(os.listdir(library), reverse=True) if os.path.isdir(library) else []
    for name in names:
        if name.startswith(("python3.", "pypy3.")) and os.path.isdir(f"{library}/{name}/site-packages"):
            return f"lib/{name}/site-packages"
    return "Lib/site-packages" if os.path.isdir(f"{root}/Lib/site-packages") else ""


def _settings(root: str) -> Mapping[str, str]:
    pairs = [line.partition("=") for line in (read_text(f"{root}/pyvenv.cfg") or "").splitlines()]
    return {key.strip().lower(): value.strip() for key, separator, value in pairs if separator}


def _missing(root: str, settings: Mapping[str, str]) -> str:
    """Where the interpreter should be, if nothing is there."""
    for program in _PROGRAMS:
        path = f"{root}/{program}"
        if os.path.islink(path) and not os.path.exists(path):
            return os.path.join(os.path.dirname(path), os.readlink(path))
    home = settings.get("home", "")
    if home and not os.path.isdir(home):
        return home
    return "" if any(os.path.exists(f"{root}/{program}") for program in _PROGRAMS) else f"{root}/{_PROGRAMS[0]}"


def _python(settings: Mapping[str, str], site: str) -> tuple[int, ...]:
    text = settings.get("version") or settings.get("version_info") or ""
    if not (match := re.match(r"\d+(?:\.\d+)+", text)):
        match = re.search(r"(?<=python)3\.\d+", site)
    return tuple(int(part) for part in match[0].split(".")[:3]) if match else ()


def _distributions(
    root: str, site: str, receipt: receipts.Receipt | None, store: Store | None, python: tuple[int, ...]
) -> Iterator[Distribution]:
    if not site:
        return
    hashes: dict[tuple[str, str], str | None] = {}
    markers = _markers(python)
    of_conda: frozenset[str] | None = None
    if receipt is not None:
        paths = Paths(
            root=root, purelib=site, platlib=site, scripts="bin", headers="", include="", python="", is_windows=False
        )
        hashes = {(one.name, one.version): one.sha256 for one in scan(paths)}
    for entry in sorted(os.listdir(f"{root}/{site}")):
        stem, _, kind = entry.rpartition(".")
        if kind not in ("dist-info", "egg-info") or entry.startswith("~"):
            continue
        name, _, version = stem.partition("-")
        name, version = normalised(name), version.partition("-py")[0]
        sha256 = hashes.get((name, version))
        installer = (read_text(f"{root}/{site}/{entry}/INSTALLER") or "").strip().lower()
        if installer in ("pip", "uv") and os.path.isdir(f"{root}/conda-meta"):
            # Whoever builds a conda package may have pip do it, and leave its name in there.
            of_conda = _of_conda(root) if of_conda is None else of_conda
            installer = "conda" if entry in of_conda else installer
        yield Distribution(
            name=name,
            version=version,
            path=f"{site}/{entry}",
            installer=installer,
            is_foreign=receipt is not None and sha256 is None,
            is_editable='"editable"' in (read_text(f"{root}/{site}/{entry}/direct_url.json") or ""),
            sha256=sha256 or "",
            requires=tuple(_requires(read_text(f"{root}/{site}/{entry}/METADATA") or "", markers)),
            facts=None if sha256 is None or store is None else _facts(store, sha256),
        )


def _facts(store: Store, sha256: str) -> tuple[FileFacts, ...] | None:
    """Those that somebody has read before: nothing is read anew for a quick look."""
    return kept_facts(store, sha256)


def _of_conda(root: str) -> frozenset[str]:
    """The ``.dist-info`` directories that packages of conda brought, by conda's own records."""
    found: set[str] = set()
    for name in os.listdir(f"{root}/conda-meta"):
        if name.endswith(".json"):
            text = read_text(f"{root}/conda-meta/{name}", _LARGEST_RECORD) or ""
            found.update(re.findall(r"site-packages/([^/\"]+\.(?:dist|egg)-info)", text))
    return frozenset(found)


def _markers(python: tuple[int, ...]) -> dict[str, str]:
    """Marker variables of that Python on this machine."""
    environment = {key: str(value) for key, value in default_environment().items()}
    if len(python) > 1:
        environment["python_version"] = f"{python[0]}.{python[1]}"
        environment["python_full_version"] = ".".join(map(str, python if len(python) > 2 else (*python, 0)))
    return {**environment, "extra": ""}


def _requires(metadata: str, markers: dict[str, str]) -> Iterator[str]:
    """Requirements that hold; a line that is none is passed over, as whoever installed it did."""
    for line in metadata.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        if key.lower() != "requires-dist":
            continue
        wanted, _, marker = value.partition(";")
        if "extra" in marker and re.search(r"\bextra\s*==", marker):
            continue
        try:
            if not marker.strip() or Marker(marker).evaluate(markers):
                yield wanted.strip()
        except (InvalidMarker, UndefinedEnvironmentName, UndefinedComparison):
            continue


def _startup(root: str, site: str, distributions: Sequence[Distribution]) -> Iterator[Startup]:
    names = sorted(os.listdir(f"{root}/{site}")) if site else []
    for name in names:
        path = f"{site}/{name}"
        if name in _CUSTOM:
            yield Startup(path=path, line=0, text="", is_owned=_is_owned(root, name, distributions))
        elif name.endswith(".pth"):
            for number, line in enumerate((read_text(f"{root}/{path}") or "").splitlines(), 1):
                if line.startswith(("import ", "import\t")):
                    is_owned = name == "_virtualenv.pth" or _is_owned(root, name, distributions)
                    yield Startup(path=path, line=number, text=line, is_owned=is_owned)
                    break


def _is_owned(root: str, name: str, distributions: Sequence[Distribution]) -> bool:
    """Whether a RECORD names a file of site-packages."""
    for one in distributions:
        text = read_text(f"{root}/{one.path}/RECORD", _LARGEST_RECORD) or ""
        if text.startswith(f"{name},") or f"\n{name}," in text:
            return True
    return False


def _libraries(root: str, site: str) -> Iterator[tuple[str, str]]:
    """Libraries of NVIDIA's wheels and of PyTorch, by their file names."""
    if not site:
        return
    nvidia = f"{root}/{site}/nvidia"
    parts = sorted(os.listdir(nvidia)) if os.path.isdir(nvidia) else []
    for directory in (*(f"nvidia/{part}/lib" for part in parts), "torch/lib"):
        place = f"{root}/{site}/{directory}"
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
            if ".so" in name:
                yield name, f"{site}/{directory}/{name}"


def _damaged(root: str, receipt: receipts.Receipt) -> tuple[str, ...]:
    found = [path for paths in drifted(root, receipt).values() for path in paths]
    return (*own_drift(root, receipt), *found)
