"""A proof as one page that needs nothing but itself: no network, no fonts, no script to be read.

Packages go down, machines across. A cell leads to its evidence, a panel that the page shows because it is the target
of a link; so all of it works without the script, which only filters, remembers the colours and saves ways.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

import provenv
from provenv.model.finding import FAILS, LEVELS, UNKNOWN, Finding
from provenv.show.html_evidence import KINDS, Evidence
from provenv.show.html_graph import graph
from provenv.show.html_script import SCRIPT
from provenv.show.html_style import STYLE
from provenv.show.html_subject import WORDS, MachineColumn, PackageRow, ordered
from provenv.show.html_table import MACHINES, mark, matrix, tools
from provenv.show.html_text import safe
from provenv.show.html_treemap import size_map
from provenv.show.text import count_text

__all__ = ["MachineColumn", "PackageRow", "report"]

_MOST_FIRST = 12


def report(title: str, machines: Sequence[MachineColumn], packages: Sequence[PackageRow], tables_date: str) -> str:
    """The whole page, the same for the same values. Names of machines differ from one another, those of rows too.

    What strangers wrote (all names, versions and texts of findings) is escaped and shown without odd characters.
    """
    rows = ordered(packages)
    number = {row.name: index for index, row in enumerate(rows)}
    evidence = Evidence(machines, rows)
    articles = evidence.articles()
    body = "".join(
        (
            _header(title, machines),
            "<main>",
            _first(machines, rows, evidence),
            f'<h2 id="machines-title">Machines</h2>{_machines(machines, rows)}',
            f'<div id="table"><h2 id="table-title">Packages</h2>{tools(rows)}',
            f"{matrix(machines, rows, evidence.places)}</div>",
            f'<h2 id="graph-title">Who needs whom</h2>{graph(rows, number)}',
            f'<h2 id="sizes-title">Sizes</h2>{size_map(rows, number)}',
            f'<h2 id="evidence-title" class="paper">Evidence</h2>{articles}',
            f'<h2 id="rules-title">Rules</h2>{evidence.rules()}',
            "</main>",
            f'<footer class="soft"><p>Written by provenv {provenv.__version__}; tables of {safe(tables_date, 40)}. '
            "What nothing could prove is called unknown, never holds.</p></footer>",
        )
    )
    return _page(title, body)


def _page(title: str, body: str) -> str:
    policy = (
        f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{safe(title, 200)}: proof</title><style>{STYLE}</style></head>"
        f'<body><a class="skip" href="#table">To the packages</a>{body}<script>{SCRIPT}</script></body></html>\n'
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _header(title: str, machines: Sequence[MachineColumn]) -> str:
    counts = {level: sum(_verdict(machine) == level for machine in machines) for level in LEVELS}
    told = ", ".join(f"{WORDS[level]} on {counts[level]}" for level in LEVELS if counts[level])
    themes = "".join(
        f'<label><input type="radio" name="theme" value="{value}" id="theme-{value}"{checked}> {value}</label>'
        for value, checked in (("auto", " checked"), ("light", ""), ("dark", ""))
    )
    return (
        f'<header><div class="top"><div><h1>{safe(title, 200)}</h1>'
        f"<p>{count_text(len(machines), 'machine')}: {told or 'nothing to prove'}.</p></div>"
        f'<fieldset class="themes"><legend>Colours</legend>{themes}</fieldset></div></header>'
    )


def _verdict(machine: MachineColumn) -> str:
    return machine.verdict if machine.verdict in LEVELS else UNKNOWN


def _first(machines: Sequence[MachineColumn], rows: Sequence[PackageRow], evidence: Evidence) -> str:
    """What fails, once for a package and a kind, with all machines: what somebody in a hurry must read."""
    failing: dict[tuple[str, str], list[tuple[Finding, str, str]]] = {}
    for number, row in enumerate(rows):
        for machine in machines:
            for finding in row.findings.get(machine.name, ()):
                if finding.level == FAILS:
                    place = evidence.places[number, machine.name]
                    failing.setdefault((row.name, finding.kind), []).append((finding, machine.name, place))
    if not failing:
        unknown = sum(bool(row.name) and row.level == UNKNOWN for row in rows)
        rest = f" Of {count_text(unknown, 'package')} not everything could be proven." if unknown else ""
        return f"<h2>Nothing fails</h2><p>No check found anything that fails on these machines.{rest}</p>"
    items = [_failing(name, found) for (name, _), found in list(failing.items())[:_MOST_FIRST]]
    more = f"<p>And {len(failing) - _MOST_FIRST} more in the table.</p>" if len(failing) > _MOST_FIRST else ""
    return f'<h2>What fails</h2><ul class="first">{"".join(items)}</ul>{more}'


def _failing(name: str, found: Sequence[tuple[Finding, str, str]]) -> str:
    """The first of some findings of one kind; how many more say something else; on which machines."""
    finding, _, place = found[0]
    where = ", ".join(
        f"<bdi>{safe(machine, 80)}</bdi>" for machine in dict.fromkeys(machine for _, machine, _ in found)
    )
    what = safe(finding.actual, 300)
    if finding.expected:
        what = f"needs {safe(finding.expected, 200)}; found: {what}"
    others = len({(one.path, one.expected, one.actual) for one, _, _ in found}) - 1
    more = f" And {others} more of this kind." if others else ""
    remedy = f'<br><span class="soft">What to do: {safe(finding.remedy, 300)}.</span>' if finding.remedy else ""
    return (
        f'<li>{mark(FAILS)}<div><a href="#{place}"><bdi>{safe(name or MACHINES, 120)}</bdi></a> '
        f"({safe(KINDS.get(finding.kind, finding.kind), 60)}) on {where}: {what}.{more}{remedy}</div></li>"
    )


def _machines(machines: Sequence[MachineColumn], rows: Sequence[PackageRow]) -> str:
    items = []
    for machine in machines:
        levels = [finding.level for row in rows for finding in row.findings.get(machine.name, ())]
        counts = ", ".join(f"{WORDS[level]} {levels.count(level)}" for level in LEVELS if level in levels)
        facts = "".join(f"<dt>{safe(what, 60)}<dd>{safe(told, 200)}" for what, told in machine.facts)
        installed = sum(machine.name in row.version_by_machine for row in rows)
        items.append(
            f"<li><h3>{mark(_verdict(machine))} <bdi>{safe(machine.name, 80)}</bdi></h3><dl>{facts}"
            f"<dt>packages<dd>{installed}<dt>findings<dd>{counts or 'none'}</dl></li>"
        )
    return f'<ul class="machines">{"".join(items)}</ul>'
