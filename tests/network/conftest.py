"""Fixtures of the tests that need the real index; they are left out unless PROVENV_TEST_NETWORK=1."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.worlds.fixtures import house, launcher
from tests.worlds.house import House

__all__ = ["house", "launcher", "outside", "uv"]

#: How this computer reaches the outside.
_WAYS_OUT = {
    name: value
    for name, value in os.environ.items()
    if name in ("PIP_CERT", "SSL_CERT_DIR", "SSL_CERT_FILE") or name.lower().endswith("_proxy")
}


@pytest.fixture
def outside(house: House) -> House:
    """A house that looks at the real index."""
    house.monkeypatch.delenv("PROVENV_DEFAULT_INDEX")
    for name, value in _WAYS_OUT.items():
        house.monkeypatch.setenv(name, value)
    return house


@pytest.fixture
def uv() -> str:
    """The program uv, an independent resolver and installer."""
    found = shutil.which("uv")
    if found is None:
        pytest.skip("uv is not on PATH")
    return found
