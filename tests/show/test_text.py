from __future__ import annotations

import pytest

from provenv.errors import InputError, ProvenvError
from provenv.model.plan import Installed, Plan, Wanted
from provenv.show import text


def test_an_error_is_its_message_and_a_hint_on_a_line_of_its_own() -> None:
    error = InputError(
        "pyproject.toml: project.dependencies[2]", "'torch>>2' is not a requirement", hint="write torch>2"
    )
    assert text.error_text(error) == (
        "error: pyproject.toml: project.dependencies[2]: 'torch>>2' is not a requirement\n\nhint: write torch>2"
    )


def test_an_error_without_hint_is_one_line() -> None:
    assert text.error_text(ProvenvError("no network")) == "error: no network"


def test_colour_marks_only_the_words_that_say_the_same_without_it() -> None:
    error = ProvenvError("no network", hint="try again")
    assert (
        text.error_text(error, has_colour=True) == "\x1b[31merror:\x1b[0m no network\n\n\x1b[36mhint:\x1b[0m try again"
    )
    assert text.warning_text("old", has_colour=True) == "\x1b[33mwarning:\x1b[0m old"


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x9b2J", "\r", "\x00", "\x7f", "\u202e", "\u2028", "\x08"])
def test_foreign_text_cannot_command_the_terminal(evil: str) -> None:
    shown = [
        text.error_text(ProvenvError(f"a{evil}b", hint=f"c{evil}d")),
        text.warning_text(f"a{evil}b"),
        text.changes([(f"a{evil}b", f"1{evil}")]),
    ]
    for line in shown:
        assert evil[0] not in line


def test_line_ends_stay_in_messages_and_go_from_names() -> None:
    assert text.error_text(ProvenvError("two\nlines\tand a tab")) == "error: two\nlines and a tab"
    assert text.changes([("a\n+ torch", "1")]) == "+ a+ torch 1"


def test_changes_are_sorted_by_name() -> None:
    assert text.changes(
        installed=[("torch", "2.15.0"), ("alpha", "1")],
        removed=[("six", "1.17.0")],
        updated=[("numpy", "2.3.0", "2.4.1"), ("zlib", "1", "1")],
    ) == "\n".join(
        ["+ alpha 1", "~ numpy 2.3.0 -> 2.4.1", "- six 1.17.0", "+ torch 2.15.0", "~ zlib 1 (again)"],
    )


def test_no_change_is_no_text() -> None:
    assert text.changes() == ""


def test_a_plan_that_removes_and_installs_one_name_updates_it() -> None:
    plan = Plan(
        install=(wanted("numpy", "2"), wanted("torch", "3")),
        remove=(Installed(name="numpy", version="1"), Installed(name="six", version="4")),
        keep=(wanted("kept", "9"),),
    )
    assert text.changes_of(plan) == ([("torch", "3")], [("six", "4")], [("numpy", "1", "2")])


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (552_914_944, "527.3 MiB"),
        (1024**3 - 1, "1.0 GiB"),
        (3 * 1024**4, "3.0 TiB"),
    ],
)
def test_bytes(amount: int, shown: str) -> None:
    assert text.bytes_text(amount) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0031, "3 ms"),
        (0.0999, "0.10 s"),
        (0.42, "0.42 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 0 s"),
        (125, "2 min 5 s"),
    ],
)
def test_seconds(seconds: float, shown: str) -> None:
    assert text.seconds_text(seconds) == shown


def wanted(name: str, version: str) -> Wanted:
    return Wanted(name=name, version=version, filename=f"{name}-{version}-py3-none-any.whl", sha256="0" * 64)
