"""File names, RECORD, WHEEL, entry points and launchers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.errors import InputError
from provenv.wheel.filename import WheelName
from provenv.wheel.metadata import WheelFile, parse_entry_points
from provenv.wheel.record import digest_from_record, parse_record, write_record
from provenv.wheel.scripts import check_script_name, launcher, rewritten, shebang, windows_launcher

HASH = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_a_file_name_is_its_parts() -> None:
    name = WheelName.from_filename("Demo_Pkg-1.0.post1-2b-py2.py3-none-any.whl")
    assert (name.name, str(name.version), name.build) == ("demo-pkg", "1.0.post1", (2, "b"))
    assert sorted(map(str, name.tags)) == ["py2-none-any", "py3-none-any"]
    assert WheelName.from_filename("a-1-py3-none-any.whl").build is None


@pytest.mark.parametrize(
    "filename", ["a.whl", "a-1-py3-none-any.zip", "../a-1-py3-none-any.whl", "a-one-py3-none-any.whl", ""]
)
def test_file_names_that_cannot_be(filename: str) -> None:
    with pytest.raises(InputError):
        WheelName.from_filename(filename)


def test_record_rows() -> None:
    rows = parse_record(f'a.py,{HASH},0\n"with,comma ""quoted"".py",{HASH},0\nx.dist-info/RECORD,,\n', "x")
    assert list(rows) == ["a.py", 'with,comma "quoted".py', "x.dist-info/RECORD"]
    assert rows["a.py"].size == 0
    assert rows["a.py"].digest is not None
    assert rows["x.dist-info/RECORD"].digest is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a,b", "three fields"),
        ("a.py,,\na.py,,", "twice"),
        ("a.py,md5=abc,1", "SHA-256"),
        ("a.py,sha256=abc,1", "SHA-256"),
        (f"a.py,{HASH},one", "size"),
        ("a.py,sha256=!!,1", "hash"),
        ("a.py,sha256=ä,1", "hash"),
        ('"a.py,,', "CSV"),
    ],
)
def test_records_that_cannot_be(text: str, part: str) -> None:
    with pytest.raises(InputError, match=part) as caught:
        parse_record(text, "demo.whl: RECORD")
    assert "demo.whl: RECORD" in caught.value.where


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1), unique=True))
def test_what_is_written_is_read(paths: list[str]) -> None:
    text = write_record((path, HASH, "0") for path in paths)
    assert list(parse_record(text, "x")) == paths


def test_digests_are_url_safe_base64() -> None:
    assert digest_from_record(HASH.partition("=")[2]).hex().startswith("e3b0c442")


def test_the_wheel_file() -> None:
    wheel = WheelFile.from_text("Wheel-Version: 1.9\nRoot-Is-Purelib: TRUE\nTag: a\nTag: b\n", "x")
    assert wheel.is_purelib
    assert wheel.version == (1, 9)


@pytest.mark.parametrize(
    "text", ["Wheel-Version: 2.0\nRoot-Is-Purelib: true", "Root-Is-Purelib: true", "Wheel-Version: 1.0", ""]
)
def test_wheel_files_that_cannot_be(text: str) -> None:
    with pytest.raises(InputError, match="WHEEL"):
        WheelFile.from_text(text, "demo.whl: WHEEL")


def test_entry_points_keep_their_order_and_case() -> None:
    text = "; comment\n[console_scripts]\nB = pkg.b:main\na=pkg:Group.run [extra]\n\n[other]\nx = y\n"
    assert parse_entry_points(text, "x") == (
        ("console_scripts", "B", "pkg.b:main"),
        ("console_scripts", "a", "pkg:Group.run"),
        ("other", "x", "y"),
    )


@pytest.mark.parametrize("text", ["x = y", "[a]\nbroken"])
def test_entry_points_that_cannot_be(text: str) -> None:
    with pytest.raises(InputError):
        parse_entry_points(text, "x")


@pytest.mark.parametrize(
    "name", ["torchrun", "jupyter-lab", "f2py3.11", "activate-global-python-argcomplete", "python-argcomplete", "pip"]
)
def test_script_names(name: str) -> None:
    check_script_name(name, "x")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "../x",
        "python",
        "Python3",
        "python3.11",
        "python.exe",
        "activate",
        "activate.fish",
        "x\n",
        "-x",
        "a:b",
    ],
)
def test_script_names_that_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_script_name(name, "x")


@pytest.mark.parametrize("reference", ["pkg", "pkg:", ":main", "pkg:main()", "os;x:y", "pkg:a.b c", "pkg: \nimport os"])
def test_references_that_are_refused(reference: str) -> None:
    with pytest.raises(InputError):
        launcher("run", reference, "/usr/bin/python3", "x")


@pytest.mark.parametrize("directory", ["plain", "with space", "long" * 40, 'qu"ote$x`'])
def test_launchers_run_from_any_place(tmp_path: Path, directory: str) -> None:
    place = tmp_path / directory
    place.mkdir()
    (place / "python").symlink_to(sys.executable)
    script = tmp_path / "run"
    script.write_bytes(launcher("run", "string:Template.__name__.upper", str(place / "python"), "x"))
    script.chmod(0o755)
    result = subprocess.run([script, "argument"], capture_output=True, text=True, check=False)
    assert result.stderr == "TEMPLATE\n"
    assert result.returncode == 1


def test_shipped_scripts_get_the_interpreter() -> None:
    assert rewritten(b"#!python -E\nprint(1)\n", "/v/bin/python") == b"#!/v/bin/python\nprint(1)\n"
    assert rewritten(b"#!pythonw", "/v/bin/python") == b"#!/v/bin/python\n"
    assert rewritten(b"#!/bin/sh\necho\n", "/v/bin/python") == b"#!/bin/sh\necho\n"
    assert shebang("/a b/python").startswith("#!/bin/sh\n'''exec' \"/a b/python\"")


def test_windows_launchers_are_a_stub_and_an_archive() -> None:
    import io
    import zipfile

    data = windows_launcher("run", "pkg:main", r"C:\my env\Scripts\python.exe", "x", is_gui=True)
    assert data.startswith(b"MZ")
    assert rb'#!"C:\my env\Scripts\pythonw.exe"' in data
    assert b"from pkg import main" in zipfile.ZipFile(io.BytesIO(data)).read("__main__.py")


def test_hashes_in_hexadecimal_are_read_too() -> None:
    rows = parse_record("a.py,sha256=" + "0a" * 32 + ",1\n", "x")
    assert rows["a.py"].digest == bytes([10]) * 32
