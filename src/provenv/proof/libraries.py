"""Is every shared library there that a compiled file names? Provided by a chosen wheel, or by the machine.

What is missing of a *family* that wheels provide (CUDA's libraries, PyTorch's) is a mistake of the choice: another
major version, a CPU build beside CUDA extensions. What is missing of the system may be an optional backend that nobody
asks for: that warns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from provenv.binary.facts import FileFacts
from provenv.model.finding import FAILS, UNKNOWN, WARNS, Finding
from provenv.proof.subject import Case, Package
from provenv.proof.words import listed

__all__ = ["family_of", "is_always_there", "library_findings"]

_FAMILIES = re.compile(
    r"lib(cudart|cublas|cublasLt|cudnn\w*|cufft\w*|cufile|cupti|curand|cusolver\w*|cusparse|cusparseLt|nvrtc[\w-]*"
    r"|nvJitLink|nccl|nvToolsExt|nvshmem_host|torch\w*|c10\w*|shm|caffe2\w*)\.so(?:\.|$)"
)
_DRIVER = ("libcuda.so.1", "libnvidia-ml.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1")
_OWN = re.compile(r"lib(c|m|mvec|dl|rt|util|pthread|resolv|nsl|crypt|anl)\.so\.\d+|ld-linux.*|linux-vdso.*")
"""glibc itself and what came with it."""
_POLICY = re.compile(
    r"libgcc_s\.so\.1|libstdc\+\+\.so\.6|libz\.so\.1|libexpat\.so\.1"
    r"|lib(X11|Xext|Xrender|ICE|SM|GL|gobject-2\.0|gthread-2\.0|glib-2\.0)\.so\.\d+"
)
"""What PEP 600 lets a wheel take from the system: looked up where the libraries of the machine are known (a slim
container has neither X11 nor GL), believed where they are not."""


def family_of(soname: str) -> str | None:
    """``cudart`` for ``libcudart.so.12``; None for a library that no wheel is known to provide."""
    found = _FAMILIES.match(soname)
    return found.group(1) if found else None


def is_always_there(soname: str) -> bool:
    """Whether it is glibc itself, or came with it."""
    return _OWN.fullmatch(soname) is not None


def library_findings(case: Case) -> Iterator[Finding]:
    """Findings about what is missing: one per file for families, one per package for the rest."""
    if case.hardware.system != "linux":
        return
    provided: dict[str, str] = {}
    for package in case.packages:
        for facts in package.facts or ():
            name = facts.path.rpartition("/")[2]
            provided.setdefault(name, package.label)
            # A private copy has a name of its own (``libcudart.41118559.so.12``): the loader finds it for nobody else.
            if facts.soname and name.startswith(facts.soname):
                provided.setdefault(facts.soname, package.label)
    for package in case.packages:
        yield from _of_package(case, package, provided)


def _of_package(case: Case, package: Package, provided: Mapping[str, str]) -> Iterator[Finding]:
    system = case.hardware.sonames
    lacking: dict[str, str] = {}
    has_driver_need = ""
    own = {facts.soname for facts in package.facts or ()}
    for facts in package.facts or ():
        missing = [name for name in facts.needed if name and name not in provided and name not in own]
        for name in missing:
            if name in _DRIVER:
                has_driver_need = has_driver_need or facts.path
            elif _OWN.fullmatch(name) or (_POLICY.fullmatch(name) if system is None else name in system):
                continue
            elif (family := family_of(name)) is not None:
                yield from _family(case, package, facts, name, family, provided)
            else:
                lacking.setdefault(name, facts.path)
    if has_driver_need and case.hardware.has_no_gpu and case.hardware.driver is None:
        yield Finding(
            level=WARNS,
            kind="library",
            subject=package.name,
            path=has_driver_need,
            expected="the library of the NVIDIA driver (libcuda.so.1)",
            actual="the machine has no NVIDIA driver",
            rule="DT_NEEDED of the file",
            remedy="choose a CPU build, or import it only where there is a GPU",
            evidence=(("version", package.version),),
        )
    if lacking:
        yield _system(package, lacking, is_known=system is not None)


def _family(
    case: Case, package: Package, facts: FileFacts, name: str, family: str, provided: Mapping[str, str]
) -> Iterator[Finding]:
    if _has_working_sibling(package, facts, provided, case.hardware.sonames):
        return
    others = sorted(one for one in provided if family_of(one) == family)
    relatives = others or sorted(one for one in provided if _kin(family_of(one)) == _kin(family))
    if relatives:
        actual = f"{relatives[0]} of {provided[relatives[0]]}" if others else f"no {name} beside {relatives[0]}"
    else:
        actual = "no chosen wheel has it" + ("" if case.hardware.sonames is None else ", nor has the machine")
    yield Finding(
        # Where nobody brings any of the family, the package may look for a toolkit itself.
        level=FAILS if relatives else UNKNOWN,
        kind="library",
        subject=package.name,
        path=facts.path,
        expected=name,
        actual=actual,
        rule="DT_NEEDED of the file, against the sonames of all chosen wheels",
        remedy=f"choose a build of {package.name} for the CUDA and PyTorch that are chosen, or change those",
        evidence=(("version", package.version), ("soname", name)),
    )


def _kin(family: str | None) -> str | None:
    """PyTorch's libraries come together; CUDA's come one by one."""
    if family is None:
        return None
    return "torch" if family.startswith(("torch", "c10", "caffe2", "shm")) else family


_DIGITS = re.compile(r"\d+")


def _has_working_sibling(
    package: Package, facts: FileFacts, provided: Mapping[str, str], system: tuple[str, ...] | None
) -> bool:
    """Whether another variant of the file finds all that it needs: the package chooses among them when it runs."""
    stem = _DIGITS.sub("", facts.path)
    return any(
        other.path != facts.path
        and _DIGITS.sub("", other.path) == stem
        and all(
            name in provided or family_of(name) is None or (system is not None and name in system)
            for name in other.needed
        )
        for other in package.facts or ()
    )


def _system(package: Package, lacking: Mapping[str, str], *, is_known: bool) -> Finding:
    names = sorted(lacking)
    return Finding(
        level=WARNS if is_known else UNKNOWN,
        kind="library",
        subject=package.name,
        path=lacking[names[0]],
        expected=listed(names),
        actual="the machine does not have them" if is_known else "it is not known which libraries the machine has",
        rule="DT_NEEDED of the files; whether anybody needs them there cannot be read",
        remedy="install them on the machine if that part of the package is used, or record the machine",
        evidence=(("version", package.version), *(("soname", name) for name in names)),
    )
