"""Builds wheels, and the metadata of wheels, by the hooks of build backends (PEP 517, 660).

The environment that a build needs is somebody else's affair: a *workroom* is asked for it, with the requirements and
the stack of what is being built, so that the recursion (a build requirement may have to be built first) is a function
that is handed down.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from provenv.archives.judge import Judge
from provenv.archives.zip import contents, read_archive
from provenv.build.process import Log, Stopped, build_variables, open_log
from provenv.build.system import BuildSystem
from provenv.build.told import hint_of, last_error
from provenv.errors import BuildError, IntegrityError
from provenv.events import Events
from provenv.model.machine import Interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyproject_hooks import BuildBackendHookCaller

__all__ = ["Builder", "Options", "Workroom", "check_loop", "metadata_of_wheel"]

_T = TypeVar("_T")


class Workroom(Protocol):
    """Whoever can give an environment in which some requirements are installed."""

    def __call__(self, requirements: Sequence[str], stack: tuple[str, ...]) -> AbstractContextManager[str]:
        """The directory of an environment with ``requirements``; nobody changes it within the ``with`` block.

        ``stack`` names what is being built, the outermost first: a requirement that must be built itself, and is in
        it, can never be had. Raises BuildError, and NoSolution.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How one package is built."""

    config_settings: Mapping[str, str | list[str]] = field(default_factory=dict)
    is_isolated: bool = True
    environment: str | None = None
    """The directory of the environment to build in, when not isolated."""
    extra_requires: tuple[str, ...] = ()
    """Further requirements of the build environment, when isolated."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The variables of the process: PATH, compilers, flags. What would let in another environment is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One build on its way."""

    source: str
    subject: str
    options: Options
    stack: tuple[str, ...]
    system: BuildSystem
    log: Log

    def error(self, problem: str, *, hint: str | None = None) -> BuildError:
        return BuildError(self.subject, problem, log=self.log.path, stack=self.stack, hint=hint)


class Builder:
    """Builds with one interpreter. ``logs`` is the directory that keeps the output of the last build of each package.

    ``subject`` is a package and its version, as ``demo 1.0``: it names the package in messages and in the stack.
    Methods may be called from several threads.
    """

    def __init__(self, workroom: Workroom, *, interpreter: Interpreter, logs: str, events: Events) -> None:
        self._workroom = workroom
        self._interpreter = interpreter
        self._logs = logs
        self._events = events

    def metadata(
        self,
        source: str,
        subject: str,
        options: Options,
        stack: tuple[str, ...] = (),
        *,
        keep: Callable[[str], object] | None = None,
    ) -> bytes:
        """METADATA of the wheel that the tree at ``source`` would make. Raises BuildError.

        A backend that cannot tell it without building makes the wheel; ``keep`` is then given its path, and may copy
        the file before it is removed.
        """
        with self._job(source, subject, options, stack) as job, tempfile.TemporaryDirectory() as into:

            def prepare(caller: BuildBackendHookCaller) -> bytes:
                from pyproject_hooks import HookMissing

                settings = _settings(options)
                try:
                    name = caller.prepare_metadata_for_build_wheel(into, settings, _allow_fallback=False)
                except HookMissing:
                    wheel = self._file(job, into, caller.build_wheel(into, settings))
                    if keep is not None:
                        keep(wheel)
                    return metadata_of_wheel(wheel, subject)
                with open(os.path.join(into, os.path.basename(name), "METADATA"), "rb") as file:
                    return file.read()

            return self._with_environment(job, "get_requires_for_build_wheel", "telling its metadata", prepare)

    def wheel(
        self,
        source: str,
        into: str,
        subject: str,
        options: Options,
        stack: tuple[str, ...] = (),
        *,
        is_editable: bool = False,
    ) -> str:
        """Build the tree at ``source`` into the directory ``into``; the path of the wheel. Raises BuildError.

        An editable wheel (PEP 660) leads back to ``source``.
        """

        def build(caller: BuildBackendHookCaller) -> str:
            from pyproject_hooks import HookMissing

            if not is_editable:
                return self._file(job, into, caller.build_wheel(into, _settings(options)))
            try:
                return self._file(job, into, caller.build_editable(into, _settings(options)))
            except HookMissing as error:
                raise job.error(
                    f"its build backend `{job.system.backend}` cannot make an editable installation",
                    hint="install it as an ordinary package (`editable = false`), or take a newer backend",
                ) from error

        hook = "get_requires_for_build_editable" if is_editable else "get_requires_for_build_wheel"
        with self._job(source, subject, options, stack) as job:
            return self._with_environment(job, hook, "building its wheel", build)

    @contextmanager
    def _job(self, source: str, subject: str, options: Options, stack: tuple[str, ...]) -> Iterator[_Job]:
        check_loop(subject, stack)
        system = BuildSystem.from_directory(source, subject)
        self._events.started("build")
        self._events.advanced("build", 0, subject)
        try:
            with open_log(self._logs, subject, self._events) as log:
                yield _Job(source=source, subject=subject, options=options, stack=stack, system=system, log=log)
            self._events.advanced("build", 1, subject)
        finally:
            self._events.finished("build")

    def _with_environment(
        self, job: _Job, requires_hook: str, what: str, use: Callable[[BuildBackendHookCaller], _T]
    ) -> _T:
        """Ask the backend what else it needs, then use it in an environment that has everything."""
        options = job.options
        if not options.is_isolated:
            environment = options.environment
            if environment is None or not os.path.isfile(_program(environment)):
                raise job.error(
                    f"it is to be built in the project's environment, and there is none at {environment}",
                    hint="run `provenv sync` without it first, or say what it needs in "
                    "[[tool.provenv.dependency-metadata]] so that it need not be built to be locked",
                )
            return self._used(job, environment, what, use)
        inner = (*job.stack, job.subject)
        static = list(dict.fromkeys([*job.system.requires, *options.extra_requires]))
        with self._workroom(static, inner) as environment:
            told = self._used(
                job, environment, "telling what its build needs", lambda caller: getattr(caller, requires_hook)(
                    _settings(options)
                ),
            )  # fmt: skip
            dynamic = [str(text) for text in told if text not in static]
            if not dynamic:
                return self._used(job, environment, what, use)
        with self._workroom([*static, *dynamic], inner) as environment:
            return self._used(job, environment, what, use)

    def _used(self, job: _Job, environment: str, what: str, use: Callable[[BuildBackendHookCaller], _T]) -> _T:
        """Call a hook; whatever goes wrong there becomes a BuildError that says ``what`` failed."""
        from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller, BuildBackendWarning

        # What a backend warns of is for those who maintain the package; the log has it.
        warnings.filterwarnings("ignore", category=BuildBackendWarning)
        variables = build_variables(environment, job.options.variables)

        # The names of the arguments are pyproject_hooks'.
        def run(cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
            job.log.run(cmd, cwd or job.source, {**variables, **(extra_environ or {})})

        begin = len(job.log.text())
        try:
            caller = BuildBackendHookCaller(
                job.source,
                job.system.backend,
                job.system.backend_path or None,
                runner=run,
                python_executable=_program(environment),
            )
            return use(caller)
        except BackendUnavailable as error:
            job.log.write(error.traceback)
            problem = f"its build backend `{job.system.backend}` cannot be imported"
            raise self._failed(job, problem, begin) from error
        except Stopped as error:
            raise self._failed(job, f"{what} failed with exit code {error}", begin) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            job.log.write(f"{type(error).__name__}: {error}")
            raise self._failed(job, f"{what} failed", begin) from error

    def _failed(self, job: _Job, problem: str, begin: int) -> BuildError:
        output = job.log.text()[begin:]
        indented = last_error(output).replace("\n", "\n    ")
        return job.error(f"{problem}\n    {indented}", hint=hint_of(output, job.subject.split()[0]))

    def _file(self, job: _Job, into: str, name: Any) -> str:
        path = os.path.join(into, os.path.basename(str(name)))
        if not path.endswith(".whl") or not os.path.isfile(path):
            raise job.error(f"its build backend says that it made `{name}`, which is not there")
        return path


def check_loop(subject: str, stack: tuple[str, ...]) -> None:
    """Raise BuildError when ``subject`` is being built already, further out."""
    if subject in stack:
        loop = " needs ".join((*stack[stack.index(subject) :], subject))
        raise BuildError(
            subject,
            f"it needs itself to be built: {loop}",
            hint=f"let {subject.split()[0]} come from a wheel: allow another version of it, or another index",
        )


def metadata_of_wheel(path: str, subject: str) -> bytes:
    """METADATA of a wheel file that a build made. Raises BuildError."""
    # Whether it is sloppy, and may be, is seen when it is unpacked.
    judge = Judge(os.path.basename(path), is_lax=True)
    try:
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
            memoryview(data) as view,
        ):
            for member in read_archive(view, judge.subject, judge):
                directory, _, name = member.path.rpartition("/")
                if name == "METADATA" and directory.endswith(".dist-info") and "/" not in directory:
                    return b"".join(contents(view, member, judge))
    except (OSError, ValueError, IntegrityError) as error:
        raise BuildError(subject, f"the wheel that it made cannot be read: {error}") from error
    raise BuildError(subject, "the wheel that it made has no METADATA")


def _settings(options: Options) -> dict[str, Any] | None:
    return dict(options.config_settings) or None


def _program(environment: str) -> str:
    return os.path.join(environment, "Scripts/python.exe" if os.name == "nt" else "bin/python")
