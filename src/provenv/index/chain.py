"""Several requests that follow from one another, without anybody waiting between them.

The steps are a generator: it yields a request, receives the answer (or the error is thrown into it), and returns a
result. Each answer makes the next step run in the client's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from provenv.net.request import Pending, Request, Response

__all__ = ["Chain", "Steps"]

Result = TypeVar("Result")
Steps = Generator[Request, Response, Result]


class Chain(Generic[Result]):
    """A result that will come. The first step runs at once, in the caller's thread."""

    __slots__ = ("_error", "_finished", "_result", "_steps", "_submit", "_then")

    def __init__(self, steps: Steps[Result], submit: Callable[[Request], Pending]) -> None:
        self._steps = steps
        self._submit = submit
        self._finished = threading.Lock()
        self._finished.acquire()
        self._error: BaseException | None = None
        self._result: list[Result] = []
        self._then: Callable[[], object] = lambda: None
        self._advance(None)

    @property
    def is_done(self) -> bool:
        """Whether ``result`` returns or raises at once."""
        return bool(self._result) or self._error is not None

    def tell(self, then: Callable[[], object]) -> None:
        """Call ``then`` as soon as ``result`` does not wait, in whichever thread; it may be called twice."""
        self._then = then
        if self.is_done:
            then()

    def result(self) -> Result:
        """Wait for the end; returns what the steps return, raises what they raise."""
        if not self.is_done:
            with self._finished:
                pass
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _advance(self, answered: Pending | None) -> None:
        try:
            request = next(self._steps) if answered is None else self._resume(answered)
        except StopIteration as end:
            self._settle(end.value)
        except Exception as error:
            self._fail(error)
        else:
            self._go_on(request)

    def _resume(self, answered: Pending) -> Request:
        """Hand the answer to the steps; an error of the request too, for they may know another way."""
        try:
            response = answered.result()
        except Exception as error:
            return self._steps.throw(error)
        return self._steps.send(response)

    def _go_on(self, request: Request) -> None:
        request.then = self._advance
        try:
            self._submit(request)
        except Exception as error:
            self._steps.close()
            self._fail(error)

    def _settle(self, result: Result) -> None:
        self._result.append(result)
        self._finished.release()
        self._then()

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._finished.release()
        self._then()
