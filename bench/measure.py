"""Runs one job and measures it; knows what makes such figures wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tools import Job

__all__ = ["Sample", "environment", "measure"]

_FOREIGN = ("PYTHON", "PIP_", "UV_", "POETRY_", "PDM_", "PROVENV_", "VIRTUAL_ENV", "CONDA_", "XDG_")
"""Settings of the person who runs the bench; PYTHONDONTWRITEBYTECODE alone multiplies every import."""


@dataclass(frozen=True)
class Sample:
    set: str
    case: str
    tool: str
    round: int
    seconds: float
    peak_kib: int
    """Of the largest process, as wait4 tells; never below that of this program, which started it."""
    error: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def environment(scratch: Path) -> dict[str, str]:
    """What every tool sees: certificates and proxies stay, settings go, configuration is sought in an empty place.

    A version manager's shims go, too: a tool that looks for another Python asks each of them, at 0.1 s and more apiece,
    and that would be measured in place of its own work.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    kept["PATH"] = os.pathsep.join(place for place in places if Path(place).name != "shims")
    empty = scratch / "configuration"
    empty.mkdir(parents=True, exist_ok=True)
    return {**kept, "XDG_CONFIG_HOME": str(empty), "XDG_CACHE_HOME": str(scratch / "other-caches"), "NO_COLOR": "1"}


def measure(job: Job, variables: dict[str, str], directory: Path, limit: float) -> tuple[float, int, str]:
    """Seconds, peak memory in KiB, and what went wrong or an empty string. Steps are summed; the first failure ends."""
    seconds, peak = 0.0, 0
    log = directory / "bench.log"
    for command in job.commands:
        with log.open("ab") as output:
            began = time.perf_counter()
            try:
                process = subprocess.Popen(
                    command,
                    cwd=directory,
                    env={**variables, **job.variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                return seconds, peak, str(error)
            status, usage, is_late = _wait(process.pid, began + limit)
            seconds += time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = max(peak, usage)
        if is_late:
            return seconds, peak, f"longer than {limit:.0f} s"
        if process.returncode:
            said = log.read_text(errors="replace").strip().splitlines()
            return seconds, peak, f"exit code {process.returncode}: {said[-1] if said else ''}"
    return seconds, peak, ""


def _wait(pid: int, deadline: float) -> tuple[int, int, bool]:
    """Wait for a child without looking again and again, which would cost it time: a timer wakes us at the deadline."""

    is_late = False

    def kill(_signal: int, _frame: object) -> None:
        nonlocal is_late
        is_late = True
        os.killpg(pid, signal.SIGKILL)

    before = signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, max(0.01, deadline - time.perf_counter()))
    try:
        _, status, usage = os.wait4(pid, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return status, usage.ru_maxrss, is_late
