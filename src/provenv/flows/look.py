"""How a sync looks at an environment: what is there now, and whether it is still as it was put there. On the warm path.

Every owned file is looked at, and every directory above one, and what makes the directory an environment. Not the
bytes: unless the machine went down before they were known to be on disk.
"""

from __future__ import annotations

import os

from provenv.env import receipt as receipts
from provenv.env.apply import identity
from provenv.env.drift import drifted, own_drift
from provenv.env.paths import Paths
from provenv.env.scan import scan
from provenv.flows.aim import aim
from provenv.flows.environment import environment_program, is_only_damaged
from provenv.model.plan import Installed, Plan
from provenv.store.boot import boot_id
from provenv.store.durable import receipt_stamp

__all__ = ["Look", "Seen", "file_owners", "plan_between"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from provenv.env.receipt import Receipt
    from provenv.flows.world import World
    from provenv.model.machine import Interpreter
    from provenv.model.plan import Wanted


class Seen:
    """What one look found: the plan, and what else must be put right."""

    __slots__ = ("is_fresh", "is_unproven", "is_whole", "plan")

    def __init__(self, plan: Plan, *, is_fresh: bool, is_whole: bool = True, is_unproven: bool = False) -> None:
        self.plan = plan
        self.is_fresh = is_fresh
        """There is no environment of this interpreter: it must be made first."""
        self.is_whole = is_whole
        """What makes the directory an environment is as it was made: settings, programs, activation."""
        self.is_unproven = is_unproven
        """There is no receipt, or one of another boot of the machine: it must be written anew."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return self.plan.is_empty and self.is_whole and not (self.is_fresh or self.is_unproven)


class Look:
    """How one sync looks at the environment: each look sees what is there now."""

    def __init__(
        self, world: World, interpreter: Interpreter, *, is_inexact: bool, reinstalled: Collection[str] | None
    ) -> None:
        self._world = world
        self._interpreter = interpreter
        self._is_inexact = is_inexact
        self._reinstalled = reinstalled
        self._told: set[str] = set()
        self.losers: set[str] = set()
        """Packages that must be installed anew, as they leave a file to another one."""

    def plan(self, wanted: Sequence[Wanted], *, kept: Collection[str] = (), is_told: bool) -> Seen:
        """What must change, and what must be put right besides.

        ``kept`` are packages that stay as they are for now; ``is_told``: warn, once, of what is damaged.
        """
        world, root = self._world, self._world.environment_directory
        receipt = receipts.read(root)
        own = () if receipt is None else own_drift(root, receipt)
        if not _is_environment_of(world, self._interpreter, receipt, own):
            return Seen(plan_between((), wanted, is_inexact=self._is_inexact), is_fresh=True)
        found = scan(Paths.from_interpreter(root, self._interpreter))
        is_whole, is_unproven = True, receipt is None
        if receipt is not None:
            damaged: dict[str, str] = {}
            for name, paths in drifted(root, receipt).items():
                damaged[name] = f"{paths[0]} was changed or is missing{_more(len(paths) - 1)}"
            if is_unproven := receipt.boot != boot_id() and not world.store().is_on_disk(root, receipt_stamp(root)):
                damaged = {**self._lost(root, receipt), **damaged}
            if own:
                self._tell("the environment", f"{own[0]} was changed or is missing{_more(len(own) - 1)}", is_told)
            # After a loss of power these few are simply written anew.
            is_whole = not own and not is_unproven
            for name, text in sorted(damaged.items()):
                self._tell(name, text, is_told)
            found = tuple(_as_foreign(item) if item.name in damaged else item for item in found)
        again = {item.name for item in wanted} if self._reinstalled is None else {*self._reinstalled}
        again |= self.losers
        if receipt is not None and (reduced := {one.name for one in receipt.items.values() if one.is_reduced}):
            # Who gave way to another gets its own files back when that one goes, or the user decides anew.
            is_other = plan_between(found, wanted, is_inexact=self._is_inexact)
            if not is_other.is_empty or receipt.owners != tuple(sorted(file_owners(world).items())):
                again |= reduced
        found = tuple(_as_foreign(item) if item.name in again else item for item in found if item.name not in kept)
        plan = plan_between(found, wanted, is_inexact=self._is_inexact)
        return Seen(plan, is_fresh=False, is_whole=is_whole, is_unproven=is_unproven)

    def _lost(self, root: str, receipt: Receipt) -> Mapping[str, str]:
        from provenv.flows.lost import lost

        return lost(self._world.store(), root, receipt, self._interpreter)

    def _tell(self, name: str, text: str, is_told: bool) -> None:
        if is_told and name not in self._told:
            self._told.add(name)
            self._world.events.warned(f"{name} is restored: {text}")


def file_owners(world: World) -> Mapping[str, str]:
    """Whose files are taken where several packages bring them, as the project file says."""
    return aim(world)["file_owners"] if os.path.exists(world.project_file) else {}


def plan_between(found: Sequence[Installed], wanted: Sequence[Wanted], *, is_inexact: bool = False) -> Plan:
    """What must change so that ``found`` becomes ``wanted``. One that is there twice is replaced."""
    here: dict[str, Installed] = {}
    for item in found:
        here[item.name] = _as_foreign(item) if item.name in here else item
    names = {item.name for item in wanted}
    keep = [item for item in wanted if (there := here.get(item.name)) and there.sha256 == item.sha256]
    install = [item for item in wanted if item not in keep]
    replaced = {item.name for item in install}
    remove = [item for item in found if item.name in replaced or (item.name not in names and not is_inexact)]
    return Plan(install=tuple(install), remove=tuple(sorted(remove, key=lambda item: item.name)), keep=tuple(keep))


def _as_foreign(item: Installed) -> Installed:
    """The same distribution as if somebody else had installed it: it is replaced."""
    return Installed(name=item.name, version=item.version)


def _more(count: int) -> str:
    return f", and {count} more" if count else ""


def _is_environment_of(world: World, interpreter: Interpreter, receipt: Receipt | None, damaged: Sequence[str]) -> bool:
    """Whether the environment exists and was made from that interpreter."""
    root = world.environment_directory
    if receipt is not None and receipt.interpreter == identity(interpreter) and is_only_damaged(root, damaged):
        return True
    if not os.path.isfile(os.path.join(root, "pyvenv.cfg")):
        return False
    try:
        program = os.path.realpath(environment_program(root), strict=True)
    except OSError:
        return False
    settings = _pyvenv(root)
    version = settings.get("version") or settings.get("version_info", "")
    is_same_version = version.split(".")[:2] == interpreter.version.split(".")[:2]
    return is_same_version and program == os.path.realpath(interpreter.base_executable)


def _pyvenv(root: str) -> Mapping[str, str]:
    with open(os.path.join(root, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
        pairs = [line.partition("=") for line in file]
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
