"""All checks of the doctor, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provenv.doctor.ci import ci_findings
from provenv.doctor.docker import docker_findings
from provenv.doctor.environment import content_findings, environment_findings, startup_findings
from provenv.doctor.keeping import git_findings, secret_findings
from provenv.doctor.project import layout_findings, lock_findings, requirement_findings
from provenv.doctor.stack import extension_findings, machine_findings, proof_findings, toolkit_findings
from provenv.doctor.subject import Patient
from provenv.model.finding import LEVELS, Finding

__all__ = ["FAMILIES", "examine"]

FAMILIES: tuple[tuple[str, tuple[Callable[[Patient], Iterator[Finding]], ...]], ...] = (
    ("machine", (machine_findings, proof_findings, toolkit_findings, extension_findings)),
    ("environment", (environment_findings, content_findings, startup_findings)),
    ("project", (lock_findings, requirement_findings, layout_findings)),
    ("repository", (git_findings, secret_findings)),
    ("automation", (ci_findings, docker_findings)),
)
"""Each family of checks with its name, as the page groups them."""


def examine(patient: Patient) -> tuple[tuple[str, Finding], ...]:
    """Every finding with the name of its family, the worst of each family first. ``holds`` are left out."""
    told: list[tuple[str, Finding]] = []
    for name, checks in FAMILIES:
        findings = [finding for check in checks for finding in check(patient) if finding.level != "holds"]
        told += [(name, finding) for finding in sorted(findings, key=lambda one: LEVELS.index(one.level))]
    return tuple(told)
