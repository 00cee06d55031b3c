"""Writes what the reliability tests found into the page that tells of it: ``report.py NOTES PAGE``.

Rows of tests that did not run this time stay as they are, with the day on which they last ran.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import sys
from pathlib import Path

__all__ = ["main", "table_with"]

_BEGIN, _END = "<!-- results: begin -->\n", "<!-- results: end -->\n"
_HEAD = "| line | test | cases | failures | remark | ran |\n|---|---|---:|---:|---|---|\n"
_ROW = re.compile(r"\| (\d+) \| (.+?) \| ([\d,]+) \| ([\d,]+) \| (.*?) ?\| (\S+) \|")


def main(notes: Path, page: Path, today: str) -> None:
    """Replace the table of ``page`` by one with the rows of ``notes`` (one JSON object per line)."""
    rows = [json.loads(line) for line in notes.read_text("utf-8").splitlines()]
    text = page.read_text("utf-8")
    before, _, rest = text.partition(_BEGIN)
    old, _, after = rest.partition(_END)
    page.write_text(before + _BEGIN + table_with(old, rows, today) + _END + after, "utf-8")


def table_with(old: str, rows: list[dict[str, object]], today: str) -> str:
    """The table ``old`` with new rows: those of one line and test are added up, and replace that of an earlier run."""
    found: dict[tuple[int, str], tuple[int, int, str, str]] = {}
    for match in _ROW.finditer(old):
        cases, failures = (int(match[number].replace(",", "")) for number in (3, 4))
        found[int(match[1]), match[2]] = (cases, failures, match[5], match[6])
    fresh: dict[tuple[int, str], tuple[int, int, str, str]] = {}
    for row in rows:
        key = int(str(row["line"])), str(row["test"])
        cases, failures, remark, _ = fresh.get(key, (0, 0, "", ""))
        told = str(row.get("remark") or remark).replace("|", "/")
        fresh[key] = (cases + int(str(row["cases"])), failures + int(str(row["failures"])), told, today)
    found.update(fresh)
    lines = [
        f"| {line} | {test} | {cases:,} | {failures:,} | {remark} | {day} |\n"
        for (line, test), (cases, failures, remark, day) in sorted(found.items())
    ]
    cases = sum(row[0] for row in found.values())
    failures = sum(row[1] for row in found.values())
    where = f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"\n{cases:,} cases, {failures:,} failures; the last run was on {where}.\n\n{_HEAD}{''.join(lines)}\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), datetime.date.today().isoformat())
