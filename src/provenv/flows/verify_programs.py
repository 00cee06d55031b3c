"""Whether a program in ``bin`` is what an installer writes: pip, uv, Poetry, PDM, conda and we word it differently.

A launcher is judged by its meaning: its syntax tree may hold nothing but the imports, the clean-up of ``sys.argv[0]``
and the call that the entry point names.
"""

from __future__ import annotations

import ast
import os

__all__ = ["is_launcher", "same_script"]


def is_launcher(data: bytes, reference: str, programs: str) -> bool:
    """Whether ``data`` starts the interpreter in the directory ``programs``, calls ``module:object``, does no more."""
    body = _without_first_line(data, programs)
    if body is None:
        return False
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError, RecursionError):
        return False
    module, _, attribute = (part.strip() for part in reference.partition("[")[0].partition(":"))
    return _says(tree, module, attribute)


def same_script(data: bytes, wanted: bytes, programs: str) -> bool:
    """Whether ``data`` is the script ``wanted`` of a wheel, its ``#!python`` line pointed to this environment."""
    if data == wanted:
        return True
    first, _, rest = wanted.partition(b"\n")
    return first.startswith(b"#!python") and _without_first_line(data, programs) == rest


def _without_first_line(data: bytes, programs: str) -> bytes | None:
    """The text after a first line that names an interpreter of this environment; None when it names another one."""
    first, _, rest = data.partition(b"\n")
    if first.rstrip() == b"#!/bin/sh":
        # Three lines that are a string for Python, where the path is long or holds a space.
        second, _, rest = rest.partition(b"\n")
        third, _, rest = rest.partition(b"\n")
        words = second.decode("utf-8", "replace").strip()
        if not words.startswith("'''exec'") or third.strip() != b"' '''":
            return None
        program = words.removeprefix("'''exec'").strip().removesuffix('"$@"').strip().removesuffix('"$0"').strip()
        program = program.strip("'\"").replace("\\", "")
    elif first.startswith(b"#!"):
        program = first[2:].decode("utf-8", "replace").strip().strip('"')
    else:
        return None
    directory, name = os.path.split(program)
    is_ours = os.path.realpath(directory or "/") == os.path.realpath(programs)
    return rest if is_ours and name.lower().startswith(("python", "pypy")) else None


_CLEAN_UPS = """
sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])
sys.argv[0] = sys.argv[0].removesuffix('.exe')
if sys.argv[0].endswith('.exe'):
    sys.argv[0] = sys.argv[0][:-4]
if sys.argv[0].endswith('-script.pyw'):
    sys.argv[0] = sys.argv[0][:-11]
elif sys.argv[0].endswith('.exe'):
    sys.argv[0] = sys.argv[0][:-4]
"""


def _says(tree: ast.Module, module: str, attribute: str) -> bool:
    first = attribute.partition(".")[0]
    usual = {ast.dump(node) for node in ast.parse(_CLEAN_UPS).body}
    imports = {ast.dump(node) for node in ast.parse(f"import sys\nimport re\nfrom {module} import {first}").body}
    call = ast.dump(ast.parse(f"sys.exit({attribute}())").body[0])
    main = ast.dump(ast.parse("__name__ == '__main__'", mode="eval").body)
    seen = [ast.dump(node) for node in tree.body[:-1]]
    if not tree.body or not set(seen) <= imports or ast.dump(_last_import(module, first)) not in seen:
        return False
    last = tree.body[-1]
    if not isinstance(last, ast.If) or last.orelse or ast.dump(last.test) != main:
        return False
    inside = [ast.dump(node) for node in last.body]
    return bool(inside) and inside[-1] == call and set(inside[:-1]) <= usual


def _last_import(module: str, first: str) -> ast.stmt:
    return ast.parse(f"from {module} import {first}").body[0]
