"""Facts that a lock carries: as short as can be, and on another machine they say what the wheel itself would."""

from __future__ import annotations

import pytest

from provenv.binary.facts import FileFacts
from provenv.model.finding import FAILS, HOLDS, UNKNOWN
from provenv.model.hardware import Hardware
from provenv.proof.carried import carried_rows, from_carried, symbol_families
from provenv.proof.prove import worst
from provenv.proof.subject import Package
from tests.proof.cases import code, facts, findings, machine, package

__all__: list[str] = []

_FILES = (
    facts(
        "k/_core.cpython-312-x86_64-linux-gnu.so",
        needed=["libm.so.6", "libk.so", "libnuma.so.1"],
        version_needs={"libc.so.6": ["GLIBC_2.17", "GLIBC_2.34"]},
    ),
    facts("k/_more.abi3.so", needed=["libz.so.1"], version_needs={"libstdc++.so.6": ["GLIBCXX_3.4.29"]}),
    facts("k/libk.so", soname="libk.so"),
    facts("k.libs/libgomp-a34b3233.so.1", soname="libgomp-a34b3233.so.1"),
    facts(
        "k/libops.so",
        soname="libops.so",
        needed=["libcudart.so.12"],
        modules=[(3, code("80", "90a")), (1, code("90:8.4"))],
    ),
)
_MACHINES = (
    machine("H100=9.0", driver="580.65.06"),
    machine("A100=8.0", driver="535.104.05"),
    machine("V100=7.0", driver="520.61.05"),
    machine("B200=10.0", driver="570.124.06", glibc=(2, 31)),
    machine("B200=10.0", driver="570.124.06", glibcxx="3.4.25"),
    machine(glibc=None, musl=(1, 2)),
    machine(sonames=()),
)


def test_the_rows_are_few() -> None:
    rows = carried_rows(_FILES)
    assert rows == [
        {"file": "k.libs/libgomp-a34b3233.so.1"},
        {"file": "k/libops.so", "needs": ["libcudart.so.12"], "code": ["3 sm_80 sm_90a", "1 compute_90:8.4"]},
        {
            "file": "k/_core.so",
            "needs": ["libnuma.so.1", "libz.so.1"],
            "glibc": "2.34",
            "glibcxx": "3.4.29",
            "offers": ["libk.so"],
        },
    ]
    assert carried_rows(tuple(reversed(_FILES)))[:2] == rows[:2], "whatever the order"
    assert carried_rows(()) == []


@pytest.mark.parametrize("here", _MACHINES, ids=range(len(_MACHINES)))
def test_they_say_of_a_machine_what_the_wheel_says(here: Hardware) -> None:
    carried = from_carried(carried_rows(_FILES))
    assert carried is not None
    for kind in ("driver", "gpu", "glibc", "libstdc++", "library", "openmp"):
        by_wheel = findings(here, package("k", "1", *_FILES), kind=kind)
        by_rows = findings(here, package("k", "1", *carried), kind=kind)
        assert sorted(one.level for one in by_wheel) == sorted(one.level for one in by_rows), kind
        assert worst(by_wheel) == worst(by_rows)


@pytest.mark.parametrize(
    "rows",
    [None, {}, [1], [{}], [{"file": "x", "code": "sm_90"}], [{"file": "x", "code": ["1 sm_x"]}],
     [{"file": "x", "code": ["one sm_90"]}], [{"file": "x", "needs": [1]}]],
)  # fmt: skip
def test_rows_that_we_did_not_write_tell_nothing(rows: object) -> None:
    assert from_carried(rows) is None


def test_symbols_hold_only_beside_the_wheel_that_they_were_compared_with() -> None:
    user = facts("v/_C.so", undefined=["_ZN3c105ErrorE"])
    assert symbol_families([user]) == ["torch"]
    torch = Package(
        name="torch", version="2.15.0", sha256="ab" * 32, facts=(FileFacts(path="t", machine="x86_64"),), symbols={}
    )
    for told, level in (("ab" * 8, HOLDS), ("cd" * 8, UNKNOWN), ("", UNKNOWN)):
        vision = Package(name="torchvision", version="1", facts=(), symbols={"torch": told})
        assert [one.level for one in findings(machine(), vision, torch, kind="symbol")] == [level]
    read = package("v", "1", user)
    assert [one.level for one in findings(machine(), read, torch, kind="symbol")] == [UNKNOWN], "never a false failure"
    assert FAILS not in [one.level for one in findings(machine(), read, torch)]
