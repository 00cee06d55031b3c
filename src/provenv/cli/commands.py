"""One small function for each command: words in, a flow called, its result shown."""

from __future__ import annotations

import os
import sys

from provenv.cli.stamping import stamp, stamp_synced
from provenv.cli.telling import checked_text, is_quiet, say, tell_lock, tell_sync, unchanged_text
from provenv.cli.words import Words
from provenv.errors import InstallError, StaleLock, UsageError
from provenv.flows.choice import Choice
from provenv.flows.world import World
from provenv.show.text import count_text, warning_text

__all__ = ["COMMANDS"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provenv.flows.edit import Place
    from provenv.flows.lock import Locked


def init(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv init``."""
    if world.script is not None:
        from provenv.flows.init import init_script

        init_script(world)
        say(words, f"Started script at {world.script}")
        return 0
    from provenv.flows.init import init as flow

    name = flow(world, words.name, is_bare=words.bare)
    say(words, f"Started project `{name}` at {world.directory}")
    return 0


def lock(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv lock``."""
    from provenv.flows.lock import lock as flow

    locked = flow(
        world,
        upgrade=words.upgrade,
        upgrade_packages=_normalised(words.upgrade_package),
        is_locked=words.check,
        is_dry=words.dry_run,
        proving="all" if words.prove else "none" if words.no_prove else "known",
    )
    verb = "Would lock" if words.dry_run else "Locked"
    headline = f"{verb} {count_text(len(locked.new), 'package')}" if locked.is_changed else unchanged_text(locked)
    tell_lock(words, locked, headline)
    is_plain = not (words.dry_run or words.upgrade or words.upgrade_package or words.refresh or words.json)
    is_plain = is_plain and not words.prove
    if is_plain and not locked.warnings:
        stamp(words, world, variables, "" if is_quiet(words) else unchanged_text(locked))
    return 0


def sync(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv sync``."""
    if world.script is not None:
        from provenv.cli.running import sync_script

        return sync_script(words, world)
    from provenv.flows.sync import sync as flow

    _upgrade_first(words, world)
    is_dry = words.dry_run or words.check
    synced = flow(
        world,
        _choice(words),
        is_locked=words.locked,
        is_frozen=words.frozen,
        is_dry=is_dry,
        is_inexact=words.inexact,
        has_bytecode=words.compile_bytecode,
        reinstalled=_reinstalled(words),
        is_proving=not words.no_prove,
    )
    tell_sync(words, synced, is_dry=is_dry)
    is_good = synced.plan.is_empty and not (synced.is_created or synced.is_restored)
    if words.check and not (is_good and not (synced.locked and synced.locked.is_changed)):
        raise StaleLock(f"{synced.environment} is not what the lock says", hint="run `provenv sync`")
    is_again = words.reinstall or words.reinstall_package
    if not (is_dry or is_again or words.upgrade or words.upgrade_package or words.refresh or words.json):
        message = checked_text(synced)
        stamp_synced(words, world, variables, "" if is_quiet(words) else message, synced)
    return 0


def run(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv run``."""
    from provenv.cli.running import additions_of, command_of, run_script, variables_of
    from provenv.flows.run import execute

    command = command_of(words)
    fresh = variables_of(words, variables)
    if (script := run_script(words, world, command, variables)) is not None:
        world.events.finished("link")
        world.close()
        execute(script.environment, command, fresh)
    additions = additions_of(words, variables)
    has_project = not words.no_project and os.path.isfile(world.project_file)
    if has_project and not words.no_sync:
        from provenv.flows.sync import sync as flow

        synced = flow(
            world,
            _choice(words),
            is_locked=words.locked,
            is_frozen=words.frozen,
            is_inexact=not words.exact,
            has_bytecode=words.compile_bytecode,
            reinstalled=_reinstalled(words),
            is_proving=not words.no_prove,
            keeps_target=True,
        )
        if synced.is_restored or not synced.plan.is_empty:
            tell_sync(words, synced, is_dry=False)
        if additions.is_empty:
            stamp_synced(words, world, variables, "", synced)
    environment = world.environment_directory if has_project else None
    if environment is not None and not os.path.exists(os.path.join(environment, "pyvenv.cfg")):
        raise InstallError(f"there is no environment at {environment}", hint="leave out --no-sync, and it will be made")
    if environment is not None and words.no_sync:
        from provenv.flows.environment import check_finished

        check_finished(environment)
    if not additions.is_empty or environment is None:
        from provenv.flows.layer import added

        environment = added(world, additions, environment).environment
    world.events.finished("link")
    world.close()
    execute(environment, command, fresh)


def add(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv add``."""
    from provenv.cli.additions import addition_of
    from provenv.flows.edit import add as flow
    from provenv.flows.edit import all_or_nothing, enter

    if words.package is not None:
        enter(world, words.package)
    with all_or_nothing(world):
        if world.script is not None:
            from provenv.flows.init import begin_script

            begin_script(world)
        place = _place(words)
        locked = flow(world, addition_of(words, world, place, variables))
        # As in uv, what was added is installed, whatever part of the project it was added to.
        parts = {place.kind: (place.name,)}
        return _after_edit(words, world, locked, Choice(extras=parts.get("extra", ()), groups=parts.get("group", ())))


def remove(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv remove``."""
    from provenv.flows.edit import all_or_nothing, enter
    from provenv.flows.edit import remove as flow

    if words.package is not None:
        enter(world, words.package)
    with all_or_nothing(world):
        locked = flow(world, words.packages, _place(words), is_frozen=words.frozen)
        return _after_edit(words, world, locked, Choice())


def tree(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv tree``."""
    from provenv.cli.forest import forest

    sys.stdout.write(forest(words, world) + "\n")
    return 0


def why(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv why``."""
    from provenv.flows.target import lock_bytes
    from provenv.flows.why import why as flow
    from provenv.show.why import why_document, why_text

    data = lock_bytes(world, is_locked=words.locked, is_frozen=words.frozen)
    told = flow(world, _normalised([words.package])[0], data, words.target)
    text = why_document(told) if words.json else why_text(told, has_colour=words.has_colour)
    sys.stdout.write(text + "\n")
    return 0


def export(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv export``."""
    from provenv.flows import files
    from provenv.flows.export import export as flow
    from provenv.flows.export import without_hash
    from provenv.flows.ready import is_left_out
    from provenv.flows.target import wanted_of_target
    from provenv.model.plan import Unbuilt

    choice = _choice(words)
    items = wanted_of_target(world, choice, words.target, is_locked=words.locked, is_frozen=words.frozen)
    items = [item for item in items if not is_left_out(world, item, choice)]
    if words.no_editable:
        items = [item.changed(is_editable=False) if isinstance(item, Unbuilt) else item for item in items]
    form = {"requirements": "requirements.txt", "pylock": "pylock.toml"}.get(words.format, words.format)
    bare = without_hash(items)
    if bare and words.hashes is None and form == "requirements.txt":
        told = f"no hashes are written, for {', '.join(bare)} can have none, and pip wants all or none"
        hint = "--no-emit-package leaves out one, --hashes writes a mixture"
        say(words, warning_text(f"{told} ({hint})", has_colour=words.has_error_colour))
    file = os.path.abspath(words.output_file) if words.output_file else None
    text = flow(
        items,
        form,
        directory=os.path.dirname(world.lock_file),
        into=os.path.dirname(file) if file else os.getcwd(),
        has_hashes=not bare if words.hashes is None else words.hashes,
        has_header=not words.no_header,
    )
    if file:
        files.replace(file, text.encode())
    else:
        sys.stdout.write(text)
    return 0


def verify(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv verify``."""
    from provenv.cli.verify import verify as command

    return command(words, world, _choice(words))


def prove(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv prove``."""
    from provenv.cli.prove import prove as command

    return command(words, world, _choice(words))


def doctor(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv doctor``."""
    from provenv.cli.doctor import doctor as command

    return command(words, world)


def tool(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv tool``."""
    from provenv.cli.tools import tool as command

    return command(words, world, variables)


def machine(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv machine``."""
    from provenv.cli.machine import machine as command

    return command(words, world)


def store(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv store``."""
    from provenv.cli.store import store as command

    return command(words, world, variables)


def cache(words: Words, world: World, variables: Mapping[str, str]) -> int:
    """``provenv cache``."""
    from provenv.cli.store import cache as command

    return command(words, world, variables)


COMMANDS: Mapping[str, Callable[[Words, World, Mapping[str, str]], int]] = {
    "add": add,
    "cache": cache,
    "doctor": doctor,
    "export": export,
    "init": init,
    "lock": lock,
    "machine": machine,
    "prove": prove,
    "remove": remove,
    "run": run,
    "store": store,
    "sync": sync,
    "tool": tool,
    "tree": tree,
    "verify": verify,
    "why": why,
}


def _normalised(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    from packaging.utils import canonicalize_name

    return tuple(canonicalize_name(name) for name in names)


def _choice(words: Words) -> Choice:
    return Choice(
        extras=tuple(words.extra),
        all_extras=words.all_extras,
        no_extras=tuple(words.no_extra),
        groups=tuple(words.group),
        all_groups=words.all_groups,
        no_groups=tuple(words.no_group),
        only_groups=tuple(words.only_group),
        has_defaults=not words.no_default_groups,
        packages=tuple(words.package),
        all_packages=words.all_packages,
        is_editable=not getattr(words, "no_editable", False),
        no_install=_normalised(getattr(words, "no_install_package", ())),
        no_install_project=getattr(words, "no_install_project", False),
        no_install_workspace=getattr(words, "no_install_workspace", False),
        no_install_local=getattr(words, "no_install_local", False),
    )


def _reinstalled(words: Words) -> Sequence[str] | None:
    return None if words.reinstall else _normalised(words.reinstall_package)


def _place(words: Words) -> Place:
    from provenv.flows.edit import Place

    if words.optional:
        return Place("extra", words.optional)
    if words.group or words.dev:
        return Place("group", words.group or "dev")
    return Place()


def _upgrade_first(words: Words, world: World) -> None:
    if words.upgrade or words.upgrade_package:
        if words.locked or words.frozen:
            raise UsageError("--upgrade changes the lock, which --locked and --frozen forbid")
        from provenv.flows.lock import lock as flow

        flow(
            world,
            upgrade=words.upgrade,
            upgrade_packages=_normalised(words.upgrade_package),
            is_dry=words.dry_run or words.check,
        )


def _after_edit(words: Words, world: World, locked: Locked | None, choice: Choice) -> int:
    if locked is None or (world.script is not None and not locked.is_written):
        say(words, f"Changed {world.project_file}")
        return 0
    if words.no_sync or world.script is not None:
        tell_lock(words, locked, f"Locked {count_text(len(locked.new), 'package')}")
        return 0
    from provenv.flows.sync import sync as flow

    synced = flow(
        world,
        choice,
        is_frozen=False,
        is_inexact=words.inexact,
        has_bytecode=words.compile_bytecode,
        keeps_target=True,
        is_proving=not words.no_prove,
    )
    tell_sync(words, synced, is_dry=False, edited=locked)
    return 0
