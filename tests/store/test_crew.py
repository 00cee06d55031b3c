"""A crew: what its threads take up next, and that no two are at short steps while there is heavy work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from provenv.store.crew import FIRST, Crew


def waiting_for(gate: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        gate.wait()

    return wait


def test_the_heaviest_is_next_and_short_steps_count_as_one_piece() -> None:
    done: list[str] = []
    gate = threading.Event()
    with Crew(1) as crew:
        crew.add(FIRST, waiting_for(gate))
        for number in range(5):
            crew.add(2, partial(done.append, f"fiddly {number}"), is_fiddly=True)
        for weight in (1, 20, 7):
            crew.add(weight, partial(done.append, f"heavy {weight}"))
        gate.set()
    # Ten in all are more than seven, but after two pieces they are not.
    assert done == ["heavy 20", "fiddly 0", "fiddly 1", "heavy 7", "fiddly 2", "fiddly 3", "fiddly 4", "heavy 1"]


def test_only_one_thread_is_at_short_steps_while_there_is_heavy_work() -> None:
    lock, gate = threading.Lock(), threading.Event()
    fiddling, waiting, together = 0, 12, 0

    def heavy() -> None:
        nonlocal waiting
        with lock:
            waiting -= 1
        time.sleep(0.005)

    def fiddly() -> None:
        nonlocal fiddling, together
        with lock:
            together += waiting > 0 and fiddling > 0
            fiddling += 1
        time.sleep(0.002)
        with lock:
            fiddling -= 1

    with Crew(2) as crew:
        crew.add(FIRST, waiting_for(gate))
        for _ in range(40):
            crew.add(9, fiddly, is_fiddly=True)
        for _ in range(12):
            crew.add(1, heavy)
        gate.set()
    assert (fiddling, waiting, together) == (0, 0, 0)


def test_short_steps_alone_are_shared() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def meet() -> None:
        meeting.wait()

    with Crew(2) as crew:
        for _ in range(2):
            crew.add(1, meet, is_fiddly=True)
    assert not meeting.broken
