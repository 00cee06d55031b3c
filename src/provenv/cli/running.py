"""What ``provenv run`` runs: a command, a module, a script with inline metadata, or one on standard input."""

from __future__ import annotations

import os
import sys

from provenv.cli.quick import Stamp, script_words, stamp_path
from provenv.errors import UsageError

__all__ = [
    "additions_of",
    "command_of",
    "run_script",
    "script_of",
    "stamp_layer",
    "sync_script",
    "typed_words",
    "variables_of",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provenv.cli.words import Words
    from provenv.flows.additions import Additions
    from provenv.flows.layer import Layer
    from provenv.flows.world import World

_PARTS = (
    "all_extras", "all_groups", "all_packages", "extra", "group", "no_default_groups", "no_extra", "no_group",
    "no_install_local", "no_install_package", "no_install_project", "no_install_workspace", "no_sync", "only_group",
    "package",
)  # fmt: skip
"""Flags that choose among the parts of a project."""
_STDIN = "<stdin>"


def script_of(words: Words) -> str | None:
    """The script with inline metadata that a command line is about, absolute; it stands for the project then.

    Raises UsageError when a file is named that is no such script, and InputError when its metadata cannot be.
    """
    from provenv.flows.script import block_of, is_script

    if words.command == "run":
        typed = typed_words(words)
        is_meant = bool(typed) and (words.script or typed[0].endswith((".py", ".pyw"))) and not words.module
        return os.path.abspath(str(typed[0])) if is_meant and is_script(typed[0]) else None
    if words.command == "init":
        if not words.path:
            raise UsageError("no script is named", hint="for example `provenv init --script task.py`")
        return os.path.abspath(str(words.path))
    path = os.path.abspath(str(words.script))
    if words.command not in ("add", "lock"):
        block_of(path)
    return path


def command_of(words: Words) -> list[str]:
    """The command to run. Raises UsageError when there is none."""
    typed = typed_words(words)
    if not typed:
        raise UsageError("no command to run is given", hint="for example `provenv run python main.py`")
    if words.module:
        return ["python", "-m", *typed]
    if words.script or typed[0] == "-":
        return ["python", *typed]
    return typed


def additions_of(words: Words, variables: Mapping[str, str]) -> Additions:
    """What the flags add to an environment."""
    from provenv.flows.additions import Additions

    return Additions(
        words.with_,
        here=os.getcwd(),
        editables=words.with_editable,
        files=words.with_requirements,
        variables=variables,
    )


def variables_of(words: Words, variables: Mapping[str, str]) -> Mapping[str, str]:
    """The variables of the command: those of ``.env`` files, too; what is set already stays. Raises InputError."""
    paths = [*words.env_file] or variables.get("PROVENV_ENV_FILE", "").split()
    if not paths or words.no_env_file or variables.get("PROVENV_NO_ENV_FILE", "") in ("1", "true"):
        return variables
    from provenv.flows import files
    from provenv.model.env_file import parse_env_file

    found: dict[str, str] = {}
    for path in paths:
        data = files.read(path, "name the file that --env-file or PROVENV_ENV_FILE shall read")
        found.update(parse_env_file(data, path, {**found, **variables}))
    return {**found, **variables}


def run_script(words: Words, world: World, command: Sequence[str], variables: Mapping[str, str]) -> Layer | None:
    """The environment of the script that the world, or standard input, holds; None when there is no such script.

    A script ignores the project around it.
    """
    from provenv.flows.layer import added

    if command[:2] == ["python", "-"]:
        there = _world_of_stdin(world)
        if there is None:
            return None
        world = there
    elif world.script is None:
        return None
    _refuse_parts(words)
    from provenv.flows.script_environment import script_environment

    found = script_environment(world, is_locked=words.locked, is_frozen=words.frozen)
    additions = additions_of(words, variables)
    if not additions.is_empty:
        return added(world, additions, found.environment)
    if world.script is not None and not (words.refresh or words.locked or words.frozen):
        contents = [world.script, world.lock_file, os.path.join(world.directory, ".python-version")]
        stamp_layer(words, script_words(world.script), found, contents, ["python"], variables)
    return found


def stamp_layer(
    words: Words,
    key: tuple[str, ...],
    found: Layer,
    contents: Sequence[str],
    command: Sequence[str],
    variables: Mapping[str, str],
) -> None:
    """Remember that these words run in that environment, for as long as it would be made again."""
    if not found.is_steady or not _is_plain(words):
        return
    try:
        stamp = Stamp.of(
            [*contents, *found.decided_by],
            found.places(),
            found.environment,
            [],
            "",
            command=command,
            until=found.fresh_until,
        )
    except OSError:
        return
    stamp.save(stamp_path(key, variables))


def _is_plain(words: Words) -> bool:
    """Whether no flag of the command decides anything: words without flags mean the same next time."""
    first = words.argv.index("run") + 1
    return words.argv[:first] in (["run"], ["tool", "run"]) and (
        not words.argv[first].startswith("-") or words.argv[first] == "--script"
    )


def typed_words(words: Words) -> list[str]:
    """What is to be run, without the `--` before it."""
    return list(words.words[1:] if words.words[:1] == ["--"] else words.words)


def _world_of_stdin(world: World) -> World | None:
    """Read the script on standard input, and put it there again for the interpreter."""
    from tempfile import TemporaryFile

    from provenv.flows.script import text_of
    from provenv.model.script import find_block

    data = sys.stdin.buffer.read()
    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)
    block = find_block(data, _STDIN)
    return None if block is None else world.with_project(_STDIN, text_of(world, block, _STDIN))


def sync_script(words: Words, world: World) -> int:
    """Make the environment of a script ready, and tell where it is: its path on stdout, for an editor to use."""
    from provenv.flows.script_environment import script_environment

    if words.dry_run or words.check:
        raise UsageError(
            "--dry-run and --check are about an environment that can change",
            hint="a script has another one for other packages; `provenv lock --script FILE --check` looks at its lock",
        )
    _refuse_parts(words)
    found = script_environment(world, is_locked=words.locked, is_frozen=words.frozen)
    world.events.finished("link")
    if words.json:
        from provenv.show import json

        packages = [(item.name, item.version) for item in found.wheels]
        sys.stdout.write(json.changes(packages, [], [], environment=found.environment, dry_run=False) + "\n")
    else:
        sys.stdout.write(found.environment + "\n")
    return 0


def _refuse_parts(words: Words) -> None:
    for flag in _PARTS:
        if getattr(words, flag, None):
            raise UsageError(
                f"--{flag.replace('_', '-')} is about a project, and a script with inline metadata has no parts",
                hint="leave the flag out; --with adds packages for one run",
            )
