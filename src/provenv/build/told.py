"""What went wrong in a build, found in its output: the last error, and what is known to help."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["hint_of", "last_error"]

_MOST_LINES = 6
_LONGEST_LINE = 200

#: The line in which Python names an exception, or in which a program says "error".
_EXCEPTION = re.compile(r"(?:[A-Za-z_][\w.]*\.)?\w*(?:Error|Exception|Exit|Failed|Failure|Unavailable)\b(?::|$)")
_SAID = re.compile(r"^\s*(?:[\w./+-]+:(?:\d+:)*\s*)?(?:fatal |\S+ )?error(?:\[\w+\])?\s*:", re.IGNORECASE)
#: An exception that only says that another program failed: what that one said before is the reason.
_EMPTY = re.compile(r"exit (?:code|status)|returned non-zero|CalledProcessError|SystemExit|subprocess")

_COMPILERS = r"(?:\S*/)?(?:\w+-)*(?:gcc|cc|clang|g\+\+|c\+\+|clang\+\+)(?:-[\d.]+)?"


def _module(match: re.Match[str], package: str) -> str:
    module = match[1].partition(".")[0]
    if module == "pkg_resources":
        return (
            "it is older than setuptools 82, which has no pkg_resources any more: write "
            '`build-constraint-dependencies = ["setuptools<82"]` in [tool.provenv]'
        )
    if module == "distutils":
        remedy = _extra(package, "setuptools")
        return f"Python 3.12 has no distutils any more: take a newer {package} or an older Python, or try {remedy}"
    name = module.replace("_", "-")
    return (
        f"{package} needs {name} to be built, and does not say so: write {_extra(package, name)}; if it must be the "
        f'version that is locked, `{{ requirement = "{name}", match-runtime = true }}`; or build it in the '
        f'project\'s environment with `no-build-isolation-package = ["{package}"]`'
    )


def _extra(package: str, name: str) -> str:
    return f'`{package} = ["{name}"]` in [tool.provenv.extra-build-dependencies]'


def _always(text: str) -> Callable[[re.Match[str], str], str]:
    return lambda match, package: match.expand(text)


#: What is looked for, in this order, and what helps. A cause comes before what follows from it.
_KNOWN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE if is_loose else 0), told if callable(told) else _always(told))
    for pattern, is_loose, told in (
        (r"fatal error: '?Python\.h'?(?::| file)", False,
         "the headers of Python are missing: install them (python3-dev on Debian, python3-devel on Fedora), or use a "
         "Python that has them"),
        (r"fatal error: '?((?:pystrhex|longintrepr|frameobject|code|eval)\.h)'?(?::| file)", False,
         "\\1 was a header of older Pythons: take a newer version of the package, or an older Python"),
        (r"pg_config executable not found|pg_config is required", True,
         "pg_config is missing: install the headers of PostgreSQL (libpq-dev on Debian, libpq-devel on Fedora), or "
         "take psycopg2-binary"),
        (r"mysql_config(?:: | )not found|can not find valid pkg-config name", True,
         "install the headers of MySQL or MariaDB (default-libmysqlclient-dev and pkg-config on Debian)"),
        (r"can't find rust compiler|cargo, the rust package manager, is not installed|"
         r"No such file or directory: '(?:cargo|rustc)'|(?:cargo|rustc)`?[^\n]{0,40}not (?:found|installed)", True,
         "a Rust compiler is missing: install Rust (rustup.rs), or take a version that has a wheel"),
        (r"CUDA_HOME environment variable is not set|nvcc[^\n]{0,30}not found|No such file or directory: '\S*nvcc'|"
         r"Could not find nvcc|No CUDA toolset found", True,
         "the CUDA toolkit (nvcc) is missing: install the one of the CUDA version of your packages and set CUDA_HOME, "
         "or take a wheel that was built for it"),
        (r"No such file or directory: '?(?:\S*/)?cmake|cmake[^\n]{0,30}(?:must be installed|not found|is required)|"
         r"could not find cmake|problem with the cmake installation", True,
         "cmake is missing: install it, or add it to the package in [tool.provenv.extra-build-dependencies]"),
        (r"(?:unable to execute|command) '" + _COMPILERS + r"'(?:: | failed: )No such file|Unknown compiler\(s\)|"
         r"No CMAKE_CXX?_COMPILER could be found|Microsoft Visual C\+\+ \S+ or greater is required|"
         r"No such file or directory: '" + _COMPILERS + r"'|no acceptable C compiler found", True,
         "a C compiler is missing: install one (build-essential on Debian, gcc on Fedora, `xcode-select --install` on "
         "macOS, Visual Studio Build Tools on Windows), or take a version that has a wheel"),
        (r"No module named '?([\w.]+)'?", False, _module),
        (r"Package '?([\w.+-]+)'?,? (?:required by|was not found)|No package '([\w.+-]+)' found", False,
         "a library of the system is missing, or its headers are: install the one that pkg-config knows as \\1\\2"),
        (r"pkg-config[^\n]{0,20}not found|No such file or directory: 'pkg-config'", True,
         "pkg-config is missing: install it, and the headers of the libraries that it is asked for"),
        (r"fatal error: '?([\w./+-]+\.h(?:pp|h)?)'?(?::| file) ?(?:No such file|not found)", False,
         "\\1 belongs to a library of the system: install its headers (a package whose name ends in -dev or -devel)"),
        (r"cannot find -l([\w.+-]+)", False, "install the library \\1 and its headers"),
        (r"use_2to3 is invalid", False,
         "it was written for Python 2; setuptools before 58 could translate it: write "
         '`build-constraint-dependencies = ["setuptools<58"]` in [tool.provenv], or take a newer version'),
        (r"(?:setuptools[-_]scm|LookupError)[^\n]{0,60}unable to detect version", False,
         "its version comes from git tags, which are not here: fetch them, or set SETUPTOOLS_SCM_PRETEND_VERSION"),
    )
)  # fmt: skip


def hint_of(output: str, package: str) -> str | None:
    """What is known to help with the error in an output, or None."""
    found = _known(output)
    return None if found is None else found[1](found[0], package)


def last_error(output: str) -> str:
    """The last error of an output, in a few lines: the known cause, if there is one, then what was said last."""
    lines = [_short(line) for line in output.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return "it said nothing"
    chosen = _last_said(lines)
    found = _known(output)
    if found is not None:
        begin = output.rfind("\n", 0, found[0].start()) + 1
        cause = _short(output[begin:].partition("\n")[0]).strip()
        if cause and cause not in (line.strip() for line in chosen):
            chosen.insert(0, cause)
    return "\n".join(line.strip() if number == 0 else line for number, line in enumerate(chosen))


def _short(line: str) -> str:
    """Without what is too much to read: compilers are called with very long lines."""
    line = line.rstrip()
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + " ..."


def _last_said(lines: list[str]) -> list[str]:
    numbers = [number for number, line in enumerate(lines) if _EXCEPTION.match(line) or _SAID.match(line)]
    if not numbers:
        return [line for line in lines if line][-_MOST_LINES:]
    last = numbers[-1]
    chosen = [line for line in lines[last : last + _MOST_LINES] if line.strip()]
    if _EMPTY.search(lines[last]):
        said = [lines[number] for number in numbers[:-1] if not _EMPTY.search(lines[number])]
        chosen = [*said[-1:], *chosen]
    return chosen


def _known(output: str) -> tuple[re.Match[str], Callable[[re.Match[str], str], str]] | None:
    for pattern, told in _KNOWN:
        matches = list(pattern.finditer(output))
        if matches:
            return matches[-1], told
    return None
