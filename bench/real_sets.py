"""Resolve sets of requirements that gave resolvers trouble, with provenv and with ``uv pip compile``, and compare.

    python bench/real_sets.py --mode wheels
    python bench/real_sets.py --mode all --only sphinx,TTS --rounds 3

Each set (``bench/sets/real``) becomes a project with one declared target: its platform, its Python, glibc 2.36; uv is
told the same. Mode ``wheels`` builds nothing, mode ``all`` may build source archives. Sets are resolved as of today:
not every index tells when a file was uploaded, and then there is no way back. Cold is with an empty cache, warm with
the cache of that run and without network: once after an edit (a bound on a package that nobody needs), then the same
project again and again, without its lock. Whole answers are only remembered while pages are fresh, and without network
none is asked. Each set is resolved once by uv before anything is measured, for the index's own caches. Results are
kept in a JSON file after each set, and a set that is there is not measured again unless it is named by ``--only``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import environment, measure
from tools import TOOLS, Bench, Job

HERE = Path(__file__).resolve().parent
GLIBC = "2.36"
TOOL_NAMES = ("uv", "provenv")
_PLATFORMS = {
    "Linux": ("linux-x86_64", "x86_64-manylinux_2_36"),
    "Windows": ("windows-x86_64", "x86_64-pc-windows-msvc"),
}
_NO_SOLUTION = ("No solution found", "cannot be satisfied")
_NOT_BUILT = ("Failed to build", "build backend", "could not be built", "Building source distributions", "git", "Git")
_SENTENCE = re.compile(r"^(Because|And because|So,|Thus,) .*", re.MULTILINE)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RealSet:
    """One set of requirements; with ``extras`` it is a project of its own that has them."""

    name: str
    python: str
    system: str
    requirements: Sequence[str]
    constraints: Sequence[str] = ()
    project: str = "judged"
    sections: Mapping[str, Sequence[str]] = field(default_factory=dict)
    extras: Sequence[str] = ()

    def write(self, directory: Path, mode: str, *further: str) -> None:
        """The project for provenv, and for uv, which reads nothing of ``[tool.provenv]``, its constraints."""
        constraints = [*self.constraints, *further]
        platform = _PLATFORMS[self.system][0]
        rows = [
            "[project]", f"name = {json.dumps(self.project)}", 'version = "0"',
            f'requires-python = ">={self.python}"', f"dependencies = {json.dumps(self.requirements)}",
            "[project.optional-dependencies]",
            *(f"{name} = {json.dumps(lines)}" for name, lines in self.sections.items()),
            "[tool.provenv]",
            f"constraint-dependencies = {json.dumps(constraints)}",
            f"no-build = {json.dumps(mode == 'wheels')}",
            "[tool.provenv.targets.judged]", f'platform = "{platform}"', f'python = "{self.python}"',
        ]  # fmt: skip
        if self.system == "Linux":
            rows.append(f'glibc = "{GLIBC}"')
        (directory / "pyproject.toml").write_text("\n".join(rows) + "\n")
        (directory / "constraints.txt").write_text("\n".join(constraints) + "\n")

    def uv_words(self, mode: str) -> list[str]:
        words = ["pip", "compile", "pyproject.toml", "--constraints", "constraints.txt", "--output-file", "out.txt"]
        words += ["--python-version", self.python, "--python-platform", _PLATFORMS[self.system][1]]
        words += ["--no-header", "--no-annotate", "--no-sources"]
        words += [word for extra in self.extras for word in ("--extra", extra)]
        return words + (["--only-binary", ":all:"] if mode == "wheels" else [])


def real_sets() -> Iterator[RealSet]:
    for path in (HERE / "sets/real/problematic.toml", HERE / "sets/real/conflicts.toml"):
        for name, table in tomllib.loads(path.read_text("utf-8")).items():
            yield RealSet(
                name=name,
                python=table["python_version"],
                system=table["platform_system"],
                requirements=table["requirements"],
                constraints=table.get("constraints", ()),
                project=table.get("project_name", "judged"),
                sections=table.get("optional_dependencies", {}),
                extras=table.get("project_extras", ()),
            )


class Judge:
    """Resolves sets with both tools in fresh directories below ``scratch``."""

    def __init__(self, words: argparse.Namespace, scratch: Path) -> None:
        self._mode: str = words.mode
        self._limit: float = words.limit
        self._python = os.path.realpath(words.python)
        self._commands = {"uv": words.uv, "provenv": words.provenv}
        self._scratch = scratch
        self._variables = environment(scratch)
        self._counted = 0

    def compare(self, real_set: RealSet, rounds: int) -> dict[str, Any]:
        """Tool -> verdict, seconds and packages."""
        found: dict[str, Any] = {tool: {"cold": [], "edited": [], "warm": []} for tool in TOOL_NAMES}
        # Whoever comes first may pay for what the index, or a proxy before it, must fetch from somewhere else.
        self._resolve("uv", real_set, unmeasured := self._fresh("cache"))
        shutil.rmtree(unmeasured, ignore_errors=True)
        for number in range(rounds):
            for tool in TOOL_NAMES if number % 2 else reversed(TOOL_NAMES):
                one = found[tool]
                cache = self._fresh("cache")
                seconds, *told = self._resolve(tool, real_set, cache)
                one["cold"].append(round(seconds, 3))
                one["verdict"], one["sentences"], one["packages"], one["said"] = told
                if one["verdict"] != "late":
                    edit = f"judged-by-nobody<{self._counted}"
                    for kind in ("edited", "warm", "warm", "warm"):
                        seconds, verdict, _, packages, said = self._resolve(tool, real_set, cache, edit)
                        if (verdict, packages) == (one["verdict"], one["packages"]):
                            one[kind].append(round(seconds, 3))
                        else:
                            one["unlike"] = said or packages
                shutil.rmtree(cache, ignore_errors=True)
        return found

    def _resolve(
        self, tool: str, real_set: RealSet, cache: Path, edit: str = ""
    ) -> tuple[float, str, int, dict[str, str], str]:
        """Resolve in a fresh directory; with an ``edit`` to the project, offline."""
        place = self._fresh("project")
        real_set.write(place, self._mode, *filter(None, [edit]))
        words = real_set.uv_words(self._mode) if tool == "uv" else ["lock"]
        prefix = tool.upper()
        variables = {f"{prefix}_CACHE_DIR": str(cache), f"{prefix}_PYTHON": self._python}
        if tool == "uv":
            variables |= {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
        if edit:
            variables[f"{prefix}_OFFLINE"] = "1"
        job = Job(((self._commands[tool], *words),), variables)
        seconds, _, error = measure(job, self._variables, place, self._limit)
        said = (place / "bench.log").read_text("utf-8", errors="replace")
        verdict = _verdict(error, said)
        packages = _locked(place, tool) if verdict == "solved" else {}
        return seconds, verdict, len(_SENTENCE.findall(said)), packages, "" if verdict == "solved" else said[-4000:]

    def _fresh(self, kind: str) -> Path:
        self._counted += 1
        place = self._scratch / f"{kind}-{self._counted}"
        place.mkdir()
        return place


def _verdict(error: str, said: str) -> str:
    if not error:
        return "solved"
    if error.startswith("longer than"):
        return "late"
    if any(words in said for words in _NO_SOLUTION):
        return "unsolvable"
    return "not built" if any(words in said for words in _NOT_BUILT) else "failed"


def _locked(place: Path, tool: str) -> dict[str, str]:
    if tool == "uv":
        found = _PIN.findall((place / "out.txt").read_text("utf-8"))
    else:
        packages = tomllib.loads((place / "pylock.toml").read_text("utf-8"))["packages"]
        found = [(package["name"], package.get("version", "")) for package in packages]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def report(results: Mapping[str, Mapping[str, Any]], mode: str) -> str:
    """The page: one row a set, then what is not alike. ``differ``: versions that differ, of how many."""
    rows = [
        f"# Real sets, mode `{mode}`", "",
        "| set | uv | provenv | cold s: uv | provenv | ratio | warm s: uv | provenv | ratio | edited: ratio "
        "| sentences | differ |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    colds: list[float] = []
    warms: list[float] = []
    edits: list[float] = []
    for name, found in results.items():
        uv, ours = found["uv"], found["provenv"]
        cold, warm = _ratio(ours, uv, "cold"), _ratio(ours, uv, "warm")
        is_solved = uv["verdict"] == ours["verdict"] == "solved"
        colds += [cold] if is_solved and cold else []
        warms += [warm] if is_solved and warm else []
        edited = _ratio(ours, uv, "edited")
        edits += [edited] if is_solved and edited else []
        mark = "" if uv["verdict"] == ours["verdict"] else " (!)"
        told = ours["sentences"] if ours["verdict"] == "unsolvable" else ""
        differ = f"{len(_differences(uv, ours))} of {len(uv['packages'])}" if is_solved else ""
        rows.append(
            f"| {name} | {uv['verdict']} | {ours['verdict']}{mark} | {_median(uv, 'cold')} | {_median(ours, 'cold')} "
            f"| {_shown(cold)} | {_median(uv, 'warm')} | {_median(ours, 'warm')} | {_shown(warm)} | {_shown(edited)} "
            f"| {told} | {differ} |"
        )
    alike = sum(found["uv"]["verdict"] == found["provenv"]["verdict"] for found in results.values())
    rows += ["", f"- the same verdict: {alike} of {len(results)}"]
    for kind, ratios in (("cold", colds), ("warm", warms), ("edited", edits)):
        if ratios:
            mean = statistics.geometric_mean(ratios)
            rows.append(f"- {kind}, solved by both ({len(ratios)}): geometric mean {mean:.2f}, worst {max(ratios):.2f}")
    unlike = [f"{tool} on {name}" for name, found in results.items() for tool in TOOL_NAMES if "unlike" in found[tool]]
    rows += [f"- warm is not like cold: {', '.join(unlike)}"] if unlike else []
    for name, found in results.items():
        differences = _differences(found["uv"], found["provenv"])
        if differences and found["uv"]["verdict"] == found["provenv"]["verdict"] == "solved":
            rows += ["", f"`{name}` (uv / provenv): " + ", ".join(differences)]
    return "\n".join(rows) + "\n"


def _differences(uv: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    names = sorted({*uv["packages"], *ours["packages"]})
    pairs = [(name, uv["packages"].get(name, "-"), ours["packages"].get(name, "-")) for name in names]
    return [f"{name} {theirs} / {own}" for name, theirs, own in pairs if theirs != own]


def _median(one: Mapping[str, Any], kind: str) -> str:
    return f"{statistics.median(one[kind]):.2f}" if one[kind] else ""


def _ratio(ours: Mapping[str, Any], uv: Mapping[str, Any], kind: str) -> float | None:
    if not ours[kind] or not uv[kind]:
        return None
    return float(statistics.median(ours[kind]) / statistics.median(uv[kind]))


def _shown(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def main() -> None:
    words = arguments()
    if not words.provenv or not words.uv:
        _prepare(words)
    store = Path(words.json or HERE / f".work/real-{words.mode}.json")
    store.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    wanted = words.only.split(",") if words.only else []
    sets = list(real_sets())
    if unknown := set(wanted) - {one.name for one in sets}:
        sys.exit(f"no set is called {', '.join(sorted(unknown))}; known are {', '.join(one.name for one in sets)}")
    for one in sets:
        if one.name not in wanted if wanted else one.name in results:
            continue
        scratch = Path(tempfile.mkdtemp(prefix="real-", dir=words.workdir))
        try:
            results[one.name] = Judge(words, scratch).compare(one, words.rounds)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        ordered = {each.name: results[each.name] for each in sets if each.name in results}
        store.write_text(json.dumps(ordered, indent=1) + "\n")
        told = {tool: (found["verdict"], found["cold"], found["warm"]) for tool, found in results[one.name].items()}
        print(f"{one.name}: {told}", file=sys.stderr, flush=True)
    page = report({each.name: results[each.name] for each in sets if each.name in results}, words.mode)
    if words.report:
        Path(words.report).write_text(page)
    print(page)


def _prepare(words: argparse.Namespace) -> None:
    """Install what was not given, as ``bench/run.py`` does."""
    home = HERE / ".work/tools"
    home.mkdir(parents=True, exist_ok=True)
    bench = Bench(python=os.path.realpath(words.python), tools=home)
    for name in TOOL_NAMES:
        if not getattr(words, name):
            TOOLS[name].prepare(bench)
            setattr(words, name, bench.program(name, name))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=["wheels", "all"], default="wheels", help="whether nothing may be built")
    parser.add_argument("--only", help="names of sets, separated by commas; these are measured anew")
    parser.add_argument("--rounds", type=int, default=1, help="cold runs per tool, three warm ones after each (1)")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds after which a run is late (120)")
    parser.add_argument("--json", help="where results are kept (bench/.work/real-MODE.json)")
    parser.add_argument("--report", help="where the page is written, too")
    parser.add_argument("--workdir", help="where projects and caches are made (the usual temporary place)")
    parser.add_argument("--python", default=getattr(sys, "_base_executable", sys.executable), help="not a shim")
    parser.add_argument("--provenv", help="the command; otherwise this checkout is installed")
    parser.add_argument("--uv", help="the command; otherwise it is installed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
