"""cuDNN is several libraries (``libcudnn_ops.so.9``) that load one another by hand: all must be of one version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provenv.model.finding import WARNS, Finding
from provenv.proof.subject import Case
from provenv.proof.words import listed

__all__ = ["cudnn_findings"]

_NAME = re.compile(r"libcudnn(_\w+)?\.so\.(\d+)")


def cudnn_findings(case: Case) -> Iterator[Finding]:
    """Sublibraries of one major version that several packages bring, or a main library without any of its parts."""
    owners: dict[str, dict[str, set[str]]] = {}
    for package in case.packages:
        for facts in package.facts or ():
            if found := _NAME.fullmatch(facts.soname or facts.path.rpartition("/")[2]):
                owners.setdefault(found[2], {}).setdefault(found[1] or "", set()).add(package.label)
    for major, parts in sorted(owners.items()):
        packages = sorted({label for labels in parts.values() for label in labels})
        if len(packages) > 1:
            yield _finding(
                packages[0],
                f"cuDNN {major} of one package",
                f"{listed(packages)} bring parts of it: whichever is loaded first decides",
                "keep one of them",
            )
        elif "" in parts and len(parts) == 1 and int(major) >= 8:
            yield _finding(
                packages[0],
                f"the parts of cuDNN {major}, as libcudnn_ops.so.{major}",
                "only libcudnn itself is there, which loads its parts when it runs",
                "choose another file of this package",
            )


def _finding(label: str, expected: str, actual: str, remedy: str) -> Finding:
    name, _, version = label.partition(" ")
    return Finding(
        level=WARNS,
        kind="cudnn",
        subject=name,
        expected=expected,
        actual=actual,
        rule="sonames of the wheels; cuDNN loads its sublibraries by name",
        remedy=remedy,
        evidence=(("version", version),),
    )
