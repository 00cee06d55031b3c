"""Whoever wants the store alone gets it, though others come and go without end."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from provenv.events import Events
from provenv.store.guard import Share

__all__: list[str] = []


def test_others_who_come_and_go_keep_nobody_out(tmp_path: Path) -> None:
    path = str(tmp_path / "using")
    is_over = threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            with Share(path, 0o644):
                time.sleep(0.05)

    others = [threading.Thread(target=come_and_go) for _ in range(6)]
    for one in others:
        one.start()
    try:
        for _ in range(3):
            begin = time.monotonic()
            with Share(path, 0o644, is_alone=True, events=Events()):
                assert time.monotonic() - begin < 5
    finally:
        is_over.set()
        for one in others:
            one.join()
    assert os.listdir(tmp_path) == ["using"]


def test_whoever_is_in_gets_in_once_more(tmp_path: Path) -> None:
    """One who waits to be alone does not lock out those whom it waits for."""
    path = str(tmp_path / "using")
    was_alone = threading.Event()

    def be_alone() -> None:
        with Share(path, 0o644, is_alone=True):
            was_alone.set()

    with Share(path, 0o644):
        other = threading.Thread(target=be_alone)
        other.start()
        while not os.path.exists(path + ".wanted"):
            time.sleep(0.01)
        with Share(path, 0o644):
            assert not was_alone.is_set()
    other.join(5)
    assert was_alone.is_set()


def test_what_a_killed_one_left_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "using.wanted").touch()
    begin = time.monotonic()
    with Share(str(tmp_path / "using"), 0o644):
        assert time.monotonic() - begin < 0.5
    assert os.listdir(tmp_path) == ["using"]
