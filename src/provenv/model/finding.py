"""A finding is one fact about a lock or an environment, with what to do about it."""

from __future__ import annotations

from provenv.model.value import Value

__all__ = ["FAILS", "HOLDS", "LEVELS", "UNKNOWN", "WARNS", "Finding"]

FAILS = "fails"
"""It is not as it was promised."""
UNKNOWN = "unknown"
"""Nothing could prove it. Absence of proof is failure."""
WARNS = "warns"
"""It is as promised, or nobody promised anything, and somebody should know about it."""
HOLDS = "holds"
"""It was proven, and is told because people ask for it."""
LEVELS = (FAILS, UNKNOWN, WARNS, HOLDS)
"""From the worst to the best."""


class Finding(Value):
    """One fact. All texts may hold what strangers wrote: whoever shows them cleans them."""

    __slots__ = (
        "actual",
        "evidence",
        "expected",
        "kind",
        "level",
        "path",
        "remedy",
        "rule",
        "subject",
    )

    def __init__(
        self,
        *,
        level: str,
        kind: str,
        subject: str = "",
        path: str = "",
        expected: str = "",
        actual: str = "",
        remedy: str = "",
        rule: str = "",
        evidence: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.level = level
        """One of ``LEVELS``."""
        self.kind = kind
        """One word of the flow that found it: ``changed``, ``missing``, ``extra``."""
        self.subject = subject
        """The package (normalised name), target or machine that it is about; "" for the environment itself."""
        self.path = path
        """Relative to the environment's root, with ``/``; "" when it is about no file."""
        self.expected = expected
        self.actual = actual
        self.remedy = remedy
        """What to do, as a sentence for people."""
        self.rule = rule
        """Which rule or document says so: a lock, a RECORD, a row of a table."""
        self.evidence = evidence
        """``(what, which)`` pairs for programs: a section and a symbol of a library, the file that told."""
