"""The machine of a target, as the universe speaks of it: which candidates it cannot run, and which come from one build.

Driver and GPUs are packages with one candidate each; as each is always chosen, a need of them that is not met makes a
candidate unusable, and the reason names the machine. Rules are only looked up for packages that they speak of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from provenv.stack.builds import build_of, family, is_of_interest, needs_of, unmet
from provenv.stack.tables import Numbers, Tables
from provenv.universe.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Unfit

__all__ = ["Machine"]


class Machine:
    """What rules say of the candidates of one target.

    ``plain`` is the target's machine as an aim keeps it: ``name``, ``platform``, ``system``, ``driver`` (or None) and
    ``gpus`` (name, major, minor).
    """

    def __init__(self, plain: Mapping[str, Any], tables: Tables) -> None:
        self._tables = tables
        self._plain = plain
        self._gpus: Sequence[tuple[str, Numbers]] = [(name, (major, minor)) for name, major, minor in plain["gpus"]]
        self._family = family(tables)

    def mark(self, view: View) -> None:
        """Tell a new view what this machine cannot run, which candidates are of one build, and which are best here."""
        if is_of_interest(self._tables, view.name):
            for candidate, version in enumerate(view.versions, 1):
                refusal = self._unmet(view.name, version)
                if refusal is not None:
                    view.refused[refusal] = view.refused.get(refusal, 0) | 1 << candidate
        if view.name in self._family:
            for candidate, version in enumerate(view.versions, 1):
                build = build_of(version)
                view.builds[build] = view.builds.get(build, 0) | 1 << candidate
            cpu = view.builds.get("cpu", 0)
            has_gpu = bool(self._gpus or self._plain["driver"] or self._plain["cuda"])
            # A machine with GPUs takes a CPU build only when there is nothing else, one without takes it before all.
            view.first = (2 << view.size) - 2 & ~cpu if has_gpu and cpu else cpu

    def _unmet(self, name: str, version: str) -> Unfit | None:
        plain = self._plain
        needs = needs_of(self._tables, name, version, plain["platform"])
        if needs is None:
            return None
        found = unmet(
            self._tables, needs, system=plain["system"], driver=plain["driver"], gpus=self._gpus, cuda=plain["cuda"]
        )
        if found is None:
            return None
        has = (plain["driver"] or f"CUDA {plain['cuda']}") if found.kind == "driver" else "one"
        return found.kind, found.what, f"{found.reason}; machine {plain['name']} has {has}"
