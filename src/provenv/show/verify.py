"""What ``verify`` found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provenv.flows.verify import Verified
from provenv.model.finding import FAILS, UNKNOWN, WARNS, Finding
from provenv.show.findings import finding_document
from provenv.show.json import document
from provenv.show.text import bytes_text, clean, count_text, styled

__all__ = ["verify_document", "verify_text"]

_STYLES = {FAILS: "red", UNKNOWN: "yellow", WARNS: "yellow"}
_MOST_OF_PACKAGE = 8
_MOST_PACKAGES = 24
_WEAK = {
    "RECORD": "RECORD lies in the environment itself: it shows damage, but no forgery",
    "receipt": "the receipt lies in the environment itself: the lock of a project proves more",
}
_WORDS = {
    "absent": "not installed",
    "bytecode": "byte code",
    "changed": "changed",
    "contradiction": "contradicts itself",
    "duplicate": "twice",
    "environment": "environment",
    "extra": "extra",
    "link": "link",
    "missing": "missing",
    "mode": "mode",
    "receipt": "receipt",
    "shadow": "shadows",
    "startup": "start-up",
    "unlocked": "not locked",
    "unproven": "unproven",
    "unreadable": "unreadable",
    "version": "version",
}


def verify_text(found: Verified, *, has_colour: bool = False, is_verbose: bool = False) -> str:
    """Findings by package, then one line that says what was compared with what, without a final line end."""
    lines: list[str] = []
    subjects = list(_by_subject(found.findings))
    for subject, findings in subjects if is_verbose else subjects[:_MOST_PACKAGES]:
        lines.append(styled(clean(subject or "the environment"), "bold", has_colour=has_colour))
        shown = findings if is_verbose else findings[:_MOST_OF_PACKAGE]
        lines += [line for finding in shown for line in _lines(finding, has_colour=has_colour)]
        if len(shown) < len(findings):
            lines.append(f"  and {len(findings) - len(shown)} more (--verbose shows all)")
    if len(subjects) > _MOST_PACKAGES and not is_verbose:
        lines.append(f"and {count_text(len(subjects) - _MOST_PACKAGES, 'more package')} (--verbose shows all)")
    if lines:
        lines.append("")
    if is_verbose and found.notes:
        lines.append("told, not wrong")
        lines += [f"  {clean(_note(note))}" for note in found.notes]
        lines.append("")
    if found.repaired:
        lines.append(f"Repaired {count_text(len(found.repaired), 'finding')}")
    lines.append(_headline(found, has_colour=has_colour))
    if found.basis in _WEAK:
        lines.append(styled(f"({_WEAK[found.basis]})", "dim", has_colour=has_colour))
    return "\n".join(lines)


def _by_subject(findings: Sequence[Finding]) -> Iterable[tuple[str, list[Finding]]]:
    named: dict[str, list[Finding]] = {}
    for finding in findings:
        named.setdefault(finding.subject, []).append(finding)
    return named.items()


def _lines(finding: Finding, *, has_colour: bool) -> list[str]:
    word = styled(_WORDS.get(finding.kind, finding.kind), _STYLES.get(finding.level, "dim"), has_colour=has_colour)
    told = clean(_shortened(finding.actual))
    if finding.expected and finding.expected not in ("nothing", "a file"):
        told += f" (expected {clean(_shortened(finding.expected))})"
    path = clean(finding.path)
    lines = [f"  {word} {path}: {told}" if path else f"  {word}: {told}"]
    if finding.remedy and not finding.remedy.startswith("`provenv verify --repair`"):
        lines.append(f"    {finding.remedy}")
    return lines


def _shortened(text: str) -> str:
    """Hashes with their begin only: the whole ones are in the JSON form."""
    algorithm, _, digest = text.partition(" ")
    if algorithm in ("sha256", "sha384", "sha512") and len(digest) >= 64:
        return f"{algorithm} {digest[:12]}…"
    return text


def _note(note: Finding) -> str:
    place = " ".join(filter(None, (note.subject, note.path)))
    return f"{_WORDS.get(note.kind, note.kind)} {place}: {note.actual}"


def _headline(found: Verified, *, has_colour: bool) -> str:
    seen = f"{count_text(found.packages, 'package')}, {count_text(found.files, 'file')}, {bytes_text(found.bytes)}"
    against = f"{found.environment} against {found.against}"
    if found.is_proven:
        return f"{styled('Proven', 'green', has_colour=has_colour)}: {clean(against)} ({seen})"
    count = sum(finding.level in (FAILS, UNKNOWN) for finding in found.findings)
    can_repair = any(finding.remedy.startswith("`provenv verify --repair`") for finding in found.findings)
    hint = "; `provenv verify --repair` restores what it can" if can_repair else ""
    word = styled("Not proven", "red", has_colour=has_colour)
    return f"{word}: {clean(against)} ({seen}): {count_text(count, 'finding')}{hint}"


def verify_document(found: Verified) -> str:
    """The same as JSON, with whole hashes."""
    return document(
        {
            "environment": found.environment,
            "against": found.against,
            "basis": found.basis,
            "proven": found.is_proven,
            "packages": found.packages,
            "files": found.files,
            "bytes": found.bytes,
            "findings": [finding_document(finding) for finding in found.findings],
            "notes": [finding_document(note) for note in found.notes],
            "repaired": [finding_document(finding) for finding in found.repaired],
        }
    )
