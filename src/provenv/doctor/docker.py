"""Dockerfiles: what is built another day is another image, or is built anew although nothing changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provenv.doctor.images import image_findings
from provenv.doctor.shell import command_findings, pip_installs
from provenv.doctor.stack import cuda_of_framework
from provenv.doctor.subject import Patient
from provenv.doctor.words import found
from provenv.model.finding import FAILS, Finding

__all__ = ["docker_findings", "is_dockerfile"]

_INSTALLS = re.compile(
    r"\bpip3?\s+install\b|\b(?:uv|provenv|poetry|pdm)\s+(?:sync|install)\b|\bconda\s+(?:install|env)\b"
)
_SECRET = re.compile(
    r"\b(\w{0,40}(?:TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_KEY)\w{0,40})\s*[= ]\s*[\"']?([^\s\"'$]{6,})", re.I
)
_CUDA_BASE = re.compile(r"(?:^|/)nvidia/cuda:(\d+)\.")


@dataclass(frozen=True, slots=True)
class _Step:
    line: int
    word: str
    rest: str


def is_dockerfile(path: str) -> bool:
    """Whether a file tells how an image is built."""
    name = path.rpartition("/")[2].lower()
    if name.endswith((".dockerignore", ".md", ".txt", ".py", ".j2")):
        return False
    return name.startswith(("dockerfile", "containerfile")) or name.endswith((".dockerfile", ".containerfile"))


def docker_findings(patient: Patient) -> Iterator[Finding]:
    """What is wrong with each Dockerfile of the project."""
    for path, text in sorted(patient.tree.texts.items()):
        if is_dockerfile(path) and (steps := _steps(text)):
            yield from _bases(patient, path, steps)
            yield from _order(patient, path, steps)
            yield from _runs(patient, path, steps)
            yield from _user(path, steps)
            yield from _secrets(path, steps)


def _steps(text: str) -> list[_Step]:
    """Instructions with their continuation lines; the text of a here-document belongs to its instruction."""
    found_steps: list[_Step] = []
    whole, begin, until = "", 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            whole += "\n" + line
            if line.strip() != until:
                continue
            until = ""
        elif line.lstrip().startswith("#") or (not line.strip() and not whole):
            continue
        else:
            begin = begin if whole else number
            whole += line.rstrip().removesuffix("\\") + " "
            if line.rstrip().endswith("\\"):
                continue
            if document := re.search(r"<<-?\s*[\"']?(\w+)", whole):
                until = document[1]
                continue
        word, _, rest = whole.strip().partition(" ")
        found_steps.append(_Step(begin, word.upper(), rest.strip()))
        whole = ""
    return found_steps


def _bases(patient: Patient, path: str, steps: Sequence[_Step]) -> Iterator[Finding]:
    given = dict(step.rest.split("=", 1) for step in steps if step.word == "ARG" and "=" in step.rest)
    stages: set[str] = set()
    for step in steps:
        if step.word != "FROM":
            continue
        words = [word for word in step.rest.split() if not word.startswith("--")]
        image = _filled(words[0], given) if words else ""
        if image and image not in stages and image != "scratch" and "$" not in image:
            yield from image_findings(image, path=path, line=step.line)
            yield from _toolkit(patient, path, step.line, image)
        if len(words) == 3 and words[1].lower() == "as":
            stages.add(words[2])


def _filled(text: str, given: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return given.get(match[1], match[2] or match[0]).strip("\"'")

    return re.sub(r"\$\{?(\w+)(?::-([^}]*))?\}?", value, text)


def _toolkit(patient: Patient, path: str, line: int, image: str) -> Iterator[Finding]:
    match, told = _CUDA_BASE.search(image), cuda_of_framework(patient)
    if match and told is not None and int(match[1]) != told[0][0]:
        yield found(
            "image-cuda",
            f"the image brings CUDA {match[1]}, and {told[1]} is built for CUDA {told[0][0]}",
            f"take an image with CUDA {told[0][0]}, or one without CUDA: wheels bring their own",
            path=path,
            line=line,
            subject=told[1].partition(" ")[0],
        )


def _order(patient: Patient, path: str, steps: Sequence[_Step]) -> Iterator[Finding]:
    whole: _Step | None = None
    for step in steps:
        if step.word == "FROM":
            whole = None
        elif step.word in ("COPY", "ADD"):
            words = [word for word in step.rest.split() if not word.startswith("--")]
            if "--from=" not in step.rest and words[:1] and words[0] in (".", "./", "*"):
                whole = whole or step
                yield from _context(patient, path, step)
        elif step.word == "RUN" and whole is not None and _INSTALLS.search(step.rest) and "--mount=" not in step.rest:
            yield found(
                "layer-order",
                f"the whole project is copied in line {whole.line}, before its dependencies are installed: each edit "
                "of a source file installs them anew",
                "copy pyproject.toml and the lock first, install, then copy the rest",
                path=path,
                line=step.line,
            )
            whole = None


def _context(patient: Patient, path: str, step: _Step) -> Iterator[Finding]:
    folder = path.rpartition("/")[0]
    texts = patient.tree.texts
    named = texts.get(f"{path}.dockerignore", texts.get(".dockerignore", texts.get(f"{folder}/.dockerignore", "")))
    left_out = {line.strip().strip("/").removeprefix("**/") for line in named.splitlines()}
    there = [name for name in patient.tree.environments if "/" not in name]
    there += [".env"] if ".env" in patient.tree.paths else []
    copied = [name for name in there if not left_out & {name, "*", ".*"}]
    if copied:
        yield found(
            "build-context",
            f"the image gets {' and '.join(copied)} of this computer, too",
            f"name {' and '.join(copied)} in .dockerignore",
            path=path,
            line=step.line,
        )


def _runs(patient: Patient, path: str, steps: Sequence[_Step]) -> Iterator[Finding]:
    keeps_nothing = False
    for step in steps:
        if step.word == "ENV" and re.search(r"\bPIP_NO_CACHE_DIR\b", step.rest):
            keeps_nothing = True
        if step.word == "ADD" and re.match(r"(?:--\S+\s+)*https?://", step.rest) and "--checksum=" not in step.rest:
            yield found(
                "unproven-download",
                "a file of the network is added without a hash",
                "give `--checksum=sha256:...`",
                path=path,
                line=step.line,
            )
        if step.word != "RUN":
            continue
        yield from command_findings(
            step.rest, patient.tree.texts, path=path, line=step.line, has_lock=bool(patient.locks)
        )
        cached = "--mount=type=cache" in step.rest or keeps_nothing
        if not cached and any("--no-cache-dir" not in words for words in pip_installs(_without_uv(step.rest))):
            yield found(
                "pip-cache",
                "pip keeps a second copy of every wheel in the layer",
                "give `--no-cache-dir`, or mount a cache: `RUN --mount=type=cache,target=...`",
                path=path,
                line=step.line,
            )


def _without_uv(text: str) -> str:
    """uv's cache is bounded by its own flags."""
    return re.sub(r"\buv\s+pip\s+install\b", "", text)


def _user(path: str, steps: Sequence[_Step]) -> Iterator[Finding]:
    """Who runs the last stage. A base image may have set a user; the Dockerfile does not show it."""
    stages = [place for place, step in enumerate(steps) if step.word == "FROM"]
    last = steps[stages[-1] :] if stages else []
    bases = {step.rest.split()[-1] for step in steps if step.word == "FROM" and " as " in step.rest.lower()}
    users = [step for step in last if step.word == "USER"]
    if not last or not any(step.word in ("CMD", "ENTRYPOINT") for step in last):
        return
    if users and users[-1].rest.partition(":")[0] not in ("root", "0"):
        return
    if not users and last[0].rest.split()[0] in bases and any(step.word == "USER" for step in steps):
        return
    line = users[-1].line if users else last[0].line
    yield found(
        "root-user",
        "the program runs as root: whoever breaks out of it may do anything",
        "add a user, and `USER` before CMD",
        path=path,
        line=line,
    )


def _secrets(path: str, steps: Sequence[_Step]) -> Iterator[Finding]:
    for step in steps:
        if step.word in ("ENV", "ARG") and (match := _SECRET.search(step.rest)):
            yield found(
                "image-secret",
                f"{match[1]} has a value here: everybody who has the image can read it",
                "mount it while building: `RUN --mount=type=secret,id=...`",
                level=FAILS,
                path=path,
                line=step.line,
            )
