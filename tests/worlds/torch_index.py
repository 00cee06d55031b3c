"""An index on the loopback interface that is laid out like PyTorch's, with small wheels that carry real metadata.

``/whl/cu126/torch/`` lists the wheels of one build, hashes in fragments, nothing else: no JSON, no metadata files.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from tests.worlds.binaries import Code, build_elf, container
from tests.worlds.wheels import build_wheel

__all__ = ["TorchIndex", "fill", "target", "torch_wheel"]

_TAGS = "cp312-cp312-manylinux_2_28_x86_64"
_ARCHS = {
    "cu118": ("50", "60", "70", "75", "80", "86", "90"),
    "cu126": ("50", "60", "70", "75", "80", "86", "90"),
    "cu128": ("70", "75", "80", "86", "90", "100", "120"),
    "cu130": ("75", "80", "86", "90", "100", "120"),
    "cu132": ("75", "80", "86", "90", "100", "120"),
}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    """All builds are asked at once; whoever does not fit into the queue of the kernel tries again after a second."""


class TorchIndex:
    """Serves ``directory/BUILD/*.whl`` under ``url``, which has a place for the build."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.requests: list[str] = []
        self.is_down = False
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> TorchIndex:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                return

            def do_GET(self) -> None:
                index.requests.append(self.path)
                body = None if index.is_down else index.answer(self.path)
                self.send_response(503 if index.is_down else 404 if body is None else 200)
                data = body or b""
                kind = "application/octet-stream" if self.path.endswith(".whl") else "text/html"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Cache-Control", "max-age=600")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            def do_HEAD(self) -> None:
                self.do_GET()

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:1234/whl/{build}``."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}/whl/{{build}}"

    def answer(self, path: str) -> bytes | None:
        parts = path.strip("/").split("/")
        if parts[0] != "whl" or len(parts) != 3:
            return None
        _, build, name = parts
        place = self.directory / build
        name = name.replace("%2B", "+")
        if name.endswith(".whl"):
            return (place / name).read_bytes() if (place / name).is_file() else None
        wheels = sorted(place.glob(f"{name.replace('-', '_')}-*.whl")) if place.is_dir() else []
        if not wheels:
            return None
        links = ""
        for one in wheels:
            path, digest = one.name.replace("+", "%2B"), hashlib.sha256(one.read_bytes()).hexdigest()
            links += f'<a href="/whl/{build}/{path}#sha256={digest}">{one.name}</a><br/>\n'
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


def torch_wheel(directory: Path, version: str, build: str, *, requires: Sequence[str] = (), tags: str = _TAGS) -> Path:
    """A torch of a build, with a library whose device code is that of the build."""
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, str | bytes] = {
        "torch/__init__.py": f'__version__ = "{version}"\n',
        "torch/lib/libc10.so": build_elf(soname="libc10.so", defined=[f"_ZN3c10{version.partition('+')[0]}E"]),
    }
    if build in _ARCHS:
        major = build[2:4]
        device = container([Code(arch) for arch in _ARCHS[build]]) * 3
        files["torch/lib/libtorch_cuda.so"] = build_elf(
            soname="libtorch_cuda.so", needed=[f"libcudart.so.{major}"], sections={".nv_fatbin": device}
        )
    return build_wheel(directory, "torch", version, files=files, requires=tuple(requires), tags=tags)


def _kin(directory: Path, name: str, version: str, torch: str, tags: str = _TAGS) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    public = torch.partition("+")[0]
    files: dict[str, str | bytes] = {f"{name}/__init__.py": "import torch\n"}
    return build_wheel(directory, name, version, files=files, requires=(f"torch=={public}",), tags=tags)


def _runtime(directory: Path, major: int, version: str) -> None:
    soname = f"libcudart.so.{major}"
    place = f"nvidia/cuda_runtime/lib/{soname}" if major < 13 else f"nvidia/cu{major}/lib/{soname}"
    name = f"nvidia-cuda-runtime-cu{major}" if major < 13 else "nvidia-cuda-runtime"
    build_wheel(
        directory,
        name,
        version,
        files={place: build_elf(soname=soname)},
        tags="py3-none-manylinux_2_17_x86_64",
    )


def fill(default: Path, builds: Path) -> None:
    """The default index and those of the builds, as they are for a few releases, with torchvision beside."""
    for major, version in ((11, "11.8.89"), (12, "12.8.90"), (13, "13.0.96")):
        _runtime(default, major, version)
    vision = {
        "2.7.1": "0.22.1",
        "2.9.1": "0.24.1",
        "2.10.0": "0.25.0",
        "2.11.0": "0.26.0",
        "2.14.1": "0.29.1",
        "2.15.0": "0.30.0",
    }
    cuda_of = {
        "2.7.1": "cu126",
        "2.9.1": "cu128",
        "2.10.0": "cu128",
        "2.11.0": "cu130",
        "2.14.1": "cu130",
        "2.15.0": "cu132",
    }
    by_build = {
        "cpu": list(vision),
        "cu118": ["2.7.1"],
        "cu126": ["2.7.1", "2.9.1", "2.10.0", "2.11.0", "2.14.1"],
        "cu128": ["2.7.1", "2.9.1", "2.10.0", "2.11.0"],
        "cu130": ["2.9.1", "2.10.0", "2.11.0", "2.14.1", "2.15.0"],
        "cu132": ["2.14.1", "2.15.0"],
    }
    needs = {
        "cu118": "nvidia-cuda-runtime-cu11",
        "cu126": "nvidia-cuda-runtime-cu12",
        "cu128": "nvidia-cuda-runtime-cu12",
        "cu130": "nvidia-cuda-runtime",
        "cu132": "nvidia-cuda-runtime",
    }
    for version, build in cuda_of.items():
        torch_wheel(default, version, build, requires=[f'{needs[build]} ; sys_platform == "linux"'])
        torch_wheel(default, version, "cpu", tags="cp312-none-macosx_11_0_arm64")
        _kin(default, "torchvision", vision[version], version)
        _kin(default, "torchvision", vision[version], version, "cp312-none-macosx_11_0_arm64")
    for build, versions in by_build.items():
        for version in versions:
            requires = [f'{needs[build]} ; sys_platform == "linux"'] if build in needs else []
            torch_wheel(builds / build, f"{version}+{build}", build, requires=requires)
            _kin(builds / build, "torchvision", f"{vision[version]}+{build}", version)


def target(name: str, *, gpus: str = "", driver: str = "", platform: str = "linux-x86_64", more: str = "") -> str:
    """The table of a target in a project file; ``gpus`` as they stand in a list."""
    lines = [f"[tool.provenv.targets.{name}]", f'platform = "{platform}"', 'python = "3.12"']
    lines += [f"gpus = [{gpus}]"] if gpus else []
    lines += [f'driver = "{driver}"'] if driver else []
    return "\n".join(lines) + f"\n{more}\n"
