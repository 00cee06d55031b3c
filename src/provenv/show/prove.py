"""What ``prove`` found, for people and for programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from provenv.flows.proven import Proof, Proven
from provenv.model.finding import FAILS, HOLDS, LEVELS, UNKNOWN, WARNS, Finding
from provenv.model.hardware import Hardware
from provenv.show.findings import finding_document
from provenv.show.json import document
from provenv.show.text import clean, count_text, styled

__all__ = ["machine_text", "prove_document", "prove_text"]

_STYLES = {FAILS: "red", UNKNOWN: "yellow", WARNS: "yellow", HOLDS: "green"}
_MOST = 12
"""Findings of one level that are shown of one machine."""
_MOST_NAMES = 12


def machine_text(hardware: Hardware) -> str:
    """``linux x86_64, driver 535.104.05, 8 x H100 (9.0), glibc 2.31``."""
    parts = [f"{hardware.system} {hardware.architecture}"]
    if hardware.driver is not None:
        parts.append(f"driver {hardware.driver}")
    counts: dict[str, int] = {}
    for gpu in hardware.gpus:
        what = f"{gpu.name} ({gpu.compute[0]}.{gpu.compute[1]})" if gpu.compute else gpu.name
        counts[what] = counts.get(what, 0) + 1
    parts += [what if count == 1 else f"{count} x {what}" for what, count in counts.items()]
    if hardware.has_no_gpu:
        parts.append("no GPU")
    for name, version in (("glibc", hardware.glibc), ("musl", hardware.musl), ("macOS", hardware.macos)):
        if version is not None:
            parts.append(f"{name} {version[0]}.{version[1]}")
    return ", ".join(parts)


def prove_text(proven: Proven, *, has_colour: bool = False, is_verbose: bool = False) -> str:
    """Every machine with its verdict and its findings, the worst first; then one line on the whole."""
    lines: list[str] = []
    for proof in proven.proofs:
        lines += _proof(proof, has_colour=has_colour, is_verbose=is_verbose)
    if len(proven.proofs) > 1:
        lines.append("")
        lines.append(_summary(proven, has_colour=has_colour))
    return "\n".join(lines)


def _proof(proof: Proof, *, has_colour: bool, is_verbose: bool) -> Iterator[str]:
    counts = {level: sum(finding.level == level for finding in proof.findings) for level in LEVELS}
    told = ", ".join(f"{counts[level]} {_word(level, counts[level])}" for level in LEVELS if counts[level])
    verdict = styled(proof.verdict, _STYLES[proof.verdict], has_colour=has_colour)
    name = styled(clean(proof.target), "bold", has_colour=has_colour)
    machine = f"Python {proof.python}, {machine_text(proof.hardware)}"
    yield f"{name}: {verdict} ({count_text(len(proof.packages), 'package')}{'; ' if told else ''}{told})"
    yield styled(f"  {clean(machine)}", "dim", has_colour=has_colour)
    for level in LEVELS if is_verbose else LEVELS[:-1]:
        findings = [finding for finding in proof.findings if finding.level == level]
        shown = list(_grouped(findings)) if not is_verbose else [[finding] for finding in findings]
        for group in shown if is_verbose else shown[:_MOST]:
            yield from _group(group, has_colour=has_colour)
        if not is_verbose and len(shown) > _MOST:
            yield f"  and {len(shown) - _MOST} more that {_word(level, 2)} (--verbose shows all)"
    if proof.local:
        yield f"  not looked at, as they are worked on: {clean(', '.join(proof.local))}"


def _word(level: str, count: int) -> str:
    """``1 fails``, ``2 fail``, ``2 unknown``."""
    if level == UNKNOWN:
        return level
    return level if count == 1 else level[:-1]


def _grouped(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Findings that say the same of several packages, together."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        actual = finding.actual
        if finding.subject and finding.kind in ("unread", "unbuilt"):
            actual = actual.rpartition(": ")[2]
        if finding.kind == "gpu":
            actual = finding.expected
        alike = finding.kind in ("unread", "unbuilt", "glibc", "libstdc++", "driver", "gpu") or finding.level != FAILS
        key = (finding.kind, actual, finding.remedy, "" if alike else f"{finding.subject} {finding.path}")
        groups.setdefault(key, []).append(finding)
    yield from groups.values()


def _group(group: Sequence[Finding], *, has_colour: bool) -> Iterator[str]:
    first = group[0]
    word = styled(first.level, _STYLES[first.level], has_colour=has_colour)
    subjects = list(dict.fromkeys(filter(None, (_subject(finding) for finding in group))))
    named = ", ".join(subjects[:_MOST_NAMES])
    if len(subjects) > _MOST_NAMES:
        named += f" and {len(subjects) - _MOST_NAMES} more"
    where = f" {first.path}" if first.path and len(group) == 1 else ""
    actual = first.actual if len(group) == 1 else first.actual.removeprefix(f"{_subject(first)} ")
    if len(group) > 1 and first.kind == "gpu":
        running = "no module" if first.level == FAILS else "only some modules"
        actual = f"{running} of {len(group)} files {'runs' if first.level == FAILS else 'run'}"
    yield f"  {word} {clean(first.kind)} {clean(named)}{clean(where)}".rstrip()
    needs = f" (needed: {clean(first.expected)})" if first.expected else ""
    yield f"    {clean(actual)}{needs}"
    if first.rule and first.level == FAILS:
        yield styled(f"    rule: {clean(first.rule)}", "dim", has_colour=has_colour)
    if first.remedy:
        yield f"    {clean(first.remedy)}"


def _subject(finding: Finding) -> str:
    version = dict(finding.evidence).get("version", "")
    return f"{finding.subject} {version}".rstrip()


def _summary(proven: Proven, *, has_colour: bool) -> str:
    counts = {level: sum(proof.verdict == level for proof in proven.proofs) for level in (FAILS, UNKNOWN, HOLDS)}
    told = [f"{count} {_word(level, count)}" for level, count in counts.items() if count]
    word = styled(proven.verdict, _STYLES[proven.verdict], has_colour=has_colour)
    machines = count_text(len(proven.proofs), "machine")
    return f"{word}: {clean(os.path.basename(proven.against))} on {machines}: {', '.join(told)}"


def prove_document(proven: Proven) -> str:
    """The same as JSON, with all findings and their evidence."""
    return document(
        {
            "against": proven.against,
            "verdict": proven.verdict,
            "rules": proven.tables_date,
            "machines": [
                {
                    "name": proof.target,
                    "python": proof.python,
                    "machine": _machine(proof.hardware),
                    "verdict": proof.verdict,
                    "packages": [
                        {"name": one.name, "version": one.version, "read": one.facts is not None}
                        for one in proof.packages
                    ],
                    "local": list(proof.local),
                    "findings": [_with_evidence(finding) for finding in proof.findings],
                }
                for proof in proven.proofs
            ],
        }
    )


def _machine(hardware: Hardware) -> dict[str, object]:
    from provenv.model.hardware_file import to_document

    told = to_document(hardware)
    told.pop("sonames", None)
    return told


def _with_evidence(finding: Finding) -> dict[str, object]:
    return {**finding_document(finding), "evidence": [list(pair) for pair in finding.evidence]}
