"""Makes a project of what a command line asks for: the slow half of ``layer.added``."""

from __future__ import annotations

import tomlkit

from provenv.flows.additions import Additions
from provenv.flows.credentials import use_secrets
from provenv.flows.discover import package_of
from provenv.flows.document import Document
from provenv.flows.edits import Manner, changes_of
from provenv.flows.wishes import read_wishes, wishes_of_words
from provenv.flows.world import World
from provenv.model.policy import KEYS as POLICY_KEYS

__all__ = ["given_project", "package_name"]

_LABEL = "command line"
_SETTINGS = (
    *POLICY_KEYS,
    "extra-index-url",
    "find-links",
    "index",
    "index-url",
    "keyring-provider",
    "link-mode",
    "no-index",
)
"""What a project says of where to look and how to choose; its own needs stay its own."""


def given_project(world: World, additions: Additions, settings: bytes | None) -> bytes:
    """A project file that needs the additions. ``settings`` is the project file whose indexes and policy count.

    Raises UsageError, and InputError for what a requirements file says.
    """
    asked = read_wishes(additions.files, additions.here, additions.variables)
    for option in asked.options:
        world.events.warned(f"{option.where}: `--{option.name}` has no effect here: give it on the command line")
    wishes = (
        *wishes_of_words(additions.requirements),
        *wishes_of_words(additions.editables, is_editable=True),
        *asked.needs,
    )
    changes = changes_of(
        wishes,
        Manner(is_in_workspace=False),
        here=additions.here,
        directory=world.directory,
        root=world.directory,
        find_name=lambda wish, rule: package_of(world, wish, rule, world.directory),
    )
    use_secrets(world, [change.secret_url or "" for change in changes])
    document = Document(_base(settings), _LABEL)
    needs = document.array("project", "dependencies")
    for change in changes:
        document.put(needs, change.requirement)
        if change.rule is not None:
            document.put_source(change.name, change.rule)
    if asked.constraints:
        bounds = document.array("tool", "provenv", "constraint-dependencies")
        for wish in asked.constraints:
            bounds.append(wish.text)
    return document.data()


def package_name(world: World, text: str, here: str) -> str:
    """The normalised name of the package in a requirement, a URL or a path. Raises UsageError when nothing tells."""
    (change,) = changes_of(
        wishes_of_words([text]),
        Manner(is_in_workspace=False),
        here=here,
        directory=here,
        root=here,
        find_name=lambda wish, rule: package_of(world, wish, rule, here),
    )
    return change.name


def _base(settings: bytes | None) -> bytes:
    base = tomlkit.document()
    base["project"] = {"dependencies": []}
    tools = tomlkit.parse(settings.decode()).get("tool", {}) if settings is not None else {}
    kept = {
        name: {key: tools[name][key] for key in _SETTINGS if key in tools[name]}
        for name in ("provenv", "uv")
        if name in tools
    }
    if any(kept.values()):
        base["tool"] = {name: table for name, table in kept.items() if table}
    return tomlkit.dumps(base).encode()
