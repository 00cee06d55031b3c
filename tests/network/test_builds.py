"""True packages that have to be built."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.worlds.house import House

pytestmark = pytest.mark.network


def _run(house: House, code: str) -> str:
    program = house.environment / "bin/python"
    return subprocess.run([program, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_packages_without_wheels_are_built_with_setuptools(outside: House) -> None:
    outside.project("docopt==0.6.2", "antlr4-python3-runtime==4.9.3")
    outside.do("sync")
    assert _run(outside, "import docopt, antlr4; print(docopt.__version__)") == "0.6.2"


def test_archives_that_are_only_odd_are_built(outside: House) -> None:
    """One says no type of its members, the other names a file twice."""
    names = ["azure-kusto-data", "sse-starlette"]
    more = f"[tool.provenv]\nno-binary-package = {names}\n"
    outside.project("azure-kusto-data==6.0.4", "sse-starlette==2.1.0", more=more)
    outside.do("sync")
    assert _run(outside, "import azure.kusto.data, sse_starlette; print('there')") == "there"


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_an_extension_in_c_is_compiled(outside: House) -> None:
    outside.project("markupsafe==3.0.2", more="[tool.provenv]\nno-binary-package = ['markupsafe']\n")
    outside.do("sync")
    assert _run(outside, "import markupsafe._speedups as one; print(one.__file__)").endswith(".so")
