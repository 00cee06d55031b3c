"""Fixtures of the tests that give commands."""

from __future__ import annotations

from tests.worlds.fixtures import house, launcher, pytorch, shelves

__all__ = ["house", "launcher", "pytorch", "shelves"]
