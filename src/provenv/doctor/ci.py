"""Files of continuous integration. YAML is read line by line: no parser is needed for what is asked here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provenv.doctor.images import image_findings
from provenv.doctor.shell import command_findings
from provenv.doctor.subject import Patient
from provenv.doctor.words import found
from provenv.model.finding import FAILS, Finding

__all__ = ["ci_findings", "is_ci_file"]

_FILES = re.compile(
    r"(\.github/workflows/[^/]+|\.github/actions/.+/action|\.gitlab-ci|\.circleci/config|azure-pipelines|\.travis"
    r"|bitbucket-pipelines|\.woodpecker|\.drone)\.ya?ml"
)
_PYTHON = re.compile(r"^\s*(?:-\s+)?[\"']?(?:python-version|python_version|python-versions|python)[\"']?\s*:\s*(.*)$")
_USES = re.compile(r"^\s*(?:-\s+)?uses:\s*[\"']?([\w.-]+/[\w./-]+)@(main|master|latest|develop|HEAD)\b")
_IMAGE = re.compile(r"^\s*(?:-\s+)?(?:image|container)\s*:\s*[\"']?([^\s\"'#]+)")
_NOT_RUN = re.compile(r"^\s*(?:-\s+)?(?:name|description|if|key|restore-keys|path|title)\s*:")
_ITEM = re.compile(r"^\s*-\s+([^#]*)")


def is_ci_file(path: str) -> bool:
    """Whether a file (relative to the project) tells a service what to run."""
    return _FILES.fullmatch(path) is not None


def ci_findings(patient: Patient) -> Iterator[Finding]:
    """What each service would do differently another day."""
    for path, text in sorted(patient.tree.texts.items()):
        if is_ci_file(path):
            yield from _file(patient, path, text)


def _file(patient: Patient, path: str, text: str) -> Iterator[Finding]:
    lines = text.splitlines()
    for (
        number,
        line,
    ) in _joined(lines):
        if not _NOT_RUN.match(line):
            yield from command_findings(line, patient.tree.texts, path=path, line=number, has_lock=bool(patient.locks))
    for number, line in enumerate(lines, 1):
        if match := _PYTHON.match(line):
            for place, item in _items(lines, number, match[1]):
                yield from _version(path, place, item)
        if match := _USES.match(line):
            yield found(
                "moving-action",
                f"{match[1]} is taken from the branch `{match[2]}`: it may do something else tomorrow",
                "name a release, or better a commit",
                path=path,
                line=number,
            )
        if (match := _IMAGE.match(line)) and "$" not in match[1]:
            yield from image_findings(match[1], path=path, line=number)


def _joined(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines with those that continue them (``\\`` at the end), by the number of the first; comments are left out."""
    begin, whole = 0, ""
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            continue
        begin = begin if whole else number
        if line.rstrip().endswith("\\"):
            whole += line.rstrip()[:-1] + " "
            continue
        yield begin, whole + re.sub(r"\s#\s.*$", "", line)
        whole = ""
    if whole:
        yield begin, whole


def _items(lines: list[str], number: int, value: str) -> Iterator[tuple[int, str]]:
    """The values of a key with the lines that they are in: one, a list in brackets, or a list below it."""
    value = re.sub(r"\s+#.*$", "", value).strip()
    if value.startswith("["):
        for item in value.strip("[]").split(","):
            yield number, item.strip()
    elif value:
        yield number, value
    else:
        for place, line in enumerate(lines[number:], number + 1):
            match = _ITEM.match(line)
            if match is None:
                return
            yield place, match[1].strip()


def _version(path: str, line: int, item: str) -> Iterator[Finding]:
    text = item.strip("\"'")
    if re.fullmatch(r"3\.\d*0", item):
        yield found(
            "yaml-version",
            f"`{item}` without quotes is the number {float(item):g}: another Python, or none",
            f'write "{item}"',
            level=FAILS,
            path=path,
            line=line,
            rule="YAML reads 3.10 as a number",
        )
    elif text in ("latest", "3", "3.x", "x") or re.match(r"[>^~]|3\.x", text):
        yield found(
            "moving-python",
            f"Python `{text}` is whichever is newest that day",
            'name the minor version that is locked, as "3.12"',
            path=path,
            line=line,
        )
