"""What is read of device code, beside NVIDIA's own tools: small files that nvcc makes, and what cuobjdump lists."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from provenv.binary.device_code import Scanner
from provenv.binary.facts import FileFacts, facts_of
from provenv.binary.gfx import GfxScanner
from provenv.binary.reading import InMemory

__all__: list[str] = []

_KERNEL = '__global__ void twice(float *x) { *x *= 2; }\nextern "C" void run(float *x) { twice<<<1, 1>>>(x); }\n'
_LISTED = re.compile(r"(?:ELF|PTX) file +\d+: .*\.((?:sm|compute)_\d+[af]?)\.(?:cubin|ptx)$", re.MULTILINE)


def read(path: Path) -> tuple[FileFacts, Counter[str]]:
    data, scanner, gfx = path.read_bytes(), Scanner(), GfxScanner()
    scanner.feed(data)
    gfx.feed(data)
    facts = facts_of(path.name, InMemory(data), scanner, gfx.names)
    assert facts is not None
    # The language's version is left out, which cuobjdump does not list.
    return facts, Counter(str(one).partition(" ")[0] for module in scanner.modules for one in module.code)


def nvcc(tmp_path: Path, *targets: str) -> Path:
    """A shared library with a kernel for each of ``sm_90a``, ``compute_80`` ..."""
    compiler = shutil.which("nvcc")
    if compiler is None or shutil.which("g++") is None:
        pytest.skip("nvcc is not here")
    source, library = tmp_path / "kernel.cu", tmp_path / "libkernel.so"
    source.write_text(_KERNEL)
    codes = [f"-gencode=arch=compute_{target.partition('_')[2]},code={target}" for target in targets]
    done = subprocess.run(
        [compiler, "-shared", "-Xcompiler", "-fPIC", "-cudart", "none", *codes, "-o", library, source],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    if done.returncode and "Unsupported gpu architecture" in done.stderr:
        pytest.skip("this nvcc does not know one of them")
    if done.returncode and ("No such file" in done.stderr or "cannot open" in done.stderr):
        pytest.skip("nvcc is here, and what it needs is not")
    assert done.returncode == 0, done.stderr
    return library


@pytest.mark.slow
@pytest.mark.parametrize(
    "targets", [("sm_75",), ("sm_90a",), ("sm_100f",), ("compute_80",), ("sm_75", "sm_90a", "sm_100f", "compute_80")]
)
def test_what_nvcc_was_told_is_what_is_read(targets: tuple[str, ...], tmp_path: Path) -> None:
    facts, counts = read(nvcc(tmp_path, *targets))
    assert set(counts) == set(targets)
    assert {str(code).partition(" ")[0] for group in facts.modules for code in group.code} == set(targets)


@pytest.mark.slow
def test_what_cuobjdump_lists_is_what_is_read(tmp_path: Path) -> None:
    library = nvcc(tmp_path, "sm_75", "sm_86", "sm_90a", "compute_90")
    tool = shutil.which("cuobjdump")
    if tool is None:
        pytest.skip("cuobjdump is not here")
    listed = "".join(
        subprocess.run([tool, "-all", flag, library], capture_output=True, text=True, check=True).stdout
        for flag in ("-lelf", "-lptx")
    )
    named = Counter(name if "cubin" in whole else name.replace("sm_", "compute_") for whole, name in _matches(listed))
    assert named == read(library)[1]


def _matches(text: str) -> list[tuple[str, str]]:
    return [(found[0], found[1]) for found in _LISTED.finditer(text)]
