"""One page on this machine and this project: reads what there is, and has it examined. Writes nothing."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from provenv.binary.elf import read_elf, read_symbols
from provenv.binary.facts import FileFacts
from provenv.binary.reading import Cut, InMemory
from provenv.doctor.checks import examine
from provenv.doctor.subject import Environment, Patient
from provenv.doctor.words import found
from provenv.errors import InputError
from provenv.flows import files
from provenv.flows.doctor_environment import read_environment, site_of
from provenv.flows.doctor_locks import read_locks
from provenv.flows.doctor_machine import read_variables
from provenv.flows.doctor_tree import read_tree
from provenv.flows.machines import with_machines
from provenv.flows.project_file import read_project
from provenv.flows.rules import rules
from provenv.flows.world import World
from provenv.model.finding import FAILS, WARNS, Finding
from provenv.model.hardware import Hardware
from provenv.model.project import Project
from provenv.probe.machine import read_machine
from provenv.stack.tables import Tables
from provenv.store.compiled import facts_of_directory
from provenv.store.store import Store

__all__ = ["Doctored", "doctor"]

_MOST_EXTENSIONS = 50
_LARGEST_EXTENSION = 200 << 20
_TORCH = ("libc10.so", "libtorch_cpu.so", "libtorch_python.so", "libc10_cuda.so", "libtorch.so", "libtorch_cuda.so")


@dataclass(frozen=True, kw_only=True, slots=True)
class Doctored:
    """What the doctor saw, and what is wrong with it."""

    directory: str
    findings: tuple[tuple[str, Finding], ...]
    """Each with the name of its family: ``machine``, ``environment``, ``project``, ``repository``, ``automation``."""
    facts: tuple[tuple[str, str], ...]
    """What was looked at, in words: ``("environment", ".venv, Python 3.12.4, 37 packages")``."""

    def is_well(self, *, is_strict: bool = False) -> bool:
        """Whether nothing fails; ``is_strict``: and nothing is to be warned of."""
        bad = (FAILS, WARNS) if is_strict else (FAILS,)
        return not any(finding.level in bad for _, finding in self.findings)


def doctor(world: World, *, hardware: Hardware | None = None) -> Doctored:
    """Examine the project of a world, its environment and the machine (``hardware``; otherwise the one we stand on).

    Without a project the directory is examined all the same. No program of the project is run, and its Python is not
    asked; what cannot be read is told as a finding.
    """
    directory = world.directory
    home = world.variables.get("HOME") or os.path.expanduser("~")
    tree = read_tree(directory, home)
    own: list[tuple[str, Finding]] = []
    project, text, tables = _project(world, own)
    if hardware is None:
        hardware = read_machine(tables, world.now)
    root, environment = _environment(world)
    patient = Patient(
        tree=tree,
        project=project,
        project_text=text,
        locks=read_locks(directory, project, tree.texts),
        environment=environment,
        machine=read_variables(hardware, world.variables, world.search_path, environment, root),
        tables=tables,
        extensions=_extensions(directory, tree.paths),
    )
    patient = replace(patient, torch_symbols=_torch_symbols(root, patient.extensions))
    return Doctored(directory=directory, findings=(*own, *examine(patient)), facts=tuple(_facts(patient)))


def _project(world: World, own: list[tuple[str, Finding]]) -> tuple[Project | None, str, Tables]:
    """The project, its text, and the rules with its own; a file that cannot be is a finding, and no end."""
    try:
        data = files.read_if_there(world.project_file)
        if data is None:
            return None, "", rules()
        text = data.decode("utf-8", "replace")
    except InputError as error:
        own.append(("project", _unreadable(error, world)))
        return None, "", rules()
    try:
        project = read_project(data, world.project_file)
        tables = rules([os.path.join(world.directory, path) for path in project.rules])
        targets = with_machines(project.targets, world.directory, world.project_file, is_missing_fine=True)
        return replace(project, targets=tuple(targets)), text, tables
    except InputError as error:
        own.append(("project", _unreadable(error, world)))
        return None, text, rules()


def _unreadable(error: InputError, world: World) -> Finding:
    where = error.where.removeprefix(world.directory + os.sep)
    return found(
        "project-file",
        f"{where}: {error.problem}",
        error.hint or "put it right: no command understands the project until then",
        level=FAILS,
        path=where.partition(":")[0],
    )


def _environment(world: World) -> tuple[str, Environment | None]:
    """The project's environment; where it has none, the one that is activated."""
    own = world.environment_directory
    active = [world.variables.get(name, "") for name in ("VIRTUAL_ENV", "CONDA_PREFIX")]
    for root in (own, *active):
        if root and os.path.isdir(root):
            place = os.path.relpath(root, world.directory)
            place = root if place.startswith("..") else place.replace(os.sep, "/")
            return root, read_environment(root, place, _store(world), is_of_project=root == own)
    return "", None


def _store(world: World) -> Store | None:
    """The store, where there is one: it is not made for this."""
    return world.store() if os.path.isdir(os.path.join(world.cache, "store")) else None


def _extensions(directory: str, paths: Iterable[str]) -> tuple[FileFacts, ...]:
    """The compiled files of the project itself."""
    chosen: list[str] = []
    for path in sorted(paths):
        if path.endswith(".so") and len(chosen) < _MOST_EXTENSIONS:
            full = f"{directory}/{path}"
            if os.path.isfile(full) and os.path.getsize(full) <= _LARGEST_EXTENSION:
                chosen.append(path)
    try:
        return facts_of_directory(directory, chosen)
    except OSError:
        return ()


def _torch_symbols(root: str, extensions: Sequence[FileFacts]) -> frozenset[str] | None:
    """Those symbols that the extensions want of PyTorch and that the installed one has."""
    wanted = {name for facts in extensions for name in facts.undefined if name.startswith("_Z")}
    place = f"{root}/{site_of(root)}/torch/lib" if root and wanted else ""
    if not place or not os.path.isfile(f"{place}/libtorch_cpu.so"):
        return None
    had: set[str] = set()
    for name in _TORCH:
        if wanted - had and os.path.isfile(f"{place}/{name}"):
            had |= wanted & _defined(f"{place}/{name}")
    return frozenset(had)


def _defined(path: str) -> set[str]:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            data = InMemory(view)
            try:
                return {one.name for one in read_symbols(data, read_elf(data)) if one.is_defined}
            finally:
                data.close()
        except Cut:
            return set()
        finally:
            view.release()


def _facts(patient: Patient) -> Iterable[tuple[str, str]]:
    hardware = patient.machine.hardware
    gpus = ", ".join(gpu.name for gpu in hardware.gpus) or ("no GPU" if hardware.has_no_gpu else "GPU not known")
    driver = f", driver {hardware.driver}" if hardware.driver else ""
    yield "machine", f"{hardware.system} {hardware.architecture}, {gpus}{driver}"
    if (here := patient.environment) is not None:
        python = ".".join(map(str, here.python))
        noun = "package" if len(here.distributions) == 1 else "packages"
        yield "environment", f"{here.place}, Python {python}, {len(here.distributions)} {noun}"
    else:
        yield "environment", "none"
    if patient.project is not None:
        locks = ", ".join(lock.path for lock in patient.locks) or "no lock"
        yield "project", f"{patient.project.name or 'without a name'}, {locks}"
    else:
        yield "project", "none"
    if patient.tree.tracked is not None:
        yield "repository", f"git keeps {len(patient.tree.tracked)} files here"
