"""One look at an environment: what was promised, what is there, and all that differs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from provenv.convert.detect import read_lock
from provenv.convert.foreign import ForeignLock
from provenv.env import receipt as receipts
from provenv.env.paths import Paths
from provenv.env.receipt import Receipt
from provenv.errors import InputError, ProvenvError, StaleLock
from provenv.flows import files
from provenv.flows.choice import Choice
from provenv.flows.environment import alone
from provenv.flows.here import name_of, target_here
from provenv.flows.interpreter import project_interpreter
from provenv.flows.look import file_owners
from provenv.flows.ready import Ready
from provenv.flows.select import select_items
from provenv.flows.verify_bytecode import compiled_findings
from provenv.flows.verify_claims import BYTECODE, Claim
from provenv.flows.verify_extra import strangers
from provenv.flows.verify_foreign import foreign_claims
from provenv.flows.verify_ground import Ground
from provenv.flows.verify_judge import Judgement, judge
from provenv.flows.verify_own import environment_findings, own_claims, settings_of, wanted_of_receipt
from provenv.flows.verify_reasons import with_remedies_that_work, without_contradictions
from provenv.flows.verify_records import Found, conda_claims, found_in, record_claim, record_paths
from provenv.flows.world import World
from provenv.model.finding import FAILS, UNKNOWN, WARNS, Finding
from provenv.model.machine import Interpreter
from provenv.model.plan import Wanted
from provenv.pythons.inspect import inspect
from provenv.store.store import Store

__all__ = ["Verified", "Verifier"]

LOCK, RECEIPT, FOREIGN, RECORD = "lock", "receipt", "foreign lock", "RECORD"
"""What an environment is compared with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What came of it. ``findings`` are in the order of their weight, then by package and path."""

    environment: str
    against: str
    """The lock, or in words what else it was compared with."""
    basis: str
    """``lock``, ``receipt``, ``foreign lock`` or ``RECORD``: only the first and third are proof from outside."""
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    """What holds, and is told because people ask for it: start-up files, editable installations."""
    packages: int
    files: int
    bytes: int
    repaired: tuple[Finding, ...] = ()
    """What was found before, and is no longer so."""

    @property
    def is_proven(self) -> bool:
        """Whether everything is as it was promised, and nothing was left unproven."""
        return not any(finding.level in (FAILS, UNKNOWN) for finding in self.findings)


class Verifier:
    """One environment, and what it is compared with; each ``look`` sees what is there now."""

    def __init__(
        self, world: World, choice: Choice, *, environment: str | None, against: str | None, is_inexact: bool
    ) -> None:
        self.world = world
        self.choice = choice
        self.is_inexact = is_inexact
        self.root = os.path.abspath(environment or world.environment_directory)
        if not os.path.isdir(self.root):
            raise StaleLock(f"there is no environment at {self.root}", hint="run `provenv sync`, and it will be made")
        self.store: Store = world.store()
        self.lock_data = b""
        self.lock: ForeignLock | None = None
        self.basis, self.against = self._ground_of_proof(environment, against)
        self.interpreter = self._interpreter()
        self.claims: list[Claim] = []
        self.ground: Ground
        self.removable: list[str] = []

    def _ground_of_proof(self, environment: str | None, against: str | None) -> tuple[str, str]:
        own_root = os.path.realpath(self.world.environment_directory)
        is_own = environment is None or os.path.realpath(environment) == own_root
        has_receipt = any(os.path.lexists(f"{self.root}/{name}") for name in (receipts.NAME, receipts.UNFINISHED))
        is_ours = has_receipt or "provenv" in settings_of(self.root)
        path = against
        if against is None and is_own:
            data = files.read_if_there(self.world.lock_file) if self.world.lock_file else None
            if data is not None and (is_ours or not _has_packages(self.root)):
                self.lock_data = data
                return LOCK, self.world.lock_file
            path = self.world.lock_file if data is not None else None
        if path is not None:
            self.lock = read_lock(files.read(path, "give the path of a lock"), path)
            return FOREIGN, path
        if is_ours and receipts.read(self.root) is not None:
            return RECEIPT, "the receipt of what provenv installed"
        return RECORD, "the RECORD files in it"

    def _interpreter(self) -> Interpreter | None:
        """The interpreter behind the environment. Nothing inside the environment is started, but conda's own Python."""
        memory = os.path.join(self.world.cache, "memory", "interpreters")
        if self.basis == LOCK:
            return project_interpreter(self.world)
        program = os.path.realpath(f"{self.root}/bin/python")
        is_inside = program.startswith(os.path.realpath(self.root) + os.sep)
        if is_inside and not os.path.isdir(f"{self.root}/conda-meta"):
            program = os.path.join(settings_of(self.root).get("home", ""), "python3")
        try:
            return inspect(program, memory)
        except ProvenvError:
            return None

    def paths(self) -> Paths:
        """Where things lie in the environment."""
        if self.interpreter is not None:
            paths = Paths.from_interpreter(self.root, self.interpreter)
            if os.path.isdir(f"{self.root}/conda-meta"):
                paths.headers = paths.include
            return paths
        for library in sorted(os.listdir(f"{self.root}/lib")) if os.path.isdir(f"{self.root}/lib") else ():
            if os.path.isdir(f"{self.root}/lib/{library}/site-packages"):
                site = f"lib/{library}/site-packages"
                return Paths(
                    root=self.root,
                    purelib=site,
                    platlib=site,
                    scripts="bin",
                    headers=f"include/site/{library}",
                    include=f"include/{library}",
                    python="bin/python",
                    is_windows=False,
                )
        raise InputError(self.root, "is no environment: it has no site-packages", hint="name another directory")

    def look(self) -> Verified:
        """Compare everything once. The environment is not changed by us or another of us meanwhile."""
        with alone(self.world, self.root), self.store.using():
            return self._look()

    def _look(self) -> Verified:
        paths = self.paths()
        sites = dict.fromkeys((paths.purelib, paths.platlib))
        ground = self.ground = Ground(self.root, sites, paths.scripts)
        found = found_in(ground)
        findings: list[Finding] = []
        notes: list[Finding] = []
        others: set[str] = set()
        if self.basis in (LOCK, RECEIPT):
            claims = self._own_claims(ground, paths, found, findings, notes, others)
        else:
            claims = self._foreign_claims(ground, paths, found, findings, notes, others)
        self.claims = claims
        events, workers = self.world.events, self.store.workers
        present = [claim for claim in claims if not _is_absent(ground, claim)]
        findings += [_absent(claim) for claim in claims if claim not in present]
        judged = judge(ground, present, workers, events, are_links_usual=self.basis in (FOREIGN, RECORD))
        findings += without_contradictions(self.world, self.store, claims, judged.findings)
        findings = with_remedies_that_work(findings, claims)
        own = _environment_paths(ground, paths)
        if self.interpreter is not None and self.basis in (LOCK, RECEIPT):
            findings += environment_findings(ground, paths, self.interpreter)
        extra = strangers(ground, claims, others, own, self.interpreter)
        findings += extra.findings
        notes += extra.notes
        self.removable = extra.removable
        findings += self._bytecode(ground, judged, extra.compiled, claims)
        return Verified(
            environment=self.root,
            against=self.against,
            basis=self.basis,
            findings=tuple(sorted(set(findings), key=_order)),
            notes=tuple(sorted(set(notes), key=_order)),
            packages=len(claims),
            files=judged.files,
            bytes=judged.bytes,
        )

    # -- what was promised --------------------------------------------------------------------------------

    def _own_claims(
        self,
        ground: Ground,
        paths: Paths,
        found: Sequence[Found],
        findings: list[Finding],
        notes: list[Finding],
        others: set[str],
    ) -> list[Claim]:
        assert self.interpreter is not None or self.basis == RECEIPT
        interpreter = self.interpreter
        if interpreter is None:
            raise InputError(self.root, "its interpreter cannot be found", hint="make the environment anew")
        receipt = receipts.read(self.root)
        findings += _receipt_findings(self.root, receipt)
        decisions = file_owners(self.world) if self.basis == LOCK else {} if receipt is None else dict(receipt.owners)
        made = own_claims(
            self.world, self.store, ground, paths, interpreter, self._wanted(receipt), receipt, self.against, decisions
        )
        findings += made.findings
        notes += made.notes
        claims = {claim.name: claim for claim in made.claims}
        unproven = {finding.subject for finding in made.findings if finding.kind == "unproven"}
        wrong: set[str] = set()
        for one in found:
            claim = claims.get(one.name)
            if claim is not None and claim.dist_info == one.path:
                continue
            others |= record_paths(ground, one)
            if one.name in unproven:
                continue
            is_other = claim is not None and claim.dist_info not in ground.directories
            if is_other:
                wrong.add(one.name)
            findings.append(_unexpected(one, claim, self.against, is_other=is_other, is_inexact=self.is_inexact))
        return [claim for claim in made.claims if claim.name not in wrong]

    def _wanted(self, receipt: Receipt | None) -> list[Wanted]:
        assert self.interpreter is not None
        if self.basis == RECEIPT:
            return [] if receipt is None else wanted_of_receipt(self.store, receipt)
        chosen = target_here(self.world, self.lock_data, self.interpreter, is_kept=True)
        items = select_items(self.world, self.lock_data, self.interpreter, self.choice, name_of(chosen))
        return Ready(self.world, items, self.choice, self.interpreter).known()

    def _foreign_claims(
        self,
        ground: Ground,
        paths: Paths,
        found: Sequence[Found],
        findings: list[Finding],
        notes: list[Finding],
        others: set[str],
    ) -> list[Claim]:
        conda = conda_claims(ground)
        if self.lock is not None:
            made = foreign_claims(
                self.world,
                self.store,
                ground,
                paths,
                self.interpreter,
                self.lock,
                found,
                conda,
                is_inexact=self.is_inexact,
            )
            findings += made.findings
            notes += made.notes
            for one in made.skipped:
                others |= record_paths(ground, one)
            claims = made.claims
        else:
            of_conda = {claim.name for claim in conda}
            claims = [*conda, *(record_claim(ground, one) for one in found if one.name not in of_conda)]
        for name, several in _by_name(found).items():
            if len(several) > 1:
                findings.append(_duplicate(name, several))
        findings += [_no_record(claim) for claim in claims if claim.remark and not claim.promises]
        for claim in claims:
            if not claim.promises:
                others |= set(ground.below(claim.dist_info)) | {claim.dist_info} if claim.dist_info else set()
        return claims

    # -- byte code ----------------------------------------------------------------------------------------

    def _bytecode(
        self, ground: Ground, judged: Judgement, compiled: Sequence[tuple[str, str]], claims: Iterable[Claim]
    ) -> list[Finding]:
        """Byte code that is not the store's: Python wrote it, or another installer had it written."""
        if self.interpreter is None:
            return []
        owners = {promise.path: claim.name for claim in claims for promise in claim.promises}
        pairs = [(source, path, owners.get(source, "")) for source, path in compiled]
        tag = self.interpreter.cache_tag
        for promise in judged.unproven_bytecode:
            above, _, name = promise.path.rpartition("/")
            source = f"{above.removesuffix('/__pycache__')}/{name.partition('.')[0]}.py"
            is_of_tag = name.removesuffix(".pyc").partition(".")[2] in (tag, f"{tag}.opt-1", f"{tag}.opt-2")
            if promise.role == BYTECODE and is_of_tag and source in ground.entries:
                pairs.append((source, promise.path, promise.owner))
        if not pairs:
            return []
        return compiled_findings(ground, pairs, self.interpreter, self.store.workers, self.world.events)


def _has_packages(root: str) -> bool:
    for directory, names, _ in os.walk(f"{root}/lib"):
        if any(name.endswith(".dist-info") for name in names):
            return True
        if directory.count("/") - root.count("/") > 3:
            names.clear()
    return False


def _environment_paths(ground: Ground, paths: Paths) -> set[str]:
    """The programs of an environment itself, whoever made it; whether they are right is asked elsewhere."""
    start = paths.scripts + "/"
    return {
        path
        for path in ground.entries
        if path.startswith(start)
        and (name := path[len(start) :].lower()).startswith(("python", "pypy", "activate", "deactivate", "pydoc"))
        and "/" not in name
    }


def _is_absent(ground: Ground, claim: Claim) -> bool:
    """Whether nothing at all of a package is there."""
    return bool(claim.promises) and all(
        ground.look(promise.path) is None
        and ground.obstacle(promise.path) is None
        and not _is_hidden(ground, promise.path)
        for promise in claim.promises
    )


def _is_hidden(ground: Ground, path: str) -> bool:
    return path in ground.directories or any(path.startswith(place + "/") for place in ground.unreadable)


def _absent(claim: Claim) -> Finding:
    return Finding(
        level=FAILS,
        kind="absent",
        subject=claim.name,
        expected=claim.version,
        actual="nothing",
        remedy="`provenv verify --repair` installs it",
        rule=claim.basis,
    )


def _receipt_findings(root: str, receipt: Receipt | None) -> list[Finding]:
    if receipt is not None:
        return []
    return [
        Finding(
            level=FAILS,
            kind="receipt",
            path=receipts.NAME,
            expected="the receipt of what was installed",
            actual="a change that was not finished" if receipts.is_unfinished(root) else "nothing",
            remedy="`provenv sync` finishes it",
            rule="provenv",
        )
    ]


def _unexpected(one: Found, claim: Claim | None, rule: str, *, is_other: bool, is_inexact: bool) -> Finding:
    if claim is None:
        return Finding(
            level=WARNS if is_inexact else FAILS,
            kind="unlocked",
            subject=one.name,
            path=one.path,
            expected="nothing: the lock does not name it",
            actual=one.version,
            remedy="`provenv sync` removes it, `provenv add` locks it",
            rule=rule,
        )
    return Finding(
        level=FAILS,
        kind="version" if is_other else "duplicate",
        subject=one.name,
        path=one.path,
        expected=claim.version,
        actual=one.version if is_other else f"{one.version} besides",
        remedy="`provenv verify --repair` installs what the lock says",
        rule=rule,
    )


def _by_name(found: Iterable[Found]) -> Mapping[str, list[Found]]:
    named: dict[str, list[Found]] = {}
    for one in found:
        named.setdefault(one.name, []).append(one)
    return named


def _duplicate(name: str, several: Sequence[Found]) -> Finding:
    return Finding(
        level=FAILS,
        kind="duplicate",
        subject=name,
        path=several[-1].path,
        expected="one version",
        actual=" and ".join(one.version for one in several),
        remedy="uninstall it until it is gone, and install one version",
    )


def _no_record(claim: Claim) -> Finding:
    return Finding(
        level=UNKNOWN,
        kind="unproven",
        subject=claim.name,
        path=claim.dist_info,
        expected="a RECORD with a hash of every file",
        actual=claim.remark,
        remedy="install it again from a wheel",
        rule=claim.basis,
    )


_WEIGHTS = {FAILS: 0, UNKNOWN: 1, WARNS: 2}


def _order(finding: Finding) -> tuple[int, str, str, str]:
    return _WEIGHTS.get(finding.level, 3), finding.subject, finding.path, finding.kind
