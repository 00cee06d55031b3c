"""The size map of a report: every package a rectangle as large as its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provenv.model.finding import HOLDS
from provenv.show.html_subject import LETTERS, WORDS, PackageRow
from provenv.show.html_text import plain, safe
from provenv.show.text import bytes_text, count_text

__all__ = ["Tile", "size_map", "squarified"]

_MOST = 60
_SMALLEST = 0.0015
_WIDE = (1120.0, 380.0)
_NARROW = (360.0, 460.0)
_LETTER = 7.3
"""Pixels of a letter, on the generous side."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle, with the place of what it stands for in the list that was given."""

    index: int
    x: float
    y: float
    width: float
    height: float


def squarified(sizes: Sequence[float], width: float, height: float) -> tuple[Tile, ...]:
    """Rectangles near to squares (Bruls, Huizing, van Wijk: Squarified Treemaps). ``sizes`` fall and are above 0."""
    total = sum(sizes)
    tiles: list[Tile] = []
    x = y = 0.0
    scale = width * height / total if total else 0.0
    start = 0
    while start < len(sizes):
        side = min(width, height)
        end = start + 1
        area = sizes[start] * scale
        while end < len(sizes):
            more = area + sizes[end] * scale
            if _worst(sizes[start], sizes[end], more, scale, side) > _worst(
                sizes[start], sizes[end - 1], area, scale, side
            ):
                break
            area = more
            end += 1
        thick = area / side if side else 0.0
        along = 0.0
        for index in range(start, end):
            length = sizes[index] * scale / thick if thick else 0.0
            if width >= height:
                tiles.append(Tile(index, x, y + along, thick, length))
            else:
                tiles.append(Tile(index, x + along, y, length, thick))
            along += length
        if width >= height:
            x, width = x + thick, width - thick
        else:
            y, height = y + thick, height - thick
        start = end
    return tuple(tiles)


def _worst(largest: float, smallest: float, area: float, scale: float, side: float) -> float:
    """The worst ratio of sides in a strip of this area along ``side``."""
    if not area or not side:
        return float("inf")
    return max(side * side * largest * scale / area**2, area**2 / (side * side * smallest * scale))


def size_map(packages: Sequence[PackageRow], number: Mapping[str, int]) -> str:
    """A figure, once for wide and once for narrow pages; every rectangle is a link to the evidence of its package."""
    rows = sorted((row for row in packages if row.name and row.size), key=lambda row: (-(row.size or 0), row.name))
    unknown = sum(row.size is None and bool(row.name) for row in packages)
    if not rows:
        return '<p class="soft">The sizes of the packages are not known.</p>'
    total = sum(row.size or 0 for row in rows)
    large = [row for row in rows[:_MOST] if (row.size or 0) >= total * _SMALLEST] or rows[:1]
    rest = rows[len(large) :]
    sizes = [float(row.size or 0) for row in large]
    small = sum(row.size or 0 for row in rest)
    if rest:
        sizes.append(max(float(small), total * _SMALLEST))
    # What is left over may be larger than the smallest package: the method wants falling sizes.
    order = sorted(range(len(sizes)), key=lambda index: -sizes[index])
    parts = ['<figure class="map">']
    for kind, (width, height) in (("wide", _WIDE), ("narrow", _NARROW)):
        parts.append(
            f'<svg class="{kind}" viewBox="0 0 {width:.0f} {height:.0f}" role="group" '
            f'aria-label="Sizes of the packages, {safe(bytes_text(total))} together">'
        )
        for tile in squarified([sizes[index] for index in order], width, height):
            index = order[tile.index]
            if index < len(large):
                parts.append(_tile(tile, large[index], number[large[index].name]))
            else:
                told = f"{count_text(len(rest), 'smaller package')}, {bytes_text(small)}"
                parts.append(f'<g class="quiet"><title>{told}</title>{_rectangle(tile)}{_words(tile, told, "")}</g>')
        parts.append("</svg>")
    told = f"{count_text(len(rows), 'package')}, {bytes_text(total)} together."
    if unknown:
        told += f" Of {count_text(unknown, 'package')} the size is not known."
    parts.append(f"<figcaption>{told}</figcaption></figure>")
    return "".join(parts)


def _tile(tile: Tile, row: PackageRow, number: int) -> str:
    level, size = row.level, bytes_text(row.size or 0)
    label = f"{plain(row.name, 80)}: {size}, {WORDS[level]}"
    name = row.name if level == HOLDS else f"{LETTERS[level]} {row.name}"
    return (
        f'<a href="#p{number}" class="{level if level != HOLDS else "quiet"}">'
        f"<title>{safe(label)}</title>{_rectangle(tile)}{_words(tile, name, size)}</a>"
    )


def _rectangle(tile: Tile) -> str:
    return f'<rect x="{tile.x:.1f}" y="{tile.y:.1f}" width="{tile.width:.1f}" height="{tile.height:.1f}" rx="3"/>'


def _words(tile: Tile, name: str, size: str) -> str:
    """The name, shortened to what fits, and the size below it; nothing in small ones."""
    fits = int((tile.width - 12) / _LETTER)
    if fits < 3 or tile.height < 20:
        return ""
    x = tile.x + 7
    words = f'<text x="{x:.1f}" y="{tile.y + 17:.1f}" aria-hidden="true">{safe(plain(name, fits))}</text>'
    if size and tile.height >= 38 and len(size) <= fits:
        words += f'<text class="size" x="{x:.1f}" y="{tile.y + 33:.1f}" aria-hidden="true">{size}</text>'
    return words
