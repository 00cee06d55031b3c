"""What the doctor found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provenv.flows.doctor import Doctored
from provenv.model.finding import FAILS, LEVELS, UNKNOWN, WARNS, Finding
from provenv.show.findings import finding_document
from provenv.show.json import document
from provenv.show.text import clean, count_text, styled

__all__ = ["doctor_document", "doctor_text"]

_STYLES = {FAILS: "red", UNKNOWN: "yellow", WARNS: "yellow"}
_SIGNS = {FAILS: "fails", UNKNOWN: "unknown", WARNS: "warns"}


def doctor_text(told: Doctored, *, has_colour: bool = False, is_verbose: bool = False) -> str:
    """Findings by family with their places and remedies, then one line that counts them; no final line end."""
    lines: list[str] = []
    if is_verbose:
        lines += [f"{styled(name, 'dim', has_colour=has_colour)} {clean(text)}" for name, text in told.facts]
        lines.append("")
    for family in dict.fromkeys(name for name, _ in told.findings):
        lines.append(styled(family, "bold", has_colour=has_colour))
        for several in _folded([finding for name, finding in told.findings if name == family]):
            lines += _lines(several, has_colour=has_colour)
        lines.append("")
    lines.append(_headline(told, has_colour=has_colour))
    return "\n".join(lines)


def _folded(findings: Sequence[Finding]) -> Iterable[list[Finding]]:
    """The same mistake in several lines of one file is told once."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.level, finding.kind, finding.path, finding.actual, finding.subject)
        groups.setdefault(key, []).append(finding)
    return groups.values()


def _lines(findings: Sequence[Finding], *, has_colour: bool) -> list[str]:
    finding = findings[0]
    sign = styled(_SIGNS.get(finding.level, finding.level), _STYLES.get(finding.level, "dim"), has_colour=has_colour)
    place = _place(findings)
    text = finding.actual
    if finding.expected:
        text += f" (expected: {finding.expected})"
    if finding.subject and not finding.path and finding.subject not in text:
        text = f"{finding.subject}: {text}"
    lines = [f"  {sign} {clean(place)}: {clean(text)}" if place else f"  {sign} {clean(text)}"]
    if finding.remedy:
        lines.append(f"    fix: {clean(finding.remedy)}")
    return lines


def _place(findings: Sequence[Finding]) -> str:
    path = findings[0].path
    lines = [line for finding in findings if (line := dict(finding.evidence).get("line", ""))]
    return f"{path}:{', '.join(dict.fromkeys(lines))}" if path and lines else path


def _headline(told: Doctored, *, has_colour: bool) -> str:
    if not told.findings:
        return f"{styled('Well', 'green', has_colour=has_colour)}: {clean(_seen(told.facts))}"
    counts = {level: sum(finding.level == level for _, finding in told.findings) for level in LEVELS}
    parts = []
    if counts[FAILS]:
        parts.append(f"{count_text(counts[FAILS], 'failure')}")
    if counts[UNKNOWN]:
        parts.append(f"{counts[UNKNOWN]} unknown")
    if counts[WARNS]:
        parts.append(count_text(counts[WARNS], "warning"))
    word = "Not well" if counts[FAILS] else "Fair"
    return f"{styled(word, 'red' if counts[FAILS] else 'yellow', has_colour=has_colour)}: {', '.join(parts)}"


def _seen(facts: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"no {name}" if text == "none" else text for name, text in facts)


def doctor_document(told: Doctored, *, is_well: bool) -> str:
    """The same as JSON."""
    return document(
        {
            "directory": told.directory,
            "well": is_well,
            "seen": dict(told.facts),
            "findings": [_plain(family, finding) for family, finding in told.findings],
        }
    )


def _plain(family: str, finding: Finding) -> dict[str, object]:
    evidence = dict(finding.evidence)
    line = evidence.pop("line", "")
    told = {**finding_document(finding), "family": family, "line": int(line) if line else None}
    return {**told, "evidence": evidence}
