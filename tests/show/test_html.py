"""The report page: what it says, that strangers cannot write markup into it, that it stays small and readable."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser

import pytest

from provenv.model.finding import FAILS, HOLDS, LEVELS, UNKNOWN, WARNS, Finding
from provenv.show.html import MachineColumn, PackageRow, report
from provenv.show.html_script import SCRIPT
from provenv.show.html_style import DARK, LIGHT, STYLE

_VOID = {"meta", "input", "br", "path", "rect"}
_OPEN_ENDED = {"dt", "dd", "li"}
_ATTRIBUTES = {
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "autocomplete",
    "charset",
    "checked",
    "class",
    "content",
    "d",
    "data-from",
    "data-node",
    "data-to",
    "font-weight",
    "height",
    "hidden",
    "href",
    "http-equiv",
    "id",
    "lang",
    "name",
    "placeholder",
    "role",
    "rx",
    "scope",
    "tabindex",
    "type",
    "value",
    "viewbox",
    "width",
    "x",
    "y",
}
PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<iframe src=javascript:alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "` onmouseover=alert(1)",
    '" autofocus onfocus=alert(1) x="',
    "x onclick=alert(1)",
    "<!--",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example>",
    "<style>*{display:none}</style>",
    "<form action=//evil.example><button>",
    "<plaintext>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3c;script&#x3e;",
    "&#0;",
    "\x00<\x00script>",
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "\u202egnp.exe",
    "\u2066\u2069\u200f\u061c",
    "\u2028\u2029\x85\r\n",
    "\ud800",
    "\ufeff\ufffe\U000e0041",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "<\u017fcript>",
    "{{7*7}}${7*7}",
    "%3Cscript%3E",
    "A" * 5000,
)


class Page(HTMLParser):
    """What a parser makes of a page: its elements, their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.faults: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        self.faults += [f"{tag} stays open" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"{tag} has an attribute twice: {names}")
        if tag in _OPEN_ENDED and self.open[-1] in (_OPEN_ENDED if tag != "li" else {"li"}):
            self.open.pop()
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] in _OPEN_ENDED and tag in ("dl", "ul"):
            self.open.pop()
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data!r}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction {data!r}")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"declaration {data!r}")

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    @property
    def text(self) -> str:
        return "".join(self.texts)


def finding(level: str, name: str = "torch", **other: str) -> Finding:
    told = {"kind": "gpu", "path": "torch/lib/libtorch_cuda.so", "expected": "code for V100", "actual": "none", **other}
    return Finding(level=level, subject=name, evidence=(("section", ".nv_fatbin"), ("symbol", "cuInit")), **told)


def small_page(text: str = "x") -> str:
    """Two machines, three packages, with ``text`` wherever a stranger could have written it."""
    one = Finding(
        level=FAILS,
        kind=text,
        subject=text,
        path=text,
        expected=text,
        actual=text,
        remedy=text,
        rule=text,
        evidence=((text, text),),
    )
    machines = [
        MachineColumn(name=text, facts=((text, text),), verdict=text),
        MachineColumn(name="other", verdict=HOLDS),
    ]
    packages = [
        PackageRow(name=text, version_by_machine={text: text, "other": f"{text}2"}, size=1000, findings={text: (one,)}),
        PackageRow(name="user", version_by_machine={text: text}, size=2000, requires=(text, "nobody")),
        PackageRow(
            name="lone",
            version_by_machine={"other": text},
            findings={"other": (one.changed(level=WARNS), one.changed(level=HOLDS))},
        ),
    ]
    return report(text, machines, packages, text)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload)[:40])
def test_strangers_write_no_markup(payload: str) -> None:
    harmless, page = Page(small_page("harmless")), Page(small_page(payload))
    assert page.faults == []
    # The same elements, whatever was written.
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    assert {name for _, attributes in page.elements for name in attributes} <= _ATTRIBUTES
    for name in ("class", "id", "href"):
        assert page.values(name) == harmless.values(name)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload)[:40])
def test_odd_characters_are_seen_and_do_nothing(payload: str) -> None:
    text = small_page(payload)
    text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff]", text)
    assert len(text) < 200_000


def test_a_page_needs_nothing_but_itself() -> None:
    page = Page(small_page())
    assert {tag for tag, _ in page.elements} & {"img", "link", "iframe", "object", "base", "form"} == set()
    assert all(value.startswith("#") for value in page.values("href"))
    assert "src" not in {name for _, attributes in page.elements for name in attributes}
    assert "@import" not in STYLE
    assert "url(" not in STYLE
    assert not re.search(r"innerHTML|eval|fetch|import\(|XMLHttp|document\.write", SCRIPT)


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page() -> None:
    text = small_page()
    policy = next(
        attributes["content"]
        for tag, attributes in Page(text).elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    for tag in ("style", "script"):
        parts = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(parts) == 1
        digest = base64.b64encode(hashlib.sha256(parts[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not Page(text).values("style")


def test_every_link_leads_to_a_place_and_every_place_is_there_once() -> None:
    page = Page(big_page(40, 4, 3))
    places = page.values("id")
    assert len(places) == len(set(places))
    assert {value[1:] for value in page.values("href")} <= set(places)
    labels = " ".join(page.values("aria-labelledby")).split()
    assert set(labels) <= set(places)


def test_a_cell_has_its_letter_and_leads_to_its_evidence() -> None:
    fails, warns = finding(FAILS, remedy="choose another build", rule="the guide"), finding(WARNS)
    machines = [MachineColumn(name=name, verdict=verdict) for name, verdict in (("v100", FAILS), ("h100", HOLDS))]
    page = report(
        "finetune",
        machines,
        [
            PackageRow(name="six", version_by_machine={"v100": "1.0"}),
            PackageRow(
                name="torch",
                version_by_machine={"v100": "2.9", "h100": "2.9"},
                findings={"v100": (warns, fails), "h100": (finding(HOLDS),)},
            ),
        ],
        "2026-11-21",
    )
    cell = re.search(r'<a class="mark fails" href="#(p\d+-\d+)" aria-label="([^"]+)">F</a>', page)
    assert cell is not None
    assert cell[2] == "F, fails: torch on v100, 2 findings"
    section = page.partition(f'<section id="{cell[1]}"')[2].partition("</section>")[0]
    told = Page(f"<section>{section}</section>".replace('tabindex="-1">', "", 1)).text
    for word in ("On v100", "libtorch_cuda.so", ".nv_fatbin", "cuInit", "code for V100", "choose another build", "[1]"):
        assert word in told
    # On paper everything is shown but what there is nothing to tell of.
    assert '<article class="evidence none" id="p1"' in page
    assert '<article class="evidence" id="p0"' in page
    assert "the guide" in page.partition('<ol class="rules">')[2]
    # The worst first: in the evidence, and among the packages.
    assert told.index("fails") < told.index("warns")
    assert page.index(">torch<") < page.index(">six<")
    # What is not there is told in words, too.
    assert '<span class="mark absent quiet">\u2013<i> not there</i></span>' in page


def test_the_same_evidence_on_several_machines_is_told_once() -> None:
    machines = [MachineColumn(name=f"m{index}") for index in range(4)]
    row = PackageRow(
        name="torch",
        version_by_machine={machine.name: "2.9" for machine in machines},
        findings={machine.name: (finding(FAILS),) for machine in machines},
    )
    page = report("x", machines, [row], "2026-11-21")
    assert page.count("<dt>File") == 1
    assert page.count('href="#p0-0"') == 5
    assert "On <bdi>m0</bdi>, <bdi>m1</bdi>, <bdi>m2</bdi>, <bdi>m3</bdi>" in page


def test_what_is_about_the_machine_itself_comes_first_and_is_no_package() -> None:
    row = PackageRow(name="", findings={"v100": (finding(WARNS, ""),)})
    other = PackageRow(name="torch", version_by_machine={"v100": "2.9"}, findings={"v100": (finding(FAILS),)})
    page = report("x", [MachineColumn(name="v100", verdict=FAILS)], [other, row], "")
    assert page.index("the machines themselves") < page.index('<a href="#p1"><bdi>torch</bdi>')
    assert "<dt>packages<dd>1" in page


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_has_a_box_that_hides_its_rows_without_the_script(level: str) -> None:
    page = report("x", [MachineColumn(name="m")], [], "")
    assert f'id="level-{level}"' in page
    assert f"body:has(#level-{level}:not(:checked)) tr.{level}{{display:none}}" in STYLE


def test_nothing_at_all_is_a_page_too() -> None:
    page = Page(report("", [], [], ""))
    assert page.faults == []
    assert "Nothing fails" in page.text


def test_the_same_values_give_the_same_page() -> None:
    assert big_page(30, 3, 2) == big_page(30, 3, 2)


def test_the_table_has_heads_and_the_page_one_main_heading() -> None:
    page = Page(big_page(5, 3, 1))
    scopes = page.values("scope")
    assert (scopes.count("col"), scopes.count("row")) == (4, 5)
    assert (page.count("h1"), page.count("main"), page.count("caption")) == (1, 1, 1)
    for tag, attributes in page.elements:
        if tag == "svg":
            assert attributes["role"] == "group"
            assert attributes["aria-label"]


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_can_be_read(colours: dict[str, str]) -> None:
    pairs = [(name, name.removesuffix("-ink")) for name in colours if name.endswith("-ink")]
    pairs += [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("page", "raised")]
    assert {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 4.5] == []
    assert [ground for ground in ("page", "raised") if contrast(colours["focus"], colours[ground]) < 3] == []


def big_page(packages: int, machines: int, findings: int) -> str:
    """Findings that all differ, as many in every cell."""
    names = [f"machine-{index}" for index in range(machines)]
    levels = (HOLDS, WARNS, UNKNOWN, FAILS)
    rows = []
    for number in range(packages):
        told = {
            name: tuple(
                Finding(
                    level=levels[(number + index) % 4] if number % 9 == 0 else HOLDS,
                    kind="glibc",
                    subject=f"package-{number}",
                    path=f"package_{number}/lib/module_{index}.cpython-312-x86_64-linux-gnu.so",
                    expected=f"GLIBC_2.{index} and more of what somebody needs on {name}",
                    actual="glibc 2.31",
                    rule="symbol versions that the file needs (.gnu.version_r), whatever the wheel's tag says",
                    remedy=f"choose an older version of package-{number}" if number % 9 == 0 else "",
                    evidence=(("version", "1.2.3"), ("symbol version", f"GLIBC_2.{index}")),
                )
                for index in range(findings)
            )
            for name in names
        }
        requires = tuple(f"package-{other}" for other in (number * 2 + 1, number * 2 + 2, (number * 7) % packages))
        versions = dict.fromkeys(names, f"1.{number}")
        rows.append(
            PackageRow(
                name=f"package-{number}",
                version_by_machine=versions,
                size=number * number * 1000,
                requires=requires,
                findings=told,
            )
        )
    return report("big", [MachineColumn(name=name, verdict=FAILS) for name in names], rows, "2026-11-21")


def test_ten_thousand_findings_stay_small_and_quick() -> None:
    start = time.process_time()
    page = big_page(400, 5, 5)
    assert time.process_time() - start < 3  # about 0.2 s; a slow machine may take its time
    assert page.count("_64-linux-gnu.so") == 10_000
    assert len(page.encode()) < 3_000_000
