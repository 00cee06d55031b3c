"""``provenv doctor``: each planted mistake is found, and alone; a clean project gets one line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from provenv.events import Events
from provenv.flows.doctor import doctor
from provenv.flows.world import World
from provenv.model.finding import LEVELS
from provenv.model.hardware import Gpu, Hardware
from provenv.store.compiled import compiled_facts
from provenv.store.store import Store
from tests.worlds.binaries import Code, build_elf, container
from tests.worlds.house import House, snapshot
from tests.worlds.patients import MISTAKES, Clean, without_variables
from tests.worlds.repositories import is_git_there

__all__: list[str] = []

pytestmark = pytest.mark.skipif(not is_git_there(), reason="the patients are repositories")


def machine(driver: str | None, *gpus: tuple[str, tuple[int, int]]) -> Hardware:
    return Hardware(
        system="linux",
        architecture="x86_64",
        driver=driver,
        has_no_gpu=not gpus,
        gpus=tuple(Gpu(name=name, compute=compute) for name, compute in gpus),
    )


def examined(house: House, hardware: Hardware, cache: str = "cache") -> list[tuple[str, str]]:
    world = World(
        directory=str(house.directory),
        cache=str(house.root / cache),
        events=Events(),
        now=time.time(),
        variables={"HOME": str(house.home)},
    )
    return [(one.level, one.kind) for _, one in doctor(world, hardware=hardware).findings]


def test_a_clean_project_gets_one_line(house: House) -> None:
    Clean(house)
    told = house.give("doctor", "--strict")
    assert told.code == 0, told.out
    assert told.out.startswith("Well: ")
    assert told.out.count("\n") == 1
    assert "git keeps" in told.out
    assert house.give("doctor", "--quiet").out == ""


@pytest.mark.parametrize("name", MISTAKES)
def test_each_planted_mistake_is_found_and_no_other(house: House, name: str) -> None:
    plant, kinds = MISTAKES[name]
    clean = Clean(house)
    plant(clean)
    told = house.give("doctor", "--json", "--strict")
    document = json.loads(told.out)
    assert sorted({one["kind"] for one in document["findings"]}) == sorted(kinds), told.out
    assert told.code == 1
    assert document["well"] is False
    for one in document["findings"]:
        assert one["level"] in LEVELS
        assert all((one["found"], one["remedy"])), one
        assert one["path"] is None or not os.path.isabs(one["path"]) or "conda" in one["path"]
    has_failure = any(one["level"] == "fails" for one in document["findings"])
    assert house.give("doctor").code == int(has_failure)
    assert "s3cr3tword" not in told.out
    assert "hunter22" not in told.out


def test_a_place_has_its_line(house: House) -> None:
    clean = Clean(house)
    clean.change("Dockerfile", "RUN provenv sync --locked", "RUN pip install --no-cache-dir alpha")
    told = house.give("doctor")
    assert told.code == 0
    assert "  warns Dockerfile:4: alpha: no version says which one" in told.out
    assert "    fix: " in told.out
    assert told.out.endswith("Fair: 1 warning\n")


def test_nothing_is_written_and_nothing_of_the_project_is_run(house: House, tmp_path: Path) -> None:
    clean = Clean(house)
    MISTAKES["setup.py alone"][0](clean)
    for path in ("git", "nvcc", "python3", "conda"):
        program = clean.write(f"bin/{path}", '#!/bin/sh\ntouch "$HOME/it-ran"\n')
        program.chmod(0o755)
    before = snapshot(house.directory)
    words = [str(house.launcher), "doctor"]
    trace = tmp_path / "trace"
    strace = shutil.which("strace")
    if (
        strace
        and subprocess.run([strace, "-f", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    ):
        words = [strace, "-f", "-e", "trace=execve", "-o", str(trace), *words]
    done = subprocess.run(
        words,
        cwd=house.directory,
        env={"PATH": f"{house.directory}/bin:{house.environment}/bin:{os.environ['PATH']}", **house.variables()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "setup.py" in done.stdout, done.stderr
    assert snapshot(house.directory) == before
    assert not (house.home / "it-ran").exists()
    if trace.exists():
        executed = [
            line.split('"')[1] for line in trace.read_text().splitlines() if 'execve("' in line and "= 0" in line
        ]
        assert executed
        assert not [path for path in executed if path.startswith(str(house.directory))]


def test_without_a_project(house: House) -> None:
    without_variables(house)
    told = house.give("doctor")
    assert told.code == 0
    assert told.out.startswith("Well: ")
    assert told.out.endswith("no environment; no project\n")


def test_a_project_of_another_tool_is_as_welcome(house: House) -> None:
    clean = Clean(house)
    shutil.rmtree(house.environment)
    house.lock_file.unlink()
    clean.repository.git("rm", "--quiet", "--cached", "pylock.toml")
    clean.keep(
        "uv.lock",
        'version = 1\nrequires-python = ">=3.8"\n\n[[package]]\nname = "alpha"\nversion = "2.0"\n'
        'source = { registry = "https://host.example/simple" }\n',
    )
    assert house.give("doctor", "--strict").code == 0


def test_a_directory_below_the_top_of_a_repository(house: House) -> None:
    clean = Clean(house)
    below = clean.directory / "services/worker"
    below.mkdir(parents=True)
    shutil.copy(house.project_file, below / "pyproject.toml")
    shutil.copy(house.lock_file, below / "pylock.toml")
    os.chdir(below)
    assert [one["kind"] for one in json.loads(house.give("doctor", "--json").out)["findings"]] == ["untracked-lock"]
    clean.repository.git("add", "--all")
    assert json.loads(house.give("doctor", "--json").out)["findings"] == []
    clean.repository.git("rm", "--cached", "--quiet", "services/worker/pylock.toml")
    clean.write(".gitignore", "services/*/pylock.toml\n")
    assert [one["kind"] for one in json.loads(house.give("doctor", "--json").out)["findings"]] == ["ignored-lock"]


@pytest.mark.parametrize(
    ("hardware", "expected"),
    [
        (machine("580.65.06", ("NVIDIA H100", (9, 0))), []),
        (machine(None), []),
        (machine(None, ("NVIDIA H100", (9, 0))), [("fails", "no-driver")]),
        (machine("470.42.01", ("NVIDIA A100", (8, 0))), [("fails", "driver")]),
        (machine("580.65.06", ("NVIDIA P100", (6, 0))), [("fails", "gpu")]),
    ],
)
def test_what_is_installed_beside_the_machine(
    house: House, hardware: Hardware, expected: list[tuple[str, str]]
) -> None:
    Clean(house)
    assert examined(house, hardware) == expected


def test_bytes_that_were_read_before_tell_more_than_rules(house: House) -> None:
    clean = Clean(house)
    code = build_elf(sections={".nv_fatbin": container([Code("90")])})
    wheel = house.wheel("kernels", "1.0", files={"kernels/ops.so": code})
    clean.change_project('"alpha>=1"', '"alpha>=1", "kernels"')
    hardware = machine("580.65.06", ("Tesla V100", (7, 0)))
    assert [kind for _, kind in examined(house, hardware)] == []
    store = Store(str(house.cache / "store"))
    assert compiled_facts(store, hashlib.sha256(wheel.read_bytes()).hexdigest(), wheel.name)
    assert examined(house, hardware) == [("fails", "gpu")]
    assert examined(house, machine("580.65.06", ("NVIDIA H100", (9, 0)))) == []


def test_facts_that_the_lock_carries_are_enough(house: House) -> None:
    clean = Clean(house)
    code = build_elf(sections={".nv_fatbin": container([Code("90")])})
    house.wheel("kernels", "1.0", files={"kernels/ops.so": code})
    clean.change_project('"alpha>=1"', '"alpha>=1", "kernels"')
    house.do("lock", "--prove")
    hardware = machine("580.65.06", ("Tesla V100", (7, 0)))
    assert examined(house, hardware, "another") == [("fails", "gpu")], "what is installed, by its hash"
    shutil.rmtree(house.environment)
    assert examined(house, hardware, "another") == [("fails", "gpu")], "what would be"
    assert not (house.root / "another").exists()


TARGETS = """
[tool.provenv.targets.train]
platform = "linux-x86_64"
python = "3.12"
gpus = ["H100"]
driver = "580.65.06"
"""


@pytest.mark.parametrize(
    ("hardware", "expected"),
    [
        (machine("580.65.06", ("NVIDIA H100", (9, 0))), []),
        (machine("590.44.01", ("NVIDIA H200", (9, 0))), []),
        (machine("550.54.14", ("NVIDIA H100", (9, 0))), [("warns", "older-driver")]),
        (machine("580.65.06", ("NVIDIA T4", (7, 5))), [("warns", "no-target")]),
        (machine(None), []),
    ],
)
def test_targets_beside_the_machine(house: House, hardware: Hardware, expected: list[tuple[str, str]]) -> None:
    house.project_file.write_text(f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.12"\n{TARGETS}')
    assert examined(house, hardware) == expected


@pytest.mark.parametrize(
    "data", [b"", b"\0\xff\xfe", b"[", b"<<<<<<< a\n", b"a: [", b"FROM", b"FROM \\", b"RUN <<X", b"[project]\nname=1"]
)
def test_files_of_any_kind_never_end_it(house: House, data: bytes) -> None:
    for path in (
        "pyproject.toml", "pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "Dockerfile",
        ".gitlab-ci.yml", ".gitignore", ".python-version", "requirements.txt", ".venv/pyvenv.cfg", ".git/index",
        ".git/config",
        "a.so", ".venv/provenv-receipt", ".venv/lib/python3.12/site-packages/a.pth",
        ".venv/lib/python3.12/site-packages/a-1.dist-info/RECORD",
    ):  # fmt: skip
        file = house.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    told = house.give("doctor", "--json")
    assert told.code in (0, 1), told
    assert "Traceback" not in told.err
    json.loads(told.out)
