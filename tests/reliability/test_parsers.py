"""Everything that reads what others wrote: whatever it says, an answer or a declared error, and soon."""

from __future__ import annotations

import io
import json
import random
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from provenv.errors import InputError, ProvenvError
from provenv.flows.project_file import read_project
from provenv.index.html_page import parse_html
from provenv.index.json_page import parse_json
from provenv.index.page import Listing, NotAnIndexPage, normalised
from provenv.index.tail import BadWheel, metadata_in
from provenv.lockfile.read import parse as parse_lock
from provenv.lockfile.write import to_toml
from provenv.model.requirements_file import parse_requirements
from provenv.net.policy import freshness_of, retry_delay
from provenv.net.secrets import is_within, origin_of, redact, split_credentials
from provenv.universe.rows import Broken, Needs
from provenv.wheel.filename import WheelName
from provenv.wheel.metadata import WheelFile, parse_entry_points
from provenv.wheel.record import parse_record
from tests.rig.scale import IS_NIGHTLY, note
from tests.worlds.wheels import build_wheel, core_metadata

BASE = "https://index.example/simple/demo/"
SHA = "0123456789abcdef" * 4
SLOWEST = 0.05
"""Seconds that one input may take; the machine is busy sometimes, so the quickest of three tries counts."""
MOST = 200_000 if IS_NIGHTLY else 4_000
BUDGET = 60.0 if IS_NIGHTLY else 0.3
ENVIRONMENT = {
    "implementation_name": "cpython", "implementation_version": "3.11.0", "os_name": "posix",
    "platform_machine": "x86_64", "platform_python_implementation": "CPython", "platform_release": "",
    "platform_system": "Linux", "platform_version": "", "python_full_version": "3.11.0", "python_version": "3.11",
    "sys_platform": "linux",
}  # fmt: skip


# -- what is read -----------------------------------------------------------------------------------------


def _all_fields(listing: Listing) -> None:
    for number in range(len(listing.filenames)):
        listing.fields(number)


def _html(data: bytes) -> None:
    _all_fields(parse_html(data, BASE))


def _json(data: bytes) -> None:
    _all_fields(parse_json(data, BASE))


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


def _tail(data: bytes) -> None:
    asking = metadata_in("demo-1.0-py3-none-any.whl", len(data))
    try:
        first, length = next(asking)
        for _ in range(20):
            first = max(0, len(data) - length) if first is None else first
            first, length = asking.send((first, data[first : first + length], len(data)))
    except StopIteration:
        return


def _headers(text: str) -> None:
    freshness_of({"cache-control": text, "expires": text, "date": text, "age": text}, 1e9)
    retry_delay(text, 1e9)


def _urls(text: str) -> None:
    split_credentials(text)
    origin_of(text)
    redact(text)
    is_within(text, "/team")


def _wheel_bytes(directory: Path) -> bytes:
    return build_wheel(directory, "demo", "1.0", files={"demo.py": "x = 1\n"}).read_bytes()


LINK = f'<a href="../../files/demo-1.0-py3-none-any.whl#sha256={SHA}" data-requires-python="&gt;=3.8">demo</a><br/>'
PAGE = {
    "meta": {"api-version": "1.1"},
    "name": "demo",
    "files": [
        {
            "filename": "demo-1.0-py3-none-any.whl", "url": "https://files.example/demo-1.0-py3-none-any.whl",
            "hashes": {"sha256": SHA}, "requires-python": ">=3.8", "yanked": False, "size": 12,
            "upload-time": "2024-01-01T00:00:00Z", "core-metadata": {"sha256": SHA},
        }
    ],
}  # fmt: skip
METADATA = core_metadata(
    "demo", "1.0", requires=['other[x]>=1.0,<2 ; python_version >= "3.8" and extra == "fast"', "third!=1.*"],
    extras={"fast": ()}, requires_python=">=3.8",
)  # fmt: skip
LOCK = to_toml(
    {
        "lock-version": "1.0", "created-by": "provenv", "extras": ["a"], "dependency-groups": ["dev"],
        "packages": [
            {
                "name": "demo", "version": "1.0", "marker": "'a' in extras", "dependencies": [{"name": "demo"}],
                "wheels": [{"name": "demo-1.0-py3-none-any.whl", "url": "https://files.example/demo-1.0-py3-none-any.whl",
                            "size": 1, "hashes": {"sha256": SHA}}],
            }
        ],
        "tool": {"provenv": {"format": 3, "requires": ["demo"], "targets": [{"name": "x", "platform": "y"}]}},
    }
)  # fmt: skip
PROJECT = (
    b'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["a>=1 ; os_name == \'nt\'"]\n'
    b'[dependency-groups]\ndev = ["b", {include-group = "x"}]\nx = []\n'
    b'[tool.provenv.sources]\na = { git = "https://x.example/a" }\n[[tool.provenv.index]]\nname = "i"\nurl = "https://i.example/"\n'
)

READERS: dict[str, tuple[Callable[[bytes], object], type[Exception], list[bytes]]] = {
    "page of HTML": (
        _html,
        NotAnIndexPage,
        [f"<html><head><title>Links for demo</title></head><body>{LINK}</body></html>".encode()],
    ),
    "page of JSON": (_json, NotAnIndexPage, [json.dumps(PAGE).encode()]),
    "METADATA": (lambda data: Needs(ENVIRONMENT).of_metadata(data, "demo", "1.0"), Broken, [METADATA.encode()]),
    "RECORD": (
        _text(partial(parse_record, where="RECORD")),
        InputError,
        [b'demo.py,sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,12\n"a,b.py",,\ndemo-1.0.dist-info/RECORD,,\n'],
    ),
    "entry_points.txt": (
        _text(partial(parse_entry_points, where="entry_points.txt")),
        InputError,
        [b"[console_scripts]\ndemo = demo.cli:main [x]\n# a\n[gui_scripts]\nd=d:m\n"],
    ),
    "WHEEL": (
        _text(partial(WheelFile.from_text, where="WHEEL")),
        InputError,
        [b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"],
    ),
    "name of a wheel": (
        _text(WheelName.from_filename),
        InputError,
        [b"demo-1.0-py3-none-any.whl", b"De.mo_x-1!2.0rc1+cu1-1a-cp311.cp312-abi3-manylinux_2_17_x86_64.any.whl"],
    ),
    "requirements file": (
        lambda data: parse_requirements(data.decode("utf-8", "replace"), "r.txt", {}),
        ProvenvError,
        [
            b"a==1 --hash=sha256:00 # x\n-r b.txt\n--index-url https://u:p@x.example/ \\\n"
            b"  \n-e ./d\nb @ https://x.example/b.whl ; os_name == 'nt'\n"
        ],
    ),
    "lock": (partial(parse_lock, where="pylock.toml"), InputError, [LOCK]),
    "project": (lambda data: read_project(data, "pyproject.toml"), ProvenvError, [PROJECT]),
    "HTTP headers": (
        _text(_headers),
        ProvenvError,
        [b"max-age=600, must-revalidate", b"Sun, 06 Nov 1994 08:49:37 GMT", b"120"],
    ),
    "URL": (_text(_urls), ProvenvError, [b"https://user:p%40ss@host.example:8080/team/../x?token=abc#frag"]),
}  # fmt: skip

_WORDS = [
    *(bytes([byte]) for byte in b"\0\n\r\t \"'<>&#%/\\[]{}(),;:=-_@\xff"), b"==", b"--", b"://", b"..", b"%2e%2e",
    b"\xe2\x80\xae", "\u0435".encode(), "\u0130".encode(), b"9" * 5000, b"-1", b"1e999", b"null", b"true", b"[]", b"{}",
    b"extra == 'x'",
]  # fmt: skip


def _mutated(data: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(data) + 1)
        end = min(len(data), at + dice.choice((0, 0, 1, 1, 2, 5, 20)))
        kind = dice.randrange(5)
        if kind == 0:
            data = data[:at] + bytes([dice.randrange(256)]) + data[end:]
        elif kind == 1:
            data = data[:at] + dice.choice(_WORDS) + data[end:]
        elif kind == 2:
            data = data[:at] + data[end:]
        elif kind == 3:
            data = data[:end] + data[at:]
        else:
            other = dice.randrange(len(data) + 1)
            data = data[:at] + data[other : other + 30] + data[end:]
    return data


def _seconds(read: Callable[[bytes], object], declared: type[Exception], data: bytes) -> float:
    begin = time.perf_counter()
    with suppress(declared):
        read(data)
    return time.perf_counter() - begin


def _check(name: str, read: Callable[[bytes], object], declared: type[Exception], seeds: Sequence[bytes]) -> None:
    dice = random.Random(name)
    problems: list[str] = []
    end = time.monotonic() + BUDGET
    count = 0
    while count < MOST and time.monotonic() < end:
        count += 1
        data = _mutated(dice.choice(seeds), dice)
        try:
            seconds = _seconds(read, declared, data)
        except Exception as error:
            problems.append(f"{data[:300]!r}: {error!r}")
        else:
            if seconds > SLOWEST and min(_seconds(read, declared, data) for _ in range(3)) > SLOWEST:
                problems.append(f"{data[:300]!r}: {seconds * 1000:.0f} ms")
    note(0, f"inputs of the reader of: {name}", cases=count, failures=len(problems))
    assert not problems, f"{len(problems)} of {count}\n" + "\n".join(problems[:5])


@pytest.mark.parametrize("name", READERS)
def test_inputs_that_somebody_changed(name: str) -> None:
    read, declared, seeds = READERS[name]
    for seed in seeds:
        read(seed)
    _check(name, read, declared, seeds)


def test_ends_of_wheels_that_somebody_changed(tmp_path: Path) -> None:
    seed = _wheel_bytes(tmp_path)
    _check("end of a wheel", _tail, BadWheel, [seed])


# -- long inputs ------------------------------------------------------------------------------------------

_LONG = 100_000
_SHAPES: dict[str, Callable[[int], str]] = {
    "digits": lambda size: "1" * size,
    "dots": lambda size: "1." * (size // 2),
    "letters": lambda size: "a" * size,
    "dashes": lambda size: "a-" * (size // 2),
    "underscores": lambda size: "_" * size,
    "commas": lambda size: ">=1," * (size // 4),
    "brackets": lambda size: "(" * size,
    "pairs": lambda size: "()" * (size // 2),
    "ands": lambda size: " and ".join(["os_name == 'a'"] * (size // 19)),
    "spaces": lambda size: " " * size,
    "quotes": lambda size: "'" * size,
    "percents": lambda size: "%25" * (size // 3),
    "lines": lambda size: "\n" * size,
    "tags": lambda size: "a.b.c." * (size // 6),
    "ats": lambda size: "@" * size,
    "schemes": lambda size: "http://" * (size // 7),
    "angles": lambda size: "<a " * (size // 3),
    "entities": lambda size: "&gt" * (size // 3),
}
_PLACES: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "version": ("METADATA", lambda text: f"Name: demo\nVersion: {text}\n".encode()),
    "python": ("METADATA", lambda text: f"Name: demo\nVersion: 1.0\nRequires-Python: {text}\n".encode()),
    "need": ("METADATA", lambda text: f"Name: demo\nVersion: 1.0\nRequires-Dist: {text}\n".encode()),
    "specifier": ("METADATA", lambda text: f"Name: demo\nVersion: 1.0\nRequires-Dist: a {text}\n".encode()),
    "marker": ("METADATA", lambda text: f"Name: demo\nVersion: 1.0\nRequires-Dist: a ; {text}\n".encode()),
    "wheel's name": ("name of a wheel", lambda text: f"demo-1.0-{text}.whl".encode()),
    "wheel's version": ("name of a wheel", lambda text: f"demo-{text}-py3-none-any.whl".encode()),
    "wheel's tags": ("name of a wheel", lambda text: f"demo-1.0-{text}-{text}-{text}.whl".encode()),
    "attribute": ("page of HTML", lambda text: f"<title>Links for x</title><a href='x' {text}>x</a>".encode()),
    "link": ("page of HTML", lambda text: f'<title>Links for x</title><a href="{text}">x</a>'.encode()),
    "row of RECORD": ("RECORD", lambda text: f"{text},,\n".encode()),
    "entry point": ("entry_points.txt", lambda text: f"[a]\n{text} = x\nx = {text}\n".encode()),
    "header": ("HTTP headers", lambda text: text.encode()),
    "URL": ("URL", lambda text: f"http://{text}@host/{text}?token={text}".encode()),
    "lock": ("lock", lambda text: LOCK.replace(b"'a' in extras", json.dumps(text).encode()[1:-1], 1)),
}


_LENIENT = {"URL": 0.4, "lock": 2.0, "attribute": 0.4, "row of RECORD": 0.4}
"""Of whole files, and of four readers of a URL of 300 kB: here only a wild growth would be a defect."""


@pytest.mark.parametrize("place", _PLACES)
def test_long_inputs(place: str) -> None:
    """No input of 100 kB takes longer than the bar, whatever it repeats."""
    name, into = _PLACES[place]
    read, declared, _ = READERS[name]
    slow: dict[str, str] = {}
    for shape, text in _SHAPES.items():
        data = into(text(_LONG))
        try:
            seconds = min(_seconds(read, declared, data) for _ in range(2))
        except Exception as error:
            slow[shape] = repr(error)[:200]
        else:
            if seconds > _LENIENT.get(place, SLOWEST):
                slow[shape] = f"{seconds * 1000:.0f} ms"
    note(0, f"long inputs: {place}", cases=len(_SHAPES), failures=len(slow))
    assert not slow


# -- names ------------------------------------------------------------------------------------------------


def test_names_are_compared_as_everywhere() -> None:
    dice = random.Random(7)
    assert normalised("a.-_b") == "a-b"
    for _ in range(20_000):
        name = "a" + "".join(dice.choices("aB-_.9", k=dice.randrange(8))) + "b"
        assert normalised(name) == canonicalize_name(name), name


@pytest.mark.parametrize(
    "name", ["r\u200cequests", "r\u0435quests", "requ\u0131ests", "\ufb01le", "\u2163", "req\u00adests"]
)
def test_names_that_look_like_others(name: str) -> None:
    for data in (
        f"[project]\nname = 'demo'\nversion = '1'\ndependencies = ['{name}']\n",
        f"[project]\nname = '{name}'\nversion = '1'\n",
        f"[project]\nname = 'demo'\nversion = '1'\n[dependency-groups]\ndev = ['{name}>=1']\n",
    ):
        with pytest.raises(ProvenvError):
            read_project(data.encode(), "pyproject.toml")
    with pytest.raises(InputError):
        WheelName.from_filename(f"{name}-1.0-py3-none-any.whl")
    with pytest.raises(Broken):
        Needs(ENVIRONMENT).of_metadata(f"Name: demo\nVersion: 1.0\nRequires-Dist: {name}\n".encode(), "demo", "1.0")
    with pytest.raises(InputError):
        parse_lock(LOCK.replace(b'"demo"', f'"{name}"'.encode()), "pylock.toml")


def test_a_bomb_instead_of_metadata() -> None:
    """The end of a wheel never unpacks more than METADATA may have."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", bytes(64 << 20))
    with pytest.raises(BadWheel, match="16 MiB"):
        _tail(stream.getvalue())
    assert sys.getsizeof(stream.getvalue()) < 1 << 20
