"""What a policy says about one package, ready to be asked. On the warm path."""

from __future__ import annotations

__all__ = ["Choices"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

#: What a policy says of how packages are built: of all of them, or of one.
_WAYS = ("build_constraints", "config_settings", "no_build_isolation")
_WAYS_OF_PACKAGES = ("config_settings_package", "extra_build")

#: Index strategies under which the pages of several indexes are combined -> mark in the names of views.
_COMBINED = {"unsafe-first-match": ".f", "unsafe-best-match": ".c"}


class Choices:
    """A policy (the plain table of ``[tool.provenv]``; None: all defaults) at a moment, in seconds since the epoch."""

    __slots__ = (
        "_cutoffs",
        "_is_plain",
        "_metadata",
        "_no_binary",
        "_no_binary_packages",
        "_no_build",
        "_no_build_packages",
        "_now",
        "_policy",
        "prerelease",
        "resolution",
        "strategy",
    )

    def __init__(self, policy: Mapping[str, Any] | None, now: float) -> None:
        known = policy or {}
        self._policy = known
        self._now = now
        self._cutoffs: dict[str, float | None] = {}
        self.prerelease: str = known.get("prerelease") or "if-necessary-or-explicit"
        self.resolution: str = known.get("resolution") or "highest"
        self.strategy: str = known.get("index_strategy") or "first-index"
        self._no_build: bool = known.get("no_build", False)
        self._no_binary: bool = known.get("no_binary", False)
        self._no_build_packages: Sequence[str] = known.get("no_build_packages", ())
        self._no_binary_packages: Sequence[str] = known.get("no_binary_packages", ())
        self._metadata: Sequence[Mapping[str, Any]] = known.get("metadata", ())
        self._is_plain = not (
            self._no_build
            or self._no_binary
            or self._no_build_packages
            or self._no_binary_packages
            or self._metadata
            or any(map(known.get, (*_WAYS, *_WAYS_OF_PACKAGES, "no_build_isolation_packages")))
            or known.get("exclude_newer")
            or known.get("exclude_newer_package")
            or self.strategy != "first-index"
        )

    def is_built(self, name: str) -> bool:
        """Whether a source archive of the package may be built. As in uv, a package that needs it escapes "all"."""
        if self._no_build:
            return name in self._no_binary_packages and not self._no_binary
        return name not in self._no_build_packages

    def has_wheels(self, name: str) -> bool:
        """Whether wheels of the package may be used."""
        if self._no_binary:
            return name in self._no_build_packages and not self._no_build
        return name not in self._no_binary_packages

    def cutoff(self, name: str) -> float | None:
        """The moment from which on files of the package do not count; None: all count."""
        if name not in self._cutoffs:
            packages = self._policy.get("exclude_newer_package") or {}
            text = packages[name] if name in packages else self._policy.get("exclude_newer")
            if text:
                from provenv.universe.cutoff import moment

                self._cutoffs[name] = moment(text, self._now)
            else:
                self._cutoffs[name] = None
        return self._cutoffs[name]

    def moves(self, name: str) -> bool:
        """Whether the cut-off of the package is counted back from now, so that files come in as time goes by."""
        packages = self._policy.get("exclude_newer_package") or {}
        text = packages[name] if name in packages else self._policy.get("exclude_newer")
        if not text:
            return False
        from provenv.universe.cutoff import moment

        return moment(text, self._now) != moment(text, self._now + 1)

    def told(self, name: str) -> list[Mapping[str, Any]]:
        """What ``dependency-metadata`` says of the package, one table per version or one for all."""
        return [table for table in self._metadata if table.get("name") == name]

    def way(self, name: str) -> list[Any]:
        """How the package is built, where that is not the usual way: what it then needs may be something else."""
        policy = self._policy
        said: list[Any] = [policy.get(key) for key in _WAYS]
        said += [(policy.get(key) or {}).get(name) for key in _WAYS_OF_PACKAGES]
        said.append(name in policy.get("no_build_isolation_packages", ()))
        return said if any(said) else []

    def file_name(self, name: str) -> str:
        """The name of the file that keeps the package's view: it tells what the view depends on besides the page.

        The moment of a cut-off is not in it: the view itself knows for which moments it holds.
        """
        if self._is_plain:
            return name
        marks = "" if self.is_built(name) else ".b"
        marks += "" if self.has_wheels(name) else ".s"
        marks += "" if self.cutoff(name) is None else ".x"
        marks += _COMBINED.get(self.strategy, "")
        marks += _mark("m", self.told(name)) + _mark("w", self.way(name))
        return name + marks


def _mark(letter: str, said: list[Any]) -> str:
    """A short digest of plain values; nothing of nothing."""
    if not said:
        return ""
    import marshal
    from _blake2 import blake2b

    return f".{letter}{blake2b(marshal.dumps(said, 2), digest_size=8).hexdigest()}"
