"""Compare what is read of compiled files with ``cuobjdump`` (device code) and ``readelf`` (what the loader sees).

    python bench/proof_cuobjdump.py --cuobjdump /usr/local/cuda/bin/cuobjdump WHEEL... DIRECTORY... --keep out.json
    python bench/proof_cuobjdump.py --table out.json

Every ELF file in which either of the two finds device code is compared: how many entries of machine code and of PTX
there are for each architecture. Members of wheels are unpacked one at a time. Verdicts:

- equal: the same counts;
- f: the same counts when the ``f`` of families is left out, which older ``cuobjdump`` does not print;
- outside: the same counts in ``.nv_fatbin`` and ``__nv_relfatbin``, and there is more in other sections, where
  ``cuobjdump`` does not look;
- crash: ``cuobjdump`` ends with an error;
- different.
"""

from __future__ import annotations

import argparse
import json
import mmap
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from provenv.binary.device_code import Module, Scanner
from provenv.binary.elf import read_elf
from provenv.binary.facts import facts_of
from provenv.binary.gfx import GfxScanner
from provenv.binary.reading import InMemory

_LINE = re.compile(r"(?:ELF|PTX) file +\d+: .*\.(?:sm|compute)_(\d+)([af]?)\.(cubin|ptx)$", re.MULTILINE)
_FATBIN = (".nv_fatbin", "__nv_relfatbin")
_PIECE = 1 << 20


@dataclass
class Row:
    """One file."""

    source: str
    path: str
    size: int
    entries: int
    archs: str
    verdict: str
    seconds: float
    cuobjdump_seconds: float
    elf: str
    """``equal``, or what ``readelf`` says otherwise."""
    note: str = ""


def counted(modules: Sequence[Module]) -> Counter[str]:
    """``{"sm_90a": 3, "compute_80": 1}``."""
    return Counter(
        f"{'compute' if one.kind == 'ptx' else 'sm'}_{one.arch}{one.suffix}"
        for module in modules
        for one in module.code
    )


def ours(path: Path) -> tuple[Counter[str], Counter[str], str, float]:
    """All entries, those of the sections that ``cuobjdump`` looks into, what the loader sees, seconds."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        started = time.perf_counter()
        view, scanner, gfx = memoryview(mapped), Scanner(), GfxScanner()
        for at in range(0, len(view), _PIECE):
            with view[at : at + _PIECE] as piece:
                scanner.feed(piece)
                gfx.feed(piece)
        readable = InMemory(view)
        facts = facts_of(path.name, readable, scanner, gfx.names)
        seconds = time.perf_counter() - started
        elf = read_elf(readable)
        spans = [(one.name, one.offset, one.size) for one in elf.sections if one.kind == 1]
        inside = [module for name, some in scanner.sections(spans).items() if name in _FATBIN for module in some]
        readable.close()
        view.release()
    assert facts is not None
    loader = {
        "NEEDED": sorted(facts.needed),
        "SONAME": [facts.soname] if facts.soname else [],
        "RUNPATH": list(facts.search),
        "needs": sorted(f"{library} {one}" for library, some in facts.version_needs.items() for one in some),
        "defines": sorted(facts.version_definitions),
    }
    return counted(scanner.modules), counted(inside), json.dumps(loader, sort_keys=True), seconds


def readelf(path: Path) -> str:
    """The same facts as ``readelf`` prints them."""
    text = subprocess.run(["readelf", "-dVW", path], capture_output=True, text=True, errors="replace").stdout
    found = re.findall(r"\((NEEDED|SONAME|RUNPATH|RPATH)\)[^\[]*\[(.*)\]", text)
    runpath = [value for tag, value in found if tag == "RUNPATH"] or [value for tag, value in found if tag == "RPATH"]
    needs, library = [], ""
    section = text.partition("Version needs section")[2]
    for line in section.splitlines():
        if begin := re.search(r"Version: \d+  File: (\S+)  Cnt:", line):
            library = begin[1]
        elif name := re.search(r"Name: (\S+)  Flags:", line):
            needs.append(f"{library} {name[1]}")
    defined = text.partition("Version definition section")[2].partition("Version needs section")[0]
    defines = re.findall(r"Rev: \d+  Flags: (?!\S*BASE).*?Name: (\S+)$", defined, re.MULTILINE)
    loader = {
        "NEEDED": sorted(value for tag, value in found if tag == "NEEDED"),
        "SONAME": [value for tag, value in found if tag == "SONAME"],
        "RUNPATH": [part for value in runpath for part in value.split(":") if part],
        "needs": sorted(set(needs)),
        "defines": sorted(set(defines)),
    }
    return json.dumps(loader, sort_keys=True)


def theirs(cuobjdump: str, path: Path) -> tuple[Counter[str] | None, float]:
    """What ``cuobjdump`` lists, None when it ends with an error; seconds."""
    counts: Counter[str] = Counter()
    started = time.perf_counter()
    for flag in ("-lelf", "-lptx"):
        done = subprocess.run([cuobjdump, "-all", flag, path], capture_output=True, text=True, errors="replace")
        if done.returncode < 0 or (done.returncode and "info" not in done.stdout + done.stderr):
            return None, time.perf_counter() - started
        for arch, suffix, kind in _LINE.findall(done.stdout):
            counts[f"{'compute' if kind == 'ptx' else 'sm'}_{arch}{suffix}"] += 1
    return counts, time.perf_counter() - started


def compare(cuobjdump: str, source: str, name: str, path: Path) -> Row | None:
    """The row of one file; None where nobody finds device code."""
    found, inside, loader, seconds = ours(path)
    expected, took = theirs(cuobjdump, path)
    if not found and not expected:
        return None
    system = readelf(path)
    note = "" if expected is None or found == expected else f"{dict(found)} / {dict(expected)}"
    return Row(
        source=source,
        path=name,
        size=path.stat().st_size,
        entries=sum(found.values()),
        archs=" ".join(sorted(found, key=lambda text: (text[0] == "c", len(text.rstrip("af")), text))),
        verdict=verdict(found, inside, expected),
        seconds=seconds,
        cuobjdump_seconds=took,
        elf="equal" if loader == system else f"{loader} / {system}",
        note=note,
    )


def verdict(found: Mapping[str, int], inside: Mapping[str, int], expected: Mapping[str, int] | None) -> str:
    if expected is None:
        return "crash"
    if found == expected:
        return "equal"
    if _plain(found) == _plain(expected):
        return "f"
    return "outside" if _plain(inside) == _plain(expected) else "different"


def _plain(counts: Mapping[str, int]) -> Counter[str]:
    merged: Counter[str] = Counter()
    for name, count in counts.items():
        merged[name.rstrip("f")] += count
    return merged


def files(source: Path, place: Path) -> Iterator[tuple[str, Path]]:
    """``(name, path)`` of the ELF files of a wheel or directory; a wheel's are there one at a time."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF":
                yield str(path.relative_to(source)), path
        return
    with zipfile.ZipFile(source) as wheel:
        for info in wheel.infolist():
            if info.file_size < 64 or info.filename.endswith((".py", ".h", ".txt")):
                continue
            with wheel.open(info) as member:
                if member.read(4) != b"\x7fELF":
                    continue
            path = Path(wheel.extract(info, place))
            yield info.filename, path
            path.unlink()


def table(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """The results as Markdown."""
    yield "| file | MB | entries | architectures | cuobjdump | ELF | ms | cuobjdump ms |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        name = f"{str(row['source']).split('-')[0]}: {str(row['path']).rpartition('/')[2]}"
        ms = [f"{float(str(row[key])) * 1000:.0f}" for key in ("seconds", "cuobjdump_seconds")]
        elf = "equal" if row["elf"] == "equal" else "differs"
        size = f"{int(str(row['size'])) / 1e6:.0f}"
        yield f"| {name} | {size} | {row['entries']} | {row['archs']} | {row['verdict']} | {elf} | {ms[0]} | {ms[1]} |"
    verdicts = Counter(str(row["verdict"]) for row in rows)
    took = [sum(float(str(row[key])) for row in rows) for key in ("seconds", "cuobjdump_seconds")]
    yield ""
    yield f"{len(rows)} files, {sum(int(str(row['entries'])) for row in rows)} entries: {dict(verdicts)}."
    yield f"ELF facts equal to readelf's: {sum(row['elf'] == 'equal' for row in rows)} of {len(rows)}."
    yield f"Seconds: {took[0]:.1f} beside {took[1]:.1f}, {took[1] / (took[0] or 1):.1f} times faster."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--cuobjdump", default="cuobjdump")
    parser.add_argument("--keep", type=Path, default=Path("proof-cuobjdump.json"))
    parser.add_argument("--table", type=Path, help="print these results, and run nothing")
    parser.add_argument("--work", help="where members of wheels are unpacked")
    options = parser.parse_args()
    if options.table:
        print("\n".join(table(json.loads(options.table.read_text()))))
        return
    rows = json.loads(options.keep.read_text()) if options.keep.exists() else []
    for source in options.sources:
        if any(row["source"] == source.name for row in rows):
            continue
        with tempfile.TemporaryDirectory(dir=options.work) as place:
            for name, path in files(source, Path(place)):
                row = compare(options.cuobjdump, source.name, name, path)
                if row is not None:
                    rows.append(asdict(row))
                    print(f"{row.verdict:9} {source.name} {name}", file=sys.stderr, flush=True)
        options.keep.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
