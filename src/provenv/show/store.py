"""What is in the store, what was wrong with it and what went, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping

from provenv.flows.store_prune import Pruned, Size
from provenv.flows.store_verify import Verified
from provenv.show.json import document
from provenv.show.text import bytes_text, clean, count_text

__all__ = ["pruned_document", "pruned_text", "size_document", "size_text", "verified_document", "verified_text"]

_NAMES = {
    "blobs": "files as downloaded",
    "trees": "wheels unpacked",
    "bytecode": "byte code",
    "shared": "shared environments",
    "built": "records of builds",
    "origins": "records of origins",
    "facts": "facts of compiled files",
    "environments": "throwaway environments",
    "quarantine": "quarantine",
    "tmp": "being made",
    "leftovers": "leftovers",
}
_MOST_FAULTS = 5


def verified_text(verified: Verified) -> str:
    """One line for each object that was not right, and one at the end."""
    lines = []
    for verdict in verified.verdicts:
        told = f": {verdict.why}" if verdict.why else ""
        lines.append(f"{clean(verdict.name)}: {verdict.outcome}{clean(told)}")
        for path, what in verdict.faults[:_MOST_FAULTS]:
            lines.append(f"  {clean(path)} {what}" if path else f"  {what}")
        if len(verdict.faults) > _MOST_FAULTS:
            lines.append(f"  and {len(verdict.faults) - _MOST_FAULTS} more")
    objects = count_text(sum(verified.counts.values()), "object")
    if not verified.verdicts:
        lines.append(f"Verified {objects}: all are as they were published")
    else:
        healed = sum(verdict.is_healed for verdict in verified.verdicts)
        lines.append(f"Verified {objects}: {len(verified.verdicts)} not right, {healed} of them healed")
    return "\n".join(lines)


def verified_document(verified: Verified) -> str:
    """The same as JSON."""
    return document(
        {
            "good": verified.is_good,
            "objects": dict(sorted(verified.counts.items())),
            "faults": [
                {
                    "kind": verdict.kind,
                    "key": verdict.key,
                    "name": verdict.name,
                    "path": verdict.path,
                    "outcome": verdict.outcome,
                    "why": verdict.why or None,
                    "files": [{"path": path or None, "fault": what} for path, what in verdict.faults],
                }
                for verdict in verified.verdicts
            ],
        }
    )


def size_text(sizes: Mapping[str, Size]) -> str:
    """One line for each kind, and the sum."""
    rows = [(_NAMES[kind], size) for kind, size in sizes.items() if size.count or size.size]
    rows.append(("all", Size(count=sum(size.count for _, size in rows), size=sum(size.size for _, size in rows))))
    return "\n".join(f"{name:<22}{size.count:>8}{bytes_text(size.size):>12}" for name, size in rows)


def size_document(sizes: Mapping[str, Size]) -> str:
    """The same as JSON, in bytes."""
    return document({kind: {"count": size.count, "bytes": size.size} for kind, size in sizes.items()})


def pruned_text(pruned: Pruned, *, is_dry: bool) -> str:
    """What went, or would."""
    if not pruned.removed:
        return "Nothing to remove"
    parts = ", ".join(f"{count} {_NAMES[kind]}" for kind, count in sorted(pruned.removed.items()))
    return f"{'Would remove' if is_dry else 'Removed'} {parts} ({bytes_text(pruned.freed)})"


def pruned_document(pruned: Pruned, *, is_dry: bool) -> str:
    """The same as JSON."""
    return document({"dry_run": is_dry, "removed": dict(sorted(pruned.removed.items())), "freed": pruned.freed})
