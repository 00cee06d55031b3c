from __future__ import annotations

import io
import subprocess
import sys
import threading

import pytest

from provenv.cli.live import Live, wants_colour


class Clock:
    """A clock that goes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_a_phase_ends_with_one_plain_line(clock: Clock, stream: io.StringIO) -> None:
    with Live(stream, clock=clock) as live:
        live.started("download")
        live.expected("download", 4 * 1024**2)
        clock.now += 1
        live.advanced("download", 1024**2, "torch")
        clock.now += 1
        live.advanced("download", 3 * 1024**2, "torch")
        live.finished("download")
        live.started("link", 2)
        live.advanced("link", 2)
        clock.now += 0.02
        live.finished("link")
    assert stream.getvalue() == "Downloaded 4.0 MiB in 2.00 s (2.0 MiB/s)\nInstalled 2 packages in 20 ms\n"


def test_a_phase_that_did_nothing_is_not_told(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, clock=clock)
    live.started("download", 0)
    live.finished("download")
    live.finished("unpack")
    assert stream.getvalue() == ""


def test_a_long_phase_says_every_ten_seconds_that_it_lives(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, clock=clock)
    live.started("unpack", 50 * 1024)
    for _ in range(25):
        clock.now += 1
        live.advanced("unpack", 1024)
    assert stream.getvalue() == (
        "Unpacking 10.0 KiB of 50.0 KiB, 10.0 s so far\nUnpacking 20.0 KiB of 50.0 KiB, 20.0 s so far\n"
    )


def test_a_total_that_proves_too_small_is_not_shown(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, clock=clock)
    live.started("resolve", 1)
    clock.now += 11
    live.advanced("resolve", 1, "torch")
    clock.now += 11
    live.advanced("resolve", 2, "numpy")
    assert stream.getvalue() == ("Resolving 1 of 1 package, 11.0 s so far\nResolving 3 packages, 22.0 s so far\n")


def test_a_phase_that_is_started_twice_ends_with_the_second_end(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, clock=clock)
    for _ in range(2):
        live.started("resolve")
        live.advanced("resolve", 1)
    live.finished("resolve")
    assert stream.getvalue() == ""
    live.finished("resolve")
    assert stream.getvalue() == "Resolved 2 packages in 0 ms\n"


def test_a_package_that_several_targets_need_is_told_once(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, clock=clock)
    live.started("resolve")
    for name in ("torch", "numpy", "torch", "numpy"):
        live.advanced("resolve", 1, name)
    live.finished("resolve")
    assert stream.getvalue() == "Resolved 2 packages in 0 ms\n"


def test_warnings_and_waits_are_said_once(stream: io.StringIO) -> None:
    live = Live(stream)
    for _ in range(2):
        live.warned("\x1b[2Jold")
        live.waiting("process 7")
    live.noted("a detail")
    assert stream.getvalue() == "warning: [2Jold\nwaiting for process 7\n"


def test_verbose_says_notes(stream: io.StringIO) -> None:
    Live(stream, is_verbose=True).noted("a detail")
    assert stream.getvalue() == "a detail\n"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_quiet_says_nothing(clock: Clock, stream: io.StringIO, is_terminal: bool) -> None:
    with Live(stream, is_quiet=True, is_verbose=True, is_terminal=is_terminal, clock=clock) as live:
        live.started("download", 10)
        clock.now += 60
        live.advanced("download", 10)
        live.finished("download")
        live.warned("old")
        live.noted("detail")
        live.waiting("lock")
    assert stream.getvalue() == ""


def test_a_terminal_sees_a_bar_then_the_line(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, is_terminal=True, clock=clock)
    live.started("download", 2 * 1024**2)
    clock.now += 1
    live.advanced("download", 1024**2, "tor\x1bch")
    live.warned("said above the bar")
    clock.now += 1
    live.advanced("download", 1024**2, "torch")
    live.finished("download")
    seen = stream.getvalue()
    assert "Downloading" in seen
    assert "1.0 MiB of 2.0 MiB 1.0 MiB/s" in seen
    assert "tor\x1bch" not in seen
    assert "warning: said above the bar\n" in seen
    assert seen.endswith("Downloaded 2.0 MiB in 2.00 s (1.0 MiB/s)\n")
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1  # the cursor came back


def test_closing_early_gives_the_cursor_back(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, is_terminal=True, has_colour=True, clock=clock)
    live.started("compile", 3)
    clock.now += 1
    live.advanced("compile", 1, "torch")
    live.close()
    live.close()
    assert stream.getvalue().count("\x1b[?25h") == 1


def test_many_threads_may_tell(clock: Clock, stream: io.StringIO) -> None:
    live = Live(stream, clock=clock)
    live.started("unpack")

    def work() -> None:
        for _ in range(1000):
            live.advanced("unpack", 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live.finished("unpack")
    assert stream.getvalue() == "Unpacked 3.9 KiB in 0 ms\n"


@pytest.mark.parametrize(
    ("choice", "is_terminal", "has_no_color", "wants"),
    [
        ("auto", True, False, True),
        ("auto", True, True, False),
        ("auto", False, False, False),
        ("always", False, True, True),
        ("never", True, False, False),
    ],
)
def test_colour(choice: str, is_terminal: bool, has_no_color: bool, wants: bool) -> None:
    assert wants_colour(choice, is_terminal=is_terminal, has_no_color=has_no_color) is wants  # type: ignore[arg-type]


def test_importing_it_is_cheap() -> None:
    heavy = ("rich", "typing", "re", "dataclasses", "enum")
    code = f"import provenv.cli.live; print([name for name in {heavy} if name in sys.modules])"
    source = sys.modules["provenv"].__path__[0].rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({source!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
