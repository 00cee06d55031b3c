"""The evidence of a report: for every package what was found, machine by machine, and the rules that say so."""

from __future__ import annotations

from collections.abc import Sequence

from provenv.model.finding import HOLDS, LEVELS, Finding
from provenv.show.html_subject import MachineColumn, PackageRow, worst_of
from provenv.show.html_table import MACHINES, mark
from provenv.show.html_text import safe
from provenv.show.text import bytes_text

__all__ = ["KINDS", "Evidence"]

KINDS = {
    "cpu": "processor level",
    "driver": "driver",
    "glibc": "C library",
    "gpu": "GPU code",
    "library": "shared library",
    "libstdc++": "C++ library",
    "lock": "lock",
    "build": "accelerator build",
    "owners": "files with two owners",
    "openblas": "several OpenBLAS",
    "openmp": "several OpenMP",
    "pair": "mismatched pair",
    "processor": "processor",
    "python": "Python interface",
    "symbol": "symbols",
    "system": "operating system",
    "tag": "wheel's tag",
    "unbuilt": "no wheel",
    "unread": "not read",
}
"""Kinds of findings in words; a kind that is not here is shown as it is."""
_MOST_VALUES = 20
_MOST_NAMES = 60


class Evidence:
    """Writes the evidence and collects the rules on the way; each rule is told once and cited by number."""

    def __init__(self, machines: Sequence[MachineColumn], packages: Sequence[PackageRow]) -> None:
        self._machines = machines
        self._packages = packages
        self._number = {row.name: index for index, row in enumerate(packages)}
        self._needed_by: dict[str, list[str]] = {}
        for row in packages:
            for name in row.requires:
                if name in self._number and name != row.name:
                    self._needed_by.setdefault(name, []).append(row.name)
        self._rules: dict[str, int] = {}
        self.places: dict[tuple[int, str], str] = {}
        """Number of a row and a machine -> the anchor that tells about them; filled by ``articles``."""

    def articles(self) -> str:
        """One hidden panel for every package, shown when it is the target of a link, and on paper."""
        return "".join(self._article(number, row) for number, row in enumerate(self._packages))

    def rules(self) -> str:
        """The list that the numbers in the evidence lead to; after ``articles``."""
        rows = "".join(f'<li id="rule-{number}">{safe(rule)}</li>' for rule, number in self._rules.items())
        return f'<ol class="rules">{rows}</ol>' if rows else '<p class="soft">No rule was needed.</p>'

    def _article(self, number: int, row: PackageRow) -> str:
        groups: dict[tuple[Finding, ...], list[str]] = {}
        for machine in self._machines:
            found = row.findings.get(machine.name, ())
            if found:
                groups.setdefault(tuple(found), []).append(machine.name)
        sections = []
        for group, (found, names) in enumerate(groups.items()):
            place = f"p{number}-{group}"
            self.places |= {(number, name): place for name in names}
            machines = ", ".join(f"<bdi>{safe(name, 80)}</bdi>" for name in names)
            sections.append(
                f'<section id="{place}" tabindex="-1"><h4>On {machines}</h4>{self._findings(found)}</section>'
            )
        kind = "evidence" if sections else "evidence none"
        if not sections:
            sections.append('<p class="soft">No check found anything to tell.</p>')
        return (
            f'<article class="{kind}" id="p{number}" tabindex="-1" aria-labelledby="h{number}">'
            f'<div><h3 id="h{number}"><bdi>{safe(row.name or MACHINES, 200)}</bdi></h3>'
            f'<a class="close" href="#r{number}" aria-label="Close">✕</a></div>{self._about(row)}'
            f"{''.join(sections)}"
            f'<a class="close" href="#r{number}">Back to the table</a></article>'
        )

    def _about(self, row: PackageRow) -> str:
        facts = []
        if row.versions:
            facts.append(("Version", ", ".join(f"<bdi>{safe(version, 80)}</bdi>" for version in row.versions)))
        if row.size is not None:
            facts.append(("Size", bytes_text(row.size)))
        if needs := self._links(row.requires):
            facts.append(("Needs", needs))
        if needed_by := self._links(self._needed_by.get(row.name, ())):
            facts.append(("Needed by", needed_by))
        rows = "".join(f"<dt>{what}<dd>{told}" for what, told in facts)
        return f'<dl class="needs">{rows}</dl>' if rows else ""

    def _links(self, names: Sequence[str]) -> str:
        known = sorted({name for name in names if name in self._number})
        links = [f'<a href="#p{self._number[name]}">{safe(name, 80)}</a>' for name in known[:_MOST_NAMES]]
        if len(known) > _MOST_NAMES:
            links.append(f"and {len(known) - _MOST_NAMES} more")
        return ", ".join(links)

    def _findings(self, found: Sequence[Finding]) -> str:
        """The worst first, each with all that it knows; what holds is told in a line."""
        findings = sorted(found, key=lambda finding: LEVELS.index(worst_of([finding.level])))
        told = "".join(self._finding(finding) for finding in findings if finding.level != HOLDS)
        held = "".join(self._held(finding) for finding in findings if finding.level == HOLDS)
        return (f"<ul>{told}</ul>" if told else "") + (
            f"<h5>{mark(HOLDS)} It holds</h5><ul>{held}</ul>" if held else ""
        )

    def _held(self, finding: Finding) -> str:
        kind = safe(KINDS.get(finding.kind, finding.kind), 60)
        cited = self._cited(finding)
        path = f"<code>{safe(finding.path, 400)}</code>: " if finding.path else ""
        told = safe("; found: ".join(filter(None, (finding.expected, finding.actual))))
        more = "".join(
            f"; {safe(what, 60)} {which}"
            for what, which in _pairs([pair for pair in finding.evidence if pair[1] not in finding.expected])
        )
        return f"<li>{kind}: {path}{told}{more}{f' ({cited})' if cited else ''}"

    def _cited(self, finding: Finding) -> str:
        if not finding.rule:
            return ""
        number = self._rules.setdefault(finding.rule, len(self._rules) + 1)
        return f'<a href="#rule-{number}">[{number}]</a>'

    def _finding(self, finding: Finding) -> str:
        rows = []
        if finding.path:
            rows.append(f"<dt>File<dd><code>{safe(finding.path, 400)}</code>")
        rows += [f"<dt>{safe(what.capitalize(), 60)}<dd>{told}" for what, told in _pairs(finding.evidence)]
        if finding.expected:
            rows.append(f"<dt>Expected<dd>{safe(finding.expected)}")
        if finding.actual:
            rows.append(f"<dt>Found<dd>{safe(finding.actual)}")
        if finding.remedy:
            rows.append(f"<dt>What to do<dd>{safe(finding.remedy)}")
        if cited := self._cited(finding):
            rows.append(f"<dt>Rule<dd>{cited}")
        kind = safe(KINDS.get(finding.kind, finding.kind), 60)
        return f"<li><b>{mark(worst_of([finding.level]))} {kind}</b><dl>{''.join(rows)}</dl></li>"


def _pairs(evidence: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Values of one name together; versions are told of the package already."""
    values: dict[str, list[str]] = {}
    for what, which in evidence:
        if what != "version" and which:
            values.setdefault(what, []).append(which)
    return [
        (what, _joined([f"<code>{safe(one, 300)}</code>" for one in which[:_MOST_VALUES]], len(which)))
        for what, which in values.items()
    ]


def _joined(values: list[str], total: int) -> str:
    more = f" and {total - len(values)} more" if total > len(values) else ""
    return ", ".join(values) + more
