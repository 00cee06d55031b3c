"""Laws of every proof: what was not read or is not known is never called proven, and damage never raises."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from provenv.binary.device_code import DeviceCode, Scanner
from provenv.binary.facts import FileFacts, ModuleGroup, facts_of
from provenv.binary.gfx import GfxScanner
from provenv.binary.reading import InMemory
from provenv.model.finding import FAILS, HOLDS, LEVELS, UNKNOWN, WARNS
from provenv.model.hardware import Gpu, Hardware
from provenv.proof.prove import prove, worst
from provenv.proof.subject import Case, Package
from tests.proof.cases import TABLES
from tests.worlds.binaries import Code, build_elf, container

__all__: list[str] = []

_SONAMES = st.sampled_from(
    [
        *("libcudart.so.12", "libcudart.so.13", "libcudart.so.99", "libcublas.so.12", "libtorch.so", "libc10_cuda.so"),
        *("libcuda.so.1", "libnccl.so.2", "libnvJitLink.so.12", "libstdc++.so.6", "libGL.so.1", "libav.so.5", ""),
    ]
)
_VERSIONS = st.sampled_from(
    [
        *("GLIBC_2.17", "GLIBC_2.34", "GLIBC_2.99", "GLIBCXX_3.4.30", "GLIBCXX_3.4.99", "GLIBC_PRIVATE", "GLIBC_"),
        *("GLIBC_2.x", "CXXABI_1.3", "GLIBC_2..4", "GLIBC_" + "9" * 5000, "GLIBCXX_\u0663"),
    ]
)
_SYMBOLS = st.sampled_from(["_ZN3c105ErrorC1E", "_ZN2at4fullEv", "__nvJitLinkComplete_12_4", "memcpy", ""])
_CODE = st.builds(
    DeviceCode,
    st.sampled_from(["sass", "ptx"]),
    st.sampled_from([35, 70, 75, 80, 90, 100, 103, 107, 120, 999]),
    st.sampled_from(["", "a", "f"]),
    st.sampled_from([(), (7, 0), (8, 4), (9, 9)]),
)
_FILES = st.builds(
    FileFacts,
    path=st.sampled_from(
        [
            *("pkg/_c.cpython-312-x86_64-linux-gnu.so", "pkg/_c.cpython-399-x86_64-linux-gnu.so", "pkg/lib.so", ""),
            *("nvidia/lib/libcudart.so.12", "pkg.libs/libcudart-1234.so.12", "torch/lib/libgomp.so.1"),
        ]
    ),
    machine=st.sampled_from(["x86_64", "aarch64", "cuda", "machine 4242"]),
    soname=_SONAMES,
    needed=st.lists(_SONAMES, max_size=4).map(tuple),
    version_needs=st.dictionaries(_SONAMES, st.lists(_VERSIONS, max_size=4).map(tuple), max_size=3),
    version_definitions=st.lists(_VERSIONS, max_size=3).map(tuple),
    modules=st.lists(st.builds(ModuleGroup, st.lists(_CODE, min_size=1, max_size=3).map(tuple), st.integers(1, 500)))
    .map(lambda groups: tuple(groups[:3])),
    undefined=st.lists(_SYMBOLS, max_size=3).map(tuple),
    defined=st.binary(max_size=40),
)  # fmt: skip
_PACKAGES = st.lists(
    st.builds(
        Package,
        name=st.sampled_from(["torch", "torchvision", "torchcodec", "numpy", "nvidia-cuda-runtime-cu12", "other"]),
        version=st.sampled_from(["2.15.0", "2.4.6", "0.24.1+cu126", "12.8.90"]),
        facts=st.none() | st.lists(_FILES, max_size=3).map(tuple),
        paths=st.none() | st.dictionaries(st.sampled_from(["a/b", "c"]), st.sampled_from(["sha256=x", "sha256=y"])),
        build=st.sampled_from(["", "cu126", "cpu"]),
    ),
    max_size=4,
    unique_by=lambda package: package.name,
).map(tuple)
_MACHINES = st.builds(
    Hardware,
    system=st.just("linux"),
    architecture=st.sampled_from(["x86_64", "aarch64"]),
    driver=st.none() | st.sampled_from(["520.61.05", "535.54.03", "580.65.06", "900.1"]),
    cuda=st.none() | st.sampled_from(["11.8", "12.4", "13.2", "99.0"]),
    gpus=st.lists(
        st.builds(Gpu, name=st.just("G"), compute=st.sampled_from([None, (7, 0), (9, 0), (12, 1), (99, 9)])), max_size=2
    ).map(tuple),
    glibc=st.none() | st.just((2, 28)),
    glibcxx=st.none() | st.just("3.4.28"),
    sonames=st.none() | st.just(("libGL.so.1",)),
    cpu=st.none() | st.sampled_from(["x86-64", "x86-64-v3"]),
)


def case(machine: Hardware, packages: tuple[Package, ...]) -> Case:
    return Case(target="there", python=(3, 12), hardware=machine, packages=packages, tables=TABLES)


def proven(machine: Hardware, packages: tuple[Package, ...]) -> set[tuple[str, str]]:
    """``(kind, subject)`` of what is called proven."""
    return {(one.kind, one.subject) for one in prove(case(machine, packages)) if one.level == HOLDS}


@given(_MACHINES, _PACKAGES)
@settings(deadline=None, max_examples=50)
def test_findings_are_whole_and_the_worst_comes_first(machine: Hardware, packages: tuple[Package, ...]) -> None:
    found = prove(case(machine, packages))
    assert [one.level for one in found] == sorted((one.level for one in found), key=LEVELS.index)
    assert all(one.kind and one.expected and one.actual for one in found)
    assert all(one.remedy for one in found if one.level == FAILS)


@given(_MACHINES, _PACKAGES)
@settings(deadline=None, max_examples=50)
def test_what_is_not_known_of_a_machine_proves_nothing(machine: Hardware, packages: tuple[Package, ...]) -> None:
    bare = replace(machine, driver=None, cuda=None, gpus=(), glibc=None, glibcxx=None, sonames=None, cpu=None)
    own_libstdcxx = any(one.soname == "libstdc++.so.6" for package in packages for one in package.facts or ())
    kinds = {kind for kind, _ in proven(bare, packages)} - ({"libstdc++"} if own_libstdcxx else set())
    assert not kinds & {"driver", "gpu", "glibc", "libstdc++", "cpu", "library"}


@given(_MACHINES, _PACKAGES)
@settings(deadline=None, max_examples=50)
def test_a_driver_that_is_not_known_proves_no_ptx_and_no_floor(
    machine: Hardware, packages: tuple[Package, ...]
) -> None:
    blind = replace(machine, driver=None, cuda=None)
    held = proven(blind, packages)
    assert not {kind for kind, _ in held} & {"driver"}
    only_ptx = {
        package.name
        for package in packages
        if package.facts
        and any(one.modules for one in package.facts)
        and all(code.kind == "ptx" for one in package.facts for group in one.modules for code in group.code)
    }
    assert not {subject for kind, subject in held if kind == "gpu"} & only_ptx


@given(_MACHINES, _PACKAGES)
@settings(deadline=None, max_examples=50)
def test_a_package_that_was_not_read_is_never_proven(machine: Hardware, packages: tuple[Package, ...]) -> None:
    unread = tuple(replace(package, facts=None, symbols=None) for package in packages)
    found = prove(case(machine, unread))
    assert {one.subject for one in found if one.kind == "unread" and one.level == UNKNOWN} >= {p.name for p in unread}
    assert not unread or worst(found) != HOLDS
    from_bytes = {"gpu", "glibc", "libstdc++", "library", "symbol", "python", "processor"}
    assert not [one for one in found if one.level in (HOLDS, FAILS, WARNS) and one.kind in from_bytes]


@given(_MACHINES, _PACKAGES)
@settings(deadline=None, max_examples=50)
def test_symbols_of_a_pytorch_that_was_not_read_are_not_proven(
    machine: Hardware, packages: tuple[Package, ...]
) -> None:
    others = tuple(package for package in packages if package.name != "torch")
    for there in (others, (*others, Package(name="torch", version="2.15.0"))):
        found = [one for one in prove(case(machine, there)) if one.kind == "symbol" and "of torch" in one.expected]
        assert all(one.level == UNKNOWN for one in found)


_WHOLE = build_elf(
    soname="libcudart.so.12",
    needed=["libc.so.6", "libtorch.so"],
    runpath="$ORIGIN/../lib",
    version_needs={"libc.so.6": ["GLIBC_2.17", "GLIBC_2.34"]},
    version_definitions=["libcudart.so.12"],
    undefined=["_ZN3c105ErrorC1E", "memcpy@GLIBC_2.17"],
    defined=["_ZN2at4fullEv"],
    sections={".nv_fatbin": container([Code("80"), Code("90a"), Code("90", ptx="8.4")])},
)


@given(
    st.lists(st.tuples(st.integers(0, len(_WHOLE) - 1), st.integers(0, 255)), max_size=12),
    st.integers(0, len(_WHOLE)),
    _MACHINES,
)
@settings(deadline=None, max_examples=150)
def test_damage_is_read_or_left_and_never_raises(
    changes: list[tuple[int, int]], length: int, machine: Hardware
) -> None:
    data = bytearray(_WHOLE)
    for place, byte in changes:
        data[place] = byte
    for read in (bytes(data), bytes(data[:length])):
        scanner, gfx = Scanner(), GfxScanner()
        scanner.feed(read)
        gfx.feed(read)
        gfx.finish()
        facts = facts_of("pkg/lib.so", InMemory(read), scanner, gfx.names)
        packages = (Package(name="pkg", version="1", facts=() if facts is None else (facts,)),)
        prove(case(machine, packages))
