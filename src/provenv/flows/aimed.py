"""A project as the flows see it: plain values, so that they can be kept. On the warm path."""

from __future__ import annotations

__all__ = ["Aim", "AimedTarget"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from provenv.universe.view import Row

    class AimedTarget(TypedDict):
        """One target, ready for the solver."""

        name: str
        key: str
        """Digest of environment and tags: names the views."""
        environment: dict[str, str]
        tags: list[str]
        rows: list[tuple[Row, str, str]]
        """Row, the place that wrote it, and its section (``""``, ``extra:NAME``, ``group:NAME``)."""
        urls: dict[str, str]
        """Packages that are direct references, with their URL."""

    class Aim(TypedDict):
        """A project as the flows see it."""

        name: str | None
        requires_python: str | None
        extras: list[str]
        groups: list[str]
        default_groups: list[str]
        targets: list[AimedTarget]
        locations: list[tuple[str, str, str]]
        """Name, URL and kind of every place to look, in order."""
        index_key: str
        inputs: dict[str, Any]
        """What the lock records of the project, to know later whether it is still right."""
        texts: dict[str, str]
        """Place -> requirement as written."""
        interpreter: str | None
        """The interpreter that stands for this machine; None when all targets are declared."""

else:
    AimedTarget = dict
    Aim = dict
