"""Parses the words, calls one command, tells its errors, returns the exit code."""

from __future__ import annotations

import os
import sys
import time

from provenv import __version__
from provenv.cli.live import Live, wants_colour
from provenv.cli.policy import has_index, policy_of, uses_sources
from provenv.cli.quick import cache_directory
from provenv.cli.words import Words
from provenv.errors import InstallError, ProvenvError, UsageError
from provenv.flows.memory import digest, recall, remember
from provenv.flows.world import World

__all__ = ["main"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping

    from provenv.build.builder import Workroom
    from provenv.cli.live import ColourChoice
    from provenv.flows.aimed import Aim
    from provenv.model.machine import Interpreter
else:
    # `signal` itself loads enum, which costs more than everything else here.
    import _signal as signal


def main(argv: list[str]) -> int:
    """Run one command line (without the program's name); the exit code: 0, 1 for a failure, 2 for wrong words."""
    variables = dict(os.environ)
    words = _words(argv, variables)
    if isinstance(words, int):
        return words
    is_terminal = sys.stderr.isatty()
    choice: ColourChoice = getattr(words, "color", "auto")
    has_no_color = bool(variables.get("NO_COLOR"))
    live = Live(
        sys.stderr,
        is_quiet=getattr(words, "quiet", False),
        is_verbose=getattr(words, "verbose", False),
        is_terminal=is_terminal and not getattr(words, "no_progress", False),
        has_colour=wants_colour(choice, is_terminal=is_terminal, has_no_color=has_no_color),
    )
    words.has_colour = wants_colour(choice, is_terminal=sys.stdout.isatty(), has_no_color=has_no_color)
    words.has_error_colour = wants_colour(choice, is_terminal=is_terminal, has_no_color=has_no_color)
    words.argv = argv
    _heed_termination()
    try:
        with live:
            return _dispatch(words, live, variables)
    except ProvenvError as error:
        return _tell(error, words)
    except _Terminated as termination:
        sys.stderr.write("terminated\n")
        return 128 + int(termination.args[0])
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except RuntimeError as error:
        # Python wraps what is raised while a class is being made, also a signal's word that came just then.
        if isinstance(cause := error.__cause__, _Terminated):
            sys.stderr.write("terminated\n")
            return 128 + int(cause.args[0])
        if isinstance(cause, KeyboardInterrupt):
            sys.stderr.write("interrupted\n")
            return 130
        raise


class _Terminated(KeyboardInterrupt):
    """Another program, or a terminal that is gone, told this one to end; the argument is the signal's number."""


def _heed_termination() -> None:
    """Let a termination do what an interrupt does: end the builds, and put back what was half done.

    Whoever is to be deaf to a signal stays so. A program that ``run`` becomes has none of this.
    """
    try:
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _terminated)
    except ValueError:
        # Only the main thread hears signals.
        return


def _terminated(number: int, frame: object) -> None:
    raise _Terminated(number)


def _dispatch(words: Words, live: Live, variables: Mapping[str, str]) -> int:
    if (directory := getattr(words, "directory", None)) is not None:
        try:
            os.chdir(directory)
        except OSError as error:
            raise UsageError(f"--directory {directory}: {error.strerror}") from error
    world = _world(words, live, variables)
    from provenv.cli import commands

    try:
        return commands.COMMANDS[words.command](words, world, variables)
    finally:
        world.close()


def _words(argv: list[str], variables: Mapping[str, str]) -> Words | int:
    """The parsed words, or the exit code when there is nothing more to do (help, version, a mistake).

    Parsing is a pure function of the words, and building the parser costs as much as a resolution: so what it made of
    some words is remembered.
    """
    memory = cache_directory(variables)
    key = digest(__version__, argv)
    if isinstance(known := recall(memory, "words", key), dict):
        return Words(known)

    from provenv.cli.options import parser

    try:
        parsed = vars(parser(argv[0] if argv else "").parse_args(argv))
        if parsed["command"] not in (None, "help"):
            if not _may_be_secret(parsed["command"], argv):
                remember(memory, "words", key, parsed)
            return Words(parsed)
        parser().parse_args([parsed["topic"], "--help"] if parsed.get("topic") else ["--help"])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 2
        return code if argv else 2
    return 2


def _may_be_secret(command: str, argv: list[str]) -> bool:
    """Whether words must not be kept: a URL may hold a password, and a program that is run may be given anything."""
    return command in ("run", "tool") or any("://" in word and ("@" in word or "?" in word) for word in argv)


def _tell(error: ProvenvError, words: Words) -> int:
    from provenv.net.secrets import redact
    from provenv.show.text import error_text

    error.message, error.hint = redact(error.message), error.hint and redact(error.hint)
    sys.stderr.write(error_text(error, has_colour=words.has_error_colour) + "\n")
    if getattr(words, "json", False):
        from provenv.show.json import error as error_document

        sys.stdout.write(error_document(error) + "\n")
    return error.exit_code


def _world(words: Words, live: Live, variables: Mapping[str, str]) -> World:
    """Flags and environment variables, read here once."""
    cache = getattr(words, "cache_dir", None)
    store = os.path.abspath(cache) if cache else cache_directory(variables)
    indexes = [*map(_place, getattr(words, "index", None) or ()), *variables.get("PROVENV_INDEX", "").split()]
    places = [*map(_place, getattr(words, "find_links", None) or ()), *variables.get("PROVENV_FIND_LINKS", "").split()]
    script = _script(words)
    directory, root, member = _whereabouts(words, store, script)
    chosen = variables.get("PROVENV_PROJECT_ENVIRONMENT")
    if script is not None:
        chosen = os.path.join(store, "none")  # a script has no environment of its own
    world = World(
        directory=root,
        cache=store,
        events=live,
        now=time.time(),
        patience=_patience(variables),
        search_path=variables.get("PATH", os.defpath),
        python_request=getattr(words, "python", None) or variables.get("PROVENV_PYTHON") or None,
        default_index=getattr(words, "default_index", None) or variables.get("PROVENV_DEFAULT_INDEX") or None,
        indexes=tuple(indexes),
        find_links=tuple(places),
        is_offline=getattr(words, "offline", False) or variables.get("PROVENV_OFFLINE", "") in ("1", "true"),
        refresh=getattr(words, "refresh", False),
        environment_directory=os.path.join(root, chosen) if chosen else None,
        link_mode=getattr(words, "link_mode", "auto"),
        network=_network(words, variables),
        script=script,
        member=member,
        member_directory=directory if member is not None else None,
        policy=policy_of(words, variables),
        uses_sources=uses_sources(words, variables),
        has_index=has_index(words, variables),
        variables=variables,
        durability=_durability(variables),
        prove_budget=_seconds("PROVENV_PROVE_BUDGET", variables),
        credential_urls=tuple(_url(word) for word in _asked(words) if "://" in word),
        rooms=_rooms,
        target=_target(words) or variables.get("PROVENV_TARGET") or None,
        is_target_asked=_target(words) is not None,
        machine_file=_recorded_machine(variables),
    )
    if script is not None:
        world.writes_lock = words.command == "lock" or os.path.exists(world.lock_file)
    return world


def _target(words: Words) -> str | None:
    """The target that is installed; other commands name others, which have nothing to do with this machine."""
    return getattr(words, "target", None) if words.command in ("run", "sync") else None


def _recorded_machine(variables: Mapping[str, str]) -> str | None:
    path = variables.get("PROVENV_MACHINE")
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _whereabouts(words: Words, store: str, script: str | None) -> tuple[str, str, str | None]:
    """The directory that is meant, the root of its workspace (the same if it has none), and the member that it is."""
    project = getattr(words, "project", None)
    directory = os.path.abspath(project) if project is not None else _here()
    if script is not None:
        directory = os.path.dirname(script)
    elif words.command == "tool":
        directory = _nowhere(store)
    elif words.command == "init":
        directory = os.path.abspath(getattr(words, "path", None) or directory)
    else:
        directory = _project_directory(directory)
        if _may_be_member(directory):
            from provenv.flows.workspace import find_root

            root, member = find_root(directory) or (directory, None)
            return directory, root, member
    return directory, directory, None


def _rooms(world: World, aimed: Aim, interpreter: Interpreter) -> Workroom:
    """Whoever gives builds their environments; few commands build anything."""
    from provenv.flows.workroom import Rooms

    return Rooms(world, aimed, interpreter)


def _nowhere(store: str) -> str:
    """An empty directory: no project has a say in tools, and none is needed."""
    directory = os.path.join(store, "none")
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise InstallError(f"{directory}: cannot be made: {error.strerror}", hint="give another --cache-dir") from error
    return directory


def _asked(words: Words) -> list[str]:
    """What is asked for besides a project: each may be a URL."""
    tool = [getattr(words, "from_", None), getattr(words, "package", None)] if words.command == "tool" else []
    named = getattr(words, "words", [])[:1] if words.command == "tool" else []
    return [*getattr(words, "with_", ()), *filter(None, tool), *named]


def _url(word: str) -> str:
    """The URL of a direct reference: ``name @ URL``, or the URL alone."""
    name, _, url = word.partition("@")
    return word if "://" in name else url.strip()


def _script(words: Words) -> str | None:
    if words.command != "run" and not getattr(words, "script", None):
        return None
    from provenv.cli.running import script_of

    return script_of(words)


def _durability(variables: Mapping[str, str]) -> str:
    """When what the store takes in is written to disk."""
    word = variables.get("PROVENV_DURABILITY") or "later"
    if word not in ("now", "later", "never"):
        raise UsageError(f"PROVENV_DURABILITY: `{word}` is not now, later or never")
    return word


def _patience(variables: Mapping[str, str]) -> float | None:
    """Who sits at a terminal waits some seconds for a way out of a conflict."""
    told = _seconds("PROVENV_PATIENCE", variables)
    return 3.0 if told is None and sys.stderr.isatty() else told


def _seconds(name: str, variables: Mapping[str, str]) -> float | None:
    """The seconds that a variable holds, if it is set."""
    text = variables.get(name)
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        raise UsageError(f"{name}: `{text}` is not a number of seconds") from None


def _place(text: str) -> str:
    """A place on the command line: a path is one from here, not from the project."""
    if "://" in text:
        return text
    name, separator, path = text.rpartition("=")
    return name + separator + os.path.abspath(os.path.expanduser(path))


def _here() -> str:
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageError("the current directory is gone", hint="change to another one, or give --project") from error


def _project_directory(start: str) -> str:
    """The nearest directory upwards that holds a project; ``start`` itself when there is none."""
    here = start
    while not os.path.isfile(os.path.join(here, "pyproject.toml")):
        above = os.path.dirname(here)
        if above == here:
            return start
        here = above
    return here


def _may_be_member(directory: str) -> bool:
    """Whether a project file further up speaks of a workspace."""
    here = os.path.dirname(directory)
    while True:
        try:
            with open(os.path.join(here, "pyproject.toml"), "rb") as file:
                if b"workspace" in file.read():
                    return True
        except OSError:
            pass
        above = os.path.dirname(here)
        if above == here:
            return False
        here = above


def _number(name: str, least: int, variables: Mapping[str, str]) -> str | None:
    """The whole number that a variable holds, as text."""
    text = variables.get(name)
    if text and not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= 86400):
        raise UsageError(f"{name}: `{text}` is not a whole number from {least} to 86400")
    return text


def _network(words: Words, variables: Mapping[str, str]) -> dict[str, str]:
    settings = {
        "ca_file": variables.get("SSL_CERT_FILE"),
        "ca_dir": variables.get("SSL_CERT_DIR"),
        "netrc_file": variables.get("NETRC") or os.path.expanduser("~/.netrc"),
        "keyring_provider": getattr(words, "keyring_provider", None) or variables.get("PROVENV_KEYRING_PROVIDER"),
    }
    for key, name, least in (
        ("timeout", "PROVENV_HTTP_TIMEOUT", 1),
        ("timeout_connect", "PROVENV_HTTP_CONNECT_TIMEOUT", 1),
        ("retries", "PROVENV_HTTP_RETRIES", 0),
    ):
        settings[key] = _number(name, least, variables)
    for name, value in variables.items():
        if name.startswith(("PROVENV_INDEX_", "UV_INDEX_")) and name.endswith(("_USERNAME", "_PASSWORD")):
            settings[name] = value
    return {key: value for key, value in settings.items() if value}
