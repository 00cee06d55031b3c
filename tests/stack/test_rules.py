"""What the tables say, and what follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

import provenv.stack
from provenv.errors import InputError
from provenv.stack.coverage import Runs, runs_on
from provenv.stack.drivers import (
    branch_limit,
    driver_floor,
    has_compat_package,
    newest_ptx,
    newest_toolkit,
    toolkit_driver,
)
from provenv.stack.gpus import gpu_by_name, names_like
from provenv.stack.tables import FILES, Numbers, Tables, numbers

__all__: list[str] = []

_ROOM = Path(provenv.stack.__file__).parent


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables.from_texts((name, (_ROOM / name).read_text("utf-8")) for name in FILES)


def test_every_row_has_a_source_and_a_date(tables: Tables) -> None:
    assert tables.date >= "2026-11-21"
    for table in ("floor", "toolkit", "compiler", "gpu", "arch_family", "default", "builds"):
        assert tables.rows(table), table
        assert all(len(fact.source) > 5 for fact in tables.rows(table)), table


def test_two_thresholds(tables: Tables) -> None:
    floor = driver_floor(tables, 12)
    toolkit = toolkit_driver(tables, "12.4")
    assert floor is not None
    assert toolkit is not None
    assert (floor.driver, toolkit.driver) == ("525.60.13", "550.54.14")
    assert driver_floor(tables, 14) is None, "what is not known has no floor"
    windows = driver_floor(tables, 13, "windows")
    assert windows is not None
    assert not windows.is_certain


@pytest.mark.parametrize(
    ("driver", "toolkit", "ptx"),
    [
        ("520.61.05", (11, 8), (7, 8)),
        ("535.104.05", (12, 2), None),
        ("580.65.06", (13, 0), (9, 0)),
        ("418.1", None, None),
    ],
)
def test_what_a_driver_came_with(tables: Tables, driver: str, toolkit: Numbers | None, ptx: Numbers | None) -> None:
    found = newest_toolkit(tables, driver)
    assert (None if found is None else found[0]) == toolkit
    if found is not None and ptx is not None:
        newest = newest_ptx(tables, found[0])
        assert newest is not None
        assert newest[0] == ptx


def test_the_last_branch_of_old_gpus(tables: Tables) -> None:
    volta, kepler = branch_limit(tables, (7, 0)), branch_limit(tables, (3, 7))
    assert volta is not None
    assert kepler is not None
    assert (volta["branch"], kepler["branch"]) == (580, 470)
    assert branch_limit(tables, (9, 0)) is None
    assert has_compat_package(tables, (13, 0), 535) is not None
    assert has_compat_package(tables, (12, 8), 580) is None


@pytest.mark.parametrize(
    ("kind", "arch", "suffix", "isa", "gpu", "newest", "does_run"),
    [
        ("sass", 80, "", (), (8, 6), None, Runs.YES),
        ("sass", 86, "", (), (8, 0), None, Runs.NO),
        ("sass", 90, "", (), (10, 0), None, Runs.NO),
        ("sass", 90, "a", (), (9, 0), None, Runs.YES),
        ("sass", 100, "a", (), (10, 3), None, Runs.NO),
        ("sass", 100, "f", (), (10, 3), None, Runs.YES),
        ("sass", 100, "f", (), (10, 7), None, Runs.UNKNOWN),
        ("sass", 120, "f", (), (12, 1), None, Runs.YES),
        ("sass", 80, "", (), (8, 7), None, Runs.UNKNOWN),
        ("sass", 101, "", (), (11, 0), None, Runs.YES),
        ("ptx", 70, "", (8, 4), (9, 0), (8, 4), Runs.YES),
        ("ptx", 70, "", (8, 7), (9, 0), (8, 4), Runs.NEEDS_NEWER_DRIVER),
        ("ptx", 70, "", (8, 7), (9, 0), None, Runs.UNKNOWN),
        ("ptx", 90, "", (8, 0), (7, 0), (9, 0), Runs.NO),
    ],
)
def test_which_code_runs_where(
    tables: Tables,
    kind: str,
    arch: int,
    suffix: str,
    isa: Numbers,
    gpu: Numbers,
    newest: Numbers | None,
    does_run: Runs,
) -> None:
    assert runs_on(tables, kind, arch, suffix, isa, gpu, newest) is does_run


@pytest.mark.parametrize(
    ("name", "compute"),
    [
        ("H100", "9.0"),
        ("NVIDIA H100 80GB HBM3", "9.0"),
        ("Tesla V100-SXM2-16GB", "7.0"),
        ("rtx 4090", "8.9"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "8.9"),
        ("NVIDIA A100-SXM4-40GB", "8.0"),
        ("Tesla T4", "7.5"),
        ("NVIDIA B200", "10.0"),
        ("GB10", "12.1"),
        ("DGX Spark", "12.1"),
    ],
)
def test_gpus_by_the_names_that_people_and_drivers_use(tables: Tables, name: str, compute: str) -> None:
    fact = gpu_by_name(tables, name)
    assert fact is not None
    assert fact["compute"] == compute


def test_a_mistyped_gpu(tables: Tables) -> None:
    assert gpu_by_name(tables, "H10O") is None
    assert "H100" in names_like(tables, "H10O")


def test_own_rows_win_and_need_a_source(tables: Tables) -> None:
    own = 'floor = [{ major = 14, linux = "650.1", source = "our own tests", certain = true }]'
    texts = [*((name, (_ROOM / name).read_text("utf-8")) for name in FILES), ("ours.toml", own)]
    floor = driver_floor(Tables.from_texts(texts), 14)
    assert floor is not None
    assert (floor.driver, floor.fact.source) == ("650.1", "our own tests")
    with pytest.raises(InputError, match=r"ours\.toml: floor\[0\]: names no source"):
        Tables.from_texts([("ours.toml", "floor = [{ major = 14 }]")])
    with pytest.raises(InputError, match="not TOML"):
        Tables.from_texts([("ours.toml", "floor =")])


def test_versions_compare_as_numbers() -> None:
    assert numbers("535.104.05") > numbers("535.54")
