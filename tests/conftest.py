"""Fixtures that several rooms share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.index_server import IndexServer

__all__ = ["index_world"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started by a shell in the background: what tests start and interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def index_world(tmp_path: Path) -> Iterator[IndexServer]:
    """A package index on the loopback interface; put wheels into its ``directory``."""
    directory = tmp_path / "index-files"
    directory.mkdir()
    with IndexServer(directory) as server:
        yield server
