"""What a policy says of one package, and of a moment."""

from __future__ import annotations

import time

import pytest

from provenv.errors import InputError
from provenv.universe.choices import Choices
from provenv.universe.cutoff import moment, uploaded

NOON = 1_704_888_000.0
"""2024-01-10T12:00:00Z."""
DAY = 86_400


@pytest.mark.parametrize(
    ("policy", "is_built", "has_wheels"),
    [
        ({}, True, True),
        ({"no_build": True}, False, True),
        ({"no_binary": True}, True, False),
        ({"no_build_packages": ["alpha"]}, False, True),
        ({"no_binary_packages": ["alpha"]}, True, False),
        ({"no_build_packages": ["beta"], "no_binary_packages": ["beta"]}, True, True),
        # "All" with an exception that is named.
        ({"no_build": True, "no_binary_packages": ["alpha"]}, True, False),
        ({"no_binary": True, "no_build_packages": ["alpha"]}, False, True),
        ({"no_build": True, "no_binary": True}, False, False),
    ],
)
def test_which_files_may_be_used(policy: dict[str, object], is_built: bool, has_wheels: bool) -> None:
    choices = Choices(policy, NOON)

    assert (choices.is_built("alpha"), choices.has_wheels("alpha")) == (is_built, has_wheels)


def test_a_package_has_its_own_cut_off_or_none() -> None:
    policy = {"exclude_newer": "2024-01-01T00:00:00Z", "exclude_newer_package": {"alpha": "P1D", "beta": None}}
    choices = Choices(policy, NOON)

    assert choices.cutoff("alpha") == NOON - DAY
    assert choices.cutoff("beta") is None
    assert choices.cutoff("gamma") == moment("2024-01-01T00:00:00Z", NOON)


def test_views_of_different_policies_are_kept_apart() -> None:
    policies: list[dict[str, object]] = [
        {},
        {"no_build": True},
        {"no_binary_packages": ["alpha"]},
        {"exclude_newer": "1 week"},
        {"index_strategy": "unsafe-best-match"},
        {"metadata": [{"name": "alpha", "requires-dist": []}]},
        {"metadata": [{"name": "alpha", "requires-dist": ["beta"]}]},
        {"extra_build": {"alpha": [("beta", False)]}},
        {"extra_build": {"alpha": [("beta", True)]}},
        {"config_settings": {"with": "gpu"}},
        {"config_settings_package": {"alpha": {"with": "gpu"}}},
        {"build_constraints": ["setuptools<80"]},
        {"no_build_isolation_packages": ["alpha"]},
    ]
    names = [Choices(policy, NOON).file_name("alpha") for policy in policies]

    assert names[0] == "alpha"
    assert len(set(names)) == len(names)
    # What is said of another package changes nothing here.
    assert Choices({"no_build_packages": ["beta"]}, NOON).file_name("alpha") == "alpha"
    assert Choices({"extra_build": {"beta": [("gamma", False)]}}, NOON).file_name("alpha") == "alpha"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1 week", 7 * DAY),
        ("P7D", 7 * DAY),
        ("P1W", 7 * DAY),
        ("30 days", 30 * DAY),
        ("30 days ago", 30 * DAY),
        ("2 weeks 3 days", 17 * DAY),
        ("1w 2d", 9 * DAY),
        ("24 hours", DAY),
        ("PT24H", DAY),
        ("P1DT12H", 1.5 * DAY),
    ],
)
def test_a_span_is_counted_back_from_now(text: str, seconds: float) -> None:
    assert moment(text, NOON) == NOON - seconds


def test_a_time_says_itself() -> None:
    assert moment("2024-01-10T12:00:00Z", 0) == NOON
    assert moment("2024-01-10t14:00:00+02:00", 0) == NOON


def test_the_whole_of_a_date_counts() -> None:
    assert moment("2024-01-10", 0) == time.mktime((2024, 1, 11, 0, 0, 0, 0, 0, -1))


@pytest.mark.parametrize(
    "text", ["1 month", "P1M", "P1Y", "1 year", "yesterday", "7", "", "2024-13-01", "2024-01-10T12:00"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="exclude-newer"):
        moment(text, NOON)


def test_upload_times() -> None:
    assert uploaded("2024-01-10T12:00:00Z") == NOON
    assert uploaded("2024-01-10T12:00:00.000000Z") == NOON
    assert uploaded("2024-01-10T12:00:00") == NOON
    assert uploaded("noon") is None
    assert uploaded(None) is None


def test_only_a_span_moves_with_time() -> None:
    policy = {"exclude_newer": "1 week", "exclude_newer_package": {"alpha": "2024-01-01", "beta": None}}
    choices = Choices(policy, NOON)

    assert (choices.moves("alpha"), choices.moves("beta"), choices.moves("gamma")) == (False, False, True)
