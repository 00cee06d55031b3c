"""The graph and the size map of the report: laid out by ourselves, so that it is ours to prove."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from provenv.model.finding import FAILS, WARNS, Finding
from provenv.show.html_graph import graph, shown_packages
from provenv.show.html_layers import layered
from provenv.show.html_subject import PackageRow, ordered
from provenv.show.html_treemap import size_map, squarified


def row(name: str, *requires: str, level: str = "", size: int | None = None) -> PackageRow:
    findings = {"m": (Finding(level=level, kind="gpu", subject=name),)} if level else {}
    return PackageRow(name=name, version_by_machine={"m": "1"}, requires=requires, findings=findings, size=size)


def numbers(rows: list[PackageRow]) -> dict[str, int]:
    return {one.name: index for index, one in enumerate(rows)}


class TestLayers:
    def test_what_needs_stands_left_of_what_it_needs(self) -> None:
        layout = layered(["c", "b", "a"], [("a", "b"), ("b", "c"), ("a", "c")])
        assert {name: layer for name, (layer, _) in layout.places.items()} == {"a": 0, "b": 1, "c": 2}
        assert {(source, target) for source, target, _ in layout.ways} == {("a", "b"), ("b", "c")}
        assert layout.layers == 3

    def test_circles_and_strangers_are_passed_over(self) -> None:
        layout = layered(["a", "b"], [("a", "b"), ("b", "a"), ("a", "a"), ("a", "nobody")])
        assert [(source, target) for source, target, _ in layout.ways] == [("a", "b")]

    def test_nothing_is_nothing(self) -> None:
        assert layered([], []).layers == 0

    def test_a_long_chain_is_no_problem(self) -> None:
        names = [f"n{index}" for index in range(3000)]
        assert layered(names, pairwise(names)).layers == 3000

    @pytest.mark.parametrize("seed", range(60))
    def test_any_graph_is_placed_without_overlaps(self, seed: int) -> None:
        chance = random.Random(seed)
        names = [f"n{index}" for index in range(chance.randint(1, 40))]
        edges = [(chance.choice(names), chance.choice(names)) for _ in range(chance.randint(0, 90))]
        layout = layered(names, edges)
        assert set(layout.places) == set(names)
        columns: dict[int, list[float]] = {}
        for layer, y in layout.places.values():
            columns.setdefault(layer, []).append(y)
        for heights in columns.values():
            heights.sort()
            gaps = [below - above for above, below in pairwise(heights)]
            assert min(gaps, default=36) > 35.9
            assert heights[0] >= 18
            assert heights[-1] <= layout.height
        for source, target, points in layout.ways:
            assert (source, target) in edges
            layers = [layer for layer, _ in points]
            assert layers == list(range(layout.places[source][0], layout.places[target][0] + 1))
        reached = reach(names, [(source, target) for source, target, _ in layout.ways])
        # What was left out either follows from what is drawn, or closes a circle.
        assert all(
            target in reached[source] or source in reached[target] or source == target for source, target in edges
        )

    def test_the_same_graph_has_the_same_picture(self) -> None:
        edges = [("a", "c"), ("a", "b"), ("d", "c")]
        assert layered(list("abcd"), edges) == layered(list("abcd"), edges[::-1])


def reach(names: list[str], edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: {name} for name in names}
    for _ in names:
        for source, target in edges:
            found[source] |= found[target]
    return found


class TestGraph:
    def test_few_packages_are_all_shown(self) -> None:
        rows = list(ordered([row("a", "b"), row("b")]))
        picture = graph(rows, numbers(rows))
        assert picture.count("<a ") == 2
        assert picture.count("<path ") == 1
        assert 'data-from="0" data-to="1"' in picture

    def test_of_many_those_with_findings_and_a_way_to_a_root(self) -> None:
        chain = [row(f"n{index:03}", f"n{index + 1:03}") for index in range(200)]
        chain[7] = row("n007", "n008", level=FAILS)
        rows = list(ordered(chain))
        assert {one.name for one in shown_packages(rows)} == {f"n{index:03}" for index in range(8)}
        assert "8 of 200 packages" in graph(rows, numbers(rows))

    def test_never_too_many(self) -> None:
        rows = list(ordered([row(f"n{index}", level=WARNS) for index in range(500)]))
        assert len(shown_packages(rows)) <= 90

    def test_packages_that_need_one_another_in_a_circle(self) -> None:
        rows = list(ordered([row(f"n{index}", f"n{(index + 1) % 100}", level=FAILS) for index in range(100)]))
        assert shown_packages(rows)

    def test_nothing_found_in_a_large_set_needs_no_picture(self) -> None:
        rows = [row(f"n{index}") for index in range(100)]
        assert "<svg" not in graph(rows, numbers(rows))


class TestSizes:
    @pytest.mark.parametrize("seed", range(30))
    def test_the_rectangles_fill_the_picture_by_their_sizes(self, seed: int) -> None:
        chance = random.Random(seed)
        sizes = sorted(
            (chance.uniform(1, 10 ** chance.randint(1, 6)) for _ in range(chance.randint(1, 50))), reverse=True
        )
        tiles = squarified(sizes, 800, 300)
        assert sorted(tile.index for tile in tiles) == list(range(len(sizes)))
        for tile in tiles:
            wanted = sizes[tile.index] / sum(sizes) * 800 * 300
            assert tile.width * tile.height == pytest.approx(wanted, rel=1e-6)
            assert tile.x >= -1e-6
            assert tile.x + tile.width <= 800 + 1e-6
            assert tile.y + tile.height <= 300 + 1e-6
        for one in tiles:
            for other in tiles:
                if one.index < other.index:
                    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
                    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
                    assert across < 1e-6 or down < 1e-6

    def test_small_packages_are_together(self) -> None:
        rows = [row("torch", size=10**9), *(row(f"n{index}", size=1000) for index in range(30)), row("x")]
        picture = size_map(rows, numbers(rows))
        assert "30 smaller packages, 29.3 KiB" in picture
        assert "Of 1 package the size is not known." in picture
        # Once for wide pages, once for narrow ones.
        assert picture.count("<title>torch: 953.7 MiB, holds</title>") == 2

    def test_no_sizes_no_picture(self) -> None:
        rows = [row("torch"), row("empty", size=0)]
        assert "<svg" not in size_map(rows, numbers(rows))

    def test_every_number_can_be_drawn(self) -> None:
        rows = [row(f"n{index}", size=index**6 + 1) for index in range(70)]
        drawn = re.findall(r' (?:x|y|width|height)="([^"]*)"', size_map(rows, numbers(rows)))
        assert len(drawn) > 100
        assert all(re.fullmatch(r"\d+\.\d", number) for number in drawn)
