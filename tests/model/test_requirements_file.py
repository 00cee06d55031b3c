from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.errors import InputError
from provenv.model.requirements_file import Include, Option, parse_requirements
from provenv.model.wish import Wish, parse_wish

_HASH = "ab" * 32


def _wishes(text: str, **variables: str) -> list[Wish]:
    found = parse_requirements(text, "r.txt", variables)
    assert all(isinstance(item, Wish) for item in found)
    return [item for item in found if isinstance(item, Wish)]


def test_lines_of_every_kind() -> None:
    text = f"""\ufeff# a comment
numpy>=2  # why
pandas[excel] == 2.2 ; python_version < "3.14"
torch==2.9 \\
    --hash=sha256:{_HASH} \\
    --hash sha512:{_HASH}
   # indented comment
demo @ https://files.example/demo-1.0.tar.gz#sha256={_HASH}

-r more.txt
--requirement=even-more.txt
-cbounds.txt
--index-url https://index.example/simple
--extra-index-url=https://${{HOST}}/simple/?a=b#c
-f wheels/
--no-index
--pre
--only-binary :all:
"""
    numpy, pandas, torch, demo, *others = parse_requirements(text, "r.txt", {"HOST": "other.example"})
    assert isinstance(numpy, Wish)
    assert (str(numpy.requirement), numpy.where) == ("numpy>=2", "r.txt:2")
    assert isinstance(pandas, Wish)
    assert (pandas.name, pandas.extras, str(pandas.marker)) == (
        "pandas",
        frozenset({"excel"}),
        'python_version < "3.14"',
    )
    assert isinstance(torch, Wish)
    assert (torch.hashes, torch.where) == ((f"sha256:{_HASH}", f"sha512:{_HASH}"), "r.txt:4")
    assert isinstance(demo, Wish)
    assert demo.requirement is not None
    assert demo.requirement.url == f"https://files.example/demo-1.0.tar.gz#sha256={_HASH}"
    assert others == [
        Include(where="r.txt:10", path="more.txt", is_constraint=False),
        Include(where="r.txt:11", path="even-more.txt", is_constraint=False),
        Include(where="r.txt:12", path="bounds.txt", is_constraint=True),
        Option(where="r.txt:13", name="index-url", value="https://index.example/simple"),
        Option(where="r.txt:14", name="extra-index-url", value="https://other.example/simple/?a=b#c"),
        Option(where="r.txt:15", name="find-links", value="wheels/"),
        Option(where="r.txt:16", name="no-index", value=""),
        Option(where="r.txt:17", name="pre", value=""),
        Option(where="r.txt:18", name="only-binary", value=":all:"),
    ]


@pytest.mark.parametrize(
    ("line", "place", "name", "extras"),
    [
        ("./dir", "./dir", None, ()),
        ("./dir[a,B]", "./dir", None, ("a", "b")),
        ("../x/demo-1.0-py3-none-any.whl", "../x/demo-1.0-py3-none-any.whl", "demo", ()),
        ("demo_pkg-1.0.tar.gz", "demo_pkg-1.0.tar.gz", "demo-pkg", ()),
        ("~/dir", "~/dir", None, ()),
        ("dir/inner", "dir/inner", None, ()),
        ("https://h.example/demo-1.0%2Bcu1-py3-none-any.whl", "", "demo", ()),
        ("https://h.example/x.zip#egg=demo", "", "demo", ()),
        ("git+https://h.example/x@v1#egg=Demo[A]&subdirectory=s", "", "demo", ("a",)),
        ("git+ssh://git@h.example/x.git", "", None, ()),
        ("file:///x/y", "", None, ()),
    ],
)
def test_places_without_a_name(line: str, place: str, name: str | None, extras: tuple[str, ...]) -> None:
    wish = parse_wish(line, "here")
    assert wish.requirement is None
    assert (wish.name, wish.extras) == (name, frozenset(extras))
    if place:
        assert wish.place == place


def test_a_place_with_a_marker() -> None:
    wish = parse_wish("./dir[x] ; sys_platform == 'linux'", "here")
    assert (wish.place, wish.extras, str(wish.marker)) == ("./dir", frozenset({"x"}), 'sys_platform == "linux"')
    assert parse_wish("https://h.example/a;b", "here").place == "https://h.example/a;b"


def test_editable_ones() -> None:
    first, second, third = _wishes("-e ./dir[x]\n--editable=./other\n-e git+https://h.example/x#egg=y")
    assert (first.place, first.extras, first.is_editable) == ("./dir", frozenset({"x"}), True)
    assert (second.place, second.is_editable) == ("./other", True)
    assert (third.place, third.name) == ("git+https://h.example/x#egg=y", "y")


def test_variables_are_filled_in_where_they_are_known() -> None:
    (wish,) = _wishes("demo @ https://${USER_1}:${PW}@h.example/${lower}/$X.zip", USER_1="me", PW="")
    assert wish.text == "demo @ https://me:${PW}@h.example/${lower}/$X.zip"


def test_a_comment_ends_a_continuation() -> None:
    assert [wish.name for wish in _wishes("a \\\n# comment\nb\nc\\\n")] == ["a", "b", "c"]
    assert _wishes("demo @ https://h.example/x#egg=demo")[0].text.endswith("#egg=demo")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("numpy\nnumpy >> 2", 2, "is not a requirement"),
        ("--nonsense", 1, "unknown option"),
        ("a\n\n-r", 3, "needs a value"),
        ("-r a b", 1, "unexpected"),
        ("--pre=1", 1, "takes no value"),
        ("--hash=sha256:00", 1, "belongs on the line of its requirement"),
        ("a --hash=md5:00", 1, "is not a hash"),
        ("a --hash", 1, "needs a value"),
        ("a --pre", 1, "no option of a requirement"),
        ("a \\\n --nope", 1, "no option of a requirement"),
        ("-e", 1, "needs a value"),
        ("-e numpy", 1, "cannot be editable"),
        ("./x ; nonsense", 1, "no valid marker"),
        ("-f 'open", 1, "no closing quotation"),
    ],
)
def test_mistakes_name_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse_requirements(text, "r.txt", {})
    assert caught.value.where == f"r.txt:{line}"


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert all(item.where.startswith("r.txt:") for item in parse_requirements(text, "r.txt", {}))
