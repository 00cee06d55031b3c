"""All checks of a case, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from provenv.model.finding import FAILS, HOLDS, LEVELS, UNKNOWN, Finding
from provenv.proof.compilers import compiler_findings
from provenv.proof.coverage import coverage_findings
from provenv.proof.cpu import abi_findings, cpu_findings
from provenv.proof.cudnn import cudnn_findings
from provenv.proof.driver import driver_findings
from provenv.proof.libc import libc_findings
from provenv.proof.libraries import library_findings
from provenv.proof.subject import Case
from provenv.proof.symbols import symbol_findings
from provenv.proof.together import owner_findings, pair_findings, runtime_findings

__all__ = ["CHECKS", "prove", "worst"]

CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    driver_findings,
    coverage_findings,
    libc_findings,
    library_findings,
    symbol_findings,
    owner_findings,
    pair_findings,
    cpu_findings,
    abi_findings,
    compiler_findings,
    cudnn_findings,
    runtime_findings,
)
"""From those that decide most often to those that seldom do."""


def prove(case: Case) -> tuple[Finding, ...]:
    """The findings of a case, the worst first. What was not read is told as ``unknown``, never passed over."""
    found = [finding for check in CHECKS for finding in check(case)]
    found += [
        Finding(
            level=UNKNOWN,
            kind="unread",
            subject=package.name,
            expected="the files of the wheel",
            actual=f"{package.label} was not read",
            remedy="run the command without --offline, so that the wheel can be read",
        )
        for package in case.packages
        if package.facts is None
    ]
    return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))


def worst(findings: Iterable[Finding]) -> str:
    """``fails`` when anything does, else ``unknown`` when anything is; warnings do not count: ``holds``."""
    levels = {finding.level for finding in findings}
    return FAILS if FAILS in levels else UNKNOWN if UNKNOWN in levels else HOLDS
