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
    has_nvjitlink = any(
        facts.soname.startswith("libnvJitLink") for package in case.packages for facts in package.facts or ()
    )
    for package in case.packages:
        if package.name == "torch":
            continue
        for family, is_there in (
            ("torch", torch is not None and torch.facts is not None),
            ("nvjitlink", has_nvjitlink),
        ):
            users = [
                (facts, [name for name in facts.undefined if symbol_family(name) == family])
                for facts in package.facts or ()
            ]
            users = [(facts, names) for facts, names in users if names]
            if users:
                yield _finding(package, family, users, defined, torch, is_there=is_there)


def _finding(
    package: Package,
    family: str,
    users: list[tuple[FileFacts, list[str]]],
    defined: list[bytes],
    torch: Package | None,
    *,
    is_there: bool,
) -> Finding:
    provider = torch.label if family == "torch" and torch is not None else _PROVIDERS[family]
    missing = {
        facts.path: [name for name in names if not any(is_defined_in(name, some) for some in defined)]
        for facts, names in users
    }
    worst = max(missing, key=lambda path: (len(missing[path]), path))
    count = sum(len(names) for _, names in users)
    if not is_there:
        level, actual = (
            UNKNOWN,
            f"{provider} was not read" if torch is not None else f"no {_PROVIDERS[family]} is chosen",
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
