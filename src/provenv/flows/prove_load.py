"""Loads every extension module of an environment, each in a process of its own, and compares with what was foreseen.

Where the machine has no driver, empty libraries stand for the driver's: most modules load with these, and what they
lack besides shows.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from provenv.binary.facts import FileFacts
from provenv.binary.stub import stub_library
from provenv.errors import InstallError
from provenv.flows.prove_installed import sites_of
from provenv.flows.proven import Proof
from provenv.flows.world import World
from provenv.model.finding import FAILS, LEVELS, UNKNOWN, WARNS, Finding
from provenv.model.hardware import Hardware
from provenv.proof.subject import Package

__all__ = ["Loaded", "load", "load_all", "loaded_findings", "modules_of"]

_STUBS = ("libcuda.so.1", "libnvidia-ml.so.1")
_TIMEOUT = 60
_TAGGED = re.compile(r"\.(cpython-(\d)(\d+)(t?)-[^/]*|abi3)\.so$")
_STATIC = ("library", "symbol", "glibc", "libstdc++", "processor", "python")
"""Kinds of findings that say that something does not load."""
_DRIVER_SYMBOL = re.compile(r"undefined symbol: (cu[A-Z]|nvml[A-Z])")
_CHILD = """
import ctypes, importlib, json, os, signal, sys
site, limit, paths = sys.argv[1], int(sys.argv[2]), json.loads(sys.stdin.read())

def one(path):
    signal.alarm(limit)
    mode = os.RTLD_LAZY | os.RTLD_LOCAL
    try:
        ctypes.CDLL(os.path.join(site, path), mode=mode)
        return "loads", "", ""
    except OSError as problem:
        first = str(problem)
    # Some load by hand what their modules need, when their package is imported.
    imported = ""
    for name in dict.fromkeys(("torch", path.split("/")[0].split(".")[0])):
        if name == "torch" and "libtorch" not in first and "libc10" not in first:
            continue
        try:
            importlib.import_module(name)
        except BaseException as problem:
            imported = f"{type(problem).__name__}: {problem}"
    try:
        ctypes.CDLL(os.path.join(site, path), mode=mode)
        return "loads", "", imported
    except OSError as problem:
        return "fails", str(problem), imported

for path in paths:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        told = one(path)
        os.write(writer, json.dumps(told).encode()[:60000])
        os._exit(0)
    os.close(writer)
    data = b""
    while piece := os.read(reader, 65536):
        data += piece
    os.close(reader)
    _, status = os.waitpid(child, 0)
    try:
        told = json.loads(data)
    except ValueError:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        reason = f"not done within {limit} s" if number == signal.SIGALRM else f"the process died of signal {number}"
        told = ["fails", reason, reason]
    print(json.dumps([path, *told]), flush=True)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """How the loading of one module went."""

    path: str
    """Below site-packages."""
    is_loaded: bool
    message: str = ""
    """What the dynamic loader said."""
    import_message: str = ""
    """What happened when its package was imported first; "" when that went well."""


def load_all(world: World, place: str, proof: Proof) -> Proof:
    """Load all extension modules of an environment, and add what that shows. Raises InstallError."""
    version = proof.python.split(".")
    python = int(version[0]), int(version[1])
    sites = [site for site in sites_of(place) if site.count("/") == 2]
    program = next(
        (path for name in ("bin/python", "bin/python3") if os.path.exists(path := os.path.join(place, name))), None
    )
    if program is None or not sites:
        raise InstallError(f"{place} has no Python that could load anything", hint="name another environment")
    has_stub = proof.hardware.driver is None and not _has_driver(proof.hardware)
    for site in sites:
        directory = os.path.join(place, site)
        paths = [path for path in modules_of(proof.packages, python) if os.path.exists(os.path.join(directory, path))]
        world.events.started("load", len(paths))
        loaded = load(program, directory, paths, proof.hardware, world.variables, workers=world.store().workers)
        world.events.finished("load")
        proof = loaded_findings(proof, loaded, has_stub=has_stub)
    return proof


def modules_of(packages: Iterable[Package], python: tuple[int, int], flags: str = "") -> list[str]:
    """The extension modules that this Python would load, by their paths."""
    found = []
    for package in packages:
        for facts in package.facts or ():
            if _is_module(facts, python, flags):
                found.append(facts.path)
    return sorted(found)


def _is_module(facts: FileFacts, python: tuple[int, int], flags: str) -> bool:
    name = facts.path.rpartition("/")[2]
    tag = _TAGGED.search(name)
    if tag is None:
        return name.endswith(".so") and not name.startswith("lib") and "." not in name.removesuffix(".so")
    return tag[1] == "abi3" or (int(tag[2]), int(tag[3]), tag[4]) == (*python, "t" if "t" in flags else "")


def load(
    program: str, site: str, paths: Sequence[str], hardware: Hardware, variables: Mapping[str, str], *, workers: int
) -> list[Loaded]:
    """Load modules (paths below ``site``) with a Python; each has a process of its own, and a minute.

    Nothing is written. Raises InstallError when the Python cannot be started.
    """
    if not paths:
        return []
    with tempfile.TemporaryDirectory(prefix="provenv-stub-") as directory:
        environment = dict(variables)
        if hardware.driver is None and not _has_driver(hardware):
            for soname in _STUBS:
                with open(os.path.join(directory, soname), "xb") as file:
                    file.write(stub_library(soname, hardware.architecture))
            search = [variables.get("LD_LIBRARY_PATH", ""), directory]
            environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, search))
        shares = [paths[number::workers] for number in range(min(workers, len(paths)))]
        with ThreadPoolExecutor(len(shares)) as pool:
            found = pool.map(lambda share: _load(program, site, share, environment), shares)
            return sorted((one for some in found for one in some), key=lambda one: one.path)


def _has_driver(hardware: Hardware) -> bool:
    return hardware.sonames is not None and _STUBS[0] in hardware.sonames


def _load(program: str, site: str, paths: Sequence[str], environment: Mapping[str, str]) -> list[Loaded]:
    try:
        done = subprocess.run(
            [program, "-E", "-s", "-B", "-c", _CHILD, site, str(_TIMEOUT)],
            input=json.dumps(list(paths)),
            capture_output=True,
            text=True,
            env=dict(environment),
            timeout=_TIMEOUT * (len(paths) + 1),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{program} cannot be run: {error}", hint="name another environment") from error
    found = []
    for line in done.stdout.splitlines():
        path, state, message, imported = json.loads(line)
        found.append(Loaded(path=path, is_loaded=state == "loads", message=message, import_message=imported))
    if len(found) < len(paths):
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise InstallError(f"{program} ended early: {said}", hint="name another environment")
    return found


def loaded_findings(proof: Proof, loaded: Sequence[Loaded], *, has_stub: bool) -> Proof:
    """The proof with what loading has shown: confirmed, not foreseen, or foreseen and not so."""
    owners = {facts.path: package for package in proof.packages for facts in package.facts or ()}
    told = [
        finding
        for one in loaded
        if (finding := _finding(one, owners[one.path], proof.findings, has_stub=has_stub)) is not None
    ]
    findings = sorted([*proof.findings, *told], key=lambda finding: LEVELS.index(finding.level))
    return replace(proof, findings=tuple(findings))


def _finding(one: Loaded, package: Package, findings: Sequence[Finding], *, has_stub: bool) -> Finding | None:
    foreseen = [
        finding
        for finding in findings
        if finding.kind in _STATIC and finding.subject == package.name and finding.level != "holds"
    ]
    version = ("version", package.version)
    if one.is_loaded:
        wrong = [finding for finding in foreseen if finding.path == one.path and finding.level == FAILS]
        if not wrong:
            return None
        return Finding(
            level=WARNS,
            kind="load",
            subject=package.name,
            path=one.path,
            expected=f"what the finding `{wrong[0].kind}` says: {wrong[0].expected}",
            actual="it loads on this machine: the finding is contradicted",
            rule="loaded in a process of its own",
            evidence=(version, ("contradicted", wrong[0].kind)),
        )
    is_confirmed = any(_is_about(finding, one) for finding in foreseen)
    level = FAILS if one.import_message else WARNS
    if has_stub and _DRIVER_SYMBOL.search(one.message):
        # It asks for the driver's functions at once: only a driver has them.
        level = UNKNOWN
    return Finding(
        level=level,
        kind="load",
        subject=package.name,
        path=one.path,
        expected="that it loads",
        actual=one.message,
        rule="loaded in a process of its own" + (", with empty libraries in place of the driver's" if has_stub else ""),
        remedy="" if one.import_message else "the package imports without it: it may be a part that nobody uses here",
        evidence=(
            version,
            ("foreseen", "yes" if is_confirmed else "no"),
            *((("import", one.import_message),) if one.import_message else ()),
        ),
    )


def _is_about(finding: Finding, one: Loaded) -> bool:
    names = [value for key, value in finding.evidence if key in ("soname", "symbol", "symbol version")]
    return finding.path == one.path or any(name in one.message for name in names)
