"""What went wrong is found in the output of real builds."""

from __future__ import annotations

import pytest

from provenv.build.told import hint_of, last_error

_COMPILER = """\
running build_ext
building 'demo' extension
gcc -fPIC -c demo.c
demo.c:1:10: fatal error: Python.h: No such file or directory
    1 | #include <Python.h>
      |          ^~~~~~~~~~
compilation terminated.
error: command '/usr/bin/gcc' failed with exit code 1
"""

_TRACEBACK = """\
Traceback (most recent call last):
  File "in_process.py", line 389, in <module>
    main()
  File "<string>", line 3, in <module>
RuntimeError: first line
second line
"""


def test_the_cause_comes_before_what_follows_from_it() -> None:
    assert last_error(_COMPILER).splitlines() == [
        "demo.c:1:10: fatal error: Python.h: No such file or directory",
        "error: command '/usr/bin/gcc' failed with exit code 1",
    ]
    assert "headers of Python" in str(hint_of(_COMPILER, "demo"))


def test_an_exception_is_told_with_all_its_lines() -> None:
    assert last_error(_TRACEBACK) == "RuntimeError: first line\nsecond line"
    assert hint_of(_TRACEBACK, "demo") is None


def test_without_any_error_the_last_lines_are_told() -> None:
    assert last_error("".join(f"line {number}\n" for number in range(20))).splitlines()[-1] == "line 19"
    assert last_error("") == "it said nothing"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Error: pg_config executable not found.", "libpq-dev"),
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "build-essential"),
        ("error: [Errno 2] No such file or directory: 'gcc'", "build-essential"),
        ("error: Microsoft Visual C++ 14.0 or greater is required. Get it with ...", "Visual Studio"),
        ("ModuleNotFoundError: No module named 'numpy.core'", '`demo = ["numpy"]`'),
        ("ModuleNotFoundError: No module named 'pkg_resources'", "setuptools<82"),
        ("ModuleNotFoundError: No module named 'distutils.msvccompiler'", "Python 3.12"),
        ("error: can't find Rust compiler", "install Rust"),
        ("Cargo, the Rust package manager, is not installed or is not on PATH.", "install Rust"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'cmake'", "cmake"),
        ("OSError: CUDA_HOME environment variable is not set. Please set it ...", "CUDA toolkit"),
        ("m.inc:78:10: fatal error: pystrhex.h: No such file or directory", "header of older Pythons"),
        ("Exception: Can not find valid pkg-config name.", "MariaDB"),
        ("demo.c:3:10: fatal error: ffi.h: No such file or directory", "ffi.h belongs to"),
        ("/usr/bin/ld: cannot find -lssl: No such file or directory", "library ssl"),
        ("Package 'libxml-2.0', required by 'virtual:world', not found", "libxml-2.0"),
        ("error in demo setup command: use_2to3 is invalid.", "setuptools<58"),
        ("LookupError: setuptools-scm was unable to detect version for /x.", "SETUPTOOLS_SCM_PRETEND_VERSION"),
    ],
)
def test_known_causes_have_a_remedy(said: str, remedy: str) -> None:
    output = f"Traceback (most recent call last):\n{said}\n"
    assert remedy in str(hint_of(output, "demo"))
    assert said in last_error(output)
