"""What it costs to lock for machines with GPUs: the same project, with and without facts of a machine.

``python bench/machine_facts.py [RUNS]`` prints medians of interleaved runs: nothing cached, everything cached and no
lock, and a lock that is up to date. The indexes are on the loopback interface: PyTorch's, and a default one with 160
packages of a few versions each.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.worlds.index_server import IndexServer  # noqa: E402
from tests.worlds.torch_index import TorchIndex, fill  # noqa: E402
from tests.worlds.wheels import build_wheel  # noqa: E402

__all__: list[str] = []

PACKAGES, VERSIONS = 160, 4
FACTS = 'gpus = ["V100"]\ndriver = "580.65.06"\n'
KINDS = ("cold", "warm", "no-op")


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        default, builds = root / "default", root / "builds"
        default.mkdir()
        fill(default, builds)
        _packages(default)
        with IndexServer(default) as server, TorchIndex(builds) as torch:
            projects = {
                "without": _project(root / "without", torch, ""),
                "with": _project(root / "with", torch, FACTS),
            }
            taken: dict[tuple[str, str], list[float]] = {}
            for number in range(runs + 1):
                for kind in KINDS:
                    for name in sorted(projects, reverse=number % 2 == 0):
                        seconds = _lock(projects[name], server.url, kind)
                        if number:
                            taken.setdefault((kind, name), []).append(seconds)
    for kind in KINDS:
        without, facts = (statistics.median(taken[(kind, name)]) * 1e3 for name in ("without", "with"))
        sys.stdout.write(f"{kind:6} without {without:7.1f} ms   with {facts:7.1f} ms   {facts / without:.2f} x\n")
    return 0


def _packages(directory: Path) -> None:
    """A project of usual size: each package needs a few others, the newest ones among them."""
    chance = random.Random(7)
    for number in range(PACKAGES):
        for version in range(VERSIONS):
            later = range(number + 1, min(number + 30, PACKAGES))
            needs = [
                f"pkg{other}>=1.{chance.randrange(version + 1)}" for other in chance.sample(later, min(3, len(later)))
            ]
            build_wheel(directory, f"pkg{number}", f"1.{version}", requires=needs)


def _project(directory: Path, torch: TorchIndex, facts: str) -> Path:
    directory.mkdir()
    needs = ["torch", "torchvision", *(f"pkg{number}" for number in range(0, PACKAGES, 4))]
    (directory / "ours.toml").write_text(f'index = [{{ url = "{torch.url}", source = "here" }}]\n')
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = {needs!r}\n'
        '[tool.provenv]\nrules = ["ours.toml"]\n'
        f'[tool.provenv.targets.train]\nplatform = "linux-x86_64"\npython = "3.12"\n{facts}'
    )
    return directory


def _lock(project: Path, index: str, kind: str) -> float:
    cache = project / "cache"
    if kind == "cold":
        shutil.rmtree(cache, ignore_errors=True)
    if kind != "no-op":
        (project / "pylock.toml").unlink(missing_ok=True)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(project),
        "PYTHONPATH": str(ROOT / "src"),
        "PROVENV_CACHE_DIR": str(cache),
        "PROVENV_DEFAULT_INDEX": index,
        "PROVENV_DURABILITY": "never",
    }
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "provenv", "lock"], cwd=project, env=variables, check=True, capture_output=True
    )
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
