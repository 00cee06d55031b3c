"""A lock that somebody changed is refused, or leads to what the right one leads to; and to no other host."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.judge import judge
from tests.rig.locks import Mutant, mutants
from tests.rig.scale import note, share
from tests.worlds.house import House
from tests.worlds.index_server import IndexServer
from tests.worlds.sdists import build_sdist
from tests.worlds.wheels import build_wheel

MODES = ((), ("--frozen",), ("--locked",))


class Victim:
    """A project with a lock that holds every kind of entry, its index, and a host that nobody names."""

    def __init__(self, house: House, evil: IndexServer) -> None:
        self.house = house
        self.evil = evil
        house.wheel("alpha", "1.0", ("beta",))
        house.wheel("beta", "1.0")
        house.wheel("delta", "1.0")
        house.wheel("zeta", "1.0")
        build_sdist(house.server.directory, "gamma", metadata_version="2.2", is_static=True)
        build_wheel(house.directory / "wheels", "epsilon", "1.0")
        for name in ("alpha", "beta", "delta", "zeta", "epsilon"):
            build_wheel(evil.directory, name, "1.0", {f"{name}.py": "raise SystemExit('evil')\n"})
        delta = house.server.file_url("delta-1.0-py3-none-any.whl")
        house.project(
            "alpha", f"delta @ {delta}", "epsilon", "zeta ; sys_platform == 'linux'",
            more='[project.optional-dependencies]\nbuilt = ["gamma"]\n[dependency-groups]\ndev = ["zeta"]\n'
            '[tool.provenv.sources]\nepsilon = { path = "wheels/epsilon-1.0-py3-none-any.whl" }\n',
        )  # fmt: skip
        house.do("lock")
        self.lock = house.lock_file.read_bytes()
        self.wheels = [
            *(path for path in house.server.directory.glob("*.whl")),
            house.directory / "wheels/epsilon-1.0-py3-none-any.whl",
        ]

    def all_mutants(self) -> list[Mutant]:
        wheel = self.evil.directory / "alpha-1.0-py3-none-any.whl"
        return mutants(
            self.lock,
            good=self.house.server.root,
            evil=self.evil.root,
            evil_hash=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        )

    def judged(self, mutant: Mutant, mode: tuple[str, ...]) -> list[str]:
        """What is wrong after one sync with a changed lock, from nothing."""
        house = self.house
        for place in (house.environment, house.cache):
            shutil.rmtree(place, ignore_errors=True)
        house.lock_file.write_bytes(mutant.data)
        self.evil.requests.clear()
        told = house.give("sync", "--no-compile-bytecode", *mode)
        wrong = [f"asked {self.evil.root}{seen.path}" for seen in self.evil.requests]
        if "Traceback" in told.err:
            wrong.append(told.err)
        if told.code == 0:
            wrong += self._installed(mutant, mode)
        else:
            if told.code != 1 or told.err.count("error: ") != 1:
                wrong.append(f"exit code {told.code}: {told.err}")
            if house.environment.exists() and list(house.environment.glob("lib/*/site-packages/*.dist-info")):
                wrong.append("something was installed")
            if mode and house.lock_file.read_bytes() != mutant.data:
                wrong.append("the lock was changed")
            if mutant.name.startswith("merge") and "line" not in told.err:
                wrong.append(f"no line in the message: {told.err}")
        return wrong

    def _installed(self, mutant: Mutant, mode: tuple[str, ...]) -> Iterator[str]:
        wheels = self.wheels
        if mutant.is_other_wish:
            names = {path.name.partition("-")[0] for path in self.house.site.glob("*.dist-info")}
            wheels = [path for path in wheels if path.name.partition("-")[0] in names]
        yield from judge(self.house.environment, wheels, has_imports=False)
        if not mode:
            names = {package["name"] for package in tomllib.loads(self.house.lock_file.read_text())["packages"]}
            if not mutant.is_other_wish and names != {"alpha", "beta", "delta", "epsilon", "gamma", "zeta"}:
                yield f"the new lock has other packages: {names}"


@pytest.fixture
def victim(house: House, tmp_path: Path) -> Iterator[Victim]:
    directory = tmp_path / "evil"
    directory.mkdir()
    with IndexServer(directory) as evil:
        yield Victim(house, evil)


@pytest.mark.parametrize("part", range(4))
def test_every_change(victim: Victim, part: int) -> None:
    found = victim.all_mutants()
    assert len(found) >= 500
    chosen = share([(mutant, mode) for mutant in found[part::4] for mode in MODES], 16)
    problems = {
        f"{mutant.name}, {' '.join(mode) or 'plain'}": wrong
        for mutant, mode in chosen
        if (wrong := victim.judged(mutant, mode))
    }
    note(0, "tampered locks", cases=len(chosen), failures=len(problems))
    assert not problems, "\n".join(f"{name}: {found}" for name, found in problems.items())
