"""``provenv prove`` as a user gives it: locks of any tool, wheels, environments and containers, on machines."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.binaries import Code, build_elf, container
from tests.worlds.house import House
from tests.worlds.torch_index import TorchIndex, target
from tests.worlds.wheels import build_wheel

__all__: list[str] = []

B200 = """system = "linux"
architecture = "x86_64"
glibc = "2.35"
driver = "570.124.06"
[[gpus]]
name = "NVIDIA B200"
vendor = "nvidia"
compute = "10.0"
"""


def write(house: House, targets: str, *requirements: str, more: str = "") -> None:
    tool = f'[tool.provenv]\nrules = ["ours.toml"]\n{more}\n{targets}'
    house.project(*requirements, more=tool, requires_python=">=3.12")


def machine(house: House, name: str, text: str) -> str:
    path = house.directory / f"{name}.toml"
    path.write_text(text)
    return str(path)


def told(house: House, *words: str) -> dict[str, Any]:
    """What the command says as JSON, whatever the verdict."""
    found: dict[str, Any] = json.loads(house.give("prove", "--json", *words).out)
    return found


def levels(document: dict[str, Any], kind: str) -> dict[str, list[str]]:
    """Machine -> the levels of one kind of finding."""
    return {
        one["name"]: [finding["level"] for finding in one["findings"] if finding["kind"] == kind]
        for one in document["machines"]
    }


def test_what_was_locked_for_a_machine_runs_there(house: House, pytorch: TorchIndex) -> None:
    write(house, target("train", gpus='"H100"', driver="580.65.06", more='glibc = "2.31"'), "torch", "torchvision")
    house.do("lock")
    said = house.do("prove")
    assert said.out.startswith("train: holds (3 packages"), said.out
    document = told(house)
    assert document["verdict"] == "holds"
    assert levels(document, "gpu") == {"train": ["holds"]}


def test_the_new_nodes(house: House, pytorch: TorchIndex) -> None:
    write(house, target("train", gpus='"A100"', driver="535.104.05"), "torch")
    house.do("lock")
    assert house.locked()["torch"] == "2.14.1+cu126"
    said = house.give("prove", "--machine", machine(house, "B200", B200))
    assert said.code == 1
    assert "B200: fails" in said.out
    assert "0 of 3 modules run" in said.out
    assert "NVIDIA B200 (10.0)" in said.out


def test_five_machines_and_a_foreign_lock_that_stays_as_it_is(house: House, pytorch: TorchIndex) -> None:
    wheel = next(pytorch.directory.joinpath("cu126").glob("torch-2.10.0*.whl"))
    runtime = next(house.server.directory.glob("nvidia_cuda_runtime_cu12*.whl"))
    house.project("torch", requires_python=">=3.12")

    def row(path: Path, url: str) -> str:
        return f'{{ url = "{url}", hash = "sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}", size = 1 }}'

    base = pytorch.url.replace("{build}", "cu126")
    text = f"""version = 1
requires-python = ">=3.12"

[[package]]
name = "demo"
version = "0.1"
source = {{ virtual = "." }}
dependencies = [{{ name = "torch" }}]

[[package]]
name = "torch"
version = "2.10.0+cu126"
source = {{ registry = "{base}" }}
dependencies = [{{ name = "nvidia-cuda-runtime-cu12" }}]
wheels = [{row(wheel, base + "/" + wheel.name.replace("+", "%2B"))}]

[[package]]
name = "nvidia-cuda-runtime-cu12"
version = "12.8.90"
source = {{ registry = "{house.server.url}" }}
wheels = [{{ path = "{runtime}", hash = "sha256:{hashlib.sha256(runtime.read_bytes()).hexdigest()}" }}]
"""
    text = text.replace(", size = 1", f", size = {wheel.stat().st_size}")
    lock = house.directory / "uv.lock"
    lock.write_text(text)
    machines = {
        "V100": ("V100", "7.0", "580.65.06"),
        "T4": ("T4", "7.5", "535.104.05"),
        "A100": ("A100", "8.0", "520.61.05"),
        "H100": ("H100", "9.0", "535.104.05"),
        "B200": ("B200", "10.0", "570.124.06"),
    }
    words = []
    for name, (gpu, compute, driver) in machines.items():
        body = B200.replace("NVIDIA B200", gpu).replace('"10.0"', f'"{compute}"').replace("570.124.06", driver)
        words += ["--machine", machine(house, name, body)]
    document = told(house, str(lock), *words)
    verdicts = {one["name"]: one["verdict"] for one in document["machines"]}
    assert verdicts == {"V100": "holds", "T4": "holds", "A100": "fails", "H100": "holds", "B200": "fails"}, json.dumps(
        document["machines"][0], indent=1
    )
    assert lock.read_text() == text
    said = house.give("prove", str(lock), *words)
    assert said.out.splitlines()[-1] == "fails: uv.lock on 5 machines: 2 fail, 3 hold"


def test_loose_requirements_are_not_locked(house: House) -> None:
    loose = house.directory / "requirements.txt"
    loose.write_text("torch==2.1.0\ntransformers\n")
    message = house.refused("prove", "--here", str(loose))
    assert "it is not locked: nothing says which files torch, transformers will be" in message
    assert "provenv add -r" in message


def test_what_was_not_read_is_unknown(house: House, pytorch: TorchIndex) -> None:
    write(house, target("train", gpus='"H100"', driver="580.65.06"), "torch")
    house.do("lock")
    said = house.do("prove", "--offline")
    assert "train: unknown" in said.out
    assert said.out.count("unknown unread") == 1, "many wheels in one line"
    assert house.give("prove", "--offline", "--strict").code == 1
    house.do("prove")
    assert "train: holds" in house.do("prove", "--offline").out, "what was read is kept"


def test_a_wheel(house: House, tmp_path: Path) -> None:
    device = container([Code("80"), Code("90")])
    library = build_elf(
        soname="libkernels.so",
        needed=["libcudart.so.12"],
        version_needs={"libc.so.6": ["GLIBC_2.34"]},
        sections={".nv_fatbin": device},
    )
    wheel = house.wheel(
        "kernels", "1.0", files={"kernels/libkernels.so": library}, tags="py3-none-manylinux_2_17_x86_64"
    )
    old = B200.replace('"10.0"', '"8.0"').replace("NVIDIA B200", "A100").replace("2.35", "2.31")
    said = house.give("prove", str(wheel), "--machine", machine(house, "old", old))
    assert said.code == 1
    assert "GLIBC_2.34" in said.out
    document = told(house, str(wheel), "--machine", str(house.directory / "old.toml"))
    assert levels(document, "glibc") == {"old": ["fails"]}
    assert levels(document, "gpu") == {"old": ["holds"]}
    assert levels(document, "driver") == {"old": ["holds"]}


def test_a_wheel_that_is_none(house: House) -> None:
    broken = house.directory / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"PK\x03\x04 no wheel")
    document = told(house, str(broken), "--here")
    assert document["verdict"] == "unknown"
    assert "broken-1.0" in house.give("prove", str(broken), "--here").out


def test_an_environment(house: House) -> None:
    library = build_elf(soname="libfast.so", version_needs={"libc.so.6": ["GLIBC_2.99"]})
    house.wheel("fast", "1.0", files={"fast/libfast.so": library}, tags="py3-none-manylinux_2_17_x86_64")
    house.project("fast")
    house.do("sync")
    said = house.give("prove", "--environment", str(house.environment))
    assert said.code == 1, said
    assert "this machine: fails" in said.out
    assert "GLIBC_2.99" in said.out
    assert house.give("prove", "--venv", str(house.environment)).out == said.out, "remembered, and the same"


def test_the_root_of_a_container(house: House, tmp_path: Path) -> None:
    site = tmp_path / "root/opt/venv/lib/python3.12/site-packages"
    library = build_elf(soname="libfast.so", version_needs={"libc.so.6": ["GLIBC_2.34"]})
    wheel = house.wheel("fast", "1.0", files={"fast/libfast.so": library}, tags="py3-none-manylinux_2_17_x86_64")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    libraries = tmp_path / "root/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    said = told(house, "--root", str(tmp_path / "root"), "--machine", machine(house, "B200", B200))
    assert [one["name"] for one in said["machines"]] == ["B200"]
    assert levels(said, "glibc") == {"B200": ["unknown"]}, "the C library is the container's, which is not there"


def test_a_target_that_there_is_not(house: House, pytorch: TorchIndex) -> None:
    write(house, target("train", gpus='"H100"', driver="580.65.06"), "torch")
    assert "there is no target named `trian`" in house.refused("prove", "--target", "trian", code=2)


def test_nothing_to_prove(house: House) -> None:
    assert "there is no project and no lock" in house.refused("prove")
    assert "only one of" in house.refused("prove", "x.whl", "--root", "/nowhere", code=2)
    assert "there is no directory" in house.refused("prove", "--root", str(house.root / "nothing"))


# -- lock ---------------------------------------------------------------------------------------------------


def lying_torch(directory: Path, version: str, archs: tuple[str, ...]) -> None:
    """A torch whose device code is not what the rules tell of that version."""
    library = build_elf(
        soname="libtorch_cuda.so",
        needed=["libcudart.so.12"],
        sections={".nv_fatbin": container([Code(arch) for arch in archs])},
    )
    build_wheel(
        directory,
        "torch",
        version,
        files={"torch/__init__.py": "", "torch/lib/libtorch_cuda.so": library},
        requires=("nvidia-cuda-runtime-cu12",),
        tags="cp312-cp312-manylinux_2_28_x86_64",
    )


@pytest.fixture
def liars(house: House) -> House:
    """An index whose newest torch has no code for H100, whatever rules say of such a version."""
    runtime = {"nvidia/cuda_runtime/lib/libcudart.so.12": build_elf(soname="libcudart.so.12")}
    house.wheel("nvidia-cuda-runtime-cu12", "12.8.90", files=runtime, tags="py3-none-manylinux_2_17_x86_64")
    lying_torch(house.server.directory, "2.9.1", ("70", "80", "90"))
    lying_torch(house.server.directory, "2.10.0", ("70", "80"))
    (house.directory / "ours.toml").write_text('index = [{ url = "http://127.0.0.1:9/{build}", source = "none" }]\n')
    house.project("torch", more=target("train", gpus='"H100"', driver="580.65.06"), requires_python=">=3.12")
    return house


def test_a_lock_learns_from_the_bytes(liars: House) -> None:
    said = liars.do("lock")
    assert liars.locked()["torch"] == "2.10.0"
    assert "2 wheels are not proven yet: `provenv lock --prove`" in said.err
    said = liars.do("lock", "--prove")
    assert liars.locked()["torch"] == "2.9.1"
    assert "torch 2.10.0 was left out on train: it has no code for H100" in said.err
    assert "(read from its files)" in said.err
    again = liars.lock_file.read_bytes()
    liars.do("lock", "--prove", "--refresh")
    assert liars.lock_file.read_bytes() == again, "the same bytes every time"


def test_what_was_read_once_is_learnt_without_asking(liars: House) -> None:
    liars.do("lock", "--prove")
    liars.lock_file.unlink()
    liars.do("lock")
    assert liars.locked()["torch"] == "2.9.1"
    liars.lock_file.unlink()
    liars.do("lock", "--no-prove")
    assert liars.locked()["torch"] == "2.10.0"


def test_nothing_left_is_a_conflict_that_names_the_files(liars: House) -> None:
    liars.project("torch>=2.10", more=target("train", gpus='"H100"', driver="580.65.06"), requires_python=">=3.12")
    message = liars.refused("lock", "--prove")
    assert "torch==2.10" in message
    assert "it has no code for H100" in message
    assert not liars.lock_file.exists()


def test_a_lock_with_facts_proves_another_machine_without_any_wheel(liars: House) -> None:
    liars.do("lock", "--prove")
    document = tomllib.loads(liars.lock_file.read_text())
    torch = next(package for package in document["packages"] if package["name"] == "torch")
    (rows,) = torch["tool"]["provenv"]["facts"].values()
    assert rows == [
        {"file": "torch/lib/libtorch_cuda.so", "needs": ["libcudart.so.12"], "code": ["1 sm_70 sm_80 sm_90"]}
    ]
    shutil.rmtree(liars.cache)
    new = machine(liars, "B200", B200)
    document = told(liars, "--offline", "--frozen", "--machine", new)
    assert levels(document, "gpu") == {"B200": ["fails"]}
    assert levels(document, "unread") == {"B200": []}
    old = machine(liars, "H100", B200.replace('"10.0"', '"9.0"').replace("NVIDIA B200", "H100"))
    assert told(liars, "--offline", "--frozen", "--machine", old)["verdict"] == "holds"


def test_facts_stay_in_the_lock_while_their_wheels_do(liars: House) -> None:
    liars.wheel("plain", "1.0")
    liars.do("lock", "--prove")
    before = liars.lock_file.read_text()
    liars.project("torch", "plain", more=target("train", gpus='"H100"', driver="580.65.06"), requires_python=">=3.12")
    liars.do("lock")
    after = liars.lock_file.read_text()
    assert "packages.tool.provenv.facts" in before
    assert after.count("sm_90") == before.count("sm_90") == 1
    liars.do("lock", "--prove")
    assert 'plain-wheels = ["plain 1.0"]' in liars.lock_file.read_text()
    liars.do("lock", "--check")


# -- sync ---------------------------------------------------------------------------------------------------


@pytest.fixture
def nodes(house: House) -> House:
    """A lock for A100, of wheels that every Python takes."""
    runtime = {"nvidia/cuda_runtime/lib/libcudart.so.12": build_elf(soname="libcudart.so.12")}
    house.wheel("nvidia-cuda-runtime-cu12", "12.8.90", files=runtime, tags="py3-none-manylinux_2_17_x86_64")
    library = build_elf(
        soname="libkernels.so",
        needed=["libcudart.so.12"],
        sections={".nv_fatbin": container([Code("80"), Code("90")])},
    )
    house.wheel(
        "torch-kernels",
        "1.0",
        ("nvidia-cuda-runtime-cu12",),
        files={"torch_kernels/libkernels.so": library, "torch_kernels/__init__.py": ""},
        tags="py3-none-manylinux_2_17_x86_64",
    )
    here = ".".join(map(str, sys.version_info[:2]))
    declared = target("train", gpus='"A100"', driver="535.104.05").replace("3.12", here)
    house.project("torch-kernels", more=declared)
    house.do("lock", "--prove")
    shutil.rmtree(house.cache)
    return house


def test_new_nodes_are_told_before_anything_is_installed(nodes: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVENV_MACHINE", machine(nodes, "B200", B200))
    message = nodes.refused("sync")
    assert "what the lock holds does not run on this machine; nothing was installed" in message
    assert "torch-kernels: 0 of 1 modules run" in message
    assert "NVIDIA B200" in message
    assert "--no-prove" in message
    assert not nodes.environment.exists()
    fetched = [one.path for one in nodes.server.requests if one.path.endswith(".whl")]
    assert len(fetched) == len(set(fetched)), "no wheel was fetched for it"
    nodes.do("sync", "--no-prove")
    assert "torch_kernels" in nodes.installed()


def test_a_machine_for_which_it_was_locked(nodes: House, monkeypatch: pytest.MonkeyPatch) -> None:
    a100 = B200.replace('"10.0"', '"8.0"').replace("NVIDIA B200", "A100").replace("570.124.06", "535.104.05")
    monkeypatch.setenv("PROVENV_MACHINE", machine(nodes, "A100", a100))
    nodes.do("sync")
    assert "torch_kernels" in nodes.installed()


def test_a_builder_without_a_gpu_installs(nodes: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = 'system = "linux"\narchitecture = "x86_64"\nglibc = "2.35"\ngpus = []\n'
    monkeypatch.setenv("PROVENV_MACHINE", machine(nodes, "builder", bare))
    nodes.do("sync")
    assert "torch_kernels" in nodes.installed()


def test_an_old_driver_is_told_by_rules_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = {"nvidia/cuda_runtime/lib/libcudart.so.12": build_elf(soname="libcudart.so.12")}
    house.wheel("nvidia-cuda-runtime-cu12", "12.8.90", files=runtime, tags="py3-none-manylinux_2_17_x86_64")
    house.project("nvidia-cuda-runtime-cu12")
    house.do("lock")
    old = B200.replace('"10.0"', '"8.0"').replace("NVIDIA B200", "A100").replace("570.124.06", "520.61.05")
    monkeypatch.setenv("PROVENV_MACHINE", machine(house, "old", old))
    message = house.refused("sync")
    assert "NVIDIA driver 525.60.13 or newer" in message
    assert "driver 520.61.05" in message
    assert not house.environment.exists()


# -- the story ----------------------------------------------------------------------------------------------


def test_loose_requirements_on_an_old_driver_end_before_anything_is_installed(
    house: House, pytorch: TorchIndex
) -> None:
    house.wheel("trainers", "4.0", ("torch>=2.9",))
    loose = house.directory / "requirements.txt"
    loose.write_text("torch\ntrainers\nnvidia-cuda-runtime-cu11\nnvidia-cuda-runtime-cu12\n")
    write(house, target("lab", gpus='"A100"', driver="520.61.05"))
    before = house.project_file.read_bytes()
    message = house.refused("add", "--no-sync", "-r", str(loose))
    assert "NVIDIA driver 525.60.13 or newer" in message
    assert "520.61.05" in message
    assert house.project_file.read_bytes() == before
    assert not house.lock_file.exists()
    assert not house.environment.exists()


def test_many_files_without_code_are_one_line(house: House) -> None:
    libraries: dict[str, str | bytes] = {
        f"many/lib{number}x.so": build_elf(soname=f"lib{number}x.so", sections={".nv_fatbin": container([Code("80")])})
        for number in range(40)
    }
    wheel = house.wheel("many", "1.0", files=libraries, tags="py3-none-manylinux_2_17_x86_64")
    said = house.give("prove", str(wheel), "--machine", machine(house, "B200", B200))
    assert said.out.count("fails gpu") == 1, said.out
    assert "no module of 40 files runs (needed: code for NVIDIA B200 (compute capability 10.0))" in said.out
    assert house.give("prove", "-v", str(wheel), "--machine", machine(house, "B200", B200)).out.count("fails gpu") == 40


def test_what_strangers_wrote_does_not_reach_the_terminal(house: House) -> None:
    library = build_elf(soname="libx.so", needed=["lib\x1b[31mred\u202e.so.1"])
    wheel = house.wheel("odd", "1.0", files={"odd/libx.so": library}, tags="py3-none-manylinux_2_17_x86_64")
    said = house.give("prove", "-v", str(wheel), "--machine", machine(house, "B200", B200))
    assert "red" in said.out
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out


# -- locks of others ----------------------------------------------------------------------------------------


def foreign(house: House, name: str, wheel: Path) -> Path:
    """The lock of another tool that holds one wheel of the index, by its hash."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    file = f'{{file = "{wheel.name}", hash = "sha256:{digest}"}}'
    texts = {
        "requirements.txt": f"fast==1.0 --hash=sha256:{digest}\n",
        "poetry.lock": f'[[package]]\nname = "fast"\nversion = "1.0"\noptional = false\npython-versions = ">=3.8"\n'
        f'files = [{file}]\n\n[metadata]\nlock-version = "2.0"\npython-versions = ">=3.8"\ncontent-hash = "x"\n',
        "pdm.lock": '[metadata]\ngroups = ["default"]\nlock_version = "4.5.0"\n\n'
        f'[[package]]\nname = "fast"\nversion = "1.0"\ngroups = ["default"]\nfiles = [{file}]\n',
        "pylock.toml": 'lock-version = "1.0"\ncreated-by = "somebody"\n[[packages]]\nname = "fast"\nversion = "1.0"\n'
        f'index = "{house.server.url}"\n[[packages.wheels]]\nname = "{wheel.name}"\n'
        f'url = "{house.server.url.removesuffix("simple/")}files/{wheel.name}"\nhashes = {{ sha256 = "{digest}" }}\n',
    }
    path = house.directory / name
    path.write_text(texts[name])
    return path


@pytest.mark.parametrize("name", ["requirements.txt", "poetry.lock", "pdm.lock", "pylock.toml"])
def test_locks_of_all_tools(house: House, name: str) -> None:
    library = build_elf(soname="libfast.so", version_needs={"libc.so.6": ["GLIBC_2.99"]})
    wheel = house.wheel("fast", "1.0", files={"fast/libfast.so": library}, tags="py3-none-manylinux_2_17_x86_64")
    lock = foreign(house, name, wheel)
    before = lock.read_bytes()
    document = told(house, str(lock), "--machine", machine(house, "B200", B200))
    assert levels(document, "glibc") == {"B200": ["fails"]}, json.dumps(document, indent=1)
    assert lock.read_bytes() == before
    lock.write_bytes(before.replace(hashlib.sha256(wheel.read_bytes()).hexdigest().encode(), b"0" * 64))
    shutil.rmtree(house.cache)
    document = told(house, str(lock), "--machine", str(house.directory / "B200.toml"))
    assert document["verdict"] == "unknown", "another file is not what was locked"
