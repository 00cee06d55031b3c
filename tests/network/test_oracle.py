"""The device code of real wheels is what NVIDIA's cuobjdump lists. Small wheels of the index; no GPU is needed."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from provenv.binary.device_code import Scanner
from provenv.binary.elf import is_elf

__all__: list[str] = []

pytestmark = [pytest.mark.network, pytest.mark.skipif(sys.platform != "linux", reason="cuobjdump of Linux")]

_LISTED = re.compile(r"(ELF|PTX) file +\d+: .*\.(?:sm|compute)_(\d+[af]?)\.(?:cubin|ptx)$", re.MULTILINE)
_WHEELS = ("nvidia-nvjpeg-cu12==12.4.0.76", "torchaudio==2.11.0", "torchao==0.18.0", "torchvision==0.29.2")


def unpacked(place: Path, requirement: str) -> Path:
    """The files of the wheel for x86-64 and Python 3.11, whatever this machine is."""
    words = ["-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(place), requirement]
    tags = ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"]
    subprocess.run([sys.executable, *words, *tags], check=True, capture_output=True)
    [wheel] = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(place / "files")
    return place / "files"


@pytest.fixture(scope="module")
def cuobjdump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    [tool] = unpacked(tmp_path_factory.mktemp("tool"), "nvidia-cuda-cuobjdump==13.5.37").rglob("bin/cuobjdump")
    tool.chmod(0o755)
    return tool


@pytest.mark.parametrize("requirement", _WHEELS)
def test_a_wheel(requirement: str, cuobjdump: Path, tmp_path: Path) -> None:
    compared = 0
    for path in unpacked(tmp_path, requirement).rglob("*"):
        if not path.is_file() or not is_elf(path.read_bytes()[:4]):
            continue
        scanner = Scanner()
        scanner.feed(path.read_bytes())
        found = Counter(
            (one.kind, f"{one.arch}{one.suffix.rstrip('f')}") for module in scanner.modules for one in module.code
        )
        listed: Counter[tuple[str, str]] = Counter()
        for flag in ("-lelf", "-lptx"):
            done = subprocess.run([cuobjdump, "-all", flag, path], capture_output=True, text=True)
            for kind, arch in _LISTED.findall(done.stdout):
                listed["ptx" if kind == "PTX" else "sass", arch.rstrip("f")] += 1
        assert found == listed, path.name
        compared += bool(found)
    assert compared
