"""Which builds of PyTorch and its kin there are, what each needs of a machine, and where they are offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from provenv.stack.coverage import Runs, runs_on
from provenv.stack.drivers import branch_limit, driver_floor
from provenv.stack.tables import Fact, Numbers, Tables, numbers

__all__ = [
    "Needs",
    "Unmet",
    "build_of",
    "builds_for",
    "cuda_of_build",
    "driver_limit",
    "family",
    "is_of_interest",
    "needs_of",
    "unmet",
]

_PATTERNS = "cuda"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a candidate needs of a machine, as rules have it; what they do not tell is None or empty."""

    cuda: Numbers = ()
    """Toolkit it is built for, ``(12, 6)``; its major version alone where no more is known."""
    compute: tuple[str, ...] = ()
    """Compute capabilities that it has code for."""
    is_cpu: bool = False
    source: str = ""
    is_certain: bool = False


def family(tables: Tables) -> frozenset[str]:
    """PyTorch and the packages that must come from the same build."""
    return frozenset(fact["name"] for fact in tables.rows("family"))


def is_of_interest(tables: Tables, name: str) -> bool:
    """Whether rules may say what a package needs of a machine."""
    return name in family(tables) or any(fnmatchcase(name, fact["name"]) for fact in tables.rows(_PATTERNS))


def build_of(version: str) -> str:
    """The build that a version's local part names: ``cu126``, ``cpu``, ``rocm6.4``; "" without one."""
    local = version.partition("+")[2]
    is_build = local == "cpu" or local.startswith(("cu", "rocm", "xpu"))
    return local if is_build else ""


def cuda_of_build(build: str) -> Numbers:
    """``cu126`` as ``(12, 6)``; empty for any other build."""
    digits = build.removeprefix("cu")
    if build == digits or not digits.isdecimal() or len(digits) < 3:
        return ()
    return int(digits[:-1]), int(digits[-1])


def needs_of(tables: Tables, name: str, version: str, platform: str) -> Needs | None:
    """What rules tell of a version of a package on a platform (``linux-x86_64``); None when they tell nothing.

    Of the PyTorch family without a build in its version the default index's build is meant.
    """
    if name in family(tables):
        build = build_of(version)
        if build:
            return _of_build(tables, build, version)
        return _of_default(tables, version, platform) if name == "torch" else None
    for fact in tables.rows(_PATTERNS):
        if fnmatchcase(name, fact["name"]):
            text = version.partition(".")[0] if fact["cuda"] == "version" else str(fact["cuda"])
            if text.isdecimal():
                return Needs((int(text),), source=fact.source, is_certain=fact.is_certain)
    return None


def _of_build(tables: Tables, build: str, version: str) -> Needs:
    cuda = cuda_of_build(build)
    for fact in tables.rows("compute"):
        if fact["build"] == build and _is_within(fact, version):
            return Needs(cuda, tuple(fact["compute"]), source=fact.source, is_certain=True)
    return Needs(cuda, is_cpu=build == "cpu", source="the local version names the build", is_certain=bool(cuda))


def _is_within(fact: Fact, version: str) -> bool:
    """Whether a row is about a release of PyTorch, by its ``since`` and ``until`` (both included, by minor version)."""
    release = _minor(version)
    since, until = fact.get("since"), fact.get("until")
    return (since is None or release >= numbers(since)) and (until is None or release <= numbers(until))


def _minor(version: str) -> Numbers:
    parts = version.partition("+")[0].split(".")[:2]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)


def _of_default(tables: Tables, version: str, platform: str) -> Needs | None:
    """By minor version: patch releases are built as the first one. A version that no row names is not known."""
    for fact in tables.rows("default"):
        if fact["platform"] == platform and _minor(fact["torch"]) == _minor(version):
            return Needs(numbers(fact["cuda"]), tuple(fact["compute"]), source=fact.source, is_certain=fact.is_certain)
    return None


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that a machine does not meet."""

    kind: str
    """``driver`` or ``gpu``."""
    what: str
    """The driver that is needed, or the compute capability that there is no code for."""
    reason: str
    """In words, of the package: ``it is built for CUDA 13, which needs NVIDIA driver 580.65.06 or newer``."""


def unmet(
    tables: Tables,
    needs: Needs,
    *,
    system: str,
    driver: str | None,
    gpus: Sequence[tuple[str, Numbers]],
    cuda: str | None = None,
) -> Unmet | None:
    """What a machine lacks for what has these needs; None when it has it all, or when nobody knows.

    ``gpus`` are names and compute capabilities; ``cuda`` is the newest CUDA of its user-mode driver library, which a
    compatibility package may lift above that of the driver.
    """
    if not needs.cuda:
        return None
    major = needs.cuda[0]
    floor = driver_floor(tables, major, system)
    is_old = driver is not None and floor is not None and numbers(driver) < floor.numbers
    if cuda is not None:
        is_old = numbers(cuda)[0] < major and (driver is None or is_old)
    if is_old and floor is not None and floor.is_certain:
        reason = f"it is built for CUDA {major}, which needs NVIDIA driver {floor.driver} or newer"
        return Unmet("driver", floor.driver, reason)
    for name, capability in gpus:
        if needs.compute and not any(_runs(tables, built, capability) for built in needs.compute):
            dotted = ".".join(map(str, capability))
            return Unmet("gpu", dotted, f"it has no code for {name} (compute capability {dotted})")
    return None


def _runs(tables: Tables, built: str, gpu: Numbers) -> bool:
    """Whether machine code for a capability may run on a GPU: what is not known may."""
    major, minor = numbers(built)
    return runs_on(tables, "sass", major * 10 + minor, "", (), gpu, None) is not Runs.NO


def builds_for(
    tables: Tables,
    *,
    system: str,
    driver: str | None,
    gpus: Sequence[tuple[str, Numbers]],
    cuda: str | None = None,
) -> tuple[str, ...]:
    """The builds whose indexes are worth asking for a machine, newest toolkit first; ``cpu`` alone without a GPU."""
    if not gpus and driver is None and cuda is None:
        return ("cpu",)
    known = dict.fromkeys(build for fact in tables.rows("builds") for build in (*fact["stable"], *fact["experimental"]))
    found = []
    for build in known:
        toolkit = cuda_of_build(build)
        if toolkit and all(
            unmet(tables, needs, system=system, driver=driver, gpus=gpus, cuda=cuda) is None
            for needs in _some_needs(tables, build, toolkit)
        ):
            found.append((toolkit, build))
    return tuple(build for _, build in sorted(found, reverse=True))


def _some_needs(tables: Tables, build: str, cuda: Numbers) -> list[Needs]:
    """The needs of the oldest versions of a build: if these are not met, none are."""
    rows = [fact for fact in tables.rows("compute") if fact["build"] == build and fact.get("since") is None]
    return [Needs(cuda, tuple(fact["compute"])) for fact in rows] or [Needs(cuda)]


def driver_limit(tables: Tables, driver: str, gpus: Sequence[tuple[str, Numbers]]) -> str | None:
    """Why a driver does not drive one of the GPUs; None when it does."""
    for name, capability in gpus:
        limit = branch_limit(tables, capability)
        if limit is not None and int(driver.partition(".")[0]) > limit["branch"]:
            return f"driver {driver} no longer knows {name}: the last branch for it is {limit['branch']}"
    return None
