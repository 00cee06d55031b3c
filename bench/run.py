"""Measure provenv beside uv, pip with pip-tools, Poetry and PDM, on real requirements, and write docs/benchmarks.md.

    python bench/run.py --sets web --rounds 5
    python bench/run.py --sets ml --cases lock-noop,sync-noop,run-noop --tools provenv,uv --workdir /dev/shm/bench

Needs nothing but Python and an index: each tool gets a virtual environment of its own under bench/.work. Results are
kept in a file, and a run replaces only what it measured: sets and cases may be measured one at a time. Warm cases are
cheap, cold ones download everything anew for each tool and round: ask for few rounds. With --workdir on tmpfs the
figures do not depend on the disk. Nothing is deleted until the end.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measure import Sample, environment, measure
from report import machine_facts, report
from tools import CASES, TOOLS, Bench, Place, Requirements, Tool, write_project

HERE = Path(__file__).resolve().parent
COLD = ("resolve-cold", "install-cold")
NOOP = ("lock-noop", "sync-noop", "run-noop")
STEADY = ("resolve-warm", *NOOP)
"""Done once before the first round: what counts is how long it takes every time."""


class Course:
    """One tool on one set: a prepared project with lock, environment and warm caches, and fresh places made from it."""

    def __init__(self, bench: Bench, tool: Tool, requirements: Requirements, scratch: Path, limit: float) -> None:
        self.bench = bench
        self.tool = tool
        self.requirements = requirements
        self.home = scratch / requirements.name / tool.name.replace(" ", "-")
        self.variables = environment(scratch)
        self.limit = limit
        self.counted = 0
        self.warm = self.home / "warm-cache"
        self.prepared = self.fresh(is_cold=False, has_lock=False)

    def prepare(self, cases: Sequence[str]) -> str:
        """Make lock, environment and warm caches, as far as the cases need them; the first failure in words."""
        wanted = [] if cases == ["resolve-cold"] else ["resolve-cold"]
        if set(cases) - {"resolve-cold", "resolve-warm", "lock-noop"}:
            wanted += ["install-cold", "install-warm", "run-noop"]
        for case in wanted:
            job = self.tool.job(case, self.bench, self.prepared, self.requirements)
            if job is not None:
                *_, error = measure(job, self.variables, self.prepared.project, self.limit)
                if error:
                    return error
        return ""

    def fresh(self, *, is_cold: bool, has_lock: bool) -> Place:
        self.counted += 1
        project = self.home / f"project-{self.counted}"
        project.mkdir(parents=True)
        write_project(project, self.requirements, self.bench.index)
        if has_lock:
            for name in self.tool.lock_files:
                shutil.copy2(self.prepared.project / name, project / name)
        cache = self.home / f"cache-{self.counted}" if is_cold else self.warm
        cache.mkdir(exist_ok=True)
        return Place(project=project, cache=cache, is_offline=False)

    def place(self, case: str) -> Place:
        place = self.prepared
        if case not in NOOP:
            place = self.fresh(is_cold=case in COLD, has_lock=not case.startswith("resolve"))
        is_offline = case not in COLD and self.tool.has_offline
        return Place(project=place.project, cache=place.cache, is_offline=is_offline)

    def sample(self, case: str, number: int) -> Sample | None:
        place = self.place(case)
        job = self.tool.job(case, self.bench, place, self.requirements)
        if job is None:
            return None
        seconds, peak, error = measure(job, self.variables, place.project, self.limit)
        if not error and case == "install-cold" and number == 0:
            error = self.check(place)
        return Sample(self.requirements.name, case, self.tool.name, number, seconds, peak, error)

    def check(self, place: Place) -> str:
        """Whether what was installed can be imported, outside the measured time."""
        job = self.tool.job("first-import", self.bench, place, self.requirements)
        assert job is not None
        last = type(job)(job.commands[-1:], job.variables)
        return measure(last, self.variables, place.project, self.limit)[2]


def main() -> None:
    words = arguments()
    work = Path(words.workdir or HERE / ".work").resolve()
    work.mkdir(parents=True, exist_ok=True)
    tools_home = HERE / ".work" / "tools"
    tools_home.mkdir(parents=True, exist_ok=True)
    bench = Bench(python=os.path.realpath(words.python), tools=tools_home, index=words.index)
    tools = [TOOLS[name] for name in words.tools]
    for tool in tools:
        tool.prepare(bench)
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=work))
    store = Path(words.json or HERE / ".work/results.json")
    known = json.loads(store.read_text()) if store.exists() else {"samples": [], "versions": {}, "facts": {}}
    try:
        for name in words.sets:
            requirements = Requirements.from_file(HERE / "sets" / f"{name}.in")
            samples = run_set(bench, tools, requirements, scratch, words)
            replaced = {(sample.set, sample.case, sample.tool) for sample in samples}
            kept = [row for row in known["samples"] if (row["set"], row["case"], row["tool"]) not in replaced]
            known["samples"] = kept + [sample.as_dict() for sample in samples]
            known["versions"] |= {tool.name: tool.version(bench) for tool in tools}
            known["facts"] = {"date": datetime.date.today().isoformat(), "Python": sys.version.split()[0]}
            known["facts"] |= machine_facts(work)
            store.write_text(json.dumps(known, indent=1) + "\n")
    finally:
        if words.keep:
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    page = report((Sample(**row) for row in known["samples"]), known["facts"], known["versions"])
    # What `cold_install.py` measured stays as it is.
    target = Path(words.report)
    _, mark, cold = target.read_text().partition("\n## Cold install with hashes\n") if target.exists() else ("", "", "")
    target.write_text(page + mark + cold)
    print(page)


def run_set(
    bench: Bench, tools: Sequence[Tool], requirements: Requirements, scratch: Path, words: argparse.Namespace
) -> list[Sample]:
    """All cases of one set, interleaved; a tool that cannot be prepared fails its cases and is left out."""
    samples: list[Sample] = []
    courses: list[Course] = []
    for tool in tools:
        course = Course(bench, tool, requirements, scratch, words.timeout)
        error = course.prepare(words.cases)
        say(f"{requirements.name}: {tool.name} {'cannot be prepared: ' + error if error else 'is ready'}")
        if error:
            samples += [Sample(requirements.name, case, tool.name, 0, 0.0, 0, error) for case in words.cases]
        else:
            courses.append(course)
    for case in words.cases:
        if case in STEADY:
            for course in courses:
                course.sample(case, -1)
        for number in range(words.rounds):
            turn = number % len(courses) if courses else 0
            for course in courses[turn:] + courses[:turn]:
                sample = course.sample(case, number)
                if sample is not None:
                    samples.append(sample)
                    say(f"{requirements.name} {case} {number + 1}: {sample.tool} {sample.seconds:.3f} s {sample.error}")
    return samples


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sets = sorted(path.stem for path in (HERE / "sets").glob("*.in"))

    def names(known: Sequence[str]) -> object:
        def parse(text: str) -> list[str]:
            chosen = text.split(",")
            if unknown := [name for name in chosen if name not in known]:
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: known are {', '.join(known)}")
            return chosen

        return parse

    def listed(flag: str, known: Sequence[str], default: Sequence[str]) -> None:
        told = f"separated by commas, from: {', '.join(known)}"
        parser.add_argument(flag, type=names(known), default=list(default), help=told)  # type: ignore[arg-type]

    listed("--sets", sets, [name for name in sets if name != "tiny"])
    listed("--cases", CASES, CASES)
    listed("--tools", list(TOOLS), list(TOOLS))
    parser.add_argument("--rounds", type=int, default=3, help="how often each tool does each case (3)")
    parser.add_argument("--workdir", help="where projects, caches and environments are made (bench/.work)")
    parser.add_argument("--json", help="where results are kept and added to (bench/.work/results.json)")
    parser.add_argument("--report", default=HERE.parent / "docs/benchmarks.md", help="the page (docs/benchmarks.md)")
    parser.add_argument("--python", default=getattr(sys, "_base_executable", sys.executable), help="not a shim")
    parser.add_argument(
        "--index", help="URL of a simple index for all tools, for where a tool's default does not serve"
    )
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds after which one command fails (900)")
    parser.add_argument("--keep", action="store_true", help="keep everything that was made")
    return parser.parse_args()


if __name__ == "__main__":
    main()
