"""The small files of a ``.dist-info`` directory: WHEEL and entry_points.txt."""

from __future__ import annotations

from provenv.errors import InputError

__all__ = ["WheelFile", "parse_entry_points"]


class WheelFile:
    """The two facts an installer needs from WHEEL (PEP 427)."""

    __slots__ = ("is_purelib", "version")

    def __init__(self, *, version: tuple[int, int], is_purelib: bool) -> None:
        self.version = version
        self.is_purelib = is_purelib

    @classmethod
    def from_text(cls, text: str, where: str) -> WheelFile:
        """Parse; InputError unless Wheel-Version is 1.x ("abort if the major version is greater")."""
        fields: dict[str, str] = {}
        for line in text.splitlines():
            key, colon, value = line.partition(":")
            if colon:
                fields.setdefault(key.strip().lower(), value.strip())
        version_text = fields.get("wheel-version", "")
        major, _, minor = version_text.partition(".")
        if not (major.isdecimal() and minor.isdecimal() and len(version_text) < 100):
            raise InputError(where, f"Wheel-Version {version_text[:100]!r} is not two numbers")
        if int(major) != 1:
            raise InputError(where, f"Wheel-Version {version_text} is not known; only 1.x is")
        purelib = fields.get("root-is-purelib", "").lower()
        if purelib not in ("true", "false"):
            raise InputError(where, f"Root-Is-Purelib is {purelib!r}, not true or false")
        return cls(version=(int(major), int(minor)), is_purelib=purelib == "true")


def parse_entry_points(text: str, where: str) -> tuple[tuple[str, str, str], ...]:
    """``(group, name, reference)`` in the order of the file; extras in brackets are dropped from references."""
    group = ""
    found: dict[tuple[str, str], str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            group = line[1:-1].strip()
            continue
        name, equals, reference = line.partition("=")
        if not equals or not group:
            raise InputError(f"{where}:{number}", f"{line!r} is not 'name = module:object' inside a group")
        reference = reference.partition("[")[0].strip() if reference.rstrip().endswith("]") else reference.strip()
        found[(group, name.strip())] = reference
    return tuple((group, name, reference) for (group, name), reference in found.items())
