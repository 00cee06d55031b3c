"""Progress and warnings on stderr: bars on a terminal, plain lines elsewhere.

Cheap to import and to feed: rich comes only on a terminal and only once a phase has lasted a tenth of a second,
and a listener that is told of every chunk draws at most ten times a second. May be called from several threads.
"""

from __future__ import annotations

from _thread import RLock
from time import monotonic

from provenv.events import Events
from provenv.show.text import bytes_text, clean, count_text, seconds_text, styled, warning_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, Self, TextIO

    from rich.progress import Progress, TaskID

    ColourChoice = Literal["auto", "always", "never"]

__all__ = ["Live", "wants_colour"]

_WORDS = {
    "resolve": ("Resolving", "Resolved"),
    "build": ("Building", "Built"),
    "download": ("Downloading", "Downloaded"),
    "unpack": ("Unpacking", "Unpacked"),
    "compile": ("Compiling", "Compiled"),
    "link": ("Installing", "Installed"),
    "verify": ("Verifying", "Verified"),
    "load": ("Loading", "Loaded"),
    "prove": ("Reading", "Read"),
}
_IN_BYTES = ("download", "unpack", "verify")
_ONCE = ("resolve",)
_PATIENCE = 0.1
"""Seconds before a bar appears: faster work is over before one could read it."""
_REDRAW = 0.1
_PLAIN_EVERY = 10.0
_SUBJECT = 28
"""Characters of a subject beside a bar."""


def wants_colour(choice: ColourChoice, *, is_terminal: bool, has_no_color: bool) -> bool:
    """Whether to write colour. ``has_no_color``: the environment holds a non-empty ``NO_COLOR``."""
    return choice == "always" or (choice == "auto" and is_terminal and not has_no_color)


class _Phase:
    __slots__ = ("depth", "done", "drawn", "name", "since", "subject", "subjects", "task", "total")

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.since = now
        self.drawn = now
        self.depth = 0
        self.done = 0
        self.total: int | None = None
        self.subject = ""
        self.subjects: set[str] = set()
        """What was counted, in a phase that counts everything once."""
        self.task: TaskID | None = None

    def amount(self) -> str:
        if self.name in _IN_BYTES:
            return bytes_text(self.done)
        return count_text(self.done, "package")

    def amount_of_total(self) -> str:
        if self.total is None or self.total < self.done:
            return self.amount()
        if self.name in _IN_BYTES:
            return f"{bytes_text(self.done)} of {bytes_text(self.total)}"
        return f"{self.done} of {count_text(self.total, 'package')}"

    def rate(self, now: float) -> str:
        if self.name not in _IN_BYTES or now - self.since < _PATIENCE:
            return ""
        return f"{bytes_text(self.done / (now - self.since))}/s"


class Live(Events):
    """Tells a person at ``stream`` (stderr) what long work does; close it, or use it in a ``with`` statement.

    Quiet means not a word; verbose adds the notes. Every warning is told once.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        is_quiet: bool = False,
        is_verbose: bool = False,
        is_terminal: bool = False,
        has_colour: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._stream = stream
        self._is_quiet = is_quiet
        self._is_verbose = is_verbose
        self._is_terminal = is_terminal
        self._has_colour = has_colour
        self._clock = clock
        self._lock = RLock()
        self._phases: dict[str, _Phase] = {}
        self._said: set[str] = set()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bars away and give the cursor back; may be called again."""
        with self._lock:
            self._phases.clear()
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    def started(self, phase: str, total: int | None = None) -> None:
        """A phase begins, or begins once more while it runs: then it ends with the last of its ends."""
        with self._lock:
            running = self._phase(phase)
            running.depth += 1
            if total is not None:
                running.total = (running.total or 0) + total

    def expected(self, phase: str, amount: int) -> None:
        """The total of a running phase grew."""
        with self._lock:
            running = self._phase(phase)
            running.total = (running.total or 0) + amount
            self._show(running)

    def advanced(self, phase: str, amount: int, subject: str = "") -> None:
        """A running phase moved on."""
        with self._lock:
            running = self._phase(phase)
            if phase in _ONCE and subject and amount:
                # Every target and every environment for a build asks for the same packages again.
                amount = 0 if subject in running.subjects else amount
                running.subjects.add(subject)
            running.done += amount
            if subject:
                running.subject = subject
            self._show(running)

    def finished(self, phase: str) -> None:
        """A phase is over: one line says what it did, unless it had nothing to do."""
        with self._lock:
            running = self._phases.get(phase)
            if running is None:
                return
            running.depth -= 1
            if running.depth > 0:
                return
            del self._phases[phase]
            if self._progress is not None and running.task is not None:
                self._progress.remove_task(running.task)
                self._progress.refresh()
            if not self._phases:
                self.close()
            if running.done:
                self._tell_end(running)

    def waiting(self, what: str) -> None:
        """Say once what holds the work up."""
        self._say_once(styled(f"waiting for {clean(what)}", "dim", has_colour=self._has_colour))

    def warned(self, message: str) -> None:
        """Say a warning, once."""
        self._say_once(warning_text(message, has_colour=self._has_colour))

    def noted(self, message: str) -> None:
        """Say a detail, when verbose."""
        if self._is_verbose:
            self._say(styled(clean(message, keeps_lines=True), "dim", has_colour=self._has_colour))

    def _phase(self, name: str) -> _Phase:
        running = self._phases.get(name)
        if running is None:
            running = self._phases[name] = _Phase(name, self._clock())
        return running

    def _tell_end(self, phase: _Phase) -> None:
        now = self._clock()
        words = _WORDS[phase.name][1]
        rate = phase.rate(now) if phase.name == "download" else ""
        text = f"{words} {phase.amount()} in {seconds_text(now - phase.since)}"
        self._say(styled(f"{text} ({rate})" if rate else text, "dim", has_colour=self._has_colour))

    def _show(self, phase: _Phase) -> None:
        if self._is_quiet:
            return
        now = self._clock()
        if self._is_terminal:
            if now - phase.since >= _PATIENCE and (phase.task is None or now - phase.drawn >= _REDRAW):
                phase.drawn = now
                self._draw(phase, now)
        elif now - phase.drawn >= _PLAIN_EVERY:
            phase.drawn = now
            self._say(f"{_WORDS[phase.name][0]} {phase.amount_of_total()}, {seconds_text(now - phase.since)} so far")

    def _draw(self, phase: _Phase, now: float) -> None:
        if self._progress is None:
            self._progress = _bars(self._stream, has_colour=self._has_colour)
            self._progress.start()
        if phase.task is None:
            phase.task = self._progress.add_task(_WORDS[phase.name][0], total=None, amount="", subject="")
        amount = " ".join(filter(None, (phase.amount_of_total(), phase.rate(now))))
        self._progress.update(
            phase.task,
            total=phase.total,
            completed=phase.done,
            amount=amount,
            subject=_short(clean(phase.subject)),
            refresh=True,
        )

    def _say_once(self, text: str) -> None:
        with self._lock:
            if text in self._said:
                return
            self._said.add(text)
            self._say(text)

    def _say(self, text: str) -> None:
        if self._is_quiet:
            return
        with self._lock:
            if self._progress is None:
                self._stream.write(f"{text}\n")
                self._stream.flush()
                return
            from rich.text import Text

            # The console takes the bars away, writes, and draws them again below.
            self._progress.console.print(Text.from_ansi(text), soft_wrap=True)


def _short(subject: str) -> str:
    """A wheel by its package, so that its tags do not push the bar off the line."""
    name = subject.partition("-")[0] if subject.endswith(".whl") else subject
    return name if len(name) <= _SUBJECT else f"{name[: _SUBJECT - 1]}…"


def _bars(stream: TextIO, *, has_colour: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description:<11}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TextColumn("{task.fields[subject]}", markup=False, style="dim"),
        console=Console(file=stream, force_terminal=True, no_color=not has_colour, highlight=False),
        transient=True,
        auto_refresh=False,  # no thread of its own: workers may fork
        redirect_stdout=False,
        redirect_stderr=False,
    )
