"""Measure cold installs of wheels with hashes required, beside uv: no cache, no environment, every byte checked.

    python bench/cold_install.py WHEELS --rounds 5
    python bench/cold_install.py WHEELS --workdir /dev/shm/bench --served

``WHEELS`` is a directory of wheels; both tools are told what to install by one ``pylock.toml`` with hashes, or uv by
a requirement file with ``--require-hashes``. With ``--served`` the files come from a server on the loopback
interface, so that the download counts. Rounds are interleaved and their order rotates; every round has fresh caches and
environments, and nothing is deleted until the end. CPU time is told beside the time a person waits: on a machine
that others use it is the steadier figure.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from measure import environment

SOURCE = Path(__file__).resolve().parent.parent / "src"


@dataclass(frozen=True)
class Wheel:
    path: Path
    name: str
    version: str
    sha256: str

    @classmethod
    def from_path(cls, path: Path) -> Wheel:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name, version, *_ = path.name.split("-")
        return cls(path, name.replace("_", "-").lower(), version, digest)


@dataclass(frozen=True)
class Course:
    """Everything that a round of one case needs; ``base`` is where files are served, if they are."""

    wheels: Sequence[Wheel]
    base: str | None
    words: argparse.Namespace

    def url(self, wheel: Wheel) -> str:
        return f"{self.base}/{wheel.path.name}" if self.base else wheel.path.as_uri()

    def lock(self) -> str:
        lines = ['lock-version = "1.0"', 'created-by = "bench"', 'requires-python = ">=3.9"']
        for wheel in self.wheels:
            lines += ["[[packages]]", f'name = "{wheel.name}"', f'version = "{wheel.version}"', "[[packages.wheels]]"]
            lines += [f'name = "{wheel.path.name}"', f'url = "{self.url(wheel)}"']
            lines += [f"size = {wheel.path.stat().st_size}", f'hashes = {{ sha256 = "{wheel.sha256}" }}']
        return "\n".join(lines) + "\n"

    def requirements(self) -> str:
        return "".join(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in self.wheels)

    def project(self) -> str:
        project = '[project]\nname = "bench"\nversion = "1"\nrequires-python = ">=3.9"\n'
        index = f'[[tool.provenv.index]]\nname = "bench"\nurl = "{self.base}/simple"\n' if self.base else ""
        return project + index

    def command(self, case: str, place: Path) -> str:
        """What a shell runs in ``place``."""
        words = self.words
        tool, _, kind = case.partition("+")
        code = "--compile-bytecode" if kind else "--no-compile-bytecode"
        if tool == "provenv":
            return f"{words.provenv} sync --frozen {code} --cache-dir cache --python {words.python}"
        uv = shlex.quote(words.uv)
        venv = f"{uv} venv -q --no-project --python {words.python} --cache-dir cache .venv && "
        quiet = f"-q {code} --cache-dir cache --python .venv/bin/python"
        if tool == "uv-lock":
            return venv + f"{uv} pip sync {quiet} pylock.toml"
        where = shlex.quote(str(self.wheels[0].path.parent))
        told = f"--no-deps --no-index --find-links {where} --require-hashes -r hashes.txt"
        return venv + f"{uv} pip install {quiet} {told}"

    def run(self, case: str, place: Path) -> tuple[float, float, float, int]:
        """Seconds on the clock, of the program and of the system; peak KiB of the largest process."""
        place.mkdir(parents=True)
        (place / "pylock.toml").write_text(self.lock())
        (place / "hashes.txt").write_text(self.requirements())
        (place / "pyproject.toml").write_text(self.project())
        variables = environment(place / "settings") | {"PYTHONPATH": str(SOURCE)}
        with (place / "log").open("wb") as log:
            began = time.perf_counter()
            process = subprocess.Popen(
                ["/bin/sh", "-c", self.command(case, place)], cwd=place, env=variables, stdout=log, stderr=log
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{case} failed:\n{(place / 'log').read_text()}")
        return seconds, usage.ru_utime, usage.ru_stime, usage.ru_maxrss


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def copyfile(self, source: object, outputfile: object) -> None:
        self.wfile.flush()
        self.connection.sendfile(source)  # type: ignore[arg-type]

    def log_message(self, format: str, *words: object) -> None:
        pass


@contextlib.contextmanager
def served(directory: Path) -> Iterator[str]:
    """A server on the loopback interface, in a process of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(directory)))
    child = os.fork()
    if child == 0:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while os.getppid() != 1:
            time.sleep(1)
        os._exit(0)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def main() -> None:
    words = arguments()
    wheels = [Wheel.from_path(path) for path in sorted(words.wheels.resolve().glob("*.whl"))]
    scratch = Path(tempfile.mkdtemp(prefix="cold-", dir=words.workdir))
    if words.first:
        go_first()
    kept: dict[str, list[tuple[float, float, float, int]]] = {case: [] for case in words.cases}
    try:
        if words.served:
            with served(wheels[0].path.parent) as base:
                rounds(Course(wheels, base, words), scratch, kept)
        else:
            rounds(Course(wheels, None, words), scratch, kept)
    finally:
        if not words.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    print(table(kept))


def go_first() -> None:
    """Before what others run here: Linux shares processors by session, so the session gets the priority."""
    with contextlib.suppress(PermissionError):
        os.setsid()
    Path("/proc/self/autogroup").write_text("-20")
    os.nice(-20)


def rounds(course: Course, scratch: Path, kept: dict[str, list[tuple[float, float, float, int]]]) -> None:
    cases = list(kept)
    for number in range(course.words.rounds):
        turn = number % len(cases)
        for case in cases[turn:] + cases[:turn]:
            kept[case].append(course.run(case, scratch / f"{case}-{number}"))
            seconds, user, system, peak = kept[case][-1]
            row = f"{case} {number + 1}: {seconds:.2f} s, {user:.2f} + {system:.2f} s CPU, {peak >> 10} MiB"
            print(row, file=sys.stderr, flush=True)


def table(kept: dict[str, list[tuple[float, float, float, int]]]) -> str:
    """Medians and minima; ratios are to the first case: of the medians within rounds, of minima, of CPU medians."""
    rows = ["| case | median s | least s | user s | system s | peak MiB | ratio | of least | of CPU |"]
    rows.append("|---|---|---|---|---|---|---|---|---|")
    base = next(iter(kept.values()))
    for case, samples in kept.items():
        seconds, user, system = ([one[at] for one in samples] for at in range(3))
        ratio = statistics.median(one[0] / other[0] for one, other in zip(samples, base, strict=True))
        least = min(seconds) / min(one[0] for one in base)
        cpu = statistics.median(one[1] + one[2] for one in samples) / statistics.median(one[1] + one[2] for one in base)
        told = [statistics.median(seconds), min(seconds), statistics.median(user), statistics.median(system)]
        figures = " | ".join(f"{one:.2f}" for one in told)
        rows.append(
            f"| {case} | {figures} | {max(one[3] for one in samples) >> 10} | {ratio:.2f} | {least:.2f} | {cpu:.2f} |"
        )
    return "\n".join(rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", type=Path, help="a directory of wheels")
    parser.add_argument("--rounds", type=int, default=3, help="how often each tool does each case (3)")
    parser.add_argument("--workdir", help="where caches and environments are made (the system's temporary place)")
    parser.add_argument("--served", action="store_true", help="download the wheels from a server on this machine")
    parser.add_argument(
        "--cases",
        type=lambda text: text.split(","),
        default=["uv", "provenv"],
        help="of uv, uv-lock, provenv, each also with `+code`; the first is what others are compared with",
    )
    parser.add_argument("--python", default=getattr(sys, "_base_executable", sys.executable), help="not a shim")
    parser.add_argument("--uv", default="uv", help="path of uv")
    parser.add_argument("--provenv", default=f"{shlex.quote(sys.executable)} -m provenv", help="how it is started")
    parser.add_argument("--first", action="store_true", help="go before all other programs (Linux, root)")
    parser.add_argument("--keep", action="store_true", help="keep everything that was made")
    return parser.parse_args()


if __name__ == "__main__":
    main()
