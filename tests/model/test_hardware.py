"""The facts of machines: as values, as files, and as what a target says of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenv.errors import InputError
from provenv.model.hardware import Gpu, Hardware, capability_of
from provenv.model.hardware_file import fingerprint, from_document, from_toml, to_document, to_toml
from provenv.model.target import CPU_LEVELS, Target, platform_of

__all__: list[str] = []

TEXTS = st.text(st.characters(categories=["L", "N", "P", "Zs", "S"]), min_size=1, max_size=40).filter(str.isprintable)
PAIRS = st.tuples(st.integers(0, 99), st.integers(0, 99))
VERSIONS = st.lists(st.integers(0, 9999), min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))
GPUS = st.builds(
    Gpu,
    name=TEXTS,
    vendor=st.sampled_from(["nvidia", "amd", "intel"]),
    compute=st.none() | PAIRS,
    gfx=st.sampled_from(["", "gfx942"]),
    memory=st.none() | st.integers(0, 1 << 40),
)
MACHINES = st.builds(
    Hardware,
    system=st.sampled_from(["linux", "macos", "windows"]),
    architecture=TEXTS,
    driver=st.none() | VERSIONS,
    cuda=st.none() | VERSIONS,
    cuda_source=st.just("") | TEXTS,
    gpus=st.lists(GPUS, max_size=3).map(tuple),
    glibc=st.none() | PAIRS,
    musl=st.none() | PAIRS,
    macos=st.none() | PAIRS,
    glibcxx=st.none() | VERSIONS,
    sonames=st.none() | st.sets(TEXTS, max_size=9).map(lambda names: tuple(sorted(names))),
    cpu=st.none() | st.sampled_from(CPU_LEVELS),
    rocm=st.none() | TEXTS,
    is_wsl=st.booleans(),
    has_container=st.booleans(),
    recorded=st.just("") | st.just("2026-11-21"),
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*to_document(Hardware(system="linux", architecture="x86_64")), "gpus", "sonames", "driver",
                        "cuda", "glibc", "cpu", "wsl", "glibcxx", "rocm", "other"])  # fmt: skip


@given(MACHINES)
@settings(max_examples=200, deadline=None)
def test_a_machine_comes_back_from_its_file(machine: Hardware) -> None:
    text = to_toml(machine)
    assert from_toml(text.encode(), "here") == machine
    assert to_toml(from_document(to_document(machine), "here")) == text


@given(st.dictionaries(KEYS, JUNK, max_size=6))
@settings(max_examples=300, deadline=None)
def test_junk_is_refused_with_its_place(document: dict[str, Any]) -> None:
    whole = {"system": "linux", "architecture": "x86_64", **document}
    try:
        from_document(whole, "node.toml")
    except InputError:
        with pytest.raises(InputError, match=r"^node\.toml"):
            from_document(whole, "node.toml")


@given(st.binary(max_size=60))
def test_bytes_are_refused_or_read(data: bytes) -> None:
    with pytest.raises(InputError):
        from_toml(data, "node.toml")


def test_a_fingerprint_knows_no_day() -> None:
    machine = Hardware(system="linux", architecture="x86_64", recorded="2026-11-21")
    later = Hardware(system="linux", architecture="x86_64", recorded="2027-01-01")
    assert fingerprint(machine) == fingerprint(later) == fingerprint(from_toml(to_toml(later).encode(), "x"))
    assert fingerprint(machine) != fingerprint(Hardware(system="linux", architecture="x86_64", driver="535.1"))


def test_no_gpu_is_not_nothing_known() -> None:
    unknown = Hardware(system="linux", architecture="x86_64")
    none = Hardware(system="linux", architecture="x86_64", has_no_gpu=True)
    assert "gpus" not in to_document(unknown)
    assert to_document(none)["gpus"] == []
    assert from_toml(to_toml(none).encode(), "x").has_no_gpu
    assert not from_toml(to_toml(unknown).encode(), "x").has_no_gpu


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("9.0", (9, 0)),
        ("12.1", (12, 1)),
        ("9", None),
        ("9.", None),
        ("\u0669.\u0660", None),
        ("9.0a", None),
        ("9.0.1", None),
        ("", None),
    ],
)
def test_capabilities(text: str, pair: tuple[int, int] | None) -> None:
    assert capability_of(text) == pair


# -- targets ------------------------------------------------------------------------------------------------

NODE = Hardware(
    system="linux",
    architecture="x86_64",
    driver="535.104.05",
    cuda="12.2",
    cuda_source="nvml",
    gpus=(Gpu(name="NVIDIA H100 80GB HBM3", compute=(9, 0), memory=80 << 30),) * 2,
    glibc=(2, 35),
    glibcxx="3.4.30",
    sonames=("libc.so.6",),
    cpu="x86-64-v4",
)


def target(**facts: Any) -> Target:
    return Target(**{"name": "train", "platform": "linux-x86_64", "python": "3.12", **facts})


def test_what_is_not_declared_is_not_known() -> None:
    found = target().hardware()
    assert (found.driver, found.cuda, found.glibc, found.sonames, found.cpu, found.gpus) == (None,) * 5 + ((),)
    assert not found.has_no_gpu
    assert target(has_no_gpu=True).hardware().has_no_gpu


def test_names_and_capabilities_are_gpus() -> None:
    known = {"H100": (9, 0), "V100": (7, 0)}
    found = target(gpus=("H100", "Odd"), compute=("9.0", "7.0")).hardware(known.get)
    assert [(gpu.name, gpu.compute) for gpu in found.gpus] == [
        ("H100", (9, 0)),
        ("Odd", None),
        ("compute capability 7.0", (7, 0)),
    ]


def test_a_recorded_machine_is_its_target() -> None:
    found = target(platform="").with_machine(NODE)
    assert (found.platform, found.glibc, found.driver) == ("linux-x86_64", (2, 35), "535.104.05")
    assert found.hardware() == NODE


def test_what_the_target_says_goes_before() -> None:
    found = target(driver="580.65.06", gpus=("B200",), glibc=(2, 28), cuda="13.0").with_machine(NODE).hardware()
    assert (found.driver, found.cuda, found.cuda_source, found.glibc) == ("580.65.06", "13.0", "declared", (2, 28))
    assert [gpu.name for gpu in found.gpus] == ["B200"]
    assert found.sonames == NODE.sonames
    assert target(has_no_gpu=True).with_machine(NODE).hardware().gpus == ()
    assert [gpu.compute for gpu in target(compute=("8.0",)).with_machine(NODE).hardware().gpus] == [(8, 0)]
    musl = target(musl=(1, 2)).with_machine(NODE).hardware()
    assert (musl.musl, musl.glibc) == ((1, 2), None)


def test_another_platform_has_another_c_library() -> None:
    found = target(platform="linux-aarch64").with_machine(NODE)
    assert (found.platform, found.glibc) == ("linux-aarch64", None)


@pytest.mark.parametrize(
    ("system", "architecture", "platform"),
    [("linux", "aarch64", "linux-aarch64"), ("macos", "arm64", "macos-arm64"), ("macos", "aarch64", "macos-arm64"),
     ("windows", "x86_64", "windows-x86_64"), ("linux", "riscv64", None)],
)  # fmt: skip
def test_platforms_of_machines(system: str, architecture: str, platform: str | None) -> None:
    machine = Hardware(system=system, architecture=architecture)
    assert platform_of(machine) == platform
    if platform is None:
        with pytest.raises(ValueError, match="riscv64"):
            target(platform="").with_machine(machine)
