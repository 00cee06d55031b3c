"""Runs a program of a package that no project needs. On the warm path."""

from __future__ import annotations

import os

from provenv.errors import UsageError
from provenv.flows.additions import Additions
from provenv.flows.environment import environment_program
from provenv.flows.layer import Layer, added

__all__ = ["Request", "Shelf", "executables", "program_in", "request_of", "run_environment"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenv.flows.world import World
    from provenv.model.plan import Wanted

RECEIPT = "provenv-receipt.toml"


class Shelf:
    """Where installed tools are kept: ``directory`` holds one directory for each, ``programs`` links to them."""

    __slots__ = ("directory", "programs")

    def __init__(self, directory: str, programs: str) -> None:
        self.directory = directory
        self.programs = programs

    def place(self, name: str) -> str:
        """The directory of a tool: a small project of its own, with its lock and its environment."""
        return os.path.join(self.directory, name)

    def environment(self, name: str) -> str:
        """The environment of a tool."""
        return os.path.join(self.directory, name, ".venv")

    def receipt(self, name: str) -> str:
        """The file that says what was asked for and which programs were linked; without it nothing is installed."""
        return os.path.join(self.directory, name, RECEIPT)


class Request:
    """A tool as it is asked for."""

    __slots__ = ("is_latest", "is_plain", "name", "requirement")

    def __init__(self, name: str, requirement: str, *, is_latest: bool = False, is_plain: bool = False) -> None:
        self.name = name
        """Of the program, which mostly is that of its package."""
        self.requirement = requirement
        self.is_latest = is_latest
        """``NAME@latest``: whatever is known of its versions, the index is asked."""
        self.is_plain = is_plain
        """Only a name."""


def request_of(text: str) -> Request:
    """Understand ``NAME``, ``NAME@VERSION``, ``NAME@latest``, or any requirement, URL or path. Raises UsageError."""
    name, at_sign, version = text.partition("@")
    is_url = "/" in text or ":" in text
    if at_sign and not is_url and version.strip():
        if version.strip() == "latest":
            return Request(_bare(name), name, is_latest=True)
        return Request(_bare(name), f"{name.strip()}=={version.strip()}")
    if at_sign and not is_url:
        raise UsageError(f"`{text}` names no version", hint=f"write `{name}@latest` or `{name}@1.2.3`")
    return Request(_bare(text), text, is_plain=_bare(text) == text)


def _bare(text: str) -> str:
    """The name at the beginning of a requirement."""
    text = text.strip()
    if _is_place(text) and " @ " not in text:
        return text
    end = next((at for at, letter in enumerate(text) if not (letter.isalnum() or letter in "._-")), len(text))
    return text[:end] or text


def _is_place(text: str) -> bool:
    return text.startswith((".", "~", "/", "\\")) or "/" in text or "://" in text


def run_environment(
    world: World, request: Request, additions: Additions, source: Request | None = None
) -> tuple[Layer, str]:
    """An environment with the package of a tool, and the name of its program.

    ``source`` is the package when its name is another one (``--from``).

    Raises UsageError when the program is not in the package, and says which ones are.
    """
    wanted = source or request
    if _is_place(request.name):
        from provenv.flows.given import package_name

        request = Request(package_name(world, request.requirement, additions.here), request.requirement)
    world.refresh = world.refresh or wanted.is_latest
    found = added(
        world,
        Additions(
            (wanted.requirement, *additions.requirements),
            here=additions.here,
            editables=additions.editables,
            files=additions.files,
            variables=additions.variables,
        ),
        None,
    )
    if program_in(found.environment, request.name) is None:
        raise _not_there(world, request.name, wanted.name, found.wheels)
    return found, request.name


def program_in(environment: str, name: str) -> str | None:
    """The path of a program in an environment; None when it is not there."""
    directory = os.path.dirname(environment_program(environment))
    names = (name, f"{name}.exe") if os.name == "nt" else (name,)
    paths = (os.path.join(directory, one) for one in names)
    return next((path for path in paths if os.path.isfile(path)), None)


def executables(world: World, wheel: Wanted) -> list[str]:
    """The programs that a wheel in the store brings, sorted."""
    store = world.store()
    if wheel.is_lax:
        store.lax.add(wheel.sha256)
    tree = store.tree(wheel.sha256)
    if tree is None:
        return []
    names = {name for group, name, _ in tree.entry_points if group in ("console_scripts", "gui_scripts")}
    scripts = f"{tree.data_dir}/scripts/"
    names |= {path[len(scripts) :] for path, *_ in tree.entries if tree.data_dir and path.startswith(scripts)}
    return sorted(names)


def _not_there(world: World, name: str, package: str, wheels: Sequence[Wanted]) -> UsageError:
    from packaging.utils import canonicalize_name

    provided = {wheel.name: executables(world, wheel) for wheel in wheels}
    own = provided.pop(canonicalize_name(package), [])
    others = [other for other, names in provided.items() if name in names]
    if own:
        hint = f"it has {', '.join(f'`{one}`' for one in own)}: `provenv tool run --from {package} {own[0]}`"
    elif others:
        hint = f"{others[0]} has it: `provenv tool run --from {others[0]} {name}`"
    else:
        hint = "it has no programs at all; `provenv run --with` makes a library importable"
    return UsageError(f"the package `{package}` has no program `{name}`", hint=hint)
