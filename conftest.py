"""Leaves out the tests that ask for more than every machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REASONS = {
    "network": (os.environ.get("PROVENV_TEST_NETWORK") == "1", "PROVENV_TEST_NETWORK=1 runs it"),
    "slow": (os.environ.get("PROVENV_TEST_SLOW") == "1", "PROVENV_TEST_SLOW=1 runs it"),
    "gpu": (Path("/dev/nvidiactl").exists(), "there is no NVIDIA GPU"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker, (is_wanted, reason) in REASONS.items():
            if item.get_closest_marker(marker) is not None and not is_wanted:
                item.add_marker(pytest.mark.skip(reason=reason))
