"""``provenv tool``: programs of packages, for one run or for good."""

from __future__ import annotations

import os
import sys

from provenv.cli.quick import Stamp, stamp_path, tool_words
from provenv.cli.running import additions_of, stamp_layer, typed_words, variables_of
from provenv.cli.telling import say
from provenv.cli.words import Words
from provenv.errors import UsageError
from provenv.flows import files
from provenv.flows.tool import Shelf, program_in, request_of, run_environment
from provenv.flows.world import World

__all__ = ["shelf_of", "tool"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provenv.flows.tool_install import Tool


def tool(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv tool COMMAND``."""
    return _COMMANDS[words.tool_command](words, world, variables)


def shelf_of(variables: Mapping[str, str]) -> Shelf:
    """Where tools are kept: ``PROVENV_TOOL_DIR`` and ``PROVENV_TOOL_BIN_DIR``, else the XDG directories."""
    home = variables.get("HOME") or os.path.expanduser("~")
    data = variables.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    if os.name == "nt":
        data = variables.get("APPDATA") or home
    directory = variables.get("PROVENV_TOOL_DIR") or os.path.join(data, "provenv", "tools")
    programs = variables.get("PROVENV_TOOL_BIN_DIR") or variables.get("XDG_BIN_HOME")
    if not programs:
        beside = variables.get("XDG_DATA_HOME")
        programs = os.path.join(beside, "..", "bin") if beside else os.path.join(home, ".local", "bin")
    return Shelf(os.path.abspath(directory), os.path.abspath(programs))


def _run(words: Words, world: World, variables: Mapping[str, str]) -> int:
    from provenv.flows.run import execute

    typed = typed_words(words)
    if not typed:
        raise UsageError("no tool to run is named", hint="for example `provenv tool run ruff check`")
    request = request_of(typed[0])
    source = request_of(words.from_) if words.from_ else None
    additions = additions_of(words, variables)
    shelf = shelf_of(variables)
    fresh = variables_of(words, variables)
    is_any = request.is_plain and source is None and additions.is_empty
    if is_any and not (words.isolated or words.python or words.refresh):
        environment = shelf.environment(request.name)
        program = program_in(environment, request.name) if os.path.exists(shelf.receipt(request.name)) else None
        if program is not None:
            _stamp_installed(words, shelf, request.name, program, variables)
            execute(environment, [request.name, *typed[1:]], fresh)
    found, name = run_environment(world, request, additions, source)
    if request.is_latest or words.refresh:
        files.remove(stamp_path(tool_words(name), variables))  # it holds an older choice
    elif source is None:
        receipt = shelf.receipt(request.name)
        stamp_layer(words, tool_words(typed[0]), found, [receipt], [name], variables)
    world.events.finished("link")
    world.close()
    execute(found.environment, [name, *typed[1:]], fresh)


def _stamp_installed(words: Words, shelf: Shelf, name: str, program: str, variables: Mapping[str, str]) -> None:
    if words.argv[:2] != ["tool", "run"] or words.argv[2].startswith("-"):
        return
    environment = shelf.environment(name)
    places = [program, os.path.join(environment, "pyvenv.cfg"), os.path.join(environment, "bin", "python")]
    try:
        stamp = Stamp.of([shelf.receipt(name)], places, environment, [], "", command=[name])
    except OSError:
        return
    stamp.save(stamp_path(tool_words(name), variables))


def _install(words: Words, world: World, variables: Mapping[str, str]) -> int:
    from provenv.flows.tool_install import install

    additions, shelf = additions_of(words, variables), shelf_of(variables)
    request = request_of(words.package)
    found, synced = install(
        world, shelf, request, additions, is_editable=words.editable, is_forced=words.force, upgrades=words.upgrade
    )
    if synced is None:
        say(words, f"`{found.name}` is already installed")
        return 0
    from provenv.show.text import changes, changes_of

    say(words, changes(*changes_of(synced.plan), has_colour=words.has_error_colour))
    say(words, f"Installed {_programs(found)} of {found.name} {found.version} to {shelf.programs}")
    _warn_of_path(world, shelf, variables)
    return 0


def _list(words: Words, world: World, variables: Mapping[str, str]) -> int:
    from provenv.flows.tool_install import installed

    shelf = shelf_of(variables)
    tools = installed(world, shelf)
    if not tools:
        say(words, "No tools installed")
    for found in tools:
        asked = f" [required: {', '.join(found.requirements)}]" if words.show_version_specifiers else ""
        place = f" ({shelf.place(found.name)})" if words.show_paths else ""
        sys.stdout.write(f"{found.name} v{found.version}{asked}{place}\n")
        for name, path in found.programs:
            sys.stdout.write(f"- {name}{f' ({path})' if words.show_paths else ''}\n")
    return 0


def _uninstall(words: Words, world: World, variables: Mapping[str, str]) -> int:
    from provenv.flows.tool_install import uninstall

    shelf = shelf_of(variables)
    for name in _names(words, world, shelf):
        found = uninstall(world, shelf, name)
        say(words, f"Uninstalled {_programs(found)} of {found.name} {found.version}")
    return 0


def _upgrade(words: Words, world: World, variables: Mapping[str, str]) -> int:
    from provenv.flows.tool_install import upgrade

    shelf = shelf_of(variables)
    changed = 0
    for name in _names(words, world, shelf):
        before, after = upgrade(world, shelf, name)
        if before.version != after.version:
            changed += 1
            say(words, f"Updated {after.name} v{before.version} -> v{after.version}")
    if not changed:
        say(words, "Nothing to upgrade")
    return 0


def _names(words: Words, world: World, shelf: Shelf) -> list[str]:
    from provenv.flows.tool_install import installed

    if words.all and words.names:
        raise UsageError("give either names or --all")
    if not words.all and not words.names:
        raise UsageError("no tool is named", hint="name one, or give --all")
    return [found.name for found in installed(world, shelf)] if words.all else list(words.names)


def _dir(words: Words, world: World, variables: Mapping[str, str]) -> int:
    shelf = shelf_of(variables)
    sys.stdout.write((shelf.programs if words.bin else shelf.directory) + "\n")
    return 0


def _update_shell(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """Your shell's files are yours: what to write into them is told, not done."""
    shelf = shelf_of(variables)
    if _is_on_path(shelf, variables):
        say(words, f"{shelf.programs} is on PATH already")
        return 0
    shell = os.path.basename(variables.get("SHELL", "sh"))
    if shell == "fish":
        line, file = f"fish_add_path {shelf.programs}", "~/.config/fish/config.fish"
    else:
        line = f'export PATH="{shelf.programs}:$PATH"'
        file = {"zsh": "~/.zshenv", "bash": "~/.bashrc"}.get(shell, "~/.profile")
    say(words, f"Put this line into {file}, and start a new shell:")
    sys.stdout.write(line + "\n")
    return 0


def _warn_of_path(world: World, shelf: Shelf, variables: Mapping[str, str]) -> None:
    if not _is_on_path(shelf, variables):
        world.events.warned(f"{shelf.programs} is not on PATH: `provenv tool update-shell` says how to put it there")


def _is_on_path(shelf: Shelf, variables: Mapping[str, str]) -> bool:
    places = variables.get("PATH", os.defpath).split(os.pathsep)
    return os.path.realpath(shelf.programs) in [os.path.realpath(place) for place in places if place]


def _programs(found: Tool) -> str:
    return ", ".join(name for name, _ in found.programs)


_COMMANDS: Mapping[str, Callable[[Words, World, Mapping[str, str]], int]] = {
    "dir": _dir,
    "install": _install,
    "list": _list,
    "run": _run,
    "uninstall": _uninstall,
    "update-shell": _update_shell,
    "upgrade": _upgrade,
}
