"""Reads source archives that the solver will likely ask about, while it asks about others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from provenv.build.process import stop_builds_until
from provenv.model.artifact import Artifact

__all__ = ["Ahead"]

_SIDE_BY_SIDE = 2
_MOST = 12
"""Guesses of one command: a wrong one costs a build that nobody needed."""


class Ahead:
    """The guesses of one command.

    ``read`` gives METADATA of a source archive, from several threads at once; ``end`` is called when no more is read.
    """

    def __init__(self, read: Callable[[Artifact, str, str], bytes], end: Callable[[], None]) -> None:
        self._read = read
        self._end = end
        self._pool = ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="provenv-ahead")
        self._begun: dict[str, Future[bytes]] = {}

    def begin(self, artifact: Artifact, name: str, version: str) -> None:
        """Begin to read an archive, unless enough was begun."""
        if artifact.url not in self._begun and len(self._begun) < _MOST:
            self._begun[artifact.url] = self._pool.submit(self._read, artifact, name, version)

    def is_under_way(self, artifact: Artifact) -> bool:
        """Whether somebody is reading an archive right now, and will have read it without our help."""
        begun = self._begun.get(artifact.url)
        return begun is not None and begun.running()

    def result(self, artifact: Artifact) -> bytes | None:
        """What was read, waiting for it; None when nothing was begun. Raises what reading raises."""
        begun = self._begun.get(artifact.url)
        return None if begun is None or begun.cancel() else begun.result()

    def close(self) -> None:
        """End what nobody asked about."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        stop_builds_until(lambda: all(one.done() for one in self._begun.values()))
        self._pool.shutdown()
        self._end()
