"""A finding as programs get it, whichever command found it."""

from __future__ import annotations

from provenv.model.finding import Finding

__all__ = ["finding_document"]


def finding_document(finding: Finding) -> dict[str, object]:
    """What a finding says, without its evidence, whose form is each command's own."""
    return {
        "level": finding.level,
        "kind": finding.kind,
        "package": finding.subject or None,
        "path": finding.path or None,
        "expected": finding.expected or None,
        "found": finding.actual or None,
        "remedy": finding.remedy or None,
        "rule": finding.rule or None,
    }
