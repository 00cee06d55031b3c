"""Wheel file names: ``{name}-{version}(-{build})?-{python}-{abi}-{platform}.whl``."""

from __future__ import annotations

from provenv.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.tags import Tag
    from packaging.version import Version

__all__ = ["WheelName"]


class WheelName:
    """What a wheel's file name says; equal names compare by their parts."""

    __slots__ = ("build", "filename", "name", "tags", "version")

    def __init__(
        self, *, filename: str, name: str, version: Version, build: tuple[int, str] | None, tags: frozenset[Tag]
    ) -> None:
        self.filename = filename
        self.name = name
        self.version = version
        self.build = build
        self.tags = tags

    @classmethod
    def from_filename(cls, filename: str) -> WheelName:
        """Parse a bare file name; an InputError names it when it breaks the specification."""
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename
        from packaging.version import InvalidVersion

        if "/" in filename or "\\" in filename or "\0" in filename:
            raise InputError(repr(filename), "a wheel's file name cannot hold a path")
        if len(filename) > 255:
            raise InputError(f"{filename[:80]}...", "no file can have so long a name")
        if not filename.isascii():
            raise InputError(repr(filename), "a wheel's file name holds nothing outside of ASCII")
        try:
            name, version, build, tags = parse_wheel_filename(filename)
        except (InvalidWheelFilename, InvalidVersion) as problem:
            raise InputError(filename, f"not a valid wheel file name: {problem}") from problem
        return cls(filename=filename, name=name, version=version, build=build or None, tags=tags)

    def __repr__(self) -> str:
        return f"WheelName({self.filename!r})"
