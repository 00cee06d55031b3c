"""The dependency graph of a report: who needs whom, and where something was found."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from provenv.model.finding import HOLDS
from provenv.show.html_layers import layered
from provenv.show.html_subject import LETTERS, WORDS, PackageRow
from provenv.show.html_text import plain, safe

__all__ = ["graph", "shown_packages"]

_ALL = 60
_MOST = 90
_WIDTH = 152
_GAP = 40
_HEIGHT = 26
_MARGIN = 8


def shown_packages(packages: Sequence[PackageRow]) -> tuple[PackageRow, ...]:
    """All when they are few; else those where something was found, the worst first, with a way to each from a root."""
    rows = [row for row in packages if row.name]
    if len(rows) <= _ALL:
        return tuple(rows)
    by_name = {row.name: row for row in rows}
    needed_by: dict[str, list[str]] = {name: [] for name in by_name}
    for row in rows:
        for name in row.requires:
            if name in needed_by and name != row.name:
                needed_by[name].append(row.name)
    shown: set[str] = set()
    for row in rows:
        if row.level == HOLDS:
            continue
        way = {row.name, *_way_to_root(row.name, needed_by)}
        if len(shown | way) > _MOST:
            way = {row.name}
        if len(shown | way) <= _MOST:
            shown |= way
    return tuple(row for row in rows if row.name in shown)


def _way_to_root(name: str, needed_by: Mapping[str, Sequence[str]]) -> list[str]:
    """The shortest way up to a package that nobody needs; to the farthest one where all go in circles."""
    came: dict[str, str | None] = {name: None}
    waiting = deque([name])
    last = name
    while waiting:
        last = waiting.popleft()
        if not needed_by[last]:
            break
        for other in sorted(needed_by[last]):
            if other not in came:
                came[other] = last
                waiting.append(other)
    way = []
    step: str | None = last
    while step is not None:
        way.append(step)
        step = came[step]
    return way


def graph(packages: Sequence[PackageRow], number: Mapping[str, int]) -> str:
    """A figure with an inline picture; every node is a link to the evidence of its package."""
    shown = shown_packages(packages)
    total = sum(bool(row.name) for row in packages)
    if not shown:
        told = "Nothing was found that would need a picture." if total else "There are no packages."
        return f'<p class="soft">{told}</p>'
    names = [row.name for row in shown]
    layout = layered(names, ((row.name, other) for row in shown for other in row.requires))
    width = layout.layers * (_WIDTH + _GAP) - _GAP + 2 * _MARGIN
    height = round(layout.height + 2 * _MARGIN)
    parts = [
        f'<figure class="graph"><div class="scroll" tabindex="0" role="region" aria-labelledby="graph-title">'
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="Dependency graph">'
    ]
    for source, target, points in layout.ways:
        line = _line(points)
        parts.append(f'<path d="{line}" data-from="{number[source]}" data-to="{number[target]}"/>')
    for row in shown:
        parts.append(_node(row, number[row.name], *layout.places[row.name]))
    left_out = total - len(shown)
    told = "What needs stands left of what it needs. An arrow that follows from others is left out."
    if left_out:
        told += (
            f" {len(shown)} of {total} packages: those where something was found, with a way to each from a package "
            "that nobody needs."
        )
    parts.append(f"</svg></div><figcaption>{told}</figcaption></figure>")
    return "".join(parts)


def _x(layer: int) -> int:
    return _MARGIN + layer * (_WIDTH + _GAP)


def _line(points: Sequence[tuple[int, float]]) -> str:
    """Curves from the right side of a node, level through the layers between, to the left side of the other."""
    layer, y = points[0]
    x = _x(layer) + _WIDTH
    line = [f"M{x} {y + _MARGIN:.0f}"]
    for index, (other, other_y) in enumerate(points[1:], start=1):
        start, end = x, _x(other)
        middle = (start + end) / 2
        line.append(
            f"C{middle:.0f} {y + _MARGIN:.0f} {middle:.0f} {other_y + _MARGIN:.0f} {end} {other_y + _MARGIN:.0f}"
        )
        x, y = end, other_y
        if index < len(points) - 1:
            x = end + _WIDTH
            line.append(f"H{x}")
    return "".join(line)


def _node(row: PackageRow, number: int, layer: int, y: float) -> str:
    x, top = _x(layer), y + _MARGIN - _HEIGHT / 2
    level = row.level
    name = plain(row.name, 18)
    label = f"{LETTERS[level]} {plain(row.name, 80)} {plain(', '.join(row.versions), 80)}: {WORDS[level]}"
    return (
        f'<a href="#p{number}" class="{level if level != HOLDS else "plain"}" data-node="{number}">'
        f"<title>{safe(label)}</title>"
        f'<rect x="{x}" y="{top:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        f'<text x="{x + 9}" y="{top + 17:.0f}" font-weight="700" aria-hidden="true">{LETTERS[level]}</text>'
        f'<text x="{x + 26}" y="{top + 17:.0f}" aria-hidden="true">{safe(name)}</text></a>'
    )
