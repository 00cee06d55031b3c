"""Parts of a project that exclude one another: whatever is wanted, the lock selects what was solved for that choice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from provenv.lockfile.choices import Forks
from provenv.lockfile.merge import Chosen, Solved, merge
from provenv.model.target import Target

SECTIONS = ("", "extra:a", "extra:b", "extra:c", "group:dev", "member:tool:extra:d")
CONFLICTS = ([["extra:a", "extra:b"]], [["extra:a", "extra:b"], ["group:dev", "member:tool:extra:d"]],
             [["extra:a", "extra:b"], ["extra:b", "extra:c"]])  # fmt: skip
TARGETS = (
    Target(name="linux", platform="linux-x86_64", python="3.12"),
    Target(name="mac", platform="macos-arm64", python="3.12"),
)


def _chosen(version: str, sections: frozenset[str]) -> Chosen:
    file = (f"a-{version}-py3-none-any.whl", f"http://files.example/a-{version}", (("sha256", "0" * 64),), 1, None)
    return Chosen(version, "http://index.example/simple/", (file,), (), sections)


def _holds(marker: str, target: Target, wanted: frozenset[str]) -> bool:
    extras = {section.removeprefix("extra:") for section in wanted if section.startswith("extra:")}
    groups = {section.removeprefix("group:").replace(":", "--") for section in wanted if section[:5] != "extra"}
    context: dict[str, str | frozenset[str]] = {
        **target.environment(), "extras": frozenset(extras), "dependency_groups": frozenset(groups),
    }  # fmt: skip
    return not marker or Marker(marker).evaluate(context, context="lock_file")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_marker_of_an_entry_is_true_exactly_where_it_was_chosen(data: st.DataObject) -> None:
    conflicts = data.draw(st.sampled_from(CONFLICTS))
    forks = Forks(conflicts)
    solved, expected = [], {}
    for target in TARGETS:
        for fork in forks.all:
            open_sections = [section for section in SECTIONS if section not in forks.excluded(fork)]
            packages = {}
            if version := data.draw(st.sampled_from(("", "1", "2"))):
                sections = frozenset(data.draw(st.sets(st.sampled_from(open_sections), min_size=1)))
                packages["a"] = _chosen(version, sections)
                expected[target.name, fork] = version, sections
            solved.append(Solved(target.name, target.environment(), packages, fork))

    tables, _, _ = merge(solved, conflicts=conflicts)

    for target in TARGETS:
        for fork in forks.all:
            open_sections = [section for section in SECTIONS[1:] if section not in forks.excluded(fork)]
            chosen = frozenset(filter(None, fork))
            free = [section for section in open_sections if section not in chosen]
            for wanted in (chosen, chosen | set(free)):
                version, sections = expected.get((target.name, fork), ("", frozenset()))
                is_wanted = "" in sections or bool(sections & wanted)
                held = [table["version"] for table in tables if _holds(table.get("marker", ""), target, wanted)]
                assert held == ([version] if is_wanted else []), (tables, target.name, fork, wanted)


def test_two_versions_for_two_choices_are_told_by_the_extras() -> None:
    conflicts = [["extra:cpu", "extra:gpu"]]
    base = frozenset([""])
    cpu, gpu, both = _chosen("1", frozenset(["extra:cpu"])), _chosen("2", frozenset(["extra:gpu"])), _chosen("3", base)
    environment = TARGETS[0].environment()
    solved = [
        Solved("linux", environment, {"b": both}, ("",)),
        Solved("linux", environment, {"a": cpu, "b": both}, ("extra:cpu",)),
        Solved("linux", environment, {"a": gpu, "b": _chosen("4", base)}, ("extra:gpu",)),
    ]

    tables, _, _ = merge(solved, conflicts=conflicts)

    assert {(table["name"], table["version"]): table["marker"] for table in tables} == {
        ("a", "1"): "'cpu' in extras",
        ("a", "2"): "'gpu' in extras",
        ("b", "3"): "'gpu' not in extras",
        ("b", "4"): "'gpu' in extras",
    }
