"""From samples to docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from measure import Sample
from tools import CASES, TOOLS

__all__ = ["machine_facts", "report"]

_BASES = ("uv", "uv pip")
_METHOD = """
## Method

- `bench/run.py`. Each tool does its job in its documented way; the commands are in `bench/tools.py`. Every tool
  runs under the same interpreter, named by its full path, with no settings but its own; certificates and proxies
  stay. Byte code may be written.
- Rounds are interleaved: in each round every tool does the case once, and the order rotates. A ratio is the median
  of the ratios within one round; below 1 is faster than uv. Seconds are medians.
- Nothing is deleted between runs, because ext4 then slows everybody down; every fresh environment has a fresh
  directory.
- `resolve-cold`: no caches. `resolve-warm`: caches, no lock. `lock-noop`: caches and a lock that fits.
  `install-cold`: a lock, no caches, no environment. `install-warm`: a lock, caches, no environment. `sync-noop`,
  `run-noop`: all is as it should be. `first-import`: `install-warm`, then import what the set is for. Where caches
  are warm, provenv and uv are told to be offline.
- `resolve-warm` and the no-ops are done once before they are measured. What tools read is in the page cache. Peak
  memory is that of the largest process.
- A lock is made for all platforms by uv, Poetry and PDM, and for this machine by provenv, pip-tools and `uv pip`:
  for the work of resolving, compare provenv with `uv pip`; for the time a person waits, with uv.
"""


def machine_facts(work: Path) -> dict[str, str]:
    """What the figures depend on, without the name of the machine."""
    processor = next(
        (row.partition(":")[2].strip() for row in _lines("/proc/cpuinfo") if row.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}",
        "file system": _file_system(work),
    }


def report(samples: Iterable[Sample], facts: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """The whole page."""
    rows: dict[tuple[str, str], dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        rows[sample.set, sample.case][sample.tool].append(sample)
    parts = ["# Benchmarks", "", "Figures of one machine, on one day: read the ratios.", ""]
    parts += [f"- {name}: {value}" for name, value in facts.items()]
    parts += [f"- {name}: {versions[name]}; a lock is for {TOOLS[name].scope}" for name in TOOLS if name in versions]
    for requirements in dict.fromkeys(key[0] for key in rows):
        parts += ["", f"## {requirements}", "", f"What is installed: `bench/sets/{requirements}.in`.", ""]
        parts += ["| case | tool | seconds | to uv | to uv pip | peak MiB | rounds |", "|---|---|---|---|---|---|---|"]
        for case in CASES:
            tools = rows.get((requirements, case), {})
            parts += [_row(case, tool, tools) for tool in TOOLS if tool in tools]
    return "\n".join(parts) + "\n" + _METHOD


def _row(case: str, tool: str, tools: Mapping[str, list[Sample]]) -> str:
    good = [sample for sample in tools[tool] if not sample.error]
    if not good:
        return f"| {case} | {tool} | failed | | | | 0 of {len(tools[tool])} |"
    seconds = statistics.median(sample.seconds for sample in good)
    peak = max(sample.peak_kib for sample in good) / 1024
    ratios = " | ".join(_ratio(good, tools.get(base, [])) for base in _BASES)
    count = str(len(good)) if len(good) == len(tools[tool]) else f"{len(good)} of {len(tools[tool])}"
    return f"| {case} | {tool} | {seconds:.3f} | {ratios} | {peak:.0f} | {count} |"


def _ratio(samples: Iterable[Sample], base: Iterable[Sample]) -> str:
    known = {sample.round: sample.seconds for sample in base if not sample.error}
    ratios = [sample.seconds / known[sample.round] for sample in samples if sample.round in known]
    return f"{statistics.median(ratios):.2f}" if ratios else ""


def _file_system(path: Path) -> str:
    mounts = [row.split()[1:3] for row in _lines("/proc/mounts")]
    holding = [(where, kind) for where, kind in mounts if path.is_relative_to(where)]
    return max(holding, key=lambda mount: len(mount[0]))[1] if holding else "unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
