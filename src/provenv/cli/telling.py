"""What commands say of what they did: talk on stderr, results for programs on stdout."""

from __future__ import annotations

import sys

from provenv.show.text import changes, count_text, warning_text

__all__ = ["checked_text", "is_quiet", "say", "tell_lock", "tell_sync", "unchanged_text"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.cli.words import Words
    from provenv.flows.lock import Locked
    from provenv.flows.sync import Synced


def is_quiet(words: Words) -> bool:
    """Whether nothing but errors is wanted."""
    return bool(getattr(words, "quiet", False))


def say(words: Words, text: str) -> None:
    """Talk on stderr, unless --quiet is given."""
    if text and not is_quiet(words):
        sys.stderr.write(text + "\n")


def unchanged_text(locked: Locked) -> str:
    """What is said of a lock that stays as it was."""
    return f"The lock is up to date ({count_text(len(locked.new), 'package')})"


def checked_text(synced: Synced) -> str:
    """What is said of an environment that is as it should be."""
    target = f" for target {synced.target.name}" if synced.target is not None and synced.target.has_others else ""
    return f"Checked {count_text(len(synced.plan.keep), 'package')}{target}: nothing to do"


def _target_text(synced: Synced) -> str:
    """Which target was taken, where there was more than one; "" else."""
    target = synced.target
    if target is None or not target.has_others:
        return ""
    reasons = {"said": "as was said", "kept": "which the environment was made for", "machine": target.why}
    others = ", ".join(name for name in target.others if name != target.name)
    return f"Target {target.name} ({reasons.get(target.how, '')}), not {others}"


def _changed_pins(locked: Locked) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str, str]]]:
    """Added, removed and updated packages between the old lock and the new one."""
    text = {
        side: {name: ", ".join(versions) for name, versions in pins.items()}
        for side, pins in (("old", locked.old), ("new", locked.new))
    }
    old, new = text["old"], text["new"]
    return (
        [item for item in new.items() if item[0] not in old],
        [item for item in old.items() if item[0] not in new],
        [(name, old[name], version) for name, version in new.items() if name in old and old[name] != version],
    )


def tell_lock(words: Words, locked: Locked, headline: str) -> None:
    """Say what a new lock changed; with --json as a document on stdout."""
    _tell_warnings(words, locked)
    installed, removed, updated = _changed_pins(locked)
    if getattr(words, "json", False):
        from provenv.show import json

        packages = [{"name": name, "version": version} for name, versions in locked.new.items() for version in versions]
        sys.stdout.write(json.changes(installed, removed, updated, changed=locked.is_changed, packages=packages) + "\n")
        return
    say(words, headline)
    if locked.old:
        say(words, changes(installed, removed, updated, has_colour=words.has_error_colour))
    _tell_notes(words, locked)


def tell_sync(words: Words, synced: Synced, *, is_dry: bool, edited: Locked | None = None) -> None:
    """Say what a sync changed, or would; with --json as a document on stdout. ``edited`` is the lock made before it."""
    from provenv.show.text import changes_of

    installed, removed, updated = changes_of(synced.plan)
    if getattr(words, "json", False):
        from provenv.show import json

        told = json.changes(
            installed,
            removed,
            updated,
            environment=synced.environment,
            created=synced.is_created,
            dry_run=is_dry,
            **({"target": synced.target.name} if synced.target is not None else {}),
        )
        sys.stdout.write(told + "\n")
        return
    locked = edited or synced.locked
    if locked is not None:
        _tell_warnings(words, locked)
    if not synced.plan.is_empty or synced.is_created:
        say(words, _target_text(synced))
    if synced.is_created:
        say(words, f"{'Would create' if is_dry else 'Created'} environment {synced.environment}")
    if synced.is_restored:
        say(words, f"{'Would restore' if is_dry else 'Restored'} environment {synced.environment}")
    elif synced.plan.is_empty:
        say(words, checked_text(synced))
    say(words, changes(installed, removed, updated, has_colour=words.has_error_colour))
    if locked is not None and locked.is_changed:
        _tell_notes(words, locked)


def _tell_warnings(words: Words, locked: Locked) -> None:
    for warning in locked.warnings:
        say(words, warning_text(warning, has_colour=words.has_error_colour))


def _tell_notes(words: Words, locked: Locked) -> None:
    """What was left out of the lock, and who holds what back."""
    for note in locked.notes:
        say(words, f"  {note}")
