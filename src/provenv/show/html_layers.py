"""Places the nodes of a directed graph in layers, with few crossings: the steps of Sugiyama, kept simple."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Layout", "layered"]

_SWEEPS = 6
_NODE_GAP = 36.0
_WAY_GAP = 14.0

_Point = tuple[int, int]
"""A node, or a place where an arrow passes through a layer: ``(number, layer)``."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Layers go from left to right; ``y`` is in pixels, of the middle of a node."""

    places: Mapping[str, tuple[int, float]]
    """Name -> its layer, and its y."""
    ways: tuple[tuple[str, str, tuple[tuple[int, float], ...]], ...]
    """From, to, and what the arrow passes, both ends with it."""
    layers: int
    height: float


def layered(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """Place ``names``; an arrow that closes a circle, or that follows from others, is left out. No recursion."""
    number = {name: index for index, name in enumerate(names)}
    follow: list[list[int]] = [[] for _ in names]
    for source, target in sorted(set(edges)):
        if source != target and source in number and target in number:
            follow[number[source]].append(number[target])
    order, kept = _without_circles(follow)
    kept = _without_detours(order, kept)
    layer = [0] * len(names)
    for node in order:
        for other in kept[node]:
            layer[other] = max(layer[other], layer[node] + 1)
    passing = _passing(order, kept, layer)
    columns, links = _columns(order, layer, passing)
    _sort(columns, links)
    heights = _heights(columns, links, len(names))
    places = {name: (layer[index], heights[index, layer[index]]) for index, name in enumerate(names)}
    ways = []
    for (source_index, target_index), points in passing.items():
        bends = tuple((column, heights[which, column]) for which, column in points)
        ways.append((names[source_index], names[target_index], bends))
    bottom = max(heights.values(), default=0.0)
    return Layout(places, tuple(ways), len(columns), bottom + _NODE_GAP / 2)


def _without_circles(follow: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """A topological order, and the arrows without those that lead back to where a walk came from."""
    state = [0] * len(follow)
    kept: list[list[int]] = [[] for _ in follow]
    done: list[int] = []
    has_parent = {other for others in follow for other in others}
    for start in sorted(range(len(follow)), key=lambda node: node in has_parent):
        if state[start]:
            continue
        state[start] = 1
        walk = [(start, iter(follow[start]))]
        while walk:
            node, rest = walk[-1]
            for other in rest:
                if state[other] != 1:
                    kept[node].append(other)
                if not state[other]:
                    state[other] = 1
                    walk.append((other, iter(follow[other])))
                    break
            else:
                state[node] = 2
                done.append(node)
                walk.pop()
    return done[::-1], kept


def _without_detours(order: list[int], kept: list[list[int]]) -> list[list[int]]:
    """Without arrows whose end is reached by others, too."""
    reached = [0] * len(kept)
    position = {node: index for index, node in enumerate(order)}
    slim: list[list[int]] = [[] for _ in kept]
    for node in reversed(order):
        for other in sorted(kept[node], key=position.__getitem__):
            if not reached[node] >> other & 1:
                slim[node].append(other)
                reached[node] |= 1 << other | reached[other]
    return slim


def _passing(order: list[int], kept: list[list[int]], layer: list[int]) -> dict[tuple[int, int], list[_Point]]:
    """Every arrow with the points that it goes through; those between two nodes get numbers of their own."""
    count = len(kept)
    passing: dict[tuple[int, int], list[_Point]] = {}
    for node in order:
        for other in kept[node]:
            between = [(count + len(passing), column) for column in range(layer[node] + 1, layer[other])]
            passing[node, other] = [(node, layer[node]), *between, (other, layer[other])]
    return passing


def _columns(
    order: list[int], layer: list[int], passing: Mapping[tuple[int, int], list[_Point]]
) -> tuple[list[list[_Point]], dict[_Point, tuple[list[_Point], list[_Point]]]]:
    """The points of every layer, and for each point its neighbours on the left and on the right."""
    columns: list[list[_Point]] = [[] for _ in range(max(layer, default=-1) + 1)]
    links: dict[_Point, tuple[list[_Point], list[_Point]]] = {}
    for node in order:
        point = (node, layer[node])
        columns[layer[node]].append(point)
        links[point] = ([], [])
    for points in passing.values():
        for point in points[1:-1]:
            columns[point[1]].append(point)
            links[point] = ([], [])
        for left, right in pairwise(points):
            links[left][1].append(right)
            links[right][0].append(left)
    return columns, links


def _sort(columns: list[list[_Point]], links: Mapping[_Point, tuple[list[_Point], list[_Point]]]) -> None:
    """Order each layer by the middle of its neighbours, to and fro."""
    rank = {point: index for column in columns for index, point in enumerate(column)}
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for column in columns[1:] if side == 0 else columns[-2::-1]:
            middle = {
                point: sum(rank[other] for other in links[point][side]) / len(links[point][side])
                if links[point][side]
                else float(rank[point])
                for point in column
            }
            column.sort(key=lambda point: (middle[point], rank[point]))
            rank |= {point: index for index, point in enumerate(column)}


def _heights(
    columns: list[list[_Point]], links: Mapping[_Point, tuple[list[_Point], list[_Point]]], count: int
) -> dict[_Point, float]:
    """Every point as near to the middle of its neighbours as those above it allow."""
    heights: dict[_Point, float] = {}
    for column in columns:
        _stack(column, dict.fromkeys(column, 0.0), heights, count)
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for column in columns if side == 0 else reversed(columns):
            wanted = {}
            for point in column:
                near = links[point][side] or links[point][1 - side]
                wanted[point] = sum(heights[other] for other in near) / len(near) if near else heights[point]
            _stack(column, wanted, heights, count)
    return _without_empty_bands(heights)


def _stack(column: Sequence[_Point], wanted: Mapping[_Point, float], heights: dict[_Point, float], count: int) -> None:
    """The least squares of what is wanted, with room between neighbours: those that collide move together."""
    offset = 0.0
    offsets: list[float] = []
    blocks: list[tuple[float, int]] = []
    for index, point in enumerate(column):
        if index:
            is_way = point[0] >= count or column[index - 1][0] >= count
            offset += (_NODE_GAP + _WAY_GAP) / 2 if is_way else _NODE_GAP
        offsets.append(offset)
        mean, size = wanted[point] - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, others = blocks.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    for point, mean, down in zip(column, means, offsets, strict=True):
        heights[point] = mean + down


def _without_empty_bands(heights: Mapping[_Point, float]) -> dict[_Point, float]:
    """From half a gap down, without stretches that nothing lies in."""
    moved: dict[float, float] = {}
    last, now = 0.0, _NODE_GAP / 2
    for height in sorted(set(heights.values())):
        if moved:
            now += min(height - last, _NODE_GAP)
        moved[height] = now
        last = height
    return {point: moved[height] for point, height in heights.items()}
