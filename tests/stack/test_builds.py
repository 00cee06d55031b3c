"""Builds of PyTorch: which a machine can run, and why not the others."""

from __future__ import annotations

from pathlib import Path

import pytest

import provenv.stack
from provenv.stack.builds import (
    build_of,
    builds_for,
    cuda_of_build,
    driver_limit,
    is_of_interest,
    needs_of,
    unmet,
)
from provenv.stack.tables import FILES, Numbers, Tables

__all__: list[str] = []

_ROOM = Path(provenv.stack.__file__).parent
TABLES = Tables.from_texts((name, (_ROOM / name).read_text("utf-8")) for name in FILES)
V100, A100, H100, B200 = ("V100", (7, 0)), ("A100", (8, 0)), ("H100", (9, 0)), ("B200", (10, 0))


def test_a_version_names_its_build() -> None:
    assert [build_of(version) for version in ("2.9.1+cu126", "2.9.1+cpu", "2.9.1", "1.0+local")] == [
        "cu126",
        "cpu",
        "",
        "",
    ]
    assert [cuda_of_build(build) for build in ("cu126", "cu118", "cpu", "rocm6.4")] == [(12, 6), (11, 8), (), ()]


@pytest.mark.parametrize(
    ("version", "driver", "gpu", "kind"),
    [
        ("2.15.0", "580.65.06", V100, "gpu"),
        ("2.10.0", "580.65.06", V100, None),
        ("2.14.1+cu126", "580.65.06", V100, None),
        ("2.11.0+cu128", "580.65.06", V100, "gpu"),
        ("2.10.0+cu128", "580.65.06", V100, None),
        ("2.15.0", "535.104.05", H100, "driver"),
        ("2.10.0", "535.104.05", H100, None),
        ("2.10.0", "520.61.05", A100, "driver"),
        ("2.7.1", "580.65.06", B200, "gpu"),
        ("9.9.0", "520.61.05", V100, None),
        ("2.9.1+cpu", "520.61.05", V100, None),
    ],
)
def test_what_a_machine_runs(version: str, driver: str, gpu: tuple[str, Numbers], kind: str | None) -> None:
    needs = needs_of(TABLES, "torch", version, "linux-x86_64")
    found = None if needs is None else unmet(TABLES, needs, system="linux", driver=driver, gpus=[gpu])
    assert (None if found is None else found.kind) == kind


def test_every_gpu_must_be_served() -> None:
    needs = needs_of(TABLES, "torch", "2.7.1", "linux-x86_64")
    assert needs is not None
    found = unmet(TABLES, needs, system="linux", driver="580.65.06", gpus=[H100, B200])
    assert found is not None
    assert "B200 (compute capability 10.0)" in found.reason


def test_other_packages_by_their_names() -> None:
    needs = needs_of(TABLES, "nvidia-cublas-cu12", "12.8.4.1", "linux-x86_64")
    assert needs is not None
    found = unmet(TABLES, needs, system="linux", driver="520.61.05", gpus=[A100])
    assert found is not None
    assert (found.kind, found.what) == ("driver", "525.60.13")
    assert found.reason == "it is built for CUDA 12, which needs NVIDIA driver 525.60.13 or newer"
    toolkit = needs_of(TABLES, "cuda-toolkit", "13.0.2", "linux-x86_64")
    assert toolkit is not None
    assert toolkit.cuda == (13,)
    assert is_of_interest(TABLES, "jax-cuda12-plugin")
    assert not is_of_interest(TABLES, "numpy")
    assert needs_of(TABLES, "numpy", "2.0", "linux-x86_64") is None


def test_which_indexes_are_worth_asking() -> None:
    assert builds_for(TABLES, system="linux", driver=None, gpus=[]) == ("cpu",)
    for_volta = builds_for(TABLES, system="linux", driver="580.65.06", gpus=[V100])
    assert "cu126" in for_volta
    assert "cu130" not in for_volta
    assert builds_for(TABLES, system="linux", driver="520.61.05", gpus=[A100]) == ("cu118", "cu117")
    for_blackwell = builds_for(TABLES, system="linux", driver="580.65.06", gpus=[B200])
    assert for_blackwell[:2] == ("cu132", "cu130")
    assert "cu126" not in for_blackwell


def test_a_driver_that_is_too_new_for_the_gpu() -> None:
    assert driver_limit(TABLES, "590.44.01", [V100]) is not None
    assert driver_limit(TABLES, "580.65.06", [V100, H100]) is None
