"""Findings, looked at once more: who is to blame, and what would help."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from provenv.flows.verify_claims import Claim
from provenv.flows.world import World
from provenv.model.finding import FAILS, Finding
from provenv.store.contradiction import contradictions
from provenv.store.store import Store

__all__ = ["with_remedies_that_work", "without_contradictions"]


def without_contradictions(
    world: World, store: Store, claims: Iterable[Claim], findings: Sequence[Finding]
) -> list[Finding]:
    """The same, where files that are as their wheel has them are told as lies of its RECORD, not as changes."""
    changed = {one.path: one for one in findings if one.kind == "changed" and one.actual.startswith("sha256 ")}
    replaced: dict[str, Finding] = {}
    for claim in claims if changed else ():
        tree, wanted = claim.tree, claim.wanted
        if tree is None or wanted is None:
            continue
        start = tree.files + "/"
        inside = {
            promise.source[len(start) :]: promise.path
            for promise in claim.promises
            if promise.path in changed and promise.source.startswith(start)
        }
        local = "" if wanted.path is None else os.path.join(world.directory, wanted.path)
        for path, digest in contradictions(tree, store.blob(tree.sha256) or local, inside).items():
            one = changed[inside[path]]
            if one.actual == f"sha256 {digest.hex()}":
                replaced[one.path] = _contradiction(one, tree.filename)
    return [replaced.get(one.path, one) if one.kind == "changed" else one for one in findings]


def with_remedies_that_work(findings: Iterable[Finding], claims: Iterable[Claim]) -> list[Finding]:
    """The same; of a package of which no wheel is known nothing can be restored."""
    alone = {claim.name for claim in claims if claim.wanted is None}
    return [
        one.changed(remedy="install the package again, or name with --against the lock that it was installed from")
        if one.subject in alone and one.remedy.startswith("`provenv verify --repair`")
        else one
        for one in findings
    ]


def _contradiction(one: Finding, filename: str) -> Finding:
    return Finding(
        level=FAILS,
        kind="contradiction",
        subject=one.subject,
        path=one.path,
        expected=f"{one.expected}, as RECORD of {filename} says",
        actual=f"{one.actual}, as {filename} has it",
        remedy="the wheel contradicts itself: tell who made it, or take another version",
        rule="PEP 427: installation fails when a file is not correctly hashed in RECORD",
    )
