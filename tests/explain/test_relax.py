"""Requirements with as little changed as a version needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from provenv.explain.relax import relaxed, rewritten


@pytest.mark.parametrize(
    ("specifier", "version", "expected"),
    [
        ("<2", "2.4.1", ""),
        ("<2,>=1.20", "2.4.1", ">=1.20"),
        (">=2", "1.26.4", ">=1.26.4"),
        (">=2,<3", "1.26.4", ">=1.26.4,<3"),
        ("==1.26.4", "2.4.1", "==2.4.1"),
        ("==1.*", "2.4.1", ">=1"),
        ("~=1.4", "2.0", ">=1.4"),
        ("~=1.4", "1.2", ">=1.2"),
        ("!=1.5,>=1", "1.5", ">=1"),
        (">1.0", "1.0", ">=1.0"),
        (">=2", "1.0+cpu", ">=1.0"),
        (">=1,<2", "1.5", ">=1,<2"),
    ],
)
def test_as_little_as_needed(specifier: str, version: str, expected: str) -> None:
    assert relaxed(specifier, version) == expected


@given(
    st.lists(
        st.builds(
            lambda operator, major, minor: f"{operator}{major}.{minor}",
            st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "~="]),
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        max_size=4,
    ),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_what_is_relaxed_admits_the_version(clauses: list[str], version: tuple[int, int]) -> None:
    text = f"{version[0]}.{version[1]}"
    found = SpecifierSet(relaxed(",".join(clauses), text))
    assert found.contains(text)
    for clause in SpecifierSet(",".join(clauses)):
        if clause.contains(text):
            assert str(clause) in str(found) or not str(found)


@pytest.mark.parametrize(
    ("text", "specifier", "expected"),
    [
        ("numpy<2", "", "numpy"),
        ("NumPy [x] <2 ; python_version > '3'", ">=1", "NumPy[x]>=1 ; python_version > '3'"),
        ("not a requirement at all", "", "not a requirement at all"),
    ],
)
def test_name_and_marker_stay(text: str, specifier: str, expected: str) -> None:
    assert rewritten(text, specifier) == expected
