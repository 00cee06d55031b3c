from __future__ import annotations

import json
import random

import pytest

from provenv.index.html_page import parse_fast, parse_html, parse_strictly
from provenv.index.json_page import parse_json
from provenv.index.page import Fields, Listing, NotAnIndexPage, Page, normalised

BASE = "https://host.example/simple/demo/"
SHA = "0123456789abcdef" * 4
WHEEL = "demo-1.0-py3-none-any.whl"


def html(*links: str, head: str = "<title>Links for demo</title>", tail: str = "") -> str:
    body = "<br/>\n".join(links)
    body = f"<h1>Links for demo</h1>\n{body}{tail}"
    return f"<!DOCTYPE html>\n<html>\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n"


def everything(listing: Listing) -> list[tuple[str, Fields]]:
    return [(filename, listing.fields(number)) for number, filename in enumerate(listing.filenames)]


def only(listing: Listing) -> Fields:
    assert len(listing.filenames) == 1
    return listing.fields(0)


PLAIN = [
    f'<a href="https://files.example/a/{WHEEL}#sha256={SHA}">{WHEEL}</a>',
    f'<a href="../../files/{WHEEL}#sha256={SHA}" data-requires-python="&gt;=3.8,&lt;4">{WHEEL}</a>',
    f'<a href="{WHEEL}">{WHEEL}</a>',
    f'<a href="/files/{WHEEL}" data-yanked="">{WHEEL}</a>',
    f'<a href="/files/{WHEEL}" data-yanked="it &quot;broke&quot; &amp;gt; x" data-requires-python="&gt;=3">{WHEEL}</a>',
    f'<a href="{WHEEL}" data-dist-info-metadata="sha256={SHA}" data-core-metadata="sha256={SHA}" >{WHEEL}</a>',
    f'<a href="{WHEEL}" data-core-metadata="true">{WHEEL}</a>',
    f'<a href="{WHEEL}" data-core-metadata="false" rel="internal">{WHEEL}</a>',
    f'<a href="{WHEEL}" data-requires-python="">text &amp; more</a>',
    f'<a href="http://127.0.0.1:8000/files/demo-1.0%2Bcpu-py3-none-any.whl#sha256={SHA}">x</a>',
    f'<a href="https://files.example/a/../b/{WHEEL}">x</a>',
    '<a href="https://files.example/a/demo-1.0.tar.gz">demo-1.0.tar.gz</a>',
    f'<a href="{WHEEL}" data-requires-python=" &gt;=3 " data-requires-python="&lt;3">x</a>',
    f'<a href="{WHEEL}" data-upload-time="2024-01-01T00:00:00.5Z">x</a>',
]


@pytest.mark.parametrize("link", PLAIN)
def test_the_fast_path_reads_the_common_form(link: str) -> None:
    text = html(link)
    fast = parse_fast(text, BASE)
    assert fast is not None
    assert everything(fast) == everything(parse_strictly(text, BASE))


UNUSUAL = [
    f"<a href='{WHEEL}'>x</a>",
    f'<A HREF="{WHEEL}">x</A>',
    f"<a href={WHEEL}>x</a>",
    f'<a data-yanked="x" href="{WHEEL}">x</a>',
    f'<a  href="{WHEEL}">x</a>',
    f'<a href="{WHEEL}"\n data-yanked="x">x</a>',
    f'<a href="{WHEEL}" data-yanked>x</a>',
    f'<a href="{WHEEL}" data-requires-python=">=3">x</a>',
    f'<a href="{WHEEL}" data-requires-python="&gt=3">x</a>',
    f'<a href="{WHEEL}" data-yanked="caf&eacute;">x</a>',
    f'<a href="{WHEEL}?a=1&amp;b=2#sha256={SHA}">x</a>',
    f'<a href="&#47;files/{WHEEL}">x</a>',
    f'<a href=" {WHEEL} ">x</a>',
    f'<a href="{WHEEL}#sha256={SHA.upper()}">x</a>',
    f'<a href="{WHEEL}#md5={SHA[:32]}">x</a>',
    f'<a href="{WHEEL}#egg=demo">x</a>',
    f'<a href="https://u:p@files.example/{WHEEL}">x</a>',
    f'<a href="{WHEEL}"><b>x</b></a>',
    f'<a href="{WHEEL}">x</a><!-- <a href="evil-1.0.zip">x</a> -->',
    f'<!-- <a href="evil-1.0.zip">x</a> --><a href="{WHEEL}">x</a>',
    f'<script>"<a href=\\"evil-1.0.zip\\">x</a>"</script><a href="{WHEEL}">x</a>',
    f'<a name="top">x</a><a href="{WHEEL}">x</a>',
    f'<a href="HTTPS://Files.Example/{WHEEL}">x</a>',
]


@pytest.mark.parametrize("link", UNUSUAL)
def test_other_forms_are_left_to_the_parser(link: str) -> None:
    assert parse_fast(html(link), BASE) is None
    listing = parse_html(html(link).encode(), BASE)
    assert listing.filenames == [WHEEL]
    assert WHEEL in only(listing)[0]


@pytest.mark.parametrize(
    "head",
    [
        '<base href="https://other.example/">',
        '<meta name="pypi:repository-version" content="1.0"><!-- x -->',
        "<title>a</title><style>a</style>",
        '<meta content="<a ">',
        '<meta content="x>',
        '<meta name="pypi:project-status" content="archived">',
    ],
)
def test_a_head_that_could_change_the_meaning(head: str) -> None:
    assert parse_fast(html(PLAIN[0], head=head), BASE) is None


def test_base() -> None:
    text = html(f'<a href="x/{WHEEL}">x</a>', head='<base href="https://other.example/y/">')
    assert only(parse_html(text.encode(), BASE))[0] == f"https://other.example/y/x/{WHEEL}"


def named(link: str, number: str) -> str:
    """A link to another file: a page lists each name once."""
    return link.replace("demo-1.0", f"demo-1.{number}")


def test_both_ways_agree_on_random_pages() -> None:
    """The fast path may refuse a page; when it does not, it reads what the parser reads."""
    dice = random.Random(5)
    pieces = [*PLAIN, *UNUSUAL, "<br>", "text", "&nbsp;", '<a href="..">up</a>', "<p>", "</a>", "<a>", '"', "<", ">"]
    read = 0
    for _ in range(4000):
        plain_only = dice.random() < 0.5
        links = [named(link, str(number)) for number, link in
                 enumerate(dice.choices(PLAIN if plain_only else pieces, k=dice.randrange(1, 6)))]  # fmt: skip
        text = html(*links, tail=dice.choice(["", "", "<!--x-->", "<footer></footer>", "<p>a</p>"]))
        if dice.random() < 0.3:
            at = dice.randrange(len(text))
            text = text[:at] + dice.choice("\"'<>&#=/ \n\\x%;:") + text[at + dice.randrange(2) :]
        fast = parse_fast(text, BASE)
        if fast is not None:
            read += 1
            assert everything(fast) == everything(parse_strictly(text, BASE)), text
    assert read > 1000


def test_fields_of_html() -> None:
    listing = parse_html(html(PLAIN[4], named(PLAIN[5], "1"), PLAIN[9]).encode(), BASE)
    yanked, sidecar, local = everything(listing)
    assert yanked[1][3:5] == (">=3", 'it "broke" &gt; x')
    assert sidecar[1][6:] == (True, (("sha256", SHA),))
    assert local[0] == "demo-1.0+cpu-py3-none-any.whl"
    assert local[1][:2] == ("http://127.0.0.1:8000/files/demo-1.0%2Bcpu-py3-none-any.whl", (("sha256", SHA),))


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ('<a href="a%2Fb.whl">x</a>', "characters"),
        ('<a href="x/..%5Cb.whl">x</a>', "characters"),
        ('<a href="a%00.whl">x</a>', "characters"),
        ('<a href="https://files.example/">x</a>', "no file name"),
        (f'<a href="file:///somewhere/{WHEEL}">x</a>', "scheme `file`"),
        ('<a href="javascript:alert(1)">x</a>', "scheme `javascript`"),
        (f'<a href="{WHEEL}#sha256=abc">x</a>', "hash"),
        ('<a href="http://[broken/x.whl">x</a>', "cannot be read"),
    ],
)
def test_links_that_cannot_be_used(link: str, reason: str) -> None:
    text = html(link, PLAIN[0])
    assert parse_fast(text, BASE) is None
    listing = parse_html(text.encode(), BASE)
    assert listing.filenames == [WHEEL]
    assert reason in listing.skipped[0][1]


def test_an_empty_package_is_not_an_error() -> None:
    assert parse_html(html().encode(), BASE).filenames == []
    assert parse_html(b'<meta name="pypi:repository-version" content="1.1">', BASE).filenames == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><title>Log in</title><form></form></html>",
        b"<html><title>502 Bad Gateway</title><h1>Bad gateway</h1><a href='/help'>help</a></html>",
        b"\x00\x01\x02 binary",
        b'{"meta": {}}',
    ],
)
def test_other_pages_are_told_apart(body: bytes) -> None:
    with pytest.raises(NotAnIndexPage):
        parse_html(body, BASE)


def test_a_new_major_version_is_refused() -> None:
    head = '<meta name="pypi:repository-version" content="2.0">'
    with pytest.raises(NotAnIndexPage, match=r"version '2\.0'"):
        parse_html(html(PLAIN[0], head=head).encode(), BASE)
    with pytest.raises(NotAnIndexPage, match=r"version '2\.0'"):
        parse_json(json.dumps({"meta": {"api-version": "2.0"}, "files": []}).encode(), BASE)


def test_project_status() -> None:
    head = (
        '<meta name="pypi:project-status" content="quarantined"><meta name="pypi:project-status-reason" content="bad">'
    )
    listing = parse_html(html(head=head).encode(), BASE)
    assert (listing.status, listing.status_reason) == ("quarantined", "bad")


def test_html_may_tell_the_upload_time() -> None:
    assert only(parse_html(html(PLAIN[-1]).encode(), BASE))[5] == "2024-01-01T00:00:00.5Z"


# -- JSON -------------------------------------------------------------------------------------------------


def as_json(*files: object, **extra: object) -> bytes:
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "demo", "files": files, **extra}).encode()


def test_fields_of_json() -> None:
    entry = {
        "filename": WHEEL,
        "url": f"../../files/{WHEEL}",
        "hashes": {"sha256": SHA.upper(), "md5": SHA[:32]},
        "requires-python": ">=3.8",
        "size": 12,
        "upload-time": "2024-01-01T00:00:00.5Z",
        "yanked": "bad",
        "core-metadata": {"sha256": SHA},
        "provenance": "https://x.example/",
        "unknown": [1],
    }
    listing = parse_json(as_json(entry, **{"project-status": {"status": "archived"}}), BASE)
    assert only(listing) == (
        f"https://host.example/files/{WHEEL}",
        (("md5", SHA[:32]), ("sha256", SHA)),
        12,
        ">=3.8",
        "bad",
        "2024-01-01T00:00:00.5Z",
        True,
        (("sha256", SHA),),
    )
    assert listing.status == "archived"


@pytest.mark.parametrize(
    ("entry", "position", "value"),
    [
        ({"yanked": False}, 4, None),
        ({"yanked": True}, 4, ""),
        ({"yanked": ""}, 4, None),
        ({"requires-python": None}, 3, None),
        ({"size": -1}, 2, None),
        ({"size": "12"}, 2, None),
        ({"dist-info-metadata": {"sha256": SHA}}, 7, (("sha256", SHA),)),
        ({"dist-info-metadata": True}, 6, True),
        ({"core-metadata": False, "dist-info-metadata": True}, 6, False),
        ({"core-metadata": {"sha256": "short"}}, 6, False),
    ],
)
def test_details_of_json(entry: dict[str, object], position: int, value: object) -> None:
    full = {"filename": WHEEL, "url": WHEEL, "hashes": {}, **entry}
    assert only(parse_json(as_json(full), BASE))[position] == value


@pytest.mark.parametrize(
    "entry",
    [
        "text",
        {},
        {"filename": 1, "url": "x"},
        {"filename": "../x.whl", "url": "x"},
        {"filename": "x\n.whl", "url": "x"},
        {"filename": "x.whl", "url": "file:///x.whl"},
        {"filename": "x.whl", "url": "x", "hashes": []},
        {"filename": "x.whl", "url": "x", "hashes": {"sha256": None}},
        {"filename": "x.whl", "url": "x", "hashes": {"sha256": "zz"}},
        {"filename": "x.whl", "url": "x", "requires-python": 3},
        {"filename": "x.whl", "url": "x", "yanked": []},
    ],
)
def test_entries_that_cannot_be_used(entry: object) -> None:
    good = {"filename": WHEEL, "url": WHEEL, "hashes": {}}
    listing = parse_json(as_json(entry, good), BASE)
    assert listing.filenames == [WHEEL]
    assert len(listing.skipped) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"meta": {"api-version": "1.0"}}', b"[" * 100_000, b"<html>"])
def test_other_json_is_told_apart(body: bytes) -> None:
    with pytest.raises(NotAnIndexPage):
        parse_json(body, BASE)


def test_a_page_is_read_when_it_is_looked_at() -> None:
    reads = []

    def read() -> Listing:
        reads.append(1)
        return parse_html(html(named(PLAIN[3], "1"), PLAIN[1]).encode(), BASE)

    page = Page("demo", read, digest="d", expires=1.0, index_url=BASE)
    assert (page.digest, reads) == ("d", [])
    assert page.filenames == [named(WHEEL, "1"), WHEEL]
    assert (page.yanked(0), page.requires_python(1), page.yanked(1)) == ("", ">=3.8,<4", None)
    artifact = page.artifact(1)
    assert (artifact.filename, artifact.sha256, artifact.requires_python) == (WHEEL, SHA, ">=3.8,<4")
    assert artifact.url == f"https://host.example/files/{WHEEL}"
    assert reads == [1]


@pytest.mark.parametrize(
    ("name", "plain"), [("a", "a"), ("A_.-b", "a-b"), ("Foo.Bar", "foo-bar"), ("x--y", "x-y"), ("x_1", "x-1")]
)
def test_names_are_normalised(name: str, plain: str) -> None:
    assert normalised(name) == plain


def test_a_name_that_stands_twice() -> None:
    """The same file twice is one; of two files with one name, nobody can tell which is meant."""
    same, bare = f'<a href="x/{WHEEL}#sha256={SHA}">x</a>', f'<a href="y/{WHEEL}">x</a>'
    other = f'<a href="y/{WHEEL}#sha256={SHA[::-1]}">x</a>'
    assert parse_html(html(same, same).encode(), BASE).filenames == [WHEEL]
    assert only(parse_html(html(bare, same).encode(), BASE))[1] == (("sha256", SHA),)
    listing = parse_html(html(same, other, named(same, "1")).encode(), BASE)
    assert listing.filenames == [named(WHEEL, "1")]
    assert listing.skipped == [(WHEEL, "the page lists it twice, with different hashes")]
    with pytest.raises(NotAnIndexPage, match="twice"):
        parse_html(html(same, other).encode(), BASE)
    files = [{"filename": WHEEL, "url": WHEEL, "hashes": {"sha256": digest}} for digest in (SHA, SHA, SHA[::-1])]
    page = {"meta": {"api-version": "1.0"}, "files": files[:2]}
    assert parse_json(json.dumps(page).encode(), BASE).filenames == [WHEEL]
    page["files"] = files
    with pytest.raises(NotAnIndexPage, match="twice"):
        parse_json(json.dumps(page).encode(), BASE)


@pytest.mark.parametrize(
    "text",
    [
        '{"meta": {"api-version": "1.0"}, "files": [], "files": []}',
        '{"meta": {"api-version": "1.0"}, "files": [{"filename": "a-1.whl", "url": "a", "url": "b", "hashes": {}}]}',
    ],
)
def test_a_key_that_stands_twice(text: str) -> None:
    with pytest.raises(NotAnIndexPage, match="twice"):
        parse_json(text.encode(), BASE)


@pytest.mark.parametrize("name", ["d\u0435mo", "dem\u0131o", "de\u200cmo"])
def test_names_that_look_like_others(name: str) -> None:
    link = f'<a href="x/{name}-1.0-py3-none-any.whl#sha256={SHA}">x</a>'
    listing = parse_html(html(link, PLAIN[0]).encode(), BASE)
    assert listing.filenames == [WHEEL]
    assert len(listing.skipped) == 1
