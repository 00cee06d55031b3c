"""Root folders that look like machines to whoever reads them: what a kernel tells, libraries, drivers that answer.

The drivers' libraries are small ones that a C compiler makes here: the same calls, chosen answers.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.worlds.binaries import build_elf

__all__ = ["COMPILER", "RECORDED", "FakeGpu", "FakeMachine", "loader_cache", "recorded"]

COMPILER = shutil.which("cc") or shutil.which("gcc")
RECORDED = Path(__file__).parents[1] / "data/machines"

_FLAGS_V2 = "cx16 lahf_lm popcnt pni ssse3 sse4_1 sse4_2"
_FLAGS = {
    "x86-64": "fpu sse sse2",
    "x86-64-v2": _FLAGS_V2,
    "x86-64-v3": f"{_FLAGS_V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
    "x86-64-v4": f"{_FLAGS_V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave avx512f avx512bw avx512cd avx512dq avx512vl",
}
_TARGETS = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}


def recorded(name: str) -> str:
    """The path of a recorded machine that is kept with the tests."""
    return str(RECORDED / f"{name}.toml")


@dataclass(frozen=True, kw_only=True)
class FakeGpu:
    """As the driver tells it."""

    name: str
    compute: tuple[int, int]
    gib: int | None


@dataclass(frozen=True, kw_only=True)
class FakeMachine:
    """What a machine is to look like."""

    architecture: str = "x86_64"
    glibc: str | None = "2.35"
    musl: str | None = None
    glibcxx: str = "3.4.30"
    cpu: str = "x86-64-v3"
    driver: str | None = None
    cuda: int | None = None
    """What NVML tells, as 12020; None: there is no NVML."""
    libcuda: int | None = None
    """What libcuda tells; None: there is no libcuda."""
    gpus: Sequence[FakeGpu] = ()
    listed: Sequence[str] = ()
    """Names that the kernel module lists."""
    pci: Sequence[tuple[str, str]] = ()
    """Vendor and device of display controllers."""
    gfx: Sequence[int] = ()
    rocm: str | None = None
    is_wsl: bool = False
    has_container: bool = False
    libraries: Sequence[str] = ("libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libz.so.1")
    nvml_code: str | None = None
    """Instead of all that: the body of ``nvmlInit_v2``."""

    def build(self, root: Path) -> Path:
        """Make the folder; it is returned."""
        libraries = root / "usr/lib" / _TARGETS[self.architecture]
        for place in (libraries, root / "bin", root / "etc", root / "proc", root / "sys", root / "dev"):
            place.mkdir(parents=True, exist_ok=True)
        (root / "bin/sh").write_bytes(build_elf(machine=self.architecture))
        if self.glibc is not None:
            minor = int(self.glibc.partition(".")[2])
            versions = [f"GLIBC_2.{number}" for number in range(17, minor + 1)]
            (libraries / "libc.so.6").write_bytes(_defining("libc.so.6", versions, self.architecture))
        if self.musl is not None:
            (root / "lib").mkdir()
            (root / f"lib/ld-musl-{self.architecture}.so.1").write_bytes(b"\x7fELF..\0" + self.musl.encode() + b"\0")
        patch = int(self.glibcxx.rpartition(".")[2])
        versions = [f"GLIBCXX_3.4.{number}" for number in range(20, patch + 1)]
        (libraries / "libstdc++.so.6").write_bytes(_defining("libstdc++.so.6", versions, self.architecture))
        (root / "etc/ld.so.cache").write_bytes(loader_cache(self.libraries))
        self._kernel(root)
        self._driver(root, root / "usr/lib/wsl/lib" if self.is_wsl else libraries)
        return root

    def _kernel(self, root: Path) -> None:
        told: dict[str, str] = {"proc/version": "Linux version 5.15.0 (builder) #1 SMP\n"}
        if self.is_wsl:
            told["proc/version"] = "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@builder)\n"
        if self.architecture == "x86_64":
            told["proc/cpuinfo"] = f"processor\t: 0\nmodel name\t: some\nflags\t\t: {_FLAGS[self.cpu]}\n"
        if self.driver is not None and not self.is_wsl:
            told["sys/module/nvidia/version"] = f"{self.driver}\n"
        for number, name in enumerate(self.listed):
            told[f"proc/driver/nvidia/gpus/0000:{number:02x}:00.0/information"] = f"Model: \t\t {name}\nIRQ: 5\n"
        for number, (vendor, device) in enumerate(self.pci):
            place = f"sys/bus/pci/devices/0000:{number:02x}:00.0"
            told |= {f"{place}/class": "0x030200\n", f"{place}/vendor": f"{vendor}\n", f"{place}/device": f"{device}\n"}
        for number, version in enumerate(self.gfx):
            place = f"sys/class/kfd/kfd/topology/nodes/{number}/properties"
            told[place] = f"cpu_cores_count 0\ngfx_target_version {version}\n"
        if self.rocm is not None:
            told["opt/rocm/.info/version"] = f"{self.rocm}\n"
        if self.has_container:
            told[".dockerenv"] = ""
        if self.is_wsl:
            told["dev/dxg"] = ""
        for path, text in told.items():
            place_of = root / path
            place_of.parent.mkdir(parents=True, exist_ok=True)
            place_of.write_text(text)

    def _driver(self, root: Path, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        if self.cuda is not None or self.nvml_code is not None:
            _compile(self._nvml(), place / "libnvidia-ml.so.1")
        if self.libcuda is not None:
            compat = root / "usr/local/cuda/compat" if self.has_container else place
            compat.mkdir(parents=True, exist_ok=True)
            version = f"int cuDriverGetVersion(int *to) {{ *to = {self.libcuda}; return 0; }}\n"
            _compile(version + "int cuInit(int flags) { return 100; }\n", compat / "libcuda.so.1")

    def _nvml(self) -> str:
        if self.nvml_code is not None:
            return f"#include <unistd.h>\n#include <stdlib.h>\nint nvmlInit_v2(void) {{ {self.nvml_code} }}\n"
        rows = ", ".join(
            f'{{ "{gpu.name}", {gpu.compute[0]}, {gpu.compute[1]}, {gpu.gib or 0}ULL << 30 }}' for gpu in self.gpus
        )
        return f"""
#include <string.h>
static struct {{ const char *name; int major, minor; unsigned long long memory; }} gpus[] = {{ {rows} }};
int nvmlInit_v2(void) {{ return 0; }}
int nvmlSystemGetDriverVersion(char *to, unsigned size) {{ strncpy(to, "{self.driver}", size); return 0; }}
int nvmlSystemGetCudaDriverVersion_v2(int *to) {{ *to = {self.cuda}; return 0; }}
int nvmlDeviceGetCount_v2(unsigned *to) {{ *to = {len(self.gpus)}; return 0; }}
int nvmlDeviceGetHandleByIndex_v2(unsigned at, void **to) {{ *to = &gpus[at]; return 0; }}
int nvmlDeviceGetName(void *gpu, char *to, unsigned size) {{ strncpy(to, *(const char **)gpu, size); return 0; }}
int nvmlDeviceGetCudaComputeCapability(void *gpu, int *major, int *minor) {{
    int *pair = (int *)((const char **)gpu + 1); *major = pair[0]; *minor = pair[1]; return 0; }}
int nvmlDeviceGetMemoryInfo(void *gpu, unsigned long long *to) {{
    unsigned long long memory = *(unsigned long long *)((const char **)gpu + 2);
    to[0] = memory; return memory ? 0 : 3; }}
"""


def _defining(soname: str, versions: Sequence[str], architecture: str) -> bytes:
    return build_elf(soname=soname, machine=architecture, version_definitions=versions)


def _compile(source: str, path: Path) -> None:
    assert COMPILER is not None
    words = [COMPILER, "-shared", "-fPIC", "-O0", "-w", "-x", "c", "-", "-o", str(path)]
    subprocess.run(words, input=source.encode(), check=True, capture_output=True)


def loader_cache(names: Sequence[str]) -> bytes:
    """``/etc/ld.so.cache`` with these libraries, as glibc 2.32 writes it."""
    strings, entries = b"", b""
    begin = 48 + 24 * len(names)
    for name in names:
        key = begin + len(strings)
        strings += name.encode() + b"\0"
        value = begin + len(strings)
        strings += f"/lib/{name}".encode() + b"\0"
        entries += struct.pack("<iIIIQ", 0x0303, key, value, 0, 0)
    head = b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xI3I", len(names), len(strings), 2, 0, 0, 0, 0)
    return head + entries + strings
