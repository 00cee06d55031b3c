"""The environment: who made it, with which Python, what is in it, and what Python imports besides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from provenv.doctor.subject import Environment, Patient
from provenv.doctor.words import found, listed
from provenv.model.finding import FAILS, WARNS, Finding

__all__ = ["content_findings", "environment_findings", "startup_findings"]

_SEEDS = {"pip", "setuptools", "wheel"}
_ANEW = "delete it, and run `provenv sync`"


def environment_findings(patient: Patient) -> Iterator[Finding]:
    """Whether it can be used at all, and by which Python."""
    here = patient.environment
    if here is None:
        return
    if not here.has_settings and not here.is_conda:
        yield found(
            "no-environment",
            "there is no pyvenv.cfg: Python does not take it for an environment",
            _ANEW,
            level=FAILS,
            path=here.place,
        )
        return
    if here.missing_interpreter:
        yield found(
            "broken-interpreter",
            f"its Python leads to {here.missing_interpreter}, which is gone",
            _ANEW,
            level=FAILS,
            path=here.place,
        )
    yield from _other_python(patient, here)
    if here.settings.get("include-system-site-packages", "").lower() == "true":
        yield found(
            "system-packages",
            "it shows the packages of the Python that it was made from: they hide what the lock lacks",
            f"make it without --system-site-packages: {_ANEW}",
            path=f"{here.place}/pyvenv.cfg",
        )


def _other_python(patient: Patient, here: Environment) -> Iterator[Finding]:
    if not here.python:
        return
    version = ".".join(map(str, here.python))
    wanted = patient.project.requires_python if patient.project is not None else None
    pinned = patient.tree.texts.get(".python-version", "").strip().splitlines()[:1]
    pin = tuple(int(part) for part in pinned[0].split(".")) if pinned and _is_version(pinned[0]) else ()
    try:
        is_admitted = not wanted or SpecifierSet(wanted).contains(_whole(here.python), prereleases=True)
    except InvalidSpecifier:
        is_admitted = True
    if not here.is_of_project or (is_admitted and here.python[: len(pin)] == pin[: len(here.python)]):
        return
    yield found(
        "other-python",
        f"it was made with Python {version}",
        f"run `provenv sync`: it makes it anew with Python {pinned[0] if is_admitted else wanted}",
        level=FAILS,
        path=here.place,
        expected=f".python-version {pinned[0]}" if is_admitted else f"requires-python {wanted}",
    )


def _whole(python: tuple[int, ...]) -> str:
    """Of two numbers the last patch release is meant: what a bound on patch releases says is not known."""
    return ".".join(map(str, python if len(python) > 2 else (*python, 99)))


def _is_version(text: str) -> bool:
    return bool(text) and text.replace(".", "").isdecimal() and not text.endswith(".")


def content_findings(patient: Patient) -> Iterator[Finding]:
    """Packages of several tools, packages that are there twice, and what the lock says otherwise."""
    here = patient.environment
    if here is None:
        return
    by_name: dict[str, list[str]] = {}
    for one in here.distributions:
        by_name.setdefault(one.name, []).append(one.version)
    for name, versions in sorted(by_name.items()):
        if len(versions) > 1:
            yield found(
                "duplicate",
                f"{name} is there as {' and as '.join(versions)}: which files are whose nobody knows",
                "run `provenv sync`" if here.is_ours else "uninstall it until it is gone, then install it once",
                level=FAILS,
                path=here.place,
                subject=name,
            )
    if here.is_conda:
        by_pip = sorted(one.name for one in here.distributions if one.installer in ("pip", "uv"))
        if by_pip:
            yield found(
                "conda-and-pip",
                f"pip put {listed(by_pip)} into an environment of conda, which knows nothing of that",
                "take both kinds from one tool: a virtual environment on top of conda's Python, or conda alone",
                path=here.place,
            )
    foreign = sorted(one.name for one in here.distributions if one.is_foreign)
    if foreign:
        yield found(
            "foreign-package",
            f"another tool installed or changed {listed(foreign)}",
            "`provenv add` what is needed; `provenv sync` removes the rest",
            path=here.place,
        )
    if here.damaged:
        yield found(
            "damaged",
            f"{listed(here.damaged, 2)} is gone or was changed since it was installed",
            "run `provenv sync`; `provenv verify` compares every byte",
            level=FAILS,
            path=here.place,
        )
    yield from _unmet(patient, here)
    yield from _beside_lock(patient, here)


def _unmet(patient: Patient, here: Environment) -> Iterator[Finding]:
    """What a package says that it needs, and what is there; what the project overrides is meant to differ."""
    versions = {one.name: one.version for one in here.distributions}
    project = patient.project
    meant = set() if project is None else {canonicalize_name(line.requirement.name) for line in project.overrides}
    meant |= set() if project is None else {canonicalize_name(name) for name in project.excludes}
    for one in here.distributions:
        lacking = [text for wanted in one.requires if (text := _lacking(wanted, versions, meant))]
        if lacking:
            yield found(
                "requirement",
                f"{one.name} {one.version} needs {listed(lacking)}",
                "run `provenv sync`" if here.is_ours else "install what fits, or make the environment from a lock",
                path=here.place,
                subject=one.name,
                rule="Requires-Dist of its METADATA",
            )


def _lacking(text: str, versions: Mapping[str, str], meant: Collection[str]) -> str:
    """What is wrong with one requirement, in words; "" when it is met, or meant to be otherwise."""
    try:
        wanted = Requirement(text)
        name = str(canonicalize_name(wanted.name))
        if name in meant or (name in versions and wanted.specifier.contains(versions[name], prereleases=True)):
            return ""
    except (InvalidRequirement, InvalidVersion):
        return ""
    there = f"{versions[name]} is installed" if name in versions else "not installed"
    return f"{wanted.name}{wanted.specifier} ({there})"


def _beside_lock(patient: Patient, here: Environment) -> Iterator[Finding]:
    lock = patient.own_lock or (patient.locks[0] if patient.locks else None)
    if lock is None or not lock.versions or not here.is_of_project:
        return
    installed = {one.name for one in here.distributions}
    other = [
        f"{one.name} {one.version} (locked: {listed(lock.versions[one.name], 2)})"
        for one in here.distributions
        if one.name in lock.versions
        and lock.versions[one.name][0]
        and one.version not in lock.versions[one.name]
        and not one.is_editable
    ]
    absent = [f"{name} is not installed" for name in sorted(lock.always - installed)]
    if other or absent:
        yield found(
            "unsynced",
            listed([*other, *absent], 3),
            "run `provenv sync`",
            level=FAILS if lock is patient.own_lock else WARNS,
            path=here.place,
            expected=f"what {lock.path} says",
        )


def startup_findings(patient: Patient) -> Iterator[Finding]:
    """Variables and files that decide what Python imports, wherever it runs."""
    variables, here = patient.machine.variables, patient.environment
    if variables.get("PYTHONPATH"):
        yield found(
            "pythonpath",
            "PYTHONPATH is set: its directories stand before every package of every environment",
            "unset it; install what is in there, or add it with [tool.provenv.sources]",
        )
    if variables.get("PYTHONHOME"):
        yield found(
            "pythonhome",
            "PYTHONHOME is set: each Python looks there for its standard library, also one of another version",
            "unset it",
        )
    if patient.machine.active:
        yield found(
            "other-active",
            f"the environment {patient.machine.active} is activated, and the project has its own",
            "`deactivate`, or use `provenv run`",
        )
    packages = sorted(set(patient.machine.user_packages) - _SEEDS)
    if here is None:
        if packages and patient.project is not None:
            yield found(
                "user-packages",
                f"{listed(packages)} of {patient.machine.user_site} are in no environment: each Python of that "
                "version sees them, and the project has no environment of its own",
                "run `provenv sync`, and start programs with `provenv run`",
            )
        return
    sees_user = here.is_conda or here.settings.get("include-system-site-packages", "").lower() == "true"
    if sees_user and packages and not variables.get("PYTHONNOUSERSITE"):
        yield found(
            "user-packages",
            f"{listed(packages)} of {patient.machine.user_site} stand before what the environment has",
            "set PYTHONNOUSERSITE=1, or `pip uninstall` them with that Python outside of every environment",
        )
    for one in here.startup:
        if not one.is_owned:
            custom = one.path.rpartition("/")[2].removesuffix(".py")
            is_custom = custom in ("sitecustomize", "usercustomize")
            yield found(
                "sitecustomize" if is_custom else "startup",
                "it runs whenever Python starts here, and no package brought it"
                + (f": `{one.text[:60]}`" if one.text else ""),
                "delete it if you do not know why it is there",
                path=f"{here.place}/{one.path}",
                line=one.line,
            )
