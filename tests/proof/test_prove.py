"""Each class of failure, and what is near it and works."""

from __future__ import annotations

import pytest

from provenv.binary.facts import symbol_family
from provenv.model.finding import FAILS, HOLDS, UNKNOWN, WARNS
from provenv.model.hardware import Hardware
from provenv.proof.prove import worst
from provenv.proof.subject import Package
from tests.proof.cases import code, facts, findings, machine, package

__all__: list[str] = []

_CUDART_12 = facts("nvidia/cuda_runtime/lib/libcudart.so.12", soname="libcudart.so.12")
_ALL = code("75", "80", "86", "90", "100", "120")


@pytest.mark.parametrize(
    ("driver", "level"), [("535.54.03", HOLDS), ("525.60.13", HOLDS), ("520.61.05", FAILS), (None, UNKNOWN)]
)
def test_the_floor_of_the_driver(driver: str | None, level: str) -> None:
    here = machine("H100=9.0", driver=driver)
    (found,) = findings(here, package("nvidia-cuda-runtime-cu12", "12.8.90", _CUDART_12), kind="driver")
    assert (found.level, found.subject) == (level, "nvidia-cuda-runtime-cu12")
    assert "525.60.13" in found.expected


def test_a_toolkit_of_the_future_is_unknown() -> None:
    new = facts("lib/libcudart.so.14", soname="libcudart.so.14")
    (found,) = findings(machine("H100=9.0", driver="700.1"), package("future", "1", new), kind="driver")
    assert found.level == UNKNOWN


def test_cuda_on_a_machine_without_gpu_warns() -> None:
    (found,) = findings(machine(), package("nvidia-cuda-runtime-cu12", "12.8.90", _CUDART_12), kind="driver")
    assert found.level == WARNS


def test_a_package_that_chooses_at_run_time_is_not_judged_by_one_of_its_libraries() -> None:
    variants = [
        facts(f"bitsandbytes/libbitsandbytes_cuda{number}.so", needed=[f"libcudart.so.{number[:2]}"])
        for number in ("118", "126", "130")
    ]
    bitsandbytes, runtime = package("bitsandbytes", "0.50.2", *variants), package("cuda", "12.8", _CUDART_12)
    found = findings(machine("H100=9.0", driver="535.54"), bitsandbytes, runtime)
    assert not [one for one in found if one.subject == "bitsandbytes"]


@pytest.mark.parametrize(
    ("gpu", "modules", "driver", "level"),
    [
        ("V100=7.0", [(476, _ALL)], "580.65.06", FAILS),
        ("H100=9.0", [(476, _ALL)], "580.65.06", HOLDS),
        ("GB10=12.1", [(476, _ALL)], "580.65.06", HOLDS),
        ("GB10=12.1", [(475, code("80", "90")), (1, code("121a"))], "580.65.06", WARNS),
        ("B300=10.3", [(3, code("80", "100a"))], "580.65.06", FAILS),
        ("Rubin=10.7", [(3, code("100f"))], "615.1", UNKNOWN),
        ("RTX 5090=12.0", [(5, code("80:8.0"))], "580.65.06", HOLDS),
        ("H100=9.0", [(5, code("80:8.7"))], "535.54.03", FAILS),
        ("H100=9.0", [(5, code("80:8.7"))], None, UNKNOWN),
    ],
)
def test_device_code_is_judged_by_module(
    gpu: str, modules: list[tuple[int, tuple[object, ...]]], driver: str | None, level: str
) -> None:
    library = facts("torch/lib/libtorch_cuda.so", modules=modules)  # type: ignore[arg-type]  # parametrized
    (found,) = findings(machine(gpu, driver=driver), package("torch", "2.11.0", library), kind="gpu")
    assert found.level == level, found
    assert dict(found.evidence)["modules"] == str(sum(count for count, _ in modules))


def test_every_kind_of_gpu_counts() -> None:
    library = facts("torch/lib/libtorch_cuda.so", modules=[(10, _ALL)])
    both = machine("V100=7.0", "V100=7.0", "H100=9.0", driver="580.65.06")
    found = findings(both, package("torch", "2.11.0", library), kind="gpu")
    assert [(one.level, "V100" in one.expected) for one in found] == [(FAILS, True), (HOLDS, False)]


def test_a_driver_that_no_longer_knows_the_gpu() -> None:
    (found,) = findings(machine("V100=7.0", driver="590.44.01"), package("torch", "2.6.0"), kind="driver")
    assert found.level == FAILS
    assert "580" in found.remedy


@pytest.mark.parametrize(("there", "level"), [((2, 36), HOLDS), ((2, 34), HOLDS), ((2, 31), FAILS), (None, UNKNOWN)])
def test_glibc_by_the_bytes(there: tuple[int, int] | None, level: str) -> None:
    library = facts("bitsandbytes/lib.so", version_needs={"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.34"]})
    (found,) = findings(machine(glibc=there), package("bitsandbytes", "0.45.5", library), kind="glibc")
    assert (found.level, found.expected) == (level, "GLIBC_2.34")


def test_libstdcxx_of_the_system_or_of_a_wheel() -> None:
    needs = facts("pkg/x.so", version_needs={"libstdc++.so.6": ["GLIBCXX_3.4.32"]})
    assert findings(machine(), package("pkg", "1", needs), kind="libstdc++")[0].level == FAILS
    own = facts("lib/libstdc++.so.6", soname="libstdc++.so.6", version_definitions=["GLIBCXX_3.4.32"])
    found = findings(machine(), package("pkg", "1", needs), package("runtime", "1", own), kind="libstdc++")
    assert found[0].level == HOLDS


def test_another_major_of_a_library_that_wheels_provide() -> None:
    extension = facts("xformers/_C.so", needed=["libcudart.so.12", "libc.so.6"])
    cudart_13 = facts("nvidia/cu13/lib/libcudart.so.13", soname="libcudart.so.13")
    here = machine("H100=9.0", driver="580.65.06")
    (found,) = findings(
        here, package("xformers", "0.0.35", extension), package("cuda", "13.2", cudart_13), kind="library"
    )
    assert (found.level, found.expected) == (FAILS, "libcudart.so.12")
    assert "libcudart.so.13" in found.actual
    assert not findings(
        here, package("xformers", "0.0.35", extension), package("cuda", "12.8", _CUDART_12), kind="library"
    )


def test_a_cpu_torch_beside_a_cuda_extension() -> None:
    torch = package("torch", "2.9.1+cpu", facts("torch/lib/libc10.so", soname="libc10.so"), build="cpu")
    extension = facts("torch_geometric/x.so", needed=["libc10_cuda.so", "libc10.so"])
    (found,) = findings(machine(), torch, package("pyg", "1", extension), kind="library")
    assert found.level == FAILS


def test_what_the_policy_lets_a_wheel_take_is_looked_up_where_the_machine_is_known() -> None:
    viewer = package("viewer", "1", facts("viewer/_gl.so", needed=["libGL.so.1", "libc.so.6"]))
    (slim,) = findings(machine(), viewer, kind="library")
    assert (slim.level, slim.expected) == (WARNS, "libGL.so.1")
    assert not findings(machine(sonames=None), viewer, kind="library")
    assert not findings(machine(sonames=("libGL.so.1",)), viewer, kind="library")


def test_a_missing_library_of_the_system_warns() -> None:
    extension = facts("torchcodec/core7.so", needed=["libavutil.so.59", "libnuma.so.1", "libm.so.6", "libz.so.1"])
    (found,) = findings(machine(), package("torchcodec", "0.9", extension), kind="library")
    assert (found.level, found.expected) == (WARNS, "libavutil.so.59")
    (found,) = findings(machine(sonames=None), package("torchcodec", "0.9", extension), kind="library")
    assert found.level == UNKNOWN


def test_symbols_of_another_torch() -> None:
    torch = package("torch", "2.6.0", facts("torch/lib/libc10.so", soname="libc10.so", defined=["_ZN3c105ErrorE"]))
    works = facts("torchvision/_C.so", undefined=["_ZN3c105ErrorE"])
    fails = facts("torchvision/_C.so", undefined=["_ZN3c105ErrorE", "_ZNK5torch8autograd4Node4nameEv"])
    assert findings(machine(), torch, package("torchvision", "0.21.0", works), kind="symbol")[0].level == HOLDS
    (found,) = findings(machine(), torch, package("torchvision", "0.24.1", fails), kind="symbol")
    assert found.level == FAILS
    assert "_ZNK5torch8autograd4Node4nameEv" in found.actual
    (found,) = findings(machine(), package("torchvision", "0.24.1", fails), kind="symbol")
    assert found.level == UNKNOWN


def test_symbols_of_another_nvjitlink() -> None:
    linker = facts("libnvJitLink.so.12", soname="libnvJitLink.so.12", defined=["__nvJitLinkComplete_12_1"])
    user = facts("libcusparse.so.12", undefined=["__nvJitLinkComplete_12_4"])
    (found,) = findings(machine(), package("linker", "12.1", linker), package("cusparse", "12.3", user), kind="symbol")
    assert found.level == FAILS


def test_two_owners() -> None:
    one = package("nvidia-nccl-cu12", "2.27", paths={"nvidia/nccl/lib/libnccl.so.2": "a", "nvidia/__init__.py": "x"})
    two = package("nvidia-nccl-cu13", "2.28", paths={"nvidia/nccl/lib/libnccl.so.2": "b", "nvidia/__init__.py": "x"})
    (found,) = findings(machine(), one, two, kind="owners")
    assert (found.level, found.path) == (FAILS, "nvidia/nccl/lib/libnccl.so.2")


def test_several_builds_of_one_family() -> None:
    mixed = [package("torch", "2.9.1+cu128", build="cu128"), package("torchvision", "0.24.1+cpu", build="cpu")]
    (found,) = findings(machine(), *mixed, kind="build")
    assert found.level == FAILS
    same = [package("torch", "2.9.1+cpu", build="cpu"), package("torchvision", "0.24.1+cpu", build="cpu")]
    assert not findings(machine(), *same, kind="build")


def test_pairs_that_no_metadata_tells() -> None:
    assert (
        findings(machine(), package("torch", "2.6.0"), package("torchvision", "0.24.1"), kind="pair")[0].level == WARNS
    )
    assert not findings(machine(), package("torch", "2.6.0+cu124"), package("torchvision", "0.21.0"), kind="pair")
    assert findings(machine(), package("torchcodec", "0.16.0"), kind="pair")[0].level == FAILS


def test_processor_python_and_level() -> None:
    other = facts("pkg/x.cpython-312-aarch64-linux-gnu.so", machine="aarch64")
    assert findings(machine(), package("pkg", "1", other), kind="processor")[0].level == FAILS
    nowhere = machine(architecture="unknown")
    assert findings(nowhere, package("pkg", "1", other), kind="processor")[0].level == UNKNOWN
    old = facts("pkg/y.cpython-311-x86_64-linux-gnu.so")
    assert findings(machine(), package("pkg", "1", old), kind="python")[0].level == WARNS
    both = [old, facts("pkg/y.cpython-312-x86_64-linux-gnu.so")]
    assert not findings(machine(), package("pkg", "1", *both), kind="python")
    assert findings(machine(cpu="x86-64"), package("numpy", "2.4.6"), kind="cpu")[0].level == FAILS
    assert not findings(machine(), package("numpy", "2.4.6"), kind="cpu")


def test_several_openmp_libraries_warn() -> None:
    one = facts("torch/lib/libgomp.so.1", soname="libgomp.so.1")
    two = facts("scikit_learn.libs/libgomp-a34b3233.so.1.0.0", soname="libgomp-a34b3233.so.1.0.0")
    (found,) = findings(machine(), package("torch", "2", one), package("scikit-learn", "1", two), kind="openmp")
    assert found.level == WARNS
    assert not findings(machine(), package("torch", "2", one), kind="openmp")


def test_what_was_not_read_is_never_called_good() -> None:
    found = findings(machine(), Package(name="torch", version="2.9.1"))
    assert [one.kind for one in found] == ["unread"]
    assert worst(found) == UNKNOWN
    assert worst([]) == HOLDS


def test_another_system_is_not_judged_by_elf() -> None:
    mac = Hardware(system="macos", architecture="arm64", has_no_gpu=True)
    assert findings(mac, package("x", "1", facts("x.so", needed=["libnothing.so"]))) == []


def test_a_private_copy_serves_its_own_package_only() -> None:
    copy = facts("torchvision.libs/libcudart.41118559.so.12", soname="libcudart.so.12")
    own = facts("torchvision/_C.so", needed=["libcudart.so.12"])
    runtime = facts("nvidia/cu13/lib/libcudart.so.13", soname="libcudart.so.13")
    other = facts("xformers/_C.so", needed=["libcudart.so.12"])
    found = findings(
        machine(),
        package("torchvision", "0.24.1", copy, own),
        package("nvidia-cuda-runtime", "13.2.86", runtime),
        package("xformers", "0.0.35", other),
        kind="library",
    )
    assert [(one.level, one.subject) for one in found] == [(FAILS, "xformers")]


def test_a_family_that_nobody_brings_may_come_from_a_toolkit() -> None:
    lonely = package("cupy-cuda12x", "14.2.0", facts("cupy/cuda/cufft.so", needed=["libcufft.so.11"]))
    (found,) = findings(machine(), lonely, kind="library")
    assert (found.level, found.expected) == (UNKNOWN, "libcufft.so.11")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("_ZN3c105ErrorC1E", "torch"),
        ("_ZNK2at10TensorBase8data_ptrEv", "torch"),
        ("_ZN3c10dvERKNS_6SymIntEl", "torch"),
        ("_ZNSt6vectorIN2at6TensorESaIS1_EED1Ev", "torch"),
        ("_ZN12atlas_readerEv", None),
        ("_ZN4llvm2at17getAssignmentInfoERKNS_10DataLayoutE", None),
        ("_ZN7QString2atEi", None),
        ("_ZNK12atomic_thing3runEv", None),
    ],
)
def test_names_of_pytorch_are_told_from_names_that_look_like_them(name: str, family: str | None) -> None:
    assert symbol_family(name) == family


def test_a_small_library_beside_large_ones_fails_nothing() -> None:
    large = facts("a/libcufft.so.12", modules=[(500, code("75", "90"))])
    small = facts("a/libcufftw.so.12", modules=[(1, code("75"))])
    case = [package("nvidia-cufft", "12.0", large, small)]
    told = {one.path: one.level for one in findings(machine("H100=9.0", driver="580.65.06"), *case, kind="gpu")}
    assert told == {"a/libcufft.so.12": HOLDS, "a/libcufftw.so.12": WARNS}
    alone = [package("nvidia-cufft", "12.0", small)]
    assert [one.level for one in findings(machine("H100=9.0", driver="580.65.06"), *alone, kind="gpu")] == [FAILS]


def test_variants_by_architecture_stand_in_for_one_another() -> None:
    variants = [facts(f"k/sm{arch}/ops.so", modules=[(20, code(arch))]) for arch in ("80", "90")]
    told = {
        one.path: one.level
        for one in findings(machine("H100=9.0", driver="580.65.06"), package("k", "1", *variants), kind="gpu")
    }
    assert told == {"k/sm80/ops.so": WARNS, "k/sm90/ops.so": HOLDS}
    others = [facts("k/a.so", modules=[(20, code("80"))]), facts("k/b.so", modules=[(20, code("90"))])]
    told = {
        one.path: one.level
        for one in findings(machine("H100=9.0", driver="580.65.06"), package("k", "1", *others), kind="gpu")
    }
    assert told == {"k/a.so": UNKNOWN, "k/b.so": HOLDS}


@pytest.mark.parametrize(
    ("name", "version", "gpu", "levels"),
    [
        ("triton", "3.5.1", "H100=9.0", []),
        ("triton", "3.5.1", "GB10=12.1", [WARNS]),
        ("triton", "3.3.1", "B200=10.0", []),
        ("triton", "3.2.0", "B200=10.0", [WARNS]),
        ("triton", "3.9.0", "V100=7.0", []),
        ("triton", "4.0.0", "GB10=12.1", [UNKNOWN]),
        ("nvidia-cuda-nvrtc-cu12", "12.6.85", "B200=10.0", [WARNS]),
        ("nvidia-cuda-nvrtc-cu12", "12.8.93", "B200=10.0", []),
        ("nvidia-cuda-nvrtc", "13.2.78", "V100=7.0", [WARNS]),
        ("nvidia-cuda-nvrtc", "14.0.1", "V100=7.0", [UNKNOWN]),
    ],
)
def test_compilers_for_run_time(name: str, version: str, gpu: str, levels: list[str]) -> None:
    here = machine(gpu, driver="580.65.06")
    found = findings(here, package(name, version), kind="compiler")
    assert [one.level for one in found] == levels
    assert findings(machine(), package(name, version), kind="compiler") == []


def test_the_remedy_for_an_old_gpu_is_an_older_compiler() -> None:
    (found,) = findings(machine("V100=7.0"), package("nvidia-cuda-nvrtc", "13.2.78"), kind="compiler")
    assert found.remedy == "choose an older nvidia-cuda-nvrtc"


def test_cudnn_comes_from_one_package_with_its_parts() -> None:
    main, ops = (
        facts("c/libcudnn.so.9", soname="libcudnn.so.9"),
        facts("c/libcudnn_ops.so.9", soname="libcudnn_ops.so.9"),
    )
    whole = package("nvidia-cudnn-cu12", "9.1", main, ops)
    assert findings(machine(), whole, kind="cudnn") == []
    (found,) = findings(machine(), whole, package("other", "1", ops), kind="cudnn")
    assert (found.level, "both" in found.actual or "bring parts" in found.actual) == (WARNS, True)
    (found,) = findings(machine(), package("nvidia-cudnn-cu12", "9.1", main), kind="cudnn")
    assert "only libcudnn itself" in found.actual
