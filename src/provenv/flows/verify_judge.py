"""Compares what was promised with what is there: one finding for each file that is not as it should be."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence

from provenv.events import Events
from provenv.flows.verify_bytes import File, digests
from provenv.flows.verify_claims import BYTECODE, FREE, LAUNCHER, LINK, SCRIPT, Claim, Promise
from provenv.flows.verify_ground import Ground, kind_of
from provenv.flows.verify_programs import is_launcher, same_script
from provenv.model.finding import FAILS, UNKNOWN, WARNS, Finding

__all__ = ["Judgement", "judge"]

_LARGEST_PROGRAM = 4 << 20


class Judgement:
    """What came of a comparison. ``unproven_bytecode`` are promised files that only their meaning can prove."""

    __slots__ = ("bytes", "files", "findings", "unproven_bytecode")

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.unproven_bytecode: list[Promise] = []
        self.files = 0
        self.bytes = 0


def judge(ground: Ground, claims: Iterable[Claim], workers: int, events: Events, *, are_links_usual: bool) -> Judgement:
    """Look at every promised file. ``are_links_usual``: the installer may have placed links instead of files."""
    made = Judgement()
    by_path: dict[str, list[tuple[Promise, str]]] = {}
    for claim in claims:
        for promise in claim.promises:
            by_path.setdefault(promise.path, []).append((promise, claim.basis))
    reading: dict[str, File] = {}
    blocked: set[str] = set()
    linked: set[str] = set()
    for path, several in by_path.items():
        promise, basis = several[0]
        status = ground.look(path)
        if status is None:
            _absent(ground, promise, basis, made, blocked)
            continue
        made.files += 1
        if promise.role == LINK:
            continue
        if stat.S_ISLNK(status.st_mode) and are_links_usual and os.path.isfile(f"{ground.root}/{path}"):
            linked.add(path)
            status = os.stat(f"{ground.root}/{path}")
        elif not stat.S_ISREG(status.st_mode):
            made.findings.append(_not_a_file(ground, promise, basis, status))
            continue
        if _is_to_be_read(promise):
            sizes = {one.size for one, _ in several}
            if None not in sizes and status.st_size not in sizes:
                made.findings.append(_changed(promise, basis, f"{status.st_size} bytes", f"{promise.size} bytes"))
                continue
            reading[path] = File(path, status.st_size, promise.algorithm)
            made.bytes += status.st_size
        elif promise.role in (LAUNCHER, SCRIPT):
            made.findings += _program(ground, promise, basis, status)
        elif promise.role == BYTECODE:
            made.unproven_bytecode.append(promise)
        elif promise.role != FREE:
            made.findings.append(_unproven(promise, basis))
        made.findings += _wrong_mode(promise, basis, status.st_mode)
    _compare(ground, by_path, reading, linked, made, digests(ground.root, reading.values(), workers, events))
    return made


def _is_to_be_read(promise: Promise) -> bool:
    return promise.role not in (LAUNCHER, SCRIPT, FREE) and promise.digest is not None


def _compare(
    ground: Ground,
    by_path: dict[str, list[tuple[Promise, str]]],
    reading: dict[str, File],
    linked: set[str],
    made: Judgement,
    found: dict[str, bytes | str],
) -> None:
    for path in reading:
        several, actual = by_path[path], found[path]
        promise, basis = several[0]
        if path in linked and isinstance(actual, str):
            actual = _through(ground, path, promise.algorithm)
        if isinstance(actual, str):
            made.findings.append(_unreadable(promise, basis, actual))
            continue
        if all(actual != one.digest for one, _ in several):
            expected = f"{promise.algorithm} {(promise.digest or b'').hex()}"
            made.findings.append(_changed(promise, basis, f"{promise.algorithm} {actual.hex()}", expected))
        elif path in linked:
            made.findings.append(_linked(ground, promise, basis))


def _through(ground: Ground, path: str, algorithm: str) -> bytes | str:
    try:
        with open(f"{ground.root}/{path}", "rb") as file:
            return hashlib.file_digest(file, algorithm).digest()
    except OSError as problem:
        return problem.strerror or str(problem)


def _absent(ground: Ground, promise: Promise, basis: str, made: Judgement, blocked: set[str]) -> None:
    if promise.role == BYTECODE and not promise.source:
        return  # Python makes it again when it likes; no installer needs it
    above = ground.obstacle(promise.path)
    if above is not None:
        if above in blocked:
            return
        blocked.add(above)
        status = ground.entries[above]
        is_link = stat.S_ISLNK(status.st_mode)
        actual = f"a link to {ground.target(above)}" if is_link else kind_of(status.st_mode)
        out = ", out of the environment" if is_link and ground.leads_out(above) else ""
        made.findings.append(
            Finding(
                level=FAILS,
                kind="link" if is_link else "changed",
                subject=promise.owner,
                path=above,
                expected="a directory",
                actual=actual + out,
                remedy="everything below it is somebody else's: `provenv verify --repair` puts the directory back",
                rule=basis,
            )
        )
        return
    is_directory = promise.path in ground.directories
    unreadable = next((place for place in ground.unreadable if promise.path.startswith(place + "/")), None)
    if unreadable is not None:
        if unreadable not in blocked:
            blocked.add(unreadable)
            made.findings.append(_unreadable(promise, basis, ground.unreadable[unreadable], unreadable))
        return
    made.findings.append(
        Finding(
            level=FAILS,
            kind="changed" if is_directory else "missing",
            subject=promise.owner,
            path=promise.path,
            expected="a file",
            actual="a directory" if is_directory else "nothing",
            remedy=_REPAIR,
            rule=basis,
        )
    )


_REPAIR = "`provenv verify --repair` puts it back"


def _changed(promise: Promise, basis: str, actual: str, expected: str) -> Finding:
    return Finding(
        level=FAILS,
        kind="changed",
        subject=promise.owner,
        path=promise.path,
        expected=expected,
        actual=actual,
        remedy=_REPAIR,
        rule=basis,
    )


def _not_a_file(ground: Ground, promise: Promise, basis: str, status: os.stat_result) -> Finding:
    actual = kind_of(status.st_mode)
    is_link = stat.S_ISLNK(status.st_mode)
    if is_link:
        actual = f"a link to {ground.target(promise.path)}"
        if ground.leads_out(promise.path):
            actual += ", out of the environment"
    return Finding(
        level=FAILS,
        kind="link" if is_link else "changed",
        subject=promise.owner,
        path=promise.path,
        expected="a file",
        actual=actual,
        remedy=_REPAIR,
        rule=basis,
    )


def _linked(ground: Ground, promise: Promise, basis: str) -> Finding:
    return Finding(
        level=WARNS,
        kind="link",
        subject=promise.owner,
        path=promise.path,
        expected="a file",
        actual=f"a link to {ground.target(promise.path)}, which has the right bytes now",
        remedy="whoever changes what it leads to changes the environment",
        rule=basis,
    )


def _wrong_mode(promise: Promise, basis: str, mode: int) -> Sequence[Finding]:
    """What its owner may not do with a file; the administrator may read everything, and sees nothing of this."""
    if os.name != "posix":
        return []
    if not mode & stat.S_IRUSR:
        expected, actual = "a readable file", f"a file of mode {stat.S_IMODE(mode):o}"
    elif promise.is_executable and not mode & stat.S_IXUSR:
        expected, actual = "an executable file", "a file that cannot be executed"
    else:
        return []
    return [
        Finding(
            level=FAILS,
            kind="mode",
            subject=promise.owner,
            path=promise.path,
            expected=expected,
            actual=actual,
            remedy=_REPAIR,
            rule=basis,
        )
    ]


def _unreadable(promise: Promise, basis: str, problem: str, path: str = "") -> Finding:
    return Finding(
        level=UNKNOWN,
        kind="unreadable",
        subject=promise.owner,
        path=path or promise.path,
        expected="a file that can be read",
        actual=problem,
        remedy="look who owns it and what its mode is",
        rule=basis,
    )


def _unproven(promise: Promise, basis: str) -> Finding:
    return Finding(
        level=UNKNOWN,
        kind="unproven",
        subject=promise.owner,
        path=promise.path,
        expected="a hash to compare it with",
        actual="none",
        remedy="install the package again from a wheel that lists a hash of every file",
        rule=basis,
    )


def _program(ground: Ground, promise: Promise, basis: str, status: os.stat_result) -> Sequence[Finding]:
    if status.st_size > _LARGEST_PROGRAM and promise.role == LAUNCHER:
        return [_changed(promise, basis, f"{status.st_size} bytes", f"a launcher of {promise.reference}")]
    try:
        with open(f"{ground.root}/{promise.path}", "rb") as file:
            data = file.read()
        wanted = b""
        if promise.role == SCRIPT:
            with open(promise.source, "rb") as file:
                wanted = file.read()
    except OSError as problem:
        return [_unreadable(promise, basis, problem.strerror or str(problem))]
    programs = f"{ground.root}/{ground.programs}"
    if promise.role == SCRIPT:
        is_right = same_script(data, wanted, programs)
        expected = "the script of the wheel, with a first line for this environment"
    else:
        is_right = is_launcher(data, promise.reference, programs)
        expected = f"a launcher of {promise.reference}, for this environment"
    return [] if is_right else [_changed(promise, basis, "something else", expected)]
