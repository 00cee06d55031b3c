"""Does every symbol exist that a file looks for in PyTorch's or nvJitLink's libraries?

The C++ interface of PyTorch changes with every minor version, and no metadata says which one a wheel was built for.
"""

from __future__ import annotations

from collections.abc import Iterator

from provenv.binary.facts import FileFacts, is_defined_in, symbol_family
from provenv.model.finding import FAILS, HOLDS, UNKNOWN, Finding
from provenv.proof.subject import Case, Package

__all__ = ["symbol_findings"]

_PROVIDERS = {"torch": "torch", "nvjitlink": "libnvJitLink"}


def symbol_findings(case: Case) -> Iterator[Finding]:
    """One finding per package and family: of the file with most missing symbols."""
    defined = [facts.defined for package in case.packages for facts in package.facts or () if facts.defined]
    torch = case.package("torch")
    linker = _nvjitlink(case)
    for package in case.packages:
        if package.name == "torch":
            continue
        for family, told in (package.symbols or {}).items():
            yield _carried(package, family, told, torch if family == "torch" else linker)
        for family, is_there in (
            ("torch", torch is not None and torch.facts is not None and torch.symbols is None),
            ("nvjitlink", linker is not None and linker.symbols is None),
        ):
            users = [
                (facts, [name for name in facts.undefined if symbol_family(name) == family])
                for facts in package.facts or ()
            ]
            users = [(facts, names) for facts, names in users if names]
            if users:
                provider = torch if family == "torch" else linker
                yield _finding(package, family, users, defined, provider, is_there=is_there)


def _nvjitlink(case: Case) -> Package | None:
    for package in case.packages:
        if any(facts.soname.startswith("libnvJitLink") for facts in package.facts or ()):
            return package
    return None


def _carried(package: Package, family: str, told: str, provider: Package | None) -> Finding:
    """Symbols of which a lock tells only with which wheel they were compared."""
    is_same = bool(told) and provider is not None and provider.sha256.startswith(told)
    label = provider.label if provider is not None else _PROVIDERS[family]
    return Finding(
        level=HOLDS if is_same else UNKNOWN,
        kind="symbol",
        subject=package.name,
        expected=f"symbols of {_PROVIDERS[family]}",
        actual=f"all were found in {label}" if is_same else f"nobody has compared them with {label}",
        rule="facts of the lock, which tell no symbols",
        remedy="" if is_same else "read the wheels: `provenv prove` without --offline",
        evidence=(("version", package.version),),
    )


def _finding(
    package: Package,
    family: str,
    users: list[tuple[FileFacts, list[str]]],
    defined: list[bytes],
    chosen: Package | None,
    *,
    is_there: bool,
) -> Finding:
    provider = chosen.label if chosen is not None else _PROVIDERS[family]
    missing = {
        facts.path: [name for name in names if not any(is_defined_in(name, some) for some in defined)]
        for facts, names in users
    }
    worst = max(missing, key=lambda path: (len(missing[path]), path))
    count = sum(len(names) for _, names in users)
    if not is_there:
        level, actual = (
            UNKNOWN,
            f"{provider} was not read" if chosen is not None else f"no {_PROVIDERS[family]} is chosen",
        )
    elif missing[worst]:
        level, actual = FAILS, f"{len(missing[worst])} are not in {provider}: {missing[worst][0]}"
    else:
        level, actual = HOLDS, f"all are in {provider}"
    remedy = f"choose a {package.name} that was built for {provider}, or change that"
    return Finding(
        level=level,
        kind="symbol",
        subject=package.name,
        path=worst,
        expected=f"{count} symbols of {_PROVIDERS[family]}",
        actual=actual,
        rule="undefined symbols of the file's dynamic table, against those that the chosen wheels define",
        remedy=remedy if level == FAILS else "",
        evidence=(("version", package.version), *(("symbol", name) for name in missing[worst][:5])),
    )
