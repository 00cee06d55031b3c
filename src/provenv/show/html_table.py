"""The matrix of a report: packages down, machines across, a letter in each cell that leads to its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provenv.model.finding import LEVELS, UNKNOWN
from provenv.show.html_subject import ABSENT, LETTERS, WORDS, MachineColumn, PackageRow
from provenv.show.html_text import safe
from provenv.show.text import count_text

__all__ = ["MACHINES", "mark", "matrix", "tools"]

MACHINES = "the machines themselves"
"""What the row without a name is called."""
_LONG = 18
_MEANINGS = {
    "fails": "it will not run there",
    "unknown": "nothing could prove it",
    "warns": "somebody should know",
    "holds": "nothing speaks against it",
    ABSENT: "not on that machine",
}


def mark(level: str) -> str:
    """The letter of a level in its colours, read aloud as its word; what is no level is unknown."""
    level = level if level in LETTERS else UNKNOWN
    return f'<span class="mark {level}">{LETTERS[level]}<i> {WORDS[level]}</i></span>'


def tools(packages: Sequence[PackageRow]) -> str:
    """What each letter means, the boxes that show and hide levels, and the search field (for the script)."""
    counts = {level: sum(row.level == level for row in packages) for level in LEVELS}
    legend = "".join(f"<li>{mark(level)} {word}: {_MEANINGS[level]}</li>" for level, word in WORDS.items())
    boxes = "".join(
        f'<label><input type="checkbox" name="level" id="level-{level}" value="{level}" checked> '
        f"{WORDS[level]} ({counts[level]})</label>"
        for level in LEVELS
    )
    return (
        f'<ul class="legend">{legend}</ul>'
        f'<div class="tools"><fieldset><legend>Show packages whose worst is</legend>{boxes}</fieldset>'
        '<div class="tools" hidden><label>Filter <input type="search" id="search" '
        'placeholder="package, file, symbol" autocomplete="off"></label>'
        '<output id="count" class="soft"></output></div></div>'
    )


def matrix(
    machines: Sequence[MachineColumn], packages: Sequence[PackageRow], places: Mapping[tuple[int, str], str]
) -> str:
    """The table. ``places`` says for a row's number and a machine which anchor tells about the cell."""
    heads = "".join(
        f'<th scope="col"><bdi>{safe(machine.name, 80)}</bdi>{mark(machine.verdict)}</th>' for machine in machines
    )
    kind = "scroll long" if len(packages) > _LONG else "scroll"
    parts = [
        f'<div class="{kind}" tabindex="0" role="region" aria-labelledby="table-title"><table>'
        "<caption>Choose a letter to read its evidence; choose a name to read all about a package.</caption>"
        f'<thead><tr><th scope="col">Package</th>{heads}</tr></thead><tbody>'
    ]
    parts += [_row(number, row, machines, places) for number, row in enumerate(packages)]
    parts.append("</tbody></table></div>")
    return "".join(parts)


def _row(number: int, row: PackageRow, machines: Sequence[MachineColumn], places: Mapping[tuple[int, str], str]) -> str:
    versions = row.versions
    name = safe(row.name or MACHINES, 120)
    version = f"<small>{safe(versions[0], 80)}</small>" if len(versions) == 1 else ""
    cells = "".join(_cell(number, row, machine.name, places, is_mixed=len(versions) > 1) for machine in machines)
    return (
        f'<tr id="r{number}" class="{row.level}"><th scope="row"><a href="#p{number}"><bdi>{name}</bdi></a>'
        f"{version}</th>{cells}</tr>"
    )


def _cell(number: int, row: PackageRow, machine: str, places: Mapping[tuple[int, str], str], *, is_mixed: bool) -> str:
    level = row.level_on(machine)
    version = row.version_by_machine.get(machine, "")
    told = f"<small>{safe(version, 80)}</small>" if is_mixed and version else ""
    place = places.get((number, machine))
    if place is None:
        if not row.name:
            return "<td></td>"
        return f'<td><span class="mark {level} quiet">{LETTERS[level]}<i> {WORDS[level]}</i></span>{told}</td>'
    label = (
        f"{LETTERS[level]}, {WORDS[level]}: {row.name or MACHINES} on {machine}, "
        f"{count_text(len(row.findings[machine]), 'finding')}"
    )
    return (
        f'<td><a class="mark {level}" href="#{place}" aria-label="{safe(label, 240)}">{LETTERS[level]}</a>{told}</td>'
    )
