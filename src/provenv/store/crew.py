"""Threads that share pieces of work, the heaviest first, so that none of them is left alone with a long one.

Work of many short steps is the exception: two threads at it wait for each other's hold on the interpreter in turn. So
while there is heavy work, which hardly needs the interpreter, no more than one thread is at the short steps, and all of
them count as one piece.
"""

from __future__ import annotations

import sys
from heapq import heappop, heappush
from threading import Condition, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TypeAlias

    _Piece: TypeAlias = tuple[int, int, Callable[[], None]]

__all__ = ["FIRST", "Crew"]

FIRST = 1 << 62
"""The weight of what makes more work: it is done before anything else."""

_SWITCH = 0.0002
"""Seconds between two threads that both run Python. Pieces of work are short beside the usual 5 ms."""


class Crew:
    """Used in ``with``; threads start when there is work for them, and end with the block.

    When the block ends with an exception, work that nobody has begun is dropped: ``is_stopped`` tells those who are at
    work. Each piece catches its own failures: one that it lets through ends the crew and is raised at the end.
    """

    def __init__(self, workers: int) -> None:
        self.is_stopped = False
        self._workers = max(1, workers)
        self._heavy: list[_Piece] = []
        self._fiddly: list[_Piece] = []
        self._fiddly_weight = 0
        self._fiddling = 0
        self._count = 0
        self._idle = 0
        self._is_closing = False
        self._threads: list[Thread] = []
        self._changed = Condition()
        self._failures: list[BaseException] = []
        self._interval = 0.0

    def __enter__(self) -> Crew:
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(is_stopped=kind is not None)
        except BaseException:
            # A signal while we waited: nobody writes on when we are gone.
            self._end(is_stopped=True)
            raise
        finally:
            sys.setswitchinterval(self._interval)
        if kind is None and self._failures:
            raise self._failures[0]

    def add(self, weight: int, work: Callable[[], None], *, is_fiddly: bool = False) -> None:
        """Have ``work`` done by one of the threads, after all that weighs more; ``is_fiddly``: of many short steps."""
        with self._changed:
            self._count += 1
            heappush(self._fiddly if is_fiddly else self._heavy, (-weight, self._count, work))
            self._fiddly_weight += weight if is_fiddly else 0
            if self._idle:
                self._changed.notify()
            elif len(self._threads) < self._workers:
                self._threads.append(Thread(target=self._run, name=f"provenv-crew-{len(self._threads)}", daemon=True))
                self._threads[-1].start()

    def _end(self, *, is_stopped: bool) -> None:
        with self._changed:
            self.is_stopped = self.is_stopped or is_stopped
            self._is_closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            while (found := self._next()) is not None:
                work, is_fiddly = found
                work()
                if is_fiddly:
                    with self._changed:
                        self._fiddling -= 1
        except BaseException as failure:
            self._failures.append(failure)
            self.is_stopped = True

    def _next(self) -> tuple[Callable[[], None], bool] | None:
        with self._changed:
            while not self._heavy and not self._fiddly and not self._is_closing and not self.is_stopped:
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            if self.is_stopped or not (self._heavy or self._fiddly):
                return None
            is_fiddly = bool(self._fiddly) and (not self._heavy or self._is_turn_of_fiddly(-self._heavy[0][0]))
            negative, _, work = heappop(self._fiddly if is_fiddly else self._heavy)
            if is_fiddly:
                self._fiddling += 1
                self._fiddly_weight += negative
            return work, is_fiddly

    def _is_turn_of_fiddly(self, heaviest: int) -> bool:
        """Whether to do one of these although ``heaviest`` waits: nobody is at them, and together they weigh more."""
        return not self._fiddling and self._fiddly_weight >= heaviest
