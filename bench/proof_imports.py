"""Compare what a proof says of packages with what happens when they are imported.

    python bench/proof_imports.py --share tuning --keep tuning.json
    python bench/proof_imports.py --share held-back --keep held-back.json     # as root: the slim system is a chroot
    python bench/proof_imports.py --table tuning.json held-back.json

The sets (``bench/sets/proof/imports.toml``) become small environments, made by ``uv pip install --only-binary :all:``
with one Python. For every distribution with compiled files the proof is made first, from the files as they lie
there, for two machines as they are read: this one, and a slim system in a directory (glibc, libstdc++ and what Python
itself needs; no X11, no GL). Then each of its modules is imported in a process of its own, and after that
every compiled file is loaded by a fork of that process. What a proof must get right is whether the loader and the
interpreter take the files; an exception of another kind (a missing requirement, a server that is not there) is
outside of what bytes can tell, and is counted apart. Run it in a copy of the commit whose rules are judged.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from provenv.binary.facts import FileFacts
from provenv.flows.rules import rules
from provenv.model.finding import FAILS, HOLDS, LEVELS, Finding
from provenv.model.hardware import Hardware
from provenv.probe.machine import read_machine, read_root
from provenv.proof.prove import prove
from provenv.proof.subject import Case, Package
from provenv.store.compiled import facts_of_directory

HERE = Path(__file__).resolve().parent
SETS = HERE / "sets" / "proof" / "imports.toml"
KINDS = ("library", "symbol", "glibc", "libstdc++", "processor", "python", "cpu", "unread", "pair")
"""Kinds of findings that tell whether an import works."""
SECONDS = 90
_REASONS = (
    ("libstdc++", r"version `(GLIBCXX|CXXABI)_[^']*' not found"),
    ("glibc", r"version `GLIBC_[^']*' not found"),
    ("library", r"cannot open shared object file"),
    ("symbol", r"undefined symbol: \S*(__nvJitLink|3c10|2at\d|5torch|6caffe2)|operator torch\w+::\w+ does not exist"),
    ("undefined", r"undefined symbol|symbol lookup error|version `[^']*' not found"),
    ("processor", r"wrong ELF class|invalid ELF header|Illegal instruction|baseline optimizations|signal 4\b"),
)
"""``undefined`` is a symbol of no family that is checked: out of scope."""
IN_SCOPE = ("library", "glibc", "libstdc++", "symbol", "processor")
_PACKAGES = re.compile(r"(tests?|examples?|docs?|benchmarks?|bin|lib|include|share|etc|scripts|tools)")


@dataclass
class Row:
    """One distribution: what was said of it, and what happened."""

    machine: str
    environment: str
    package: str
    version: str
    files: int
    predicted: str
    findings: list[dict[str, Any]]
    modules: list[str]
    outcome: str
    """``works``, one of ``IN_SCOPE``, ``other``, or ``no module``."""
    message: str = ""
    broken: dict[str, str] = field(default_factory=dict)
    """Compiled files that the loader refuses, and what it says."""
    told: list[str] = field(default_factory=list)
    """Those of them that a finding names, or whose missing library a finding names."""
    false: list[str] = field(default_factory=list)
    """Files that a finding says fail, and that load."""


def compiled(site: Path, one: Distribution) -> tuple[FileFacts, ...]:
    """The facts of an installed distribution's files, by its RECORD."""
    paths = []
    for file in one.files or ():
        path = site / file
        if ".." not in file.parts and path.is_file() and not path.is_symlink() and path.stat().st_size >= 64:
            paths.append(str(file))
    return facts_of_directory(str(site), paths)


def packages_of(site: Path) -> tuple[Package, ...]:
    """All distributions of an environment, read."""
    found = []
    for one in distributions(path=[str(site)]):
        version = Version(one.version)
        owned = {
            str(file): f"{file.hash.mode}={file.hash.value}"
            for file in one.files or ()
            if file.hash is not None and ".." not in file.parts
        }
        found.append(
            Package(
                name=canonicalize_name(one.metadata["Name"]),
                version=str(version),
                facts=compiled(site, one),
                paths=owned,
                requires=tuple(one.requires or ()),
                build=(version.local or "") if re.match(r"cu\d+|cpu|rocm", version.local or "") else "",
            )
        )
    return tuple(sorted(found, key=lambda package: package.name))


def modules_of(package: Package) -> list[str]:
    """The names that a distribution gives to ``import``: packages and modules at the top."""
    names = set()
    for path in package.paths or {}:
        first, _, rest = path.partition("/")
        if rest == "__init__.py":
            names.add(first)
        elif not rest and re.search(r"\.py$|\.cpython-\w+-.*\.so$|\.abi3\.so$", first):
            names.add(first.partition(".")[0])
    names -= {"nvidia"}  # a folder of many packages; their libraries are loaded by themselves
    named = {name for name in names if name.isidentifier() and not _PACKAGES.fullmatch(name)}
    return sorted(name for name in named if not name.startswith("_")) or sorted(named)


_CHILD = """
import ctypes, importlib, json, os, sys
job = json.load(sys.stdin)
os.chdir(job["cwd"])
answer = {"error": "", "broken": {}}
def tell():
    with open(job["out"], "w") as file: json.dump(answer, file)
answer["error"] = "signal"
tell()
answer["error"] = ""
for name in job["modules"]:
    try: importlib.import_module(name)
    except BaseException as error:
        answer["error"] = f"{type(error).__name__}: {error}"
        break
tell()
for path in job["files"]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        text = b""
        try: ctypes.CDLL(path, mode=os.RTLD_NOW)  # as an import does, also for what a module needs
        except BaseException as error: text = str(error).encode()[:2000]
        os.write(write, text); os._exit(0)
    os.close(write)
    text = os.fdopen(read, "rb").read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status): text = text or f"signal {os.WTERMSIG(status)}"
    if text: answer["broken"][path] = text
    tell()
os._exit(0)
"""


@dataclass(frozen=True)
class Place:
    """A machine to import on: ``root`` is where its ``/`` lies, "" for the one that we stand on."""

    name: str
    hardware: Hardware
    root: str = ""

    def inside(self, path: Path) -> str:
        """How a program there calls a file."""
        return str(path)[len(self.root) :]


def slim_root(root: Path, python: Path) -> None:
    """A system in a directory: Python as it is here without its packages, and the libraries that it needs."""
    base = Path(
        subprocess.check_output([python, "-c", "import sys; print(sys.base_prefix)"], text=True).strip()
    ).resolve()
    for path in base.rglob("*"):
        inside = path.relative_to(base)
        if {"test", "site-packages", "__pycache__"} & set(inside.parts) or not path.is_file():
            continue
        target = root / base.relative_to("/") / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    modules = [path for path in (root / base.relative_to("/")).rglob("*.so") if "_tkinter" not in path.name]
    told = subprocess.run(["ldd", base / "bin/python3", *modules], capture_output=True, text=True).stdout
    wanted = {Path(found) for found in re.findall(r"(?:=> |^\t)(/\S+) \(0x", told, re.MULTILINE)}
    folder = Path("/lib") / f"{os.uname().machine}-linux-gnu"
    wanted |= {folder / name for name in ("libstdc++.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0")}
    wanted |= {folder / name for name in ("librt.so.1", "libutil.so.1", "libmvec.so.1", "libresolv.so.2")}
    for library in wanted:
        target = root / str(library).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, target)
    for name in ("tmp", "dev/shm", "work", "etc"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("null", "urandom"):
        os.mknod(root / "dev" / name, 0o666 | stat.S_IFCHR, os.stat(f"/dev/{name}").st_rdev)


def imported(at: Place, python: Path, modules: Sequence[str], files: Sequence[Path]) -> tuple[str, dict[str, str]]:
    """What an import says ("" when it works), and what the loader says of files afterwards."""
    with tempfile.TemporaryDirectory(dir=python.parents[2]) as place:
        out = Path(place) / "answer.json"
        home = at.inside(Path(place))
        job = {
            "modules": list(modules),
            "files": [at.inside(path) for path in files],
            "cwd": home,
            "out": at.inside(out),
        }
        words = {
            "HOME": home,
            "PATH": "/usr/bin:/bin:/usr/sbin",
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "MPLBACKEND": "agg",
        }
        enter = ["chroot", at.root] if at.root else []
        try:
            done = subprocess.run(
                [*enter, at.inside(python), "-I", "-c", _CHILD],
                input=json.dumps(job), text=True, capture_output=True, timeout=SECONDS, env=words,
            )  # fmt: skip
            code: int | str = done.returncode
            tail = done.stderr[-600:]
        except subprocess.TimeoutExpired:
            code, tail = "time", ""
        answer = json.loads(out.read_text()) if out.exists() else {"error": "signal", "broken": {}}
        if answer["error"] == "signal":
            answer["error"] = f"the process ended: signal {-code if isinstance(code, int) else code}; {tail}"
        return answer["error"], answer["broken"]


def reason(message: str) -> str:
    """``works``, the class of a failure, or ``other``."""
    if not message:
        return "works"
    return next((name for name, pattern in _REASONS if re.search(pattern, message)), "other")


def is_told(message: str, path: str, package: Package, findings: Sequence[Finding]) -> bool:
    """Whether a finding that does not hold names the file, or what the loader misses there.

    Symbols are told once per package; what is missing of a package's own libraries is told where those lack something.
    """
    missing = re.match(r"(?:\w+: )?(\S+): cannot open shared object file", message)
    own = {one.soname for one in package.facts or ()} | {one.path.rpartition("/")[2] for one in package.facts or ()}
    for one in findings:
        if one.level == HOLDS:
            continue
        if one.path == path or (missing and (("soname", missing[1]) in one.evidence or missing[1] in one.expected)):
            return True
        if one.subject == package.name and one.kind == ("library" if missing and missing[1] in own else "symbol"):
            return True
    return False


def judge(name: str, python: Path, site: Path, places: Sequence[Place], seen: set[tuple[str, str]]) -> Iterator[Row]:
    """The rows of one environment. All predictions are made before the first import."""
    packages = packages_of(site)
    foreseen = {
        at.name: prove(Case(target=name, python=(3, 11), hardware=at.hardware, packages=packages, tables=rules()))
        for at in places
    }
    for package in packages:
        if (package.name, package.version) not in seen and any(one.machine != "cuda" for one in package.facts or ()):
            for at in places:
                yield judged(name, python, site, at, package, foreseen[at.name])


def judged(name: str, python: Path, site: Path, at: Place, package: Package, found: Sequence[Finding]) -> Row:
    """What was said of one package, and what happens."""
    own = [one for one in found if one.subject == package.name and one.kind in KINDS]
    owners = [one for one in found if one.subject == package.name and one.kind == "owners"]
    modules = modules_of(package)
    facts = [one for one in package.facts or () if one.machine not in ("cuda", "amdgpu")]
    # Private copies in `*.libs` are found by the modules that need them, and are loaded with those.
    loaded = [one.path for one in facts if re.search(r"(?<!\.libs)/[^/]*\.so[^/]*$|^[^/]*\.so$", one.path)]
    error, broken = imported(at, python, modules, [site / path for path in loaded])
    prefix = at.inside(site) + "/"
    relative = {path.removeprefix(prefix): text.replace(prefix, "") for path, text in broken.items()}
    return Row(
        machine=at.name,
        environment=name,
        package=package.name,
        version=package.version,
        files=len(loaded),
        predicted=min((one.level for one in own), key=LEVELS.index, default=HOLDS),
        findings=[
            {"level": one.level, "kind": one.kind, "path": one.path, "expected": one.expected, "actual": one.actual}
            for one in [*own, *owners]
            if one.level != HOLDS
        ],
        modules=modules,
        outcome="works" if not error and modules else reason(error) if modules else "no module",
        message=error.replace(prefix, "")[:600],
        broken={path: text[:300] for path, text in relative.items()},
        told=[path for path, text in relative.items() if is_told(text, path, package, found)],
        false=sorted(
            {one.path for one in own if one.level == FAILS and one.path in loaded and one.path not in relative}
        ),
    )


def rules_commit() -> str:
    """The commit of the rules in use, or what ``PROVENV_RULES`` says of a copy without history."""
    if told := os.environ.get("PROVENV_RULES"):
        return told
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE)
    return done.stdout.strip() or "not known"


def environments(share: str, names: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """``(name, row)`` of the sets: long lists are cut into environments of ``size``."""
    for row in tomllib.loads(SETS.read_text())["environment"]:
        if (share and row["share"] != share) or (names and row["name"] not in names):
            continue
        size = row.get("size", max(1, len(row["packages"])))
        for number, begin in enumerate(range(0, max(1, len(row["packages"])), size)):
            part = row["packages"][begin : begin + size]
            name = f"{row['name']}-{number + 1}" if size < len(row["packages"]) else row["name"]
            yield name, {**row, "packages": part}


def run(options: argparse.Namespace) -> None:
    keep = Path(options.keep)
    told = json.loads(keep.read_text()) if keep.exists() else {"rows": []}
    told["rules"] = rules_commit()
    done = {row["environment"] for row in told["rows"]}
    with tempfile.TemporaryDirectory(prefix="proof-", dir=options.work) as root:
        places = [Place("here", read_machine(rules(), time.time()))]
        if not options.no_slim:
            slim_root(Path(root), Path(options.python))
            slim = read_root(root, rules(), time.time())
            slim = replace(slim, has_no_gpu=places[0].hardware.has_no_gpu, cpu=places[0].hardware.cpu)
            places.append(Place("slim", slim, root))
        told["machines"] = {at.name: [at.hardware.glibc, at.hardware.glibcxx, at.hardware.cpu] for at in places}
        for name, row in environments(options.share, options.only):
            if name in done:
                continue
            started, venv = time.monotonic(), Path(root) / "work" / name
            if not made(options, row, venv):
                print(f"{name}: not made", file=sys.stderr)
                shutil.rmtree(venv, ignore_errors=True)
                continue
            site = next((venv / "lib").glob("python3*")) / "site-packages"
            # What several environments have is judged once.
            known = row["share"] == "known"
            seen = set() if known else {(one["package"], one["version"]) for one in told["rows"]}
            rows = list(judge(name, venv / "bin" / "python", site, places, seen))
            told["rows"] += [asdict(one) | {"share": row["share"]} for one in rows]
            keep.write_text(json.dumps(told, indent=1))
            print(f"{name}: {len(rows)} rows in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            shutil.rmtree(venv)


def made(options: argparse.Namespace, row: Mapping[str, Any], venv: Path) -> bool:
    """Whether the environment of a set could be made; what is ``forced`` comes last and without its requirements."""
    venv.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([options.uv, "--quiet", "venv", "--python", options.python, venv], check=True)
    install = [options.uv, "--quiet", "pip", "install", "--only-binary", ":all:", "--python", venv / "bin" / "python"]
    install += [flag for link in options.find_links for flag in ("--find-links", link)]
    lists = [(row["packages"], []), *((part, ["--no-deps"]) for part in row.get("forced", ()))]
    return all(subprocess.run([*install, *flags, *names]).returncode == 0 for names, flags in lists if names)


def tables(kept: Sequence[str]) -> Iterator[str]:
    """The results as Markdown."""
    for path in kept:
        told = json.loads(Path(path).read_text())
        rows = told["rows"]
        for share, machine in sorted({(row["share"], row["machine"]) for row in rows}, reverse=True):
            mine = [row for row in rows if (row["share"], row["machine"]) == (share, machine)]
            yield f"### {share}, {machine}: {len(mine)} packages, rules of commit {told['rules']}\n"
            yield from _counts(mine)
            yield from _details(mine)
            plain = [row for row in mine if row["predicted"] == HOLDS and row["outcome"] in ("works", "no module")]
            names = ", ".join(sorted({f"{row['package']} {row['version']}" for row in plain}))
            yield f"Said to hold, and imported (or loaded, where there is no module): {names}.\n"


def _counts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    outcomes = ("works", *IN_SCOPE, "undefined", "other", "no module")
    counts = Counter((row["predicted"], row["outcome"]) for row in rows)
    yield f"| predicted | {' | '.join(outcomes)} |"
    yield f"|---|{'---|' * len(outcomes)}"
    for level in reversed(LEVELS):
        yield f"| {level} | {' | '.join(str(counts[level, outcome] or '') for outcome in outcomes)} |"
    broken = sum(len(row["broken"]) for row in rows)
    scope = [
        (row, path) for row in rows for path, text in row["broken"].items() if reason(text) in IN_SCOPE
    ]  # fmt: skip
    told = sum(path in row["told"] for row, path in scope)
    false = [path for row in rows for path in row["false"]]
    yield ""
    yield (
        f"Of {sum(row['files'] for row in rows)} compiled files the loader refuses {broken}, {len(scope)} of them for "
        f"a reason in scope; {told} of these were told. Files said to fail that load: {len(false)}."
    )
    yield ""


def _details(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    odd = [row for row in rows if row["outcome"] not in ("works", "no module") or row["predicted"] != HOLDS]
    if not odd:
        return
    yield "| package | version | predicted | import | what was found; what the import said |"
    yield "|---|---|---|---|---|"
    for row in odd:
        said = [f"{one['kind']}: {one['expected']}" for one in row["findings"]][:2]
        text = "; ".join([*said, *([_short(row["message"])] if row["message"] else [])]).replace("|", "/")
        yield f"| {row['package']} | {row['version']} | {row['predicted']} | {row['outcome']} | {text} |"
    yield ""


def _short(message: str) -> str:
    line = message.strip().splitlines()[0]
    return f"`{line[:140].replace('`', chr(39))}`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", default="", help="tuning, held-back or known; all without it")
    parser.add_argument("--only", action="append", default=[], help="a set of the file, by name")
    parser.add_argument(
        "--keep", default="proof-imports.json", help="where results go, and those of an earlier run are"
    )
    parser.add_argument("--table", nargs="+", help="print these results, and run nothing")
    parser.add_argument("--uv", default="uv")
    parser.add_argument("--python", default=sys.executable, help="a Python 3.11")
    parser.add_argument("--no-slim", action="store_true", help="only the machine that we stand on")
    parser.add_argument("--find-links", action="append", default=[])
    parser.add_argument("--work", help="where environments are made")
    options = parser.parse_args()
    if options.table:
        print("\n".join(tables(options.table)))
    else:
        run(options)


if __name__ == "__main__":
    main()
