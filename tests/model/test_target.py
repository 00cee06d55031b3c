"""Targets speak the same environments and tags as ``packaging`` does on the machine itself."""

from __future__ import annotations

import sys

import pytest
from packaging import tags
from packaging.markers import default_environment

from provenv.errors import InputError
from provenv.model.target import Target
from tests.worlds.interpreters import this_interpreter

LIBC = next(
    (
        (int(tag.platform.split("_")[1]), int(tag.platform.split("_")[2]))
        for tag in tags.sys_tags()
        if tag.platform.startswith("manylinux_")
    ),
    None,
)


@pytest.mark.skipif(sys.platform != "linux" or LIBC is None, reason="compares with the tags of a Linux machine")
def test_this_machine_has_the_tags_that_packaging_gives_it() -> None:
    assert LIBC is not None
    here = this_interpreter().changed(libc=("glibc", LIBC[0], LIBC[1]))

    target = Target.from_interpreter(here)

    assert target.tags() == [str(tag) for tag in tags.sys_tags()]


def test_this_machine_has_the_markers_that_packaging_gives_it() -> None:
    environment = Target.from_interpreter(this_interpreter()).environment()
    known = {key: str(value) for key, value in default_environment().items()}

    # What changes with a kernel update cannot be promised of a target.
    assert {**known, "platform_release": "", "platform_version": ""} == environment


def test_an_unknown_machine_is_told() -> None:
    markers = tuple((key, "sparc" if key == "platform_machine" else value) for key, value in this_interpreter().markers)

    with pytest.raises(InputError, match="sparc"):
        Target.from_interpreter(this_interpreter().changed(markers=markers))


@pytest.mark.parametrize(
    ("target", "first", "included", "excluded"),
    [
        (
            Target(name="t", platform="linux-x86_64", python="3.12", glibc=(2, 31)),
            "cp312-cp312-linux_x86_64",
            "cp312-cp312-manylinux2014_x86_64",
            "cp312-cp312-manylinux_2_34_x86_64",
        ),
        (
            Target(name="t", platform="linux-aarch64", python="3.12", musl=(1, 2)),
            "cp312-cp312-linux_aarch64",
            "cp312-abi3-musllinux_1_1_aarch64",
            "cp312-cp312-manylinux_2_17_aarch64",
        ),
        (
            Target(name="t", platform="macos-arm64", python="3.11", macos=(13, 0)),
            "cp311-cp311-macosx_13_0_arm64",
            "cp311-cp311-macosx_11_0_arm64",
            "cp311-cp311-macosx_14_0_arm64",
        ),
        (
            Target(name="t", platform="windows-x86_64", python="3.13", abi_flags="t"),
            "cp313-cp313t-win_amd64",
            "py3-none-any",
            "cp313-cp313-win_amd64",
        ),
    ],
)
def test_a_machine_that_we_are_not_on(target: Target, first: str, included: str, excluded: str) -> None:
    found = target.tags()

    assert found[0] == first
    assert included in found
    assert excluded not in found


def test_a_version_without_patch_is_its_first_release() -> None:
    assert Target(name="t", platform="macos-arm64", python="3.12").environment()["python_full_version"] == "3.12.0"
    assert Target(name="t", platform="macos-arm64", python="3.12.4").environment()["python_full_version"] == "3.12.4"
