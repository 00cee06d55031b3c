"""Metadata becomes rows for one target; metadata that cannot be read spoils its candidate."""

from __future__ import annotations

import pytest

from provenv.model.target import Target
from provenv.universe.rows import Broken, Needs, fits_python, headers_of

LINUX = Target(name="t", platform="linux-x86_64", python="3.12").environment()


def metadata(*lines: str) -> bytes:
    return "\n".join(
        ["Metadata-Version: 2.1", "Name: Demo_Pkg", "Version: 1.0", *lines, "", "Requires-Dist: not-me"]
    ).encode()


def rows(*lines: str) -> list[tuple[str, str, tuple[str, ...], str]]:
    return list(Needs(LINUX).of_metadata(metadata(*lines), "demo-pkg", "1.0")[0])


def test_markers_are_evaluated_for_the_target() -> None:
    found = rows(
        "Requires-Dist: a>=1",
        "Requires-Dist: b ; sys_platform == 'win32'",
        "Requires-Dist: C.D[z, Y] (<3) ; python_version >= '3.8'",
    )

    assert found == [("", "a", (), ">=1"), ("", "c-d", ("y", "z"), "<3")]


def test_extras_are_kept_apart() -> None:
    found = rows(
        "Provides-Extra: one",
        "Provides-Extra: Two_X",
        "Requires-Dist: a ; extra == 'one'",
        "Requires-Dist: b ; extra == 'Two_X' and sys_platform == 'linux'",
        "Requires-Dist: c ; 'one' == extra or extra == 'two-x'",
        "Requires-Dist: d ; extra != 'one'",
        "Requires-Dist: e ; extra == 'one' and os_name == 'nt'",
    )

    assert found == [
        ("one", "a", (), ""),
        ("two-x", "b", (), ""),
        ("one", "c", (), ""),
        ("two-x", "c", (), ""),
        ("", "d", (), ""),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Requires-Dist: <1.4.0',", "cannot be read"),
        ("Requires-Dist: a @ http://x.example/a.whl", "direct reference"),
        ("Requires-Python: >=3.13", r"needs Python >=3\.13"),
        ("Requires-Python: three", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_never_no_constraint(line: str, told: str) -> None:
    with pytest.raises(Broken, match=told):
        rows(line)


def test_a_broken_line_of_another_platform_does_no_harm() -> None:
    assert rows("Requires-Dist: a @ http://x.example/a.whl ; sys_platform == 'win32'") == []


@pytest.mark.parametrize(("name", "version"), [("other", "1.0"), ("demo-pkg", "2.0")])
def test_another_packages_metadata_is_refused(name: str, version: str) -> None:
    with pytest.raises(Broken, match=r"Demo_Pkg 1\.0"):
        Needs(LINUX).of_metadata(metadata(), name, version)


def test_equal_versions_may_be_written_differently() -> None:
    assert Needs(LINUX).of_metadata(metadata(), "demo-pkg", "1.0.0") == ((), ())


def test_folded_headers() -> None:
    assert headers_of(b"A: one\n two\nB: x\n\nC: y\n") == {"a": ["one\ntwo"], "b": ["x"]}


@pytest.mark.parametrize(
    ("specifier", "fits"),
    [
        (">=3.8", (True, True)),
        (">=3.8,<4", (True, True)),
        (">=3.8,<3.12", (True, False)),
        ("<=3.11", (True, False)),
        ("~=3.8", (True, True)),
        ("~=3.8.1", (True, False)),
        ("==3.11.*", (True, False)),
        ("==3.13.*", (False, False)),
        (">=3.13", (False, False)),
        (">=3.8,!=3.12.*", (False, False)),
        (">=3.8,!=3.11.*", (True, True)),
    ],
)
def test_upper_bounds_of_python_do_not_bind(specifier: str, fits: tuple[bool, bool]) -> None:
    assert fits_python(specifier, "3.12.4") == fits
