"""The Python cases of resolvelib's own test suite, judged by its expectations.

Three readings differ from theirs, each for a stated reason:

* Where a case names a conflict, only the verdict is compared: resolvelib lists the requirements that it stumbled over
  last, we prove the whole.
* ``chalice``: their harness evaluates a marker once for each extra of a candidate, so a requirement with a marker is
  dropped wherever no extra was asked for. We keep botocore's ``urllib3 ; python_version != '3.4'``, which is true.
* ``pyrex-1.9.8``: expected to fail there, because it needs more than 500 rounds. Its ``resolved`` is empty, and it has
  no solution: the index holds no msgpack.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from provenv.explain.story import tell
from provenv.solve.proof import Unsolvable
from tests.explain.small import Index

DATA = Path(__file__).parent.parent / "data" / "resolvelib"
CASES = sorted(path.stem for path in (DATA / "case").glob("*.json"))
LOST_BY_THEIR_HARNESS = {"chalice": {"urllib3": Version("1.25.8")}}


def load(case: str) -> tuple[dict[str, Any], Index]:
    data = json.loads((DATA / "case" / f"{case}.json").read_text())
    return data, Index(json.loads((DATA / "index" / f"{data['index']}.json").read_text()))


def test_all_cases_are_here() -> None:
    assert len(CASES) == 13


@pytest.mark.parametrize("case", CASES)
def test_agrees(case: str) -> None:
    data, index = load(case)
    if not data.get("resolved"):
        with pytest.raises(Unsolvable) as failure:
            index.solve(data["requested"])
        assert len(tell(failure.value.proof, index).sentences) <= 4
        return
    expected = {
        name: Version(entry if isinstance(entry, str) else entry["version"]) for name, entry in data["resolved"].items()
    }
    found = {name: Version(version) for name, version in index.versions_of(data["requested"]).items()}
    assert found == {**expected, **LOST_BY_THEIR_HARNESS.get(case, {})}


@pytest.mark.parametrize("case", CASES)
def test_leaves_alone_what_they_leave_alone(case: str) -> None:
    data, index = load(case)
    if "unvisited" in data:
        index.solve(data["requested"])
        visited = {(ask.package, index.versions(ask.package)[ask.candidate - 1]) for ask in index.asked if ask.package}
        assert not visited & {(name, version) for name, versions in data["unvisited"].items() for version in versions}
